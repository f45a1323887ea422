// Where a call has its token from: the program's own login, or somebody on whose behalf it calls.
#ifndef TESSERA_CALLER_TOKEN_SUPPLY_H_
#define TESSERA_CALLER_TOKEN_SUPPLY_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tessera/base/secret.h"

namespace tessera {

// An access token, and its place among those that its supply has held, from 1.
struct LiveToken {
  Secret text;
  uint64_t serial = 0;
};
using TokenResult = absl::StatusOr<std::shared_ptr<const LiveToken>>;

// Something that waits for a token.
class TokenWaiter {
 public:
  virtual ~TokenWaiter() = default;
  // Called at most once, on a thread that must not be held up; never under a lock of the supply's.
  virtual void Answer(TokenResult result) = 0;
};

// Thread-safe; nothing of it blocks. Errors are made for the calls that wait, `REASON: text`
// without a secret.
class TokenSupply {
 public:
  virtual ~TokenSupply() = default;

  // What a call is to have now; absent if it has to wait.
  virtual std::optional<TokenResult> Current() = 0;
  // Likewise, and `waiter` is kept for the answer if it has to wait.
  virtual std::optional<TokenResult> CurrentOrWait(std::shared_ptr<TokenWaiter> waiter) = 0;
  virtual void Forget(const TokenWaiter& waiter) = 0;

  // A server refused this token: it is dropped, unless a newer one has replaced it.
  virtual void Refused(uint64_t serial) = 0;

  // Why the last request for a token failed; OK if it did not.
  virtual absl::Status LastFailure() const = 0;
};

// UNAVAILABLE AUTH_SERVER_UNAVAILABLE, for a call that could wait no longer.
absl::Status WaitedInVain(const absl::Status& last_failure);

// UNAVAILABLE CALLER_CLOSED.
absl::Status CallerClosed();

}  // namespace tessera

#endif  // TESSERA_CALLER_TOKEN_SUPPLY_H_
