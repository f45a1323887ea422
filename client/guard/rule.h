// Who may call a method (tessera.v1.MethodAccess in the proto), as the guard uses it.
#ifndef TESSERA_GUARD_RULE_H_
#define TESSERA_GUARD_RULE_H_

#include <string>
#include <vector>

#include "absl/time/time.h"

namespace tessera {

enum class Admission { kNobody, kPublic, kAuthenticated };
enum class CallerKind { kAny, kUser, kService };
// When a running stream ends with UNAUTHENTICATED, once its token is revoked or has expired.
// kNever: the admission is the last check. Such a stream goes on until one of its ends ends it,
// also when its caller was disabled or deleted meanwhile.
enum class StreamPolicy { kAtOnce, kAfterGrace, kNever };

// The longest `Rule::stream_grace`.
inline constexpr absl::Duration kMaxStreamGrace = absl::Hours(1);

// A plain value. The default lets nobody in.
struct Rule {
  Admission admission = Admission::kNobody;
  std::vector<std::string> any_role;
  std::vector<std::string> any_scope;
  std::vector<std::string> all_scopes;
  CallerKind kind = CallerKind::kAny;
  // The token is bound to a device, and the call presents that device's id as metadata
  // `tessera-device-id`.
  bool device_bound = false;
  // The token is bound to a client certificate (`cnf`), which is this connection's; one without is
  // refused with CERTIFICATE_REQUIRED. (One with is held against the connection by every rule.)
  bool certificate_bound = false;
  // Above zero: the list of revocations was whole this long ago at most; older, the method refuses
  // with REVOCATION_VIEW_STALE, also while the auth server is away.
  absl::Duration max_staleness = absl::InfiniteDuration();
  // Above zero: the caller logged in this long ago at most (`auth_time`); longer, or if the token
  // does not say, the method refuses with STEP_UP_REQUIRED.
  absl::Duration max_login_age = absl::InfiniteDuration();
  // The caller logged in with a second factor (`amr` names `mfa`), else STEP_UP_REQUIRED.
  bool second_factor = false;
  // For streams of any shape; a unary call is never cut. To a generic service all calls are
  // streams: gRPC tells nobody the shapes of its methods.
  StreamPolicy stream = StreamPolicy::kAtOnce;
  // How long a stream goes on, with kAfterGrace and only with it: above zero, at most
  // kMaxStreamGrace. Counted from the expiry, or from when this guard learned of the revocation.
  absl::Duration stream_grace = absl::ZeroDuration();
  // The principal keeps the call's access token (Principal::token), so that the handler can call
  // other services on behalf of its caller. The headers that the handler sees are scrubbed all the
  // same.
  bool forwards_token = false;
  // The handler sees the token's cookie as it came (GuardOptions::cookie). For those few that renew
  // or end what it belongs to; not in the proto option.
  bool forwards_cookie = false;
};

}  // namespace tessera

#endif  // TESSERA_GUARD_RULE_H_
