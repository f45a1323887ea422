// The decision about one call: a pure function, so that it can be tested without a server.
#ifndef TESSERA_GUARD_DECISION_H_
#define TESSERA_GUARD_DECISION_H_

#include <array>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tessera/guard/known_token.h"
#include "tessera/guard/presented.h"
#include "tessera/guard/revocation_view.h"
#include "tessera/guard/rule.h"
#include "tessera/token/jwk_set.h"
#include "tessera/token/token_verifier.h"

namespace tessera::guard {

// All that a decision depends on.
struct Facts {
  const Rule& rule;
  Presented presented;
  std::shared_ptr<const JwkSet> keys;  // trusted now; never null
  const RevocationView* revocations;   // null: judge by the token alone
  bool without_first_view = false;     // admit although `revocations` was never whole
  absl::Time now;
  std::shared_ptr<const KnownToken> cached;  // what is known of exactly this token; or null
};

// Admits (the token, or null for a public method, whose token is not looked at) or refuses.
// UNAUTHENTICATED: TOKEN_MISSING, _MULTIPLE, _MALFORMED, every refusal of TokenVerifier, _REVOKED.
// UNAVAILABLE REVOCATION_VIEW_STALE: a good token, but revocations are not known yet, or not well
// enough for the rule.
// UNAUTHENTICATED CERTIFICATE_MISMATCH: the token is bound to a client certificate other than this
// connection's, whatever the rule; DEVICE_MISMATCH: the rule asks for the device and the call
// names none, several or another than the token's.
// PERMISSION_DENIED: METHOD_UNRULED, CERTIFICATE_REQUIRED and DEVICE_REQUIRED (a token without
// one), CALLER_KIND, ROLE_REQUIRED, SCOPE_REQUIRED, and last of all STEP_UP_REQUIRED: another login
// helps.
absl::StatusOr<std::shared_ptr<const KnownToken>> Decide(const TokenVerifier& verifier,
                                                         const Facts& facts);

// The decision's parts, in its order, for whoever explains one.
absl::Status CheckAdmission(const Rule& rule);
absl::Status CheckBearer(const Bearer& bearer);
// The token, verified now or known from `facts.cached`.
absl::StatusOr<std::shared_ptr<const KnownToken>> Establish(const TokenVerifier& verifier,
                                                            const Facts& facts);
// What is then asked about the token; the first refusal is the decision.
struct TokenCheck {
  std::string_view name;
  absl::Status (*ask)(const Facts& facts, const KnownToken& known);
};
inline constexpr size_t kTokenChecks = 9;
const std::array<TokenCheck, kTokenChecks>& TokenChecks();

}  // namespace tessera::guard

#endif  // TESSERA_GUARD_DECISION_H_
