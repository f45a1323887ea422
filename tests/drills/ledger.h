// What one client was promised: each acknowledged effect, and those that got no clear answer.
#ifndef TESSERA_TESTS_DRILLS_LEDGER_H_
#define TESSERA_TESTS_DRILLS_LEDGER_H_

#include <cstddef>
#include <string>
#include <vector>

namespace tessera::testing {

// How often something was acknowledged, and how often nothing was.
struct Tally {
  int users = 0, grants = 0, logins = 0, renewals = 0, revocations = 0;
  int open = 0;  // answers that leave open what happened
  int late = 0;  // of those: the call's deadline passed without any answer

  Tally& operator+=(const Tally& other) {
    users += other.users;
    grants += other.grants;
    logins += other.logins;
    renewals += other.renewals;
    revocations += other.revocations;
    open += other.open;
    late += other.late;
    return *this;
  }
};

// A plain value; one thread at a time.
struct Ledger {
  struct User {
    std::string id, name;
    bool holds_role = false;
  };
  struct Session {
    size_t user = 0;
    std::string access;
    std::string refresh;
    std::vector<std::string> older;  // refresh tokens that were replaced, the oldest first
    bool access_open = false;        // nobody knows whether `access` is revoked
  };
  struct Ended {
    std::string access, refresh;
  };

  std::vector<User> users;
  std::vector<std::string> open_names;  // users asked for without an answer
  std::vector<Session> live;
  std::vector<Session> open;         // their end was asked for without an answer
  std::vector<Ended> ended;          // by an acknowledged revocation
  std::vector<std::string> revoked;  // access tokens, by an acknowledged revocation
  Tally tally;
  std::vector<std::string> broken;  // promises that did not hold, in words
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_DRILLS_LEDGER_H_
