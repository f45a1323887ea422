// Where the caller has its tokens from: the three requests that a session is made of. A service
// account has no session: its grants bring no refresh token, and to renew is to ask again.
#ifndef TESSERA_CALLER_GRANT_SOURCE_H_
#define TESSERA_CALLER_GRANT_SOURCE_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tessera/base/secret.h"
#include "tessera/caller/grant.h"

namespace tessera {

// One request at a time. None blocks; each `done` is called at most once, on any thread, maybe
// before the method returns, and not after Close has returned. Errors are made for the calls that
// wait, `REASON: text` without a secret:
// - UNAVAILABLE: no answer, or not now; the same request may be made again (RetryDelayOf says
// when).
// - UNAUTHENTICATED: the credentials, or the session, are not good.
// - FAILED_PRECONDITION: refused for another cause.
class GrantSource {
 public:
  using GrantDone = std::function<void(absl::StatusOr<Grant>)>;
  using Done = std::function<void(absl::Status)>;

  virtual ~GrantSource() = default;
  virtual void Login(GrantDone done) = 0;
  // The successor of `held`, whose access token may have expired.
  virtual void Renew(const Grant& held, GrantDone done) = 0;
  // Only for grants with a refresh token. OK as well if the session had ended before.
  virtual void Logout(const Secret& refresh_token, Done done) = 0;
  // Abandons the request in flight, and waits until its `done` can no longer run. No other method
  // is called after it, nor while it runs.
  virtual void Close() = 0;
};

}  // namespace tessera

#endif  // TESSERA_CALLER_GRANT_SOURCE_H_
