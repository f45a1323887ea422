// X.509 certificates, as far as tokens are bound to them (RFC 8705).
#ifndef TESSERA_TOKEN_CERTIFICATE_H_
#define TESSERA_TOKEN_CERTIFICATE_H_

#include <string>
#include <string_view>

namespace tessera {

// The claim `cnf.x5t#S256` of the first certificate in a PEM text: base64url of the SHA-256 of its
// DER form. Empty if there is none.
std::string CertificateThumbprint(std::string_view pem);

}  // namespace tessera

#endif  // TESSERA_TOKEN_CERTIFICATE_H_
