// Signatures as JWS writes them (RFC 7518 section 3, RFC 8037 section 3.1). Not part of the public
// interface.
#ifndef TESSERA_TOKEN_SIGNATURE_H_
#define TESSERA_TOKEN_SIGNATURE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tessera/token/jwk.h"

namespace tessera {

// Checks signatures with one key. All that does not depend on the message is done once, in Make.
// Thread-safe.
class SignatureCheck {
 public:
  // Null: `jwk` makes no key.
  static std::unique_ptr<const SignatureCheck> Make(const Jwk& jwk);

  virtual ~SignatureCheck() = default;
  virtual bool Fits(std::string_view message, std::string_view signature) const = 0;
};

// Signs with one key. Thread-safe.
class SignatureMaker {
 public:
  // Null: `jwk` makes no private key.
  static std::unique_ptr<const SignatureMaker> Make(const Jwk& jwk);

  virtual ~SignatureMaker() = default;
  // Absent: OpenSSL failed.
  virtual std::optional<std::string> Sign(std::string_view message) const = 0;
};

}  // namespace tessera

#endif  // TESSERA_TOKEN_SIGNATURE_H_
