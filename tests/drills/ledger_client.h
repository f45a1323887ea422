// A client that does what clients do, at random, and keeps a ledger of what it was promised.
#ifndef TESSERA_TESTS_DRILLS_LEDGER_CLIENT_H_
#define TESSERA_TESTS_DRILLS_LEDGER_CLIENT_H_

#include <atomic>
#include <string>

#include "tests/drills/ledger.h"
#include "tests/drills/pulse.h"
#include "tests/drills/servers.h"

namespace tessera::testing {

// The role that drills grant; SetUpRole makes it.
inline constexpr char kDrillRole[] = "drill";
inline constexpr char kDrillPassword[] = "a password for drills";

// Creates users, grants the role, logs in, renews, revokes; on an answer that leaves open what
// happened it does as the README of client/caller says: the same again, with the same refresh
// token. An answer that contradicts the ledger goes into `ledger().broken`. One thread at a time.
class LedgerClient {
 public:
  // `name` begins its users' names: unique among the clients. Keeps `servers` and `pulse`, which
  // beats at each renewal.
  LedgerClient(std::string name, const Servers& servers, Pulse& pulse);

  // Makes the role, once for all clients. False if there was no clear answer.
  static bool SetUpRole(const Calls& calls);

  // Works until `stop`.
  void Work(const std::atomic<bool>& stop);

  // The administrator's access token; empty before the first login.
  const std::string& admin_token() const { return admin_token_; }
  Ledger& ledger() { return ledger_; }

 private:
  static constexpr size_t kMaxLive = 12;

  void Step();
  void SignIn();
  void AddUser();
  void GrantRole();
  void LogIn();
  void Renew(size_t session);
  void RevokeAccess(size_t session);
  void EndSession(size_t session);
  void ExpectInactive(const Calls& calls, const std::string& token);
  // True if it is clear what happened, and done. Counts and complains otherwise.
  bool IsDone(const Answer& answer, const std::string& what);
  // One of the servers, by chance.
  std::shared_ptr<const Calls> Any() const;

  const std::string name_;
  const Servers& servers_;
  Pulse& pulse_;
  std::string admin_token_;
  int made_ = 0;
  // The session whose renewal got no clear answer: to be asked for again, before anything else.
  int renewing_ = -1;
  Ledger ledger_;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_DRILLS_LEDGER_CLIENT_H_
