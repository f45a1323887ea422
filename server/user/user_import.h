// Users whom another system knew, with their password hashes.
#ifndef TESSERA_SERVER_USER_USER_IMPORT_H_
#define TESSERA_SERVER_USER_USER_IMPORT_H_

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/call_info.h"
#include "server/user/new_user.h"
#include "server/user/user_facade.h"

namespace tessera::server {

inline constexpr size_t kMaxImportedUsers = 100;   // in one request
inline constexpr size_t kMaxImportedMembers = 64;  // roles, and groups, of one user

struct ImportedUser {
  NewUser fields;
  std::string password_hash = {};  // as the other system made it; empty: the user sets one first
  std::vector<std::string> roles = {};   // by name, besides the policy's initial ones
  std::vector<std::string> groups = {};  // by name
  absl::Status unreadable = {};          // not OK: what was asked cannot be read, and why
};

// Whether the caller has gone and waits for no answer; called on the thread that works. Empty: it
// stays.
using CallerGone = std::function<bool()>;

// Users who are ready to be added; only UserImport::Hash makes them.
class HashedImport {
 public:
  size_t size() const { return rows_.size(); }

 private:
  friend class UserImport;
  struct Row {
    absl::Status refused;  // not OK: it is not to be added
    ImportedUser user = {};
    std::string hash = {};  // as it is stored
  };
  std::vector<Row> rows_;
};

// How the import of one user went.
struct ImportOutcome {
  UserId id = {};            // empty: none was added
  absl::Status status = {};  // why not
};

// Thread-safe. An import in two steps; each user succeeds or fails alone. Both look between two
// users whether the call goes on; who comes behind its end is refused, RESOURCE_EXHAUSTED
// OVERLOADED, and may be asked for again.
class UserImport {
 public:
  explicit UserImport(UserFacade::Parts parts) : parts_(std::move(parts)) {}

  // 1. Blocks on the processor: as much as a login for each user whose hash has to be wrapped.
  // FIELD_INVALID `users`: none, or more than kMaxImportedUsers. What is wrong with one user is
  // that one's outcome. Ends halfway to the deadline, so that those whose hash is ready are added.
  absl::StatusOr<HashedImport> Hash(const CallInfo& call, std::vector<ImportedUser> users,
                                    const CallerGone& gone = {}) const;

  // 2. Blocks on the store, once for each user. In the order given; the outcomes may be those of
  // UserFacade::Create, ROLE_NOT_FOUND and GROUP_NOT_FOUND. When the store fails, the users not
  // added yet say so each, so that what was added is known. The whole fails if `actor` may not
  // administer, or if the store fails at the first.
  absl::StatusOr<std::vector<ImportOutcome>> Add(const CallInfo& call, const UserId& actor,
                                                 const HashedImport& import,
                                                 const CallerGone& gone = {}) const;

  // Instead of Add: whether it could be; adds none. Reads once.
  absl::StatusOr<std::vector<ImportOutcome>> Check(const CallInfo& call, const HashedImport& import,
                                                   const CallerGone& gone = {}) const;

 private:
  bool IsOver(absl::Time end, const CallerGone& gone) const;
  // What is stored as the user's hash.
  absl::StatusOr<std::string> HashOne(ImportedUser& user) const;
  absl::Status AddOne(const CallInfo& call, const UserId& actor, const HashedImport::Row& row,
                      UserId& id) const;
  absl::Status CheckOne(storage::Repositories& repositories, const HashedImport::Row& row) const;

  UserFacade::Parts parts_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_USER_USER_IMPORT_H_
