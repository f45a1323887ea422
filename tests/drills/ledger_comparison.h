// Compares a ledger with what the servers say: nothing that was acknowledged may be lost.
#ifndef TESSERA_TESTS_DRILLS_LEDGER_COMPARISON_H_
#define TESSERA_TESTS_DRILLS_LEDGER_COMPARISON_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "tests/drills/ledger.h"
#include "tests/drills/servers.h"

namespace tessera::testing {

enum class Depth {
  kRecent,  // what is new since the last comparison, and some of the rest by chance
  kAll,
};

// The servers run and can reach their database, or will soon: an answer that leaves things open is
// asked for again. What was open in the ledger is settled by what the servers say. One thread at a
// time, and not while the client works.
class LedgerComparison {
 public:
  // Keeps both. A server may take `hears_within` to hear of a revocation at another.
  LedgerComparison(Ledger& ledger, const Servers& servers,
                   absl::Duration hears_within = absl::Seconds(30));

  // What does not hold goes into the ledger's `broken`. `admin_token`: of an administrator; may be
  // empty as long as the ledger has no users.
  void Run(const std::string& admin_token, Depth depth);

 private:
  using Ask = absl::FunctionRef<Answer(const Calls&)>;

  void CheckUser(const Ledger::User& user);
  void SettleNames();
  void SettleSessions();
  // Renews it, twice, and sometimes shows a token that is too old.
  void CheckLive(Ledger::Session& session);
  void ShowOldToken(Ledger::Session& session);
  void CheckEnded(const Ledger::Ended& ended);
  // A server may take a moment to hear of it.
  void ExpectInactive(size_t server, const std::string& token);
  // Asks a server until the answer is clear.
  Answer Clear(size_t server, Ask ask);
  Answer ClearAny(Ask ask);
  void Broken(const std::string& what, const Answer& answer);
  // Runs `check` on the entries from `seen` on and on some before, or on all; moves `seen`.
  template <typename Entries, typename Check>
  void ForSome(Entries& entries, size_t& seen, Check check);

  Ledger& ledger_;
  const Servers& servers_;
  const absl::Duration hears_within_;
  std::string admin_token_;
  Depth depth_ = Depth::kAll;
  size_t seen_users_ = 0, seen_ended_ = 0, seen_revoked_ = 0;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_DRILLS_LEDGER_COMPARISON_H_
