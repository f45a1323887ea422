// Requests that were answered, so that a repeated one is answered likewise (AIP-155).
#ifndef TESSERA_STORAGE_REQUEST_REPOSITORY_H_
#define TESSERA_STORAGE_REQUEST_REPOSITORY_H_

#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/records.h"

namespace tessera::storage {

// Exists inside a transaction only. Every method may also fail as storage/store.h says.
class RequestRepository {
 public:
  virtual ~RequestRepository() = default;

  // Keeps the request, unless one with its hash is kept that has not expired at `now`: that one. Of
  // two that come at once the second waits for the first, so call it before anything else is
  // written.
  virtual absl::StatusOr<std::optional<AnsweredRequest>> Keep(const AnsweredRequest& request,
                                                              absl::Time now) = 0;
  // Forgets at most `limit` requests that expired before `before`; how many.
  virtual absl::StatusOr<int64_t> DeleteExpired(absl::Time before, int limit) = 0;
};

}  // namespace tessera::storage

#endif  // TESSERA_STORAGE_REQUEST_REPOSITORY_H_
