#include "tessera/testing/token_change.h"

#include <stdexcept>
#include <utility>

#include "tessera/token/certificate.h"

namespace tessera::testing {
namespace {

constexpr absl::Duration kWellOff = absl::Hours(1);

void Shift(Claims& claims, absl::Duration by) {
  claims.issued_at += by;
  claims.not_before += by;
  claims.expires_at += by;
}

}  // namespace

TokenChange WithRoles(std::vector<std::string> roles) {
  return [roles = std::move(roles)](Claims& claims) { claims.roles = roles; };
}

TokenChange WithScopes(std::vector<std::string> scopes) {
  return [scopes = std::move(scopes)](Claims& claims) { claims.scopes = scopes; };
}

TokenChange WithGroups(std::vector<std::string> groups) {
  return [groups = std::move(groups)](Claims& claims) { claims.groups = groups; };
}

TokenChange LoggedInBefore(absl::Duration age) {
  return [age](Claims& claims) { claims.auth_time = claims.issued_at - age; };
}

TokenChange WithSecondFactor() {
  return [](Claims& claims) { claims.amr = {"pwd", "otp", "mfa"}; };
}

TokenChange OfSession(std::string session_id) {
  return [id = std::move(session_id)](Claims& claims) { claims.session_id = SessionId(id); };
}

TokenChange BoundToDevice(std::string device_id) {
  if (!IsDeviceId(device_id)) throw std::invalid_argument("not a device id: " + device_id);
  return [id = std::move(device_id)](Claims& claims) { claims.device_hash = DeviceHash(id); };
}

TokenChange BoundToCertificate(const std::string& pem) {
  const std::string thumbprint = CertificateThumbprint(pem);
  if (thumbprint.empty()) throw std::invalid_argument("the PEM text holds no certificate");
  return [thumbprint](Claims& claims) { claims.certificate = thumbprint; };
}

TokenChange ActedBy(std::string service_id) {
  return [id = std::move(service_id)](Claims& claims) {
    claims.actors.insert(claims.actors.begin(), Actor{id, 0});
  };
}

TokenChange Expired() {
  return [](Claims& claims) { Shift(claims, -(claims.expires_at - claims.issued_at) - kWellOff); };
}

TokenChange NotYetValid() {
  return [](Claims& claims) { Shift(claims, kWellOff); };
}

TokenChange ForAudience(std::string audience) {
  return [audience = std::move(audience)](Claims& claims) { claims.audience = audience; };
}

TokenChange ByIssuer(std::string issuer) {
  return [issuer = std::move(issuer)](Claims& claims) { claims.issuer = issuer; };
}

}  // namespace tessera::testing
