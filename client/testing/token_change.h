// FOR TESTS: what a test wants different in the next token of a FakeIssuer.
//
//   issuer.Token("usr_alice", WithRoles({"orders.admin"}), BoundToDevice("a-phone-0123456789"))
//
// Any function on Claims is one, too: `[](tessera::Claims& claims) { claims.client_id = "cron"; }`.
#ifndef TESSERA_TESTING_TOKEN_CHANGE_H_
#define TESSERA_TESTING_TOKEN_CHANGE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tessera/token/claims.h"

namespace tessera::testing {

// Sees the claims of a good token before they are signed; later changes see what earlier ones did.
using TokenChange = std::function<void(Claims&)>;

TokenChange WithRoles(std::vector<std::string> roles);
TokenChange WithScopes(std::vector<std::string> scopes);
TokenChange WithGroups(std::vector<std::string> groups);

// The login was this long ago (`auth_time`), before the token was made.
TokenChange LoggedInBefore(absl::Duration age);
// The login had a second factor: `amr` is pwd, otp, mfa.
TokenChange WithSecondFactor();
// Of the session, instead of one of its own.
TokenChange OfSession(std::string session_id);

// Counts only with the metadata `tessera-device-id: device_id`, where the rule asks for the device.
// std::invalid_argument: 16 to 128 printable characters without spaces are a device id.
TokenChange BoundToDevice(std::string device_id);
// Counts only on a connection that showed the first certificate of this PEM text.
// std::invalid_argument: it holds none.
TokenChange BoundToCertificate(const std::string& pem);
// A service that acts for the subject; the one named last calls first. At most kMaxActors.
TokenChange ActedBy(std::string service_id);

// Refused, each for its one reason: TOKEN_EXPIRED, TOKEN_NOT_YET_VALID, TOKEN_AUDIENCE,
// TOKEN_ISSUER. The first two are an hour off, further than any leeway.
TokenChange Expired();
TokenChange NotYetValid();
TokenChange ForAudience(std::string audience);
TokenChange ByIssuer(std::string issuer);

}  // namespace tessera::testing

#endif  // TESSERA_TESTING_TOKEN_CHANGE_H_
