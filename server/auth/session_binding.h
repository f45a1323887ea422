// Binding a session to a device and to a client certificate at the login that begins it, and
// holding its tokens to them.
#ifndef TESSERA_SERVER_AUTH_SESSION_BINDING_H_
#define TESSERA_SERVER_AUTH_SESSION_BINDING_H_

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"
#include "server/auth/auth_facade.h"
#include "server/call_info.h"
#include "storage/records.h"
#include "tessera/token/claims.h"

namespace tessera::server {

inline constexpr size_t kMaxDeviceLabelBytes = 128;

// INVALID_ARGUMENT FIELD_INVALID `device_id`: none (IsDeviceId), or another than the call's own
// metadata names; `device_label`: too long, or with control characters.
// FAILED_PRECONDITION CERTIFICATE_MISSING: a binding to a certificate that the call does not show.
absl::Status CheckBinding(const SessionTerms& terms, const CallInfo& call);

// Puts into the session what CheckBinding took, as hash and thumbprint, and the address that it
// begins from.
void Bind(const SessionTerms& terms, const CallInfo& call, storage::Session& session);

// Whether the token is bound to a device or a certificate.
bool IsBound(const Claims& claims);

// Why the call does not show what the token is bound to, DEVICE_MISMATCH or CERTIFICATE_MISMATCH;
// empty if it does.
std::string_view BindingMismatch(const Claims& claims, const CallInfo& call);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_SESSION_BINDING_H_
