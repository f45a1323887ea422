// What is kept of passwords beside their hashes: what hashes cost, and tokens that set new ones.
#ifndef TESSERA_STORAGE_PASSWORD_REPOSITORY_H_
#define TESSERA_STORAGE_PASSWORD_REPOSITORY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tessera/base/ids.h"

namespace tessera::storage {

// A live or expired token that sets a new password; the token itself is not stored.
struct PasswordReset {
  UserId user_id;            // a user has at most one
  int64_t user_version = 0;  // the user's version when it was given out: it is void at another
  std::string hash;          // keyed, 32 bytes
  std::string hash_kid;      // the key of use kSecretHash that made it
  absl::Time expires_at;
};

// Exists inside a transaction only. Every method may also fail as storage/store.h says.
class PasswordRepository {
 public:
  virtual ~PasswordRepository() = default;

  // The cost of every password hash that is stored, in order: of a PHC string, what stands before
  // its last two fields (function and parameters, without salt and tag). UserRepository notes it
  // with each hash that it writes, in the same transaction. May name some that no user has any
  // more.
  virtual absl::StatusOr<std::vector<std::string>> HashCosts() = 0;
  // Forgets those, at most `limit`; how many.
  virtual absl::StatusOr<int64_t> ForgetUnusedHashCosts(int limit) = 0;

  // Replaces the user's one before. NOT_FOUND USER_NOT_FOUND.
  virtual absl::Status PutReset(const PasswordReset& reset) = 0;
  virtual absl::StatusOr<std::optional<PasswordReset>> FindReset(const UserId& user) = 0;
  // Removes it; false if there is none with this hash (any more): only one caller gets true.
  virtual absl::StatusOr<bool> TakeReset(const UserId& user, std::string_view hash) = 0;
  // Removes at most `limit` that ended before `before`; how many.
  virtual absl::StatusOr<int64_t> DeleteExpiredResets(absl::Time before, int limit) = 0;
};

}  // namespace tessera::storage

#endif  // TESSERA_STORAGE_PASSWORD_REPOSITORY_H_
