// How a program proves to tesserad who it is.
#ifndef TESSERA_CALLER_CREDENTIALS_H_
#define TESSERA_CALLER_CREDENTIALS_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tessera/base/secret.h"

namespace tessera {

// Called whenever it is needed, on a thread of the caller's own; reads a file, say. It must return:
// the caller's destructor waits for it. Where tokens are exchanged (Caller::OnBehalfOf), two
// threads may call it at once. UNAVAILABLE: asked again later; any other error refuses the calls
// that wait.
using SecretSource = std::function<absl::StatusOr<Secret>()>;

// A source that reads the first line of a file, each time anew: UNAVAILABLE while that fails or the
// line is empty.
SecretSource SecretFromFile(std::string path);

// A user's name and password, and the service whose tokens are wanted.
struct UserLogin {
  std::string username = {};
  SecretSource password = {};
  std::string audience = {};  // empty: tessera itself
  // Binds the session to this device: 16 to 128 printable ASCII characters without spaces
  // that only the device knows. Renewals show it, and calls carry it as `tessera-device-id`. Empty:
  // none.
  Secret device_id = {};
  std::string device_label = {};  // what lists of sessions call it
  std::vector<std::string> scopes = {};
  bool include_groups = false;  // the tokens name the user's groups
};

// A key that signs for a service account (RFC 7523).
struct AssertionKey {
  std::string service_account_id;  // `svc_...`
  std::string key_file;            // a private JWK; read again each time
  std::string issuer;              // of tesserad (`tokens.issuer`), whom the assertions are for
};

// How a service account proves itself: exactly one of the first four is set.
struct ServiceCredentials {
  SecretSource secret = {};  // `tss_...`
  std::optional<AssertionKey> assertion = {};
  std::string kubernetes_token_file = {};  // a projected token; read again each time
  bool certificate = false;                // the client certificate of `auth_server`'s connection
  std::string audience = {};               // empty: tessera itself
  std::vector<std::string> scopes = {};
};

}  // namespace tessera

#endif  // TESSERA_CALLER_CREDENTIALS_H_
