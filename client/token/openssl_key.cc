#include "tessera/token/openssl_key.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include <deque>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "tessera/base/random.h"

namespace tessera {
namespace {

constexpr size_t kCurveBytes = 32;
constexpr size_t kRsaBitsOfNewKeys = 2048;

// Where a JWK member is found in an OpenSSL key.
struct NumberName {
  std::string_view member;
  const char* param;
};
constexpr NumberName kRsaNumbers[] = {
    {"n", OSSL_PKEY_PARAM_RSA_N},          {"e", OSSL_PKEY_PARAM_RSA_E},
    {"d", OSSL_PKEY_PARAM_RSA_D},          {"p", OSSL_PKEY_PARAM_RSA_FACTOR1},
    {"q", OSSL_PKEY_PARAM_RSA_FACTOR2},    {"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1},
    {"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2}, {"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1},
};
constexpr NumberName kEcNumbers[] = {
    {"x", OSSL_PKEY_PARAM_EC_PUB_X},
    {"y", OSSL_PKEY_PARAM_EC_PUB_Y},
    {"d", OSSL_PKEY_PARAM_PRIV_KEY},
};

// The arguments of EVP_PKEY_fromdata, in memory that is wiped afterwards.
class KeyParams {
 public:
  KeyParams() = default;
  KeyParams(const KeyParams&) = delete;
  KeyParams& operator=(const KeyParams&) = delete;
  ~KeyParams() {
    for (std::string& buffer : buffers_) WipeString(buffer);
  }

  void Text(const char* name, std::string_view value) {
    std::string& buffer = buffers_.emplace_back(value);
    params_.push_back(OSSL_PARAM_construct_utf8_string(name, buffer.data(), buffer.size()));
  }
  void Octets(const char* name, std::string value) {
    std::string& buffer = buffers_.emplace_back(std::move(value));
    params_.push_back(OSSL_PARAM_construct_octet_string(name, buffer.data(), buffer.size()));
  }
  // `value` is big-endian, as everywhere in JOSE; OpenSSL wants the machine's order.
  void Number(const char* name, std::string_view value) {
    const int size = static_cast<int>(value.size());
    const BignumPtr number(BN_bin2bn(Bytes(value.data()), size, nullptr));
    std::string& buffer = buffers_.emplace_back(value.size(), '\0');
    if (number == nullptr || BN_bn2nativepad(number.get(), Bytes(buffer.data()), size) != size)
      complete_ = false;
    params_.push_back(OSSL_PARAM_construct_BN(name, Bytes(buffer.data()), buffer.size()));
  }

  EvpPkeyPtr Make(const char* type, int selection) {
    params_.push_back(OSSL_PARAM_construct_end());
    const EvpPkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY* key = nullptr;
    if (!complete_ || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, selection, params_.data()) != 1)
      return nullptr;
    return EvpPkeyPtr(key);
  }

 private:
  std::deque<std::string> buffers_;  // a deque: what is in it does not move
  std::vector<OSSL_PARAM> params_;
  bool complete_ = true;
};

EvpPkeyPtr MakeEcKey(const Jwk& jwk, int selection) {
  KeyParams params;
  params.Text(OSSL_PKEY_PARAM_GROUP_NAME, "P-256");
  std::string point(1, '\x04');  // uncompressed
  point.append(jwk.Part("x")).append(jwk.Part("y"));
  params.Octets(OSSL_PKEY_PARAM_PUB_KEY, std::move(point));
  if (selection == EVP_PKEY_KEYPAIR) params.Number(OSSL_PKEY_PARAM_PRIV_KEY, jwk.Part("d"));
  return params.Make("EC", selection);
}

EvpPkeyPtr MakeRsaKey(const Jwk& jwk, int selection) {
  KeyParams params;
  for (const NumberName& number : kRsaNumbers) {
    const bool is_public = number.member == "n" || number.member == "e";
    const std::string_view part = jwk.Part(number.member);
    if (part.empty() || (selection == EVP_PKEY_PUBLIC_KEY && !is_public)) continue;
    params.Number(number.param, part);
  }
  return params.Make("RSA", selection);
}

EvpPkeyPtr MakeEd25519Key(const Jwk& jwk, int selection) {
  const std::string_view x = jwk.Part("x"), d = jwk.Part("d");
  if (selection == EVP_PKEY_PUBLIC_KEY)
    return EvpPkeyPtr(
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(x.data()), x.size()));
  return EvpPkeyPtr(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, Bytes(d.data()), d.size()));
}

EvpPkeyPtr MakeKey(const Jwk& jwk, int selection) {
  switch (jwk.algorithm) {
    case Algorithm::kEs256:
      return MakeEcKey(jwk, selection);
    case Algorithm::kEdDsa:
      return MakeEd25519Key(jwk, selection);
    case Algorithm::kRs256:
      return MakeRsaKey(jwk, selection);
    case Algorithm::kHs256:
      return nullptr;
  }
  return nullptr;
}

bool IsSoundPublicKey(EVP_PKEY* key) {
  const EvpPkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  return context != nullptr && EVP_PKEY_public_check(context.get()) == 1;
}

// OpenSSL looks at the primes, so an RSA key that has only `d` cannot be judged: using it must do.
bool IsSoundPair(EVP_PKEY* key, const Jwk& jwk) {
  if (jwk.algorithm == Algorithm::kRs256 && jwk.Part("p").empty()) return true;
  const EvpPkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  return context != nullptr && EVP_PKEY_pairwise_check(context.get()) == 1;
}

EvpPkeyPtr GenerateKey(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::kEs256:
      return EvpPkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
    case Algorithm::kEdDsa:
      return EvpPkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    case Algorithm::kRs256:
      return EvpPkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", kRsaBitsOfNewKeys));
    case Algorithm::kHs256:
      return nullptr;
  }
  return nullptr;
}

// Big-endian, in `size` bytes; in as few as it takes if `size` is 0. Empty: not there.
Secret ReadNumber(const EVP_PKEY* key, const char* param, size_t size) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, param, &raw) != 1) return Secret();
  const BignumPtr number(raw);
  const int width = size == 0 ? BN_num_bytes(raw) : static_cast<int>(size);
  std::string bytes(static_cast<size_t>(width), '\0');
  if (BN_bn2binpad(raw, Bytes(bytes.data()), width) != width) return Secret();
  return Secret(std::move(bytes));
}

template <size_t N>
bool ReadNumbers(const EVP_PKEY* key, const NumberName (&names)[N], size_t size, Jwk& jwk) {
  for (const NumberName& name : names) {
    Secret bytes = ReadNumber(key, name.param, size);
    if (bytes.empty()) return false;
    jwk.parts.emplace_back(name.member, std::move(bytes));
  }
  return true;
}

bool ReadEd25519(const EVP_PKEY* key, Jwk& jwk) {
  std::string x(kCurveBytes, '\0'), d(kCurveBytes, '\0');
  size_t x_size = x.size(), d_size = d.size();
  const bool read = EVP_PKEY_get_raw_public_key(key, Bytes(x.data()), &x_size) == 1 &&
                    EVP_PKEY_get_raw_private_key(key, Bytes(d.data()), &d_size) == 1;
  jwk.parts.emplace_back("x", Secret(std::move(x)));
  jwk.parts.emplace_back("d", Secret(std::move(d)));
  return read && x_size == kCurveBytes && d_size == kCurveBytes;
}

bool ReadKey(const EVP_PKEY* key, Jwk& jwk) {
  switch (jwk.algorithm) {
    case Algorithm::kEs256:
      return ReadNumbers(key, kEcNumbers, kCurveBytes, jwk);
    case Algorithm::kEdDsa:
      return ReadEd25519(key, jwk);
    case Algorithm::kRs256:
      return ReadNumbers(key, kRsaNumbers, 0, jwk);
    case Algorithm::kHs256:
      return false;
  }
  return false;
}

}  // namespace

EvpPkeyPtr MakePublicKey(const Jwk& jwk) {
  const OpenSslErrorScope errors;
  EvpPkeyPtr key = MakeKey(jwk, EVP_PKEY_PUBLIC_KEY);
  if (key == nullptr || !IsSoundPublicKey(key.get())) return nullptr;
  return key;
}

EvpPkeyPtr MakePrivateKey(const Jwk& jwk) {
  const OpenSslErrorScope errors;
  EvpPkeyPtr key = MakeKey(jwk, EVP_PKEY_KEYPAIR);
  if (key == nullptr || !IsSoundPair(key.get(), jwk)) return nullptr;
  return key;
}

absl::StatusOr<Jwk> GenerateJwk(Algorithm algorithm) {
  const OpenSslErrorScope errors;
  Jwk jwk;
  jwk.algorithm = algorithm;
  if (algorithm == Algorithm::kHs256) {
    jwk.parts.emplace_back("k", Secret(RandomBytes(kMinMacKeyBytes)));
    return jwk;
  }
  const EvpPkeyPtr key = GenerateKey(algorithm);
  if (key == nullptr || !ReadKey(key.get(), jwk))
    return absl::InternalError("no key could be generated");
  return jwk;
}

}  // namespace tessera
