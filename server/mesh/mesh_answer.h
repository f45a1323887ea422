// What a proxy is told about a call.
#ifndef TESSERA_SERVER_MESH_MESH_ANSWER_H_
#define TESSERA_SERVER_MESH_MESH_ANSWER_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "envoy/service/auth/v3/external_auth.pb.h"
#include "tessera/guard/principal.h"

namespace tessera::server {

// The call goes on, and the service behind the proxy learns who calls:
//   x-tessera-kind      `user`, `service` or `anonymous`
//   x-tessera-subject   `usr_...` or `svc_...`
//   x-tessera-session   `ses_...` of the login
//   x-tessera-roles, -scopes, -groups, -actors   several, joined by commas
// Each of them replaces whatever the caller sent under the name; those that would be empty are
// taken away, and so is `tessera-device-id`. Bytes of a value other than letters, digits and
// `-._~:/@` are percent-encoded. `hide_token`: the `authorization` header is taken away too.
void Admit(const Principal& caller, bool hide_token,
           envoy::service::auth::v3::CheckResponse& response);

// The call is answered by the proxy: the HTTP status that gRPC's own mapping turns back into
// `refusal`'s code (403 for those that have none), its message, and never an error of the check
// itself, which a proxy may be set up to let pass. `refusal` is not OK.
void Deny(const absl::Status& refusal, envoy::service::auth::v3::CheckResponse& response);

// As Admit encodes a value.
std::string EncodeHeaderValue(std::string_view text);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_MESH_MESH_ANSWER_H_
