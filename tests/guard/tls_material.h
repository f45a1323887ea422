// A certificate and key made on the spot.
#ifndef TESSERA_TESTS_GUARD_TLS_MATERIAL_H_
#define TESSERA_TESTS_GUARD_TLS_MATERIAL_H_

#include <string>

namespace tessera::testing {

struct TlsMaterial {
  std::string certificate;  // PEM; its own authority
  std::string key;          // PEM
};

// For 127.0.0.1 and localhost, valid for a day.
TlsMaterial MakeTlsMaterial();
// A client's, signed by `authority`.
TlsMaterial MakeClientCertificate(const TlsMaterial& authority);

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_GUARD_TLS_MATERIAL_H_
