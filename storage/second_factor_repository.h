// Second factors and recovery codes at rest.
#ifndef TESSERA_STORAGE_SECOND_FACTOR_REPOSITORY_H_
#define TESSERA_STORAGE_SECOND_FACTOR_REPOSITORY_H_

#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/records.h"

namespace tessera::storage {

// Exists inside a transaction only. Every method may also fail as storage/store.h says. A user has
// one second factor at most; it and its codes go with the user.
class SecondFactorRepository {
 public:
  virtual ~SecondFactorRepository() = default;

  // Stores one that waits to be confirmed, in the place of another such one.
  // FAILED_PRECONDITION TOTP_ENROLLED: there is a confirmed one. NOT_FOUND USER_NOT_FOUND.
  virtual absl::Status Offer(const SecondFactor& factor) = 0;
  virtual absl::StatusOr<std::optional<SecondFactor>> Find(const UserId& user) = 0;
  // Confirms the one that waits, if it is still the one that holds `sealed`; codes up to `step` are
  // used up. False if it is not.
  virtual absl::StatusOr<bool> Confirm(const UserId& user, std::string_view sealed,
                                       int64_t step) = 0;
  // Uses up the codes up to `step`, if the factor is confirmed and they are not used up yet; false
  // otherwise: of two that use the same step one succeeds.
  virtual absl::StatusOr<bool> UseStep(const UserId& user, int64_t step) = 0;
  // Uses up, of at most `limit` users whose confirmed factor is behind, the codes up to the step at
  // `now`; of how many. 0: nobody is behind.
  virtual absl::StatusOr<int64_t> UseStepsUntil(absl::Time now, int limit) = 0;
  // Removes the factor, confirmed or not, and the codes; false if there was no factor.
  virtual absl::StatusOr<bool> Delete(const UserId& user) = 0;

  // Stores these codes in the place of all others of the user. NOT_FOUND USER_NOT_FOUND.
  virtual absl::Status ReplaceCodes(const UserId& user, const std::vector<RecoveryCode>& codes) = 0;
  // Those not used yet, in no particular order.
  virtual absl::StatusOr<std::vector<RecoveryCode>> Codes(const UserId& user) = 0;
  // Uses up the code with this hash; false if it is used up or was never there: of two that use the
  // same code one succeeds.
  virtual absl::StatusOr<bool> UseCode(const UserId& user, std::string_view hash) = 0;
};

}  // namespace tessera::storage

#endif  // TESSERA_STORAGE_SECOND_FACTOR_REPOSITORY_H_
