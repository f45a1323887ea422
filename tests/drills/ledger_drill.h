// Clients at work while something is killed, and the comparison of their ledgers afterwards.
#ifndef TESSERA_TESTS_DRILLS_LEDGER_DRILL_H_
#define TESSERA_TESTS_DRILLS_LEDGER_DRILL_H_

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "tests/drills/ledger_client.h"
#include "tests/drills/ledger_comparison.h"
#include "tests/drills/pulse.h"
#include "tests/drills/servers.h"

namespace tessera::testing {

// Clients, each with a ledger and a thread. One thread drives it.
class LedgerDrill {
 public:
  // Keeps `servers`; `name` begins the names of all users made there.
  LedgerDrill(const std::string& name, const Servers& servers, int clients);
  ~LedgerDrill() { StopWork(); }
  LedgerDrill(const LedgerDrill&) = delete;
  LedgerDrill& operator=(const LedgerDrill&) = delete;

  // The clients work in the background, until StopWork.
  void StartWork();
  void StopWork();
  // Waits until they have renewed so many times more; false if that takes over a minute.
  bool AwaitRenewals(int more);

  // After StopWork, when the servers are back: compares all ledgers.
  void Compare(Depth depth);

  Pulse& pulse() { return pulse_; }
  Tally tally() const;
  // Promises that did not hold, in words.
  std::vector<std::string> Broken() const;
  // `812 users, 640 roles, ... acknowledged; 97 answers open (3 late)`.
  std::string Summary() const;

 private:
  struct Client {
    LedgerClient client;
    LedgerComparison comparison;
    std::thread thread;
    Client(const std::string& name, const Servers& servers, Pulse& pulse)
        : client(name, servers, pulse), comparison(client.ledger(), servers) {}
  };

  Pulse pulse_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::atomic<bool> stop_ = false;
};

// One line that replaces itself on a terminal; elsewhere, every tenth of them.
void ShowProgress(const std::string& what, int done, int all);

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_DRILLS_LEDGER_DRILL_H_
