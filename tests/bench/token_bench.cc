// Verifying and signing access tokens against OpenSSL alone, over the same bytes with the same key.
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>
#include <time.h>

#include <functional>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "tessera/base/clock.h"
#include "tessera/token/base64url.h"
#include "tessera/token/digest.h"
#include "tessera/token/jwk.h"
#include "tessera/token/openssl_key.h"
#include "tessera/token/strict_json.h"
#include "tessera/token/token_signer.h"
#include "tessera/token/token_verifier.h"
#include "tests/bench/suite.h"

namespace tessera::bench {
namespace {

constexpr char kName[] = "token";
constexpr Budget kVerifyBudget{Budget::Side::kAtMost, 1.15};
constexpr char kAgainst[] =
    "OpenSSL on the same bytes: for ES256 and RS256 a context made ready once, SHA-256 and "
    "EVP_PKEY_verify or _sign; for EdDSA EVP_DigestVerify or _Sign";
constexpr int kBatch = 16;  // operations between two looks at the clock

void Require(bool done, const char* what) {
  if (!done) throw std::runtime_error(what);
}

Claims SampleClaims(absl::Time now) {
  Claims claims;
  claims.issuer = "https://auth.example.com";
  claims.subject = "usr_01jd0000000000000000000000";
  claims.audience = "orders";
  claims.client_id = "tessera";
  claims.token_id = TokenId("tok_01jd0000000000000000000000");
  claims.issued_at = now;
  claims.not_before = now;
  claims.expires_at = now + absl::Minutes(15);
  claims.auth_time = now;
  claims.session_id = SessionId("ses_01jd0000000000000000000000");
  claims.user_version = 1;
  claims.refresh_generation = 1;
  claims.roles = {"orders.admin", "orders.reader"};
  return claims;
}

// OpenSSL with one key, in the cheapest way that it offers.
class BareKey {
 public:
  explicit BareKey(const SigningKey& key) : algorithm_(key.algorithm()) {
    const Secret text = key.ToPrivateJwk();
    const auto json = ParseJsonObject(text.Reveal(), text.Reveal().size());
    Require(json.has_value(), "the key's JSON");
    const auto jwk = ParseJwk(*json, JwkPurpose::kSign);
    Require(jwk.ok(), "the key's JWK");
    key_ = MakePrivateKey(*jwk);
    if (algorithm_ == Algorithm::kEdDsa) return;
    verify_ = Ready(EVP_PKEY_verify_init);
    sign_ = Ready(EVP_PKEY_sign_init);
  }

  std::string Sign(std::string_view message) const {
    std::string signature(512, '\0');
    size_t size = signature.size();
    if (algorithm_ == Algorithm::kEdDsa) {
      const EvpMdCtxPtr context(EVP_MD_CTX_new());
      Require(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
                  EVP_DigestSign(context.get(), Bytes(signature.data()), &size,
                                 Bytes(message.data()), message.size()) == 1,
              "EVP_DigestSign");
    } else {
      const Sha256Digest digest = Sha256(message);
      Require(EVP_PKEY_sign(sign_.get(), Bytes(signature.data()), &size, digest.data(),
                            digest.size()) == 1,
              "EVP_PKEY_sign");
    }
    signature.resize(size);
    return signature;
  }

  void Verify(std::string_view message, const std::string& signature) const {
    if (algorithm_ == Algorithm::kEdDsa) {
      const EvpMdCtxPtr context(EVP_MD_CTX_new());
      Require(EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
                  EVP_DigestVerify(context.get(), Bytes(signature.data()), signature.size(),
                                   Bytes(message.data()), message.size()) == 1,
              "EVP_DigestVerify");
      return;
    }
    const Sha256Digest digest = Sha256(message);
    Require(EVP_PKEY_verify(verify_.get(), Bytes(signature.data()), signature.size(), digest.data(),
                            digest.size()) == 1,
            "EVP_PKEY_verify");
  }

 private:
  EvpPkeyCtxPtr Ready(int (*init)(EVP_PKEY_CTX*)) const {
    EvpPkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key_.get(), nullptr));
    Require(context != nullptr && init(context.get()) == 1, "EVP_PKEY_CTX");
    if (algorithm_ == Algorithm::kRs256) {
      Require(EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) == 1, "padding");
    }
    Require(EVP_PKEY_CTX_set_signature_md(context.get(), Sha256Method()) == 1, "digest");
    return context;
  }

  const Algorithm algorithm_;
  EvpPkeyPtr key_;
  EvpPkeyCtxPtr verify_, sign_;
};

absl::Duration ThreadTime() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return absl::DurationFromTimespec(used);
}

// Processor time of one operation, in microseconds.
double MicrosOf(absl::Duration slice, const std::function<void()>& operation) {
  const absl::Duration start = ThreadTime();
  absl::Duration used;
  double operations = 0;
  do {
    for (int i = 0; i < kBatch; ++i) operation();
    operations += kBatch;
    used = ThreadTime() - start;
  } while (used < slice);
  return absl::ToDoubleMicroseconds(used) / operations;
}

Pairs Paired(const Scale& scale, const std::function<void()>& figure,
             const std::function<void()>& baseline) {
  Pairs pairs;
  for (int round = 0; round < scale.token_rounds; ++round) {
    const bool reverse = round % 2 == 1;
    if (reverse) pairs.baseline.push_back(MicrosOf(scale.token_slice, baseline));
    pairs.figure.push_back(MicrosOf(scale.token_slice, figure));
    if (!reverse) pairs.baseline.push_back(MicrosOf(scale.token_slice, baseline));
  }
  return pairs;
}

void MeasureAlgorithm(const Scale& scale, Algorithm algorithm, Report& report) {
  const absl::Time now = SystemClock().Now();
  const Claims claims = SampleClaims(now);
  const SigningKey key = SigningKey::Generate(algorithm).value();
  const BareKey bare(key);
  const std::string token(SignAccessToken(claims, key).value().Reveal());
  const std::string message = token.substr(0, token.rfind('.'));
  const std::string signature = bare.Sign(message);
  const JwkSet keys = JwkSet::Of({key.ToVerifyKey()}).value();
  Expected expected;
  expected.issuer = claims.issuer;
  expected.audience = claims.audience;
  const TokenVerifier verifier = TokenVerifier::Create(expected).value();

  const std::string name(AlgorithmName(algorithm));
  Figure verify =
      Compared(kName, absl::StrCat("verify ", name, ", not cached"), "us",
               Paired(
                   scale, [&] { Require(verifier.Verify(token, keys, now).ok(), "Verify"); },
                   [&] { bare.Verify(message, signature); }),
               kAgainst);
  if (algorithm != Algorithm::kRs256) verify.budget = kVerifyBudget;
  report.Add(verify);
  report.Add(
      Compared(kName, absl::StrCat("sign ", name), "us",
               Paired(
                   scale, [&] { Require(SignAccessToken(claims, key).ok(), "SignAccessToken"); },
                   [&] { bare.Sign(message); }),
               kAgainst));
}

}  // namespace

void MeasureToken(const Scale& scale, Report& report) {
  for (const Algorithm algorithm : {Algorithm::kEs256, Algorithm::kEdDsa, Algorithm::kRs256}) {
    MeasureAlgorithm(scale, algorithm, report);
  }
}

}  // namespace tessera::bench
