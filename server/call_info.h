// What the facades may know of the call that they serve, whatever brought it.
#ifndef TESSERA_SERVER_CALL_INFO_H_
#define TESSERA_SERVER_CALL_INFO_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace tessera::server {

// A client certificate that the connection's TLS handshake verified.
struct ClientCertificate {
  std::string thumbprint;          // as in the claim `cnf.x5t#S256`
  std::vector<std::string> names;  // DNS and URI subject alternative names
};

struct CallInfo {
  std::string peer = {};  // the caller's address without the port: a trusted proxy's word for it
  absl::Time deadline = absl::InfiniteFuture();
  // Only on ports that verify client certificates.
  std::optional<ClientCertificate> certificate = {};
  std::string device_id = {};  // metadata `tessera-device-id`; not proven by itself
  // Whom attempts are counted against: `peer`, or whom a trusted proxy names; IPv6 by its /64.
  std::string source = {};
  // The same in every log line and audit event of the call: metadata `x-request-id` where it is 1
  // to 64 of `A-Z a-z 0-9 . _ -`, else made up.
  std::string correlation_id = {};
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_CALL_INFO_H_
