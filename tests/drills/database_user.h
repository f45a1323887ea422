// A client of what needs the database: told at once when it is away, and served again afterwards.
#ifndef TESSERA_TESTS_DRILLS_DATABASE_USER_H_
#define TESSERA_TESTS_DRILLS_DATABASE_USER_H_

#include <string>
#include <vector>

#include "tests/drills/calls.h"
#include "tests/e2e/tesserad.h"

namespace tessera::testing {

// Its calls are Login, RenewToken, CreateUser and RevokeToken, all at the same time, each with a
// deadline of two seconds. Fails the test where an answer is not as it must be. One thread at a
// time.
class DatabaseUser {
 public:
  // `server` runs, its database is there; nobody else there has a user of this name.
  explicit DatabaseUser(Tesserad& server, std::string name = "database-user");

  // All four: UNAVAILABLE before the deadline, with STORAGE_UNAVAILABLE or OUTCOME_UNKNOWN, and
  // when to try again.
  void ExpectUnavailable();
  // Each is done or UNAVAILABLE as above. How many were not done.
  int ExpectDoneOrUnavailable();
  // Soon all four are served, by themselves: the session goes on with the refresh token that it
  // had, and what was to be revoked is.
  void ExpectServedSoon();

 private:
  struct Named {
    std::string name;
    Answer answer;
  };
  std::vector<Named> CallAll();
  std::vector<Named> CallAllInTime();
  static void ExpectIsUnavailable(const Named& each);

  const std::string name_;
  const Calls calls_;
  std::string admin_, refresh_, to_revoke_;
  int users_ = 0;  // made so far, or tried
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_DRILLS_DATABASE_USER_H_
