#include "server/auth/legacy_hash.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "server/auth/hash_work.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

constexpr size_t kBcryptTakes = 72;
constexpr size_t kBcryptTextBytes = 60;
constexpr std::string_view kNobodysBcryptSalt = "......................";
constexpr std::string_view kNobodysSalt = "nobody's salt...";

// libxcrypt's scratch memory holds what a password was made into.
struct CryptData {
  CryptData() = default;
  CryptData(const CryptData&) = delete;
  CryptData& operator=(const CryptData&) = delete;
  ~CryptData() { OPENSSL_cleanse(&data, sizeof(data)); }
  crypt_data data{};
};

absl::StatusOr<Secret> Bcrypt(const LegacyHash& made, const Secret& password) {
  std::string setting = absl::StrFormat("$%s$%02d$%s", made.variant, made.cost, made.salt);
  std::string phrase(password.Reveal().substr(0, kBcryptTakes));
  const auto scratch = std::make_unique<CryptData>();
  const char* const text = crypt_r(phrase.c_str(), setting.c_str(), &scratch->data);
  HashWork::OfThisThread().bcrypt_rounds += uint64_t{1} << made.cost;
  const bool possible = phrase.find('\0') == phrase.npos;
  WipeString(phrase);
  if (text == nullptr || std::strlen(text) != kBcryptTextBytes) {
    return absl::InternalError("bcrypt is not to be had");
  }
  if (!possible) return Secret();
  return Secret::CopyOf(std::string_view(text).substr(kBcryptTextBytes - kBcryptHashBytes));
}

absl::StatusOr<Secret> Pbkdf2(const LegacyHash& made, const Secret& password) {
  const std::string_view phrase = password.Reveal();
  std::string hash(kPbkdf2HashBytes, '\0');
  const int made_it = PKCS5_PBKDF2_HMAC(
      phrase.data(), static_cast<int>(phrase.size()),
      reinterpret_cast<const unsigned char*>(made.salt.data()), static_cast<int>(made.salt.size()),
      static_cast<int>(made.cost), EVP_sha256(), static_cast<int>(hash.size()),
      reinterpret_cast<unsigned char*>(hash.data()));
  HashWork::OfThisThread().pbkdf2_rounds += made.cost;
  if (made_it != 1) return absl::InternalError("PBKDF2 is not to be had");
  return Secret(std::move(hash));
}

}  // namespace

absl::StatusOr<Secret> RunLegacy(const LegacyHash& made, const Secret& password) {
  switch (made.scheme) {
    case LegacyScheme::kBcrypt:
      return Bcrypt(made, password);
    case LegacyScheme::kPbkdf2Sha256:
      return Pbkdf2(made, password);
    case LegacyScheme::kNone:
      break;
  }
  return Secret();
}

absl::Status BurnLegacy(LegacyScheme scheme, uint32_t cost, const Secret& password) {
  LegacyHash nobodys{scheme, cost, "2b", std::string(kNobodysSalt)};
  if (scheme == LegacyScheme::kBcrypt) nobodys.salt = std::string(kNobodysBcryptSalt);
  return RunLegacy(nobodys, password).status();
}

}  // namespace tessera::server
