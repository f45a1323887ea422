// What proves a service account, and what an attacker may try instead (RFC 7523, RFC 8725).
#include "server/auth/assertion.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "server/auth/service_assertion.h"
#include "tessera/base/reason.h"
#include "tests/token/token_fixture.h"

namespace tessera::server {
namespace {

using nlohmann::json;
using testing::Compact;
using testing::KeyOf;
using testing::kNow;
using testing::SetOf;

constexpr char kService[] = "svc_01jd00000000000000000000aa";
constexpr char kIssuer[] = "https://auth.example.test";

const SigningKey& Key() { return KeyOf(Algorithm::kEs256); }

json GoodHeader(const SigningKey& key = Key()) {
  return {{"alg", std::string(AlgorithmName(key.algorithm()))}, {"kid", key.kid()}};
}
json GoodPayload() {
  const int64_t now = absl::ToUnixSeconds(kNow);
  return {{"iss", kService}, {"sub", kService}, {"aud", kIssuer},
          {"jti", "a-1"},    {"iat", now},      {"exp", now + 300}};
}
AssertionRules Rules() {
  AssertionRules rules;
  rules.issuer = kService;
  rules.subject = kService;
  rules.audience = kIssuer;
  rules.max_life = kMaxAssertionLife;
  rules.leeway = absl::Seconds(5);
  return rules;
}

std::string Verdict(std::string_view text, const JwkSet& keys,
                    const AssertionRules& rules = Rules(), absl::Time now = kNow) {
  const absl::StatusOr<Assertion> assertion = VerifyAssertion(text, keys, rules, now);
  if (assertion.ok()) return "OK";
  if (!absl::IsUnauthenticated(assertion.status())) return assertion.status().ToString();
  return ReasonOf(assertion.status());
}
std::string OnHeader(const json& header) {
  return Verdict(Compact(header.dump(), GoodPayload().dump(), Key()), SetOf(Key()));
}
std::string OnText(const std::string& payload, const AssertionRules& rules = Rules(),
                   absl::Time now = kNow) {
  return Verdict(Compact(GoodHeader().dump(), payload, Key()), SetOf(Key()), rules, now);
}
std::string OnPayload(const json& payload, const AssertionRules& rules = Rules(),
                      absl::Time now = kNow) {
  return OnText(payload.dump(), rules, now);
}
std::string With(const std::string& name, const json& value) {
  json payload = GoodPayload();
  payload[name] = value;
  return OnPayload(payload);
}
std::string Without(const std::string& name) {
  json payload = GoodPayload();
  payload.erase(name);
  return OnPayload(payload);
}

TEST(Assertion, IsGoodWithAKeyOfEveryAsymmetricAlgorithm) {
  for (const Algorithm algorithm : {Algorithm::kEs256, Algorithm::kEdDsa, Algorithm::kRs256}) {
    const SigningKey& key = KeyOf(algorithm);
    const std::string text = Compact(GoodHeader(key).dump(), GoodPayload().dump(), key);
    EXPECT_EQ(Verdict(text, SetOf(key)), "OK") << AlgorithmName(algorithm);
  }
}

TEST(Assertion, TellsWhatItsUserNeeds) {
  const auto assertion = VerifyAssertion(Compact(GoodHeader().dump(), GoodPayload().dump(), Key()),
                                         SetOf(Key()), Rules(), kNow);
  ASSERT_TRUE(assertion.ok());
  EXPECT_EQ(assertion->subject, kService);
  EXPECT_EQ(assertion->id, "a-1");
  EXPECT_EQ(assertion->expires_at, kNow + absl::Minutes(5));
}

TEST(Assertion, NeedsNoKidWhereOneKeyAloneFits) {
  json header = GoodHeader();
  header.erase("kid");
  const std::string text = Compact(header.dump(), GoodPayload().dump(), Key());
  const SigningKey other = *SigningKey::Generate(Algorithm::kEs256);
  const JwkSet with_rsa =
      *JwkSet::Of({KeyOf(Algorithm::kRs256).ToVerifyKey(), Key().ToVerifyKey()});
  const JwkSet with_other = *JwkSet::Of({other.ToVerifyKey(), Key().ToVerifyKey()});
  EXPECT_EQ(Verdict(text, SetOf(Key())), "OK");
  EXPECT_EQ(Verdict(text, with_rsa), "OK");
  EXPECT_EQ(Verdict(text, with_other), "TOKEN_UNKNOWN_KEY");
  EXPECT_EQ(Verdict(text, JwkSet()), "TOKEN_UNKNOWN_KEY");
}

TEST(AssertionAttack, AlgorithmNone) {
  for (const char* none : {"none", "None", "NONE", "nOnE"}) {
    for (const bool with_kid : {true, false}) {
      json header = {{"alg", none}};
      if (with_kid) header["kid"] = Key().kid();
      const std::string input =
          Base64UrlEncode(header.dump()) + "." + Base64UrlEncode(GoodPayload().dump());
      EXPECT_NE(Verdict(input + ".", SetOf(Key())), "OK");
      EXPECT_NE(OnHeader(header), "OK");
    }
  }
}

TEST(AssertionAttack, AnHmacWithThePublicKeyAsItsSecret) {
  for (const Algorithm algorithm : {Algorithm::kRs256, Algorithm::kEs256}) {
    const VerifyKey key = KeyOf(algorithm).ToVerifyKey();
    const json jwk = json::parse(key.ToPublicJwk());
    for (const std::string& secret :
         {key.ToPublicJwk(), SetOf(KeyOf(algorithm)).ToJson(), key.kid(),
          jwk.contains("n") ? jwk["n"].get<std::string>() : jwk["x"].get<std::string>()}) {
      for (const bool with_kid : {true, false}) {
        json header = {{"alg", "HS256"}};
        if (with_kid) header["kid"] = key.kid();
        const std::string input =
            Base64UrlEncode(header.dump()) + "." + Base64UrlEncode(GoodPayload().dump());
        const Sha256Digest mac = HmacSha256(secret, input);
        const std::string text =
            input + "." + Base64UrlEncode({reinterpret_cast<const char*>(mac.data()), mac.size()});
        EXPECT_NE(Verdict(text, SetOf(KeyOf(algorithm))), "OK");
      }
    }
  }
}

// Whoever can check with a shared key can sign with it: as good as no key at all.
TEST(AssertionAttack, ASharedKeyInTheSetChecksNothing) {
  const SigningKey& shared = KeyOf(Algorithm::kHs256);
  json header = GoodHeader(shared);
  EXPECT_EQ(Verdict(Compact(header.dump(), GoodPayload().dump(), shared), SetOf(shared)),
            "TOKEN_UNKNOWN_KEY");
  header.erase("kid");
  EXPECT_EQ(Verdict(Compact(header.dump(), GoodPayload().dump(), shared), SetOf(shared)),
            "TOKEN_UNKNOWN_KEY");
}

TEST(AssertionAttack, SignedWithAnotherAccountsKey) {
  const SigningKey other = *SigningKey::Generate(Algorithm::kEs256);
  const std::string as_itself = Compact(GoodHeader(other).dump(), GoodPayload().dump(), other);
  const std::string under_our_kid = Compact(GoodHeader().dump(), GoodPayload().dump(), other);
  EXPECT_EQ(Verdict(as_itself, SetOf(Key())), "TOKEN_UNKNOWN_KEY");
  EXPECT_EQ(Verdict(under_our_kid, SetOf(Key())), "TOKEN_SIGNATURE");
  json header = GoodHeader();
  header.erase("kid");
  EXPECT_EQ(Verdict(Compact(header.dump(), GoodPayload().dump(), other), SetOf(Key())),
            "TOKEN_SIGNATURE");
}

TEST(AssertionAttack, AKeyThatTheHeaderBrings) {
  const SigningKey own = *SigningKey::Generate(Algorithm::kEs256);
  json header = GoodHeader();
  header["jwk"] = json::parse(own.ToVerifyKey().ToPublicJwk());
  header["jku"] = "http://127.0.0.1/keys";
  EXPECT_EQ(Verdict(Compact(header.dump(), GoodPayload().dump(), own), SetOf(Key())),
            "TOKEN_SIGNATURE");
}

TEST(AssertionAttack, CriticalExtensionsAreRefused) {
  json header = GoodHeader();
  header["crit"] = {"b64"};
  EXPECT_EQ(OnHeader(header), "TOKEN_MALFORMED");
}

// Otherwise a stolen access token of the account's could be turned into more of them.
TEST(AssertionAttack, AnAccessTokenIsNoAssertion) {
  for (const char* typ :
       {"at+jwt", "AT+JWT", "application/at+jwt", "dpop+jwt", "logout+jwt", "x"}) {
    json header = GoodHeader();
    header["typ"] = typ;
    EXPECT_EQ(OnHeader(header), "TOKEN_TYPE") << typ;
  }
  for (const char* typ : {"JWT", "jwt", "application/jwt", "client-authentication+jwt"}) {
    json header = GoodHeader();
    header["typ"] = typ;
    EXPECT_EQ(OnHeader(header), "OK") << typ;
  }
}

TEST(AssertionAttack, DuplicateMembers) {
  const std::string good = GoodPayload().dump();
  const std::string twice = good.substr(0, good.size() - 1) + R"(,"sub":"svc_other"})";
  EXPECT_EQ(OnText(twice), "TOKEN_MALFORMED");
  const std::string aud_twice = good.substr(0, good.size() - 1) + R"(,"aud":"x"})";
  EXPECT_EQ(OnText(aud_twice), "TOKEN_MALFORMED");
  const std::string header = GoodHeader().dump();
  const std::string kid_twice = header.substr(0, header.size() - 1) + R"(,"kid":"x"})";
  EXPECT_EQ(Verdict(Compact(kid_twice, good, Key()), SetOf(Key())), "TOKEN_MALFORMED");
}

TEST(AssertionAttack, IssuerAndSubjectAreTheAccountAlone) {
  EXPECT_EQ(With("iss", "svc_01jd00000000000000000000ab"), "TOKEN_ISSUER");
  EXPECT_EQ(With("sub", "svc_01jd00000000000000000000ab"), "TOKEN_ISSUER");
  EXPECT_EQ(With("sub", "usr_01jd00000000000000000000aa"), "TOKEN_ISSUER");
  EXPECT_EQ(With("iss", ""), "TOKEN_MALFORMED");
  EXPECT_EQ(With("iss", json::array({kService})), "TOKEN_MALFORMED");
  EXPECT_EQ(With("sub", 7), "TOKEN_MALFORMED");
  EXPECT_EQ(Without("iss"), "TOKEN_ISSUER");
  EXPECT_EQ(Without("sub"), "TOKEN_MALFORMED");
}

TEST(AssertionAttack, AudienceTricks) {
  EXPECT_EQ(With("aud", json::array({kIssuer})), "OK");
  EXPECT_EQ(With("aud", "https://other.example"), "TOKEN_AUDIENCE");
  EXPECT_EQ(With("aud", std::string(kIssuer) + "/"), "TOKEN_AUDIENCE");
  EXPECT_EQ(With("aud", json::array()), "TOKEN_AUDIENCE");
  EXPECT_EQ(With("aud", json::array({kIssuer, 7})), "TOKEN_MALFORMED");
  EXPECT_EQ(With("aud", json::array({kIssuer, json::array({"x"})})), "TOKEN_MALFORMED");
  EXPECT_EQ(With("aud", json::array({kIssuer, ""})), "TOKEN_MALFORMED");
  EXPECT_EQ(With("aud", json{{"0", kIssuer}}), "TOKEN_MALFORMED");
  EXPECT_EQ(With("aud", nullptr), "TOKEN_MALFORMED");
  EXPECT_EQ(Without("aud"), "TOKEN_MALFORMED");
}

// The other one could show it here before its maker does.
TEST(AssertionAttack, AnAssertionForTwoIsForNobody) {
  EXPECT_EQ(With("aud", json::array({kIssuer, "https://other.example"})), "TOKEN_AUDIENCE");
  AssertionRules rules = Rules();
  rules.audience_alone = false;
  json payload = GoodPayload();
  payload["aud"] = json::array({"https://other.example", kIssuer});
  EXPECT_EQ(OnPayload(payload, rules), "OK");
}

TEST(Assertion, ExpiresWithTheLeewayThatInstantIncluded) {
  const absl::Time end = kNow + absl::Seconds(305);
  EXPECT_EQ(OnPayload(GoodPayload(), Rules(), end - absl::Nanoseconds(1)), "OK");
  EXPECT_EQ(OnPayload(GoodPayload(), Rules(), end), "TOKEN_EXPIRED");
}

TEST(Assertion, IsNotGoodBeforeItsTime) {
  const int64_t now = absl::ToUnixSeconds(kNow);
  EXPECT_EQ(With("nbf", now + 5), "OK");
  EXPECT_EQ(With("nbf", now + 6), "TOKEN_NOT_YET_VALID");
  EXPECT_EQ(With("iat", now + 5), "OK");
  EXPECT_EQ(With("iat", now + 6), "TOKEN_NOT_YET_VALID");
}

TEST(AssertionAttack, AnExpiryFarInTheFuture) {
  const int64_t now = absl::ToUnixSeconds(kNow);
  EXPECT_EQ(With("exp", now + 3600), "OK");
  EXPECT_EQ(With("exp", now + 3601), "TOKEN_EXPIRED");
  EXPECT_EQ(With("exp", 253402300799), "TOKEN_EXPIRED");
  EXPECT_EQ(With("exp", 1e300), "TOKEN_MALFORMED");
  EXPECT_EQ(With("exp", -1), "TOKEN_MALFORMED");
  EXPECT_EQ(With("exp", "1800000300"), "TOKEN_MALFORMED");
  EXPECT_EQ(Without("exp"), "TOKEN_MALFORMED");
  json payload = GoodPayload();
  payload.erase("iat");
  payload["exp"] = now + 3600;
  EXPECT_EQ(OnPayload(payload), "OK");
  payload["exp"] = now + 3601;
  EXPECT_EQ(OnPayload(payload), "TOKEN_EXPIRED");
}

TEST(Assertion, NeedsAnIdThatCanBeRemembered) {
  EXPECT_EQ(Without("jti"), "TOKEN_MALFORMED");
  EXPECT_EQ(With("jti", ""), "TOKEN_MALFORMED");
  EXPECT_EQ(With("jti", 7), "TOKEN_MALFORMED");
  EXPECT_EQ(With("jti", std::string(kMaxAssertionIdBytes, 'a')), "OK");
  EXPECT_EQ(With("jti", std::string(kMaxAssertionIdBytes + 1, 'a')), "TOKEN_MALFORMED");
  AssertionRules rules = Rules();
  rules.needs_id = false;
  json payload = GoodPayload();
  payload.erase("jti");
  EXPECT_EQ(OnPayload(payload, rules), "OK");
}

TEST(AssertionAttack, OneByteOverTheCapIsRefused) {
  json payload = GoodPayload();
  payload["x"] = "";
  const size_t bare = Compact(GoodHeader().dump(), payload.dump(), Key()).size();
  payload["x"] = std::string((kMaxAssertionBytes - bare) * 3 / 4, 'x');
  std::string text = Compact(GoodHeader().dump(), payload.dump(), Key());
  EXPECT_LE(text.size(), kMaxAssertionBytes);
  EXPECT_EQ(Verdict(text, SetOf(Key())), "OK");
  text.append(kMaxAssertionBytes + 1 - text.size(), 'A');
  EXPECT_EQ(Verdict(text, SetOf(Key())), "TOKEN_MALFORMED");
}

TEST(Assertion, WhatIsNoJwtIsMalformed) {
  for (const char* text : {"", ".", "..", "a.b.c", "a.b", "a.b.c.d", "{}.{}.x"}) {
    EXPECT_EQ(Verdict(text, SetOf(Key())), "TOKEN_MALFORMED") << text;
    EXPECT_FALSE(LacksKeyFor(text, JwkSet()));
    EXPECT_FALSE(UncheckedIssuer(text).ok());
  }
}

TEST(Assertion, NewerKeysAreWantedForAnUnknownKidOnly) {
  const std::string text = Compact(GoodHeader().dump(), GoodPayload().dump(), Key());
  EXPECT_FALSE(LacksKeyFor(text, SetOf(Key())));
  EXPECT_TRUE(LacksKeyFor(text, SetOf(KeyOf(Algorithm::kRs256))));
  EXPECT_TRUE(LacksKeyFor(text, JwkSet()));
  json header = GoodHeader();
  header.erase("kid");
  EXPECT_FALSE(LacksKeyFor(Compact(header.dump(), "{}", Key()), SetOf(Key())));
}

storage::ServiceAccount AccountWith(const SigningKey& key) {
  storage::ServiceAccount account;
  account.id = ServiceId(kService);
  account.public_jwks = SetOf(key).ToJson();
  return account;
}

absl::StatusOr<AssertionUse> Use(const json& payload, const storage::ServiceAccount& account) {
  return VerifyServiceAssertion(Compact(GoodHeader().dump(), payload.dump(), Key()), account,
                                {kIssuer, absl::Seconds(5)}, kNow);
}

TEST(ServiceAssertion, IsRememberedForLongerThanItIsGood) {
  const auto use = Use(GoodPayload(), AccountWith(Key()));
  ASSERT_TRUE(use.ok());
  EXPECT_EQ(use->expires_at, kNow + absl::Seconds(305) + kAssertionMemory);
  EXPECT_EQ(use->hash.size(), 43u);
}

TEST(ServiceAssertion, ItsUseIsNamedByItsIdAlone) {
  json other = GoodPayload();
  other["exp"] = other["exp"].get<int64_t>() + 1;
  EXPECT_EQ(Use(GoodPayload(), AccountWith(Key()))->hash, Use(other, AccountWith(Key()))->hash);
  other["jti"] = "a-2";
  EXPECT_NE(Use(GoodPayload(), AccountWith(Key()))->hash, Use(other, AccountWith(Key()))->hash);
}

TEST(ServiceAssertion, AnAccountWithoutKeysHasNone) {
  storage::ServiceAccount account = AccountWith(Key());
  account.public_jwks.clear();
  EXPECT_EQ(ReasonOf(Use(GoodPayload(), account).status()), "TOKEN_UNKNOWN_KEY");
}

TEST(ServiceAssertion, OfAnotherAccountIsRefusedThoughTheKeyFits) {
  storage::ServiceAccount account = AccountWith(Key());
  account.id = ServiceId("svc_01jd00000000000000000000ab");
  EXPECT_EQ(ReasonOf(Use(GoodPayload(), account).status()), "TOKEN_ISSUER");
}

TEST(ServiceAssertion, OnlyAServiceAccountsIdIsLookedUp) {
  const auto claimed = [](const std::string& issuer) {
    json payload = GoodPayload();
    payload["iss"] = issuer;
    return ClaimedService(Compact(GoodHeader().dump(), payload.dump(), Key()));
  };
  EXPECT_EQ(claimed(kService)->str(), kService);
  for (const char* issuer : {"usr_01jd00000000000000000000aa", "svc_", "svc_1", "' OR 1=1 --"}) {
    EXPECT_EQ(ReasonOf(claimed(issuer).status()), "TOKEN_ISSUER") << issuer;
  }
  EXPECT_EQ(ReasonOf(ClaimedService("x").status()), "TOKEN_MALFORMED");
}

}  // namespace
}  // namespace tessera::server
