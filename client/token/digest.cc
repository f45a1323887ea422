#include "tessera/token/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <climits>
#include <cstdlib>

#include "tessera/token/openssl_ptr.h"

namespace tessera {

// Without a hash nothing can be judged or signed, so a library that has none ends the process.
const EVP_MD* Sha256Method() {
  static const EVP_MD* const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  if (method == nullptr) std::abort();
  return method;
}

Sha256Digest Sha256(std::string_view bytes) {
  Sha256Digest digest;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, Sha256Method(), nullptr) != 1)
    std::abort();
  return digest;
}

Sha256Digest HmacSha256(std::string_view key, std::string_view bytes) {
  if (key.size() > INT_MAX) std::abort();
  Sha256Digest digest;
  unsigned length = 0;
  const char* const key_bytes = key.empty() ? "" : key.data();
  if (HMAC(Sha256Method(), key_bytes, static_cast<int>(key.size()), Bytes(bytes.data()),
           bytes.size(), digest.data(), &length) == nullptr)
    std::abort();
  return digest;
}

IdHash IdHashOf(std::string_view id) {
  const Sha256Digest digest = Sha256(id);
  IdHash hash;
  std::copy_n(digest.begin(), hash.size(), hash.begin());
  return hash;
}

std::string Fingerprint(std::string_view token) {
  static constexpr char kHex[] = "0123456789abcdef";
  const Sha256Digest digest = Sha256(token);
  std::string text;
  for (size_t i = 0; i < 4; ++i) {
    text.push_back(kHex[digest[i] >> 4]);
    text.push_back(kHex[digest[i] & 15]);
  }
  return text;
}

}  // namespace tessera
