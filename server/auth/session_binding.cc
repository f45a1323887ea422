#include "server/auth/session_binding.h"

#include <string_view>

#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

// A control character in UTF-8: C0, DEL, or C1 (which some terminals obey as well).
bool HasControls(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f) return true;
    const bool may_be_c1 = byte == 0xc2 && i + 1 < text.size();
    if (may_be_c1 && static_cast<unsigned char>(text[i + 1]) < 0xa0) return true;
  }
  return false;
}

absl::Status CheckDevice(std::string_view device_id, const CallInfo& call) {
  if (device_id.empty()) return absl::OkStatus();
  if (!IsDeviceId(device_id)) {
    return FieldInvalid("device_id", "16 to 128 printable ASCII characters without spaces");
  }
  if (!call.device_id.empty() && call.device_id != device_id) {
    return FieldInvalid("device_id", "the device that the call's metadata names");
  }
  return absl::OkStatus();
}

absl::Status CheckLabel(std::string_view label) {
  if (label.size() > kMaxDeviceLabelBytes) return FieldInvalid("device_label", "at most 128 bytes");
  if (HasControls(label)) return FieldInvalid("device_label", "no control characters");
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckBinding(const SessionTerms& terms, const CallInfo& call) {
  TESSERA_RETURN_IF_ERROR(CheckDevice(terms.device_id, call));
  TESSERA_RETURN_IF_ERROR(CheckLabel(terms.device_label));
  if (!terms.bind_certificate || call.certificate.has_value()) return absl::OkStatus();
  return Refusal(absl::StatusCode::kFailedPrecondition, reason::kCertificateMissing,
                 "the connection shows no client certificate that this server verifies");
}

void Bind(const SessionTerms& terms, const CallInfo& call, storage::Session& session) {
  session.device_hash = terms.device_id.empty() ? terms.device_hash : DeviceHash(terms.device_id);
  session.device_label = terms.device_label;
  if (terms.bind_certificate && call.certificate.has_value()) {
    session.certificate = call.certificate->thumbprint;
  }
  session.address = call.peer;
}

bool IsBound(const Claims& claims) {
  return !claims.device_hash.empty() || !claims.certificate.empty();
}

std::string_view BindingMismatch(const Claims& claims, const CallInfo& call) {
  const bool device_fits =
      claims.device_hash.empty() ||
      (!call.device_id.empty() && DeviceHash(call.device_id) == claims.device_hash);
  if (!device_fits) return reason::kDeviceMismatch;
  const bool certificate_fits =
      claims.certificate.empty() ||
      (call.certificate.has_value() && call.certificate->thumbprint == claims.certificate);
  return certificate_fits ? std::string_view() : reason::kCertificateMismatch;
}

}  // namespace tessera::server
