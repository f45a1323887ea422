#include "tessera/token/signature.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include <cstring>
#include <utility>

#include "tessera/base/secret.h"
#include "tessera/token/digest.h"
#include "tessera/token/openssl_key.h"
#include "tessera/token/openssl_ptr.h"

namespace tessera {
namespace {

constexpr size_t kScalarBytes = 32;     // r or s of P-256
constexpr size_t kSignatureBytes = 64;  // r||s; Ed25519

// One INTEGER of DER: no needless zeros, one where the sign bit would be set.
void AppendDerInteger(std::string_view number, std::string& der) {
  while (number.size() > 1 && number[0] == 0) number.remove_prefix(1);
  const bool negative = (number[0] & 0x80) != 0;
  der.push_back('\x02');
  der.push_back(static_cast<char>(number.size() + (negative ? 1 : 0)));
  if (negative) der.push_back('\0');
  der.append(number);
}

// r||s of 64 bytes as OpenSSL reads it.
std::string DerOfRaw(std::string_view raw) {
  std::string der(2, '\x30');
  der.reserve(2 + 2 * (3 + kScalarBytes));
  AppendDerInteger(raw.substr(0, kScalarBytes), der);
  AppendDerInteger(raw.substr(kScalarBytes), der);
  der[1] = static_cast<char>(der.size() - 2);
  return der;
}

std::optional<std::string> RawOfDer(std::string_view der) {
  const unsigned char* in = Bytes(der.data());
  const EcdsaSigPtr pair(d2i_ECDSA_SIG(nullptr, &in, static_cast<long>(der.size())));
  if (pair == nullptr) return std::nullopt;
  constexpr int kWidth = static_cast<int>(kScalarBytes);
  std::string raw(kSignatureBytes, '\0');
  unsigned char* const out = Bytes(raw.data());
  if (BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), out, kWidth) != kWidth ||
      BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), out + kScalarBytes, kWidth) != kWidth)
    return std::nullopt;
  return raw;
}

// A context made ready once; each call works on a copy, which is cheaper than making one.
EvpPkeyCtxPtr ReadyContext(EVP_PKEY* key, Algorithm algorithm, int (*init)(EVP_PKEY_CTX*)) {
  if (key == nullptr) return nullptr;
  EvpPkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  if (context == nullptr || init(context.get()) != 1) return nullptr;
  if (algorithm == Algorithm::kRs256 &&
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) != 1)
    return nullptr;
  if (EVP_PKEY_CTX_set_signature_md(context.get(), Sha256Method()) != 1) return nullptr;
  return context;
}

// ES256 and RS256: a signature over the message's SHA-256.
class DigestCheck final : public SignatureCheck {
 public:
  DigestCheck(EvpPkeyCtxPtr ready, bool raw_pair) : ready_(std::move(ready)), raw_pair_(raw_pair) {}

  bool Fits(std::string_view message, std::string_view signature) const override {
    if (!raw_pair_) return DigestFits(message, signature);
    return signature.size() == kSignatureBytes && DigestFits(message, DerOfRaw(signature));
  }

 private:
  bool DigestFits(std::string_view message, std::string_view signature) const {
    const Sha256Digest digest = Sha256(message);
    const EvpPkeyCtxPtr context(EVP_PKEY_CTX_dup(ready_.get()));
    return context != nullptr &&
           EVP_PKEY_verify(context.get(), Bytes(signature.data()), signature.size(), digest.data(),
                           digest.size()) == 1;
  }

  const EvpPkeyCtxPtr ready_;
  const bool raw_pair_;
};

class DigestMaker final : public SignatureMaker {
 public:
  DigestMaker(EvpPkeyCtxPtr ready, bool raw_pair) : ready_(std::move(ready)), raw_pair_(raw_pair) {}

  std::optional<std::string> Sign(std::string_view message) const override {
    const OpenSslErrorScope errors;
    const Sha256Digest digest = Sha256(message);
    const EvpPkeyCtxPtr context(EVP_PKEY_CTX_dup(ready_.get()));
    std::string signature(kMaxRsaBits / 8, '\0');
    size_t size = signature.size();
    if (context == nullptr || EVP_PKEY_sign(context.get(), Bytes(signature.data()), &size,
                                            digest.data(), digest.size()) != 1)
      return std::nullopt;
    signature.resize(size);
    if (raw_pair_) return RawOfDer(signature);
    return signature;
  }

 private:
  const EvpPkeyCtxPtr ready_;
  const bool raw_pair_;
};

// Ed25519 hashes by itself, twice over the message: there is nothing to keep but the key.
class EdDsaCheck final : public SignatureCheck {
 public:
  explicit EdDsaCheck(EvpPkeyPtr key) : key_(std::move(key)) {}

  bool Fits(std::string_view message, std::string_view signature) const override {
    if (signature.size() != kSignatureBytes) return false;
    const EvpMdCtxPtr context(EVP_MD_CTX_new());
    return context != nullptr &&
           EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
           EVP_DigestVerify(context.get(), Bytes(signature.data()), signature.size(),
                            Bytes(message.data()), message.size()) == 1;
  }

 private:
  const EvpPkeyPtr key_;
};

class EdDsaMaker final : public SignatureMaker {
 public:
  explicit EdDsaMaker(EvpPkeyPtr key) : key_(std::move(key)) {}

  std::optional<std::string> Sign(std::string_view message) const override {
    const OpenSslErrorScope errors;
    const EvpMdCtxPtr context(EVP_MD_CTX_new());
    std::string signature(kSignatureBytes, '\0');
    size_t size = signature.size();
    if (context == nullptr ||
        EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
        EVP_DigestSign(context.get(), Bytes(signature.data()), &size, Bytes(message.data()),
                       message.size()) != 1 ||
        size != kSignatureBytes)
      return std::nullopt;
    return signature;
  }

 private:
  const EvpPkeyPtr key_;
};

// HMAC with a key: HS256. A context with the key in place is copied for each message.
class Mac {
 public:
  // Null: OpenSSL failed.
  static std::unique_ptr<Mac> Make(std::string_view key) {
    static EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    EvpMacCtxPtr context(hmac == nullptr ? nullptr : EVP_MAC_CTX_new(hmac));
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                 OSSL_PARAM_construct_end()};
    if (context == nullptr ||
        EVP_MAC_init(context.get(), Bytes(key.data()), key.size(), params) != 1)
      return nullptr;
    return std::unique_ptr<Mac>(new Mac(std::move(context)));
  }

  std::optional<std::string> Of(std::string_view message) const {
    const EvpMacCtxPtr context(EVP_MAC_CTX_dup(ready_.get()));
    std::string code(std::tuple_size_v<Sha256Digest>, '\0');
    size_t size = 0;
    if (context == nullptr ||
        EVP_MAC_update(context.get(), Bytes(message.data()), message.size()) != 1 ||
        EVP_MAC_final(context.get(), Bytes(code.data()), &size, code.size()) != 1 ||
        size != code.size())
      return std::nullopt;
    return code;
  }

 private:
  explicit Mac(EvpMacCtxPtr ready) : ready_(std::move(ready)) {}
  const EvpMacCtxPtr ready_;
};

class MacCheck final : public SignatureCheck {
 public:
  explicit MacCheck(std::unique_ptr<const Mac> mac) : mac_(std::move(mac)) {}

  bool Fits(std::string_view message, std::string_view signature) const override {
    const std::optional<std::string> wanted = mac_->Of(message);
    return wanted.has_value() && Secret::ConstantTimeEqual(*wanted, signature);
  }

 private:
  const std::unique_ptr<const Mac> mac_;
};

class MacMaker final : public SignatureMaker {
 public:
  explicit MacMaker(std::unique_ptr<const Mac> mac) : mac_(std::move(mac)) {}

  std::optional<std::string> Sign(std::string_view message) const override {
    const OpenSslErrorScope errors;
    return mac_->Of(message);
  }

 private:
  const std::unique_ptr<const Mac> mac_;
};

}  // namespace

std::unique_ptr<const SignatureCheck> SignatureCheck::Make(const Jwk& jwk) {
  const OpenSslErrorScope errors;
  if (jwk.algorithm == Algorithm::kHs256) {
    auto mac = Mac::Make(jwk.Part("k"));
    return mac == nullptr ? nullptr : std::make_unique<MacCheck>(std::move(mac));
  }
  EvpPkeyPtr key = MakePublicKey(jwk);
  if (key == nullptr) return nullptr;
  if (jwk.algorithm == Algorithm::kEdDsa) return std::make_unique<EdDsaCheck>(std::move(key));
  EvpPkeyCtxPtr ready = ReadyContext(key.get(), jwk.algorithm, EVP_PKEY_verify_init);
  if (ready == nullptr) return nullptr;
  return std::make_unique<DigestCheck>(std::move(ready), jwk.algorithm == Algorithm::kEs256);
}

std::unique_ptr<const SignatureMaker> SignatureMaker::Make(const Jwk& jwk) {
  const OpenSslErrorScope errors;
  if (jwk.algorithm == Algorithm::kHs256) {
    auto mac = Mac::Make(jwk.Part("k"));
    return mac == nullptr ? nullptr : std::make_unique<MacMaker>(std::move(mac));
  }
  EvpPkeyPtr key = MakePrivateKey(jwk);
  if (key == nullptr) return nullptr;
  if (jwk.algorithm == Algorithm::kEdDsa) return std::make_unique<EdDsaMaker>(std::move(key));
  EvpPkeyCtxPtr ready = ReadyContext(key.get(), jwk.algorithm, EVP_PKEY_sign_init);
  if (ready == nullptr) return nullptr;
  return std::make_unique<DigestMaker>(std::move(ready), jwk.algorithm == Algorithm::kEs256);
}

}  // namespace tessera
