// What an attacker may try on the verifier (RFC 8725 section 2, RFC 7515 section 10).
#include <gtest/gtest.h>
#include <openssl/err.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tessera/base/random.h"
#include "tests/token/token_fixture.h"

namespace tessera {
namespace {

using testing::Compact;
using testing::HeaderFor;
using testing::KeyOf;
using testing::PayloadOf;
using testing::SampleClaims;
using testing::SetOf;
using testing::VerdictOn;

const SigningKey& Key() { return KeyOf(Algorithm::kEs256); }
std::string GoodToken() { return std::string(SignAccessToken(SampleClaims(), Key())->Reveal()); }
std::string GoodPayload() { return PayloadOf(SampleClaims()); }

std::string Header(const std::string& alg, const std::string& kid) {
  return nlohmann::json{{"alg", alg}, {"kid", kid}, {"typ", "at+jwt"}}.dump();
}

struct Parts {
  std::string header, payload, signature;
  std::string Join() const { return header + "." + payload + "." + signature; }
};
Parts PartsOf(const std::string& token) {
  const size_t first = token.find('.'), second = token.rfind('.');
  return {token.substr(0, first), token.substr(first + 1, second - first - 1),
          token.substr(second + 1)};
}

// A good payload with members appended as text.
std::string PayloadWith(const std::string& members) {
  std::string payload = GoodPayload();
  payload.pop_back();
  return payload + "," + members + "}";
}
std::string VerdictOnPayload(const std::string& payload) {
  return VerdictOn(Compact(HeaderFor(Key()), payload, Key()), SetOf(Key()));
}
std::string VerdictOnHeader(const std::string& header) {
  return VerdictOn(Compact(header, GoodPayload(), Key()), SetOf(Key()));
}

TEST(Attack, TheBaselineIsGood) {
  EXPECT_EQ(VerdictOn(GoodToken(), SetOf(Key())), "OK");
  EXPECT_EQ(VerdictOnPayload(GoodPayload()), "OK");
  EXPECT_EQ(VerdictOnPayload(PayloadWith(R"("x":1)")), "OK");
}

// An HMAC whose secret is what everybody may read: the public key, however written.
TEST(Attack, PublicKeyAsSharedSecret) {
  for (const Algorithm algorithm : {Algorithm::kRs256, Algorithm::kEs256, Algorithm::kEdDsa}) {
    const VerifyKey key = KeyOf(algorithm).ToVerifyKey();
    const auto jwk = nlohmann::json::parse(key.ToPublicJwk());
    std::vector<std::string> secrets = {key.ToPublicJwk(), SetOf(KeyOf(algorithm)).ToJson(),
                                        key.kid(), ""};
    for (const char* name : {"n", "e", "x", "y"}) {
      if (!jwk.contains(name)) continue;
      secrets.push_back(jwk[name]);
      secrets.push_back(*Base64UrlDecode(jwk[name].get<std::string>()));
    }
    for (const std::string& secret : secrets) {
      const std::string input =
          Base64UrlEncode(Header("HS256", key.kid())) + "." + Base64UrlEncode(GoodPayload());
      const Sha256Digest mac = HmacSha256(secret, input);
      const std::string token =
          input + "." + Base64UrlEncode({reinterpret_cast<const char*>(mac.data()), mac.size()});
      EXPECT_EQ(VerdictOn(token, SetOf(KeyOf(algorithm))), "TOKEN_SIGNATURE");
    }
  }
}

TEST(Attack, AKeyUsedUnderAnotherAlgorithm) {
  for (const Algorithm algorithm : testing::kAllAlgorithms) {
    const SigningKey& key = KeyOf(algorithm);
    for (const char* alg : {"ES256", "EdDSA", "RS256", "HS256", "PS256", "RS512", "ES384"}) {
      const std::string token = Compact(Header(alg, key.kid()), GoodPayload(), key);
      EXPECT_EQ(VerdictOn(token, SetOf(key)),
                alg == AlgorithmName(algorithm) ? "OK" : "TOKEN_SIGNATURE");
    }
  }
}

TEST(Attack, AlgorithmNoneInEveryCase) {
  for (int bits = 0; bits < 16; ++bits) {
    std::string none = "none";
    for (size_t i = 0; i < 4; ++i) {
      if ((bits >> i & 1) != 0) none[i] = static_cast<char>(none[i] - 'a' + 'A');
    }
    const std::string header = Header(none, Key().kid());
    const std::string input = Base64UrlEncode(header) + "." + Base64UrlEncode(GoodPayload());
    EXPECT_EQ(VerdictOn(input + ".", SetOf(Key())), "TOKEN_SIGNATURE") << none;
    EXPECT_EQ(VerdictOnHeader(header), "TOKEN_SIGNATURE") << none;
  }
}

TEST(Attack, KidMissingIsMalformedForNoKeyCouldEverFit) {
  EXPECT_EQ(VerdictOnHeader(R"({"alg":"ES256","typ":"at+jwt"})"), "TOKEN_MALFORMED");
  EXPECT_EQ(VerdictOnHeader(R"({"alg":"ES256","typ":"at+jwt","kid":""})"), "TOKEN_MALFORMED");
}

TEST(Attack, KidUnknownOrAlmostRight) {
  const std::string kid = Key().kid();
  for (const std::string& other :
       {std::string("x"), kid + " ", kid.substr(0, 42), kid + kid, std::string("../") + kid,
        std::string("' OR 1=1 --"), kid + std::string(1, '\0')})
    EXPECT_EQ(VerdictOnHeader(Header("ES256", other)), "TOKEN_UNKNOWN_KEY") << other;
}

TEST(Attack, KidOfAnotherKey) {
  const SigningKey other = *SigningKey::Generate(Algorithm::kEs256);
  const JwkSet both = *JwkSet::Of({Key().ToVerifyKey(), other.ToVerifyKey()});
  EXPECT_EQ(VerdictOn(Compact(Header("ES256", other.kid()), GoodPayload(), Key()), both),
            "TOKEN_SIGNATURE");
  EXPECT_EQ(VerdictOn(Compact(Header("ES256", Key().kid()), GoodPayload(), other), both),
            "TOKEN_SIGNATURE");
}

TEST(Attack, PartsSwapped) {
  const Parts p = PartsOf(GoodToken());
  for (const Parts& swapped :
       {Parts{p.payload, p.header, p.signature}, Parts{p.signature, p.payload, p.header},
        Parts{p.header, p.signature, p.payload}, Parts{p.header, p.header, p.signature}})
    EXPECT_NE(VerdictOn(swapped.Join(), SetOf(Key())), "OK");
}

TEST(Attack, PartsOfTwoGoodTokensMixed) {
  Claims claims = SampleClaims();
  claims.subject = "usr_admin";
  const Parts mine = PartsOf(GoodToken());
  const Parts theirs = PartsOf(std::string(SignAccessToken(claims, Key())->Reveal()));
  EXPECT_EQ(VerdictOn(Parts{mine.header, theirs.payload, mine.signature}.Join(), SetOf(Key())),
            "TOKEN_SIGNATURE");
}

TEST(Attack, MembersTwice) {
  EXPECT_EQ(VerdictOnPayload(PayloadWith(R"("sub":"usr_admin")")), "TOKEN_MALFORMED");
  EXPECT_EQ(VerdictOnPayload(PayloadWith(R"("s\u0075b":"usr_admin")")), "TOKEN_MALFORMED");
  EXPECT_EQ(VerdictOnPayload(PayloadWith(R"("exp":9999999999)")), "TOKEN_MALFORMED");
  EXPECT_EQ(VerdictOnPayload(PayloadWith(R"("ext":{"a":1,"a":2})")), "TOKEN_MALFORMED");
  std::string header = HeaderFor(Key());
  header.pop_back();
  EXPECT_EQ(VerdictOnHeader(header + R"(,"alg":"none"})"), "TOKEN_MALFORMED");
  EXPECT_EQ(VerdictOnHeader(header + R"(,"kid":"x"})"), "TOKEN_MALFORMED");
  EXPECT_EQ(VerdictOnHeader(header + R"(,"typ":"JWT"})"), "TOKEN_MALFORMED");
}

TEST(Attack, DataBehindTheJson) {
  for (const std::string& tail : {std::string("x"), std::string("{}"), std::string(1, '\0'),
                                  std::string("\0{\"sub\":1}", 10), std::string("//")}) {
    EXPECT_EQ(VerdictOnPayload(GoodPayload() + tail), "TOKEN_MALFORMED");
    EXPECT_EQ(VerdictOnHeader(HeaderFor(Key()) + tail), "TOKEN_MALFORMED");
  }
}

TEST(Attack, AnythingAroundTheToken) {
  const std::string token = GoodToken();
  for (const std::string& changed :
       {token + ".", token + "A", "." + token, " " + token, token + " ", token + "\n", token + "=",
        token + "==", token + std::string(1, '\0'), "Bearer " + token, token + "." + token,
        token + "#", token + "\r\nx: y"})
    EXPECT_NE(VerdictOn(changed, SetOf(Key())), "OK") << changed;
}

TEST(Attack, WhiteSpaceOrPaddingWithinAPart) {
  const Parts p = PartsOf(GoodToken());
  for (const char* extra : {"=", "==", " ", "\n", "\t", "\r\n", "%3D"}) {
    EXPECT_EQ(VerdictOn(Parts{p.header + extra, p.payload, p.signature}.Join(), SetOf(Key())),
              "TOKEN_MALFORMED");
    EXPECT_EQ(VerdictOn(Parts{p.header, p.payload + extra, p.signature}.Join(), SetOf(Key())),
              "TOKEN_MALFORMED");
    EXPECT_EQ(VerdictOn(Parts{p.header, p.payload, p.signature + extra}.Join(), SetOf(Key())),
              "TOKEN_MALFORMED");
  }
}

// 64 bytes end with a character of which four bits are surplus: 15 other spellings of one token.
TEST(Attack, AnotherSpellingOfTheSameSignature) {
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const std::string token = GoodToken();
  const size_t digit = alphabet.find(token.back());
  ASSERT_EQ(digit % 16, 0u);
  for (size_t surplus = 1; surplus < 16; ++surplus) {
    std::string other = token;
    other.back() = alphabet[digit + surplus];
    EXPECT_EQ(VerdictOn(other, SetOf(Key())), "TOKEN_MALFORMED");
  }
}

TEST(Attack, SignatureTakenAwayOrCut) {
  const Parts p = PartsOf(GoodToken());
  for (size_t size = 0; size < p.signature.size(); ++size)
    EXPECT_NE(
        VerdictOn(Parts{p.header, p.payload, p.signature.substr(0, size)}.Join(), SetOf(Key())),
        "OK");
  EXPECT_NE(VerdictOn(p.header + "." + p.payload, SetOf(Key())), "OK");
}

TEST(Attack, SignatureOfZeros) {
  const Parts p = PartsOf(GoodToken());
  const std::string zeros = Base64UrlEncode(std::string(64, '\0'));
  EXPECT_EQ(VerdictOn(Parts{p.header, p.payload, zeros}.Join(), SetOf(Key())), "TOKEN_SIGNATURE");
}

TEST(Attack, AudienceThatNamesSeveral) {
  for (const char* aud : {R"(["orders","billing"])", R"(["billing","orders"])", "[]", "null", "{}",
                          R"(["orders","orders"])"}) {
    auto payload = nlohmann::json::parse(GoodPayload());
    payload["aud"] = nlohmann::json::parse(aud);
    EXPECT_EQ(VerdictOnPayload(payload.dump()), "TOKEN_MALFORMED") << aud;
  }
}

TEST(Attack, AudienceThatOnlyLooksAlike) {
  for (const char* aud : {"Orders", "orders ", "order", "orders,billing", "orders\n", "*"}) {
    auto payload = nlohmann::json::parse(GoodPayload());
    payload["aud"] = aud;
    EXPECT_EQ(VerdictOnPayload(payload.dump()), "TOKEN_AUDIENCE") << aud;
  }
}

TEST(Attack, HugeNumbersForTimes) {
  for (const char* number : {"9223372036854775807", "9223372036854775808", "18446744073709551616",
                             "1e308", "1e400", "-1e308", "-9223372036854775808", "253402300800"}) {
    for (const char* name : {"exp", "nbf", "iat"}) {
      auto payload = nlohmann::json::parse(GoodPayload());
      payload.erase(name);
      std::string text = payload.dump();
      text.pop_back();
      text += ",\"" + std::string(name) + "\":" + number + "}";
      EXPECT_EQ(VerdictOnPayload(text), "TOKEN_MALFORMED") << name << number;
    }
  }
  EXPECT_EQ(VerdictOnPayload(PayloadWith("\"x\":" + std::string(1000, '9'))), "TOKEN_MALFORMED");
}

TEST(Attack, DeepNesting) {
  const auto nested = [](size_t depth) {
    return "\"x\":" + std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_EQ(VerdictOnPayload(PayloadWith(nested(7))), "OK");
  EXPECT_EQ(VerdictOnPayload(PayloadWith(nested(8))), "TOKEN_MALFORMED");
  EXPECT_EQ(VerdictOnPayload(PayloadWith(nested(1000))), "TOKEN_MALFORMED");
  std::string header = HeaderFor(Key());
  header.pop_back();
  EXPECT_EQ(VerdictOnHeader(header + "," + nested(1000) + "}"), "TOKEN_MALFORMED");
}

TEST(Attack, BytesThatAreNotUtf8) {
  for (const char* bytes : {"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xc3", "\xf5\x80\x80\x80"}) {
    EXPECT_EQ(VerdictOnPayload(PayloadWith("\"x\":\"" + std::string(bytes) + "\"")),
              "TOKEN_MALFORMED");
    std::string header = HeaderFor(Key());
    header.pop_back();
    EXPECT_EQ(VerdictOnHeader(header + ",\"x\":\"" + bytes + "\"}"), "TOKEN_MALFORMED");
  }
  EXPECT_EQ(VerdictOnPayload("\xef\xbb\xbf" + GoodPayload()), "TOKEN_MALFORMED");
}

TEST(Attack, PayloadThatIsNoObject) {
  for (const char* payload : {"", " ", "null", "[]", "\"x\"", "1", "{", "not JSON", "\xff\xfe"})
    EXPECT_EQ(VerdictOnPayload(payload), "TOKEN_MALFORMED") << payload;
}

TEST(Attack, HeaderThatDemandsAnExtension) {
  std::string header = HeaderFor(Key());
  header.pop_back();
  EXPECT_EQ(VerdictOnHeader(header + R"(,"crit":["x"],"x":1})"), "TOKEN_MALFORMED");
  EXPECT_EQ(VerdictOnHeader(header + R"(,"crit":["b64"],"b64":false})"), "TOKEN_MALFORMED");
}

TEST(Attack, HeaderThatBringsItsOwnKey) {
  const SigningKey attacker = *SigningKey::Generate(Algorithm::kEs256);
  auto header = nlohmann::json::parse(HeaderFor(attacker));
  header["jwk"] = nlohmann::json::parse(attacker.ToVerifyKey().ToPublicJwk());
  EXPECT_EQ(VerdictOn(Compact(header.dump(), GoodPayload(), attacker), SetOf(Key())),
            "TOKEN_UNKNOWN_KEY");
  header["kid"] = Key().kid();
  EXPECT_EQ(VerdictOn(Compact(header.dump(), GoodPayload(), attacker), SetOf(Key())),
            "TOKEN_SIGNATURE");
}

// A header and payload such that the whole token has exactly `size` bytes.
std::string TokenOfSize(size_t size) {
  for (size_t slack = 0; slack < 8; ++slack) {
    std::string header = HeaderFor(Key());
    header.append(slack, ' ');
    const std::string frame = PayloadWith(R"("pad":"")");
    const size_t fixed = Base64UrlEncode(header).size() + 2 + 86;
    const size_t bytes = (size - fixed) * 3 / 4;
    const std::string payload =
        PayloadWith("\"pad\":\"" + std::string(bytes - frame.size(), 'p') + "\"");
    std::string token = Compact(header, payload, Key());
    if (token.size() == size) return token;
  }
  return {};
}

TEST(Attack, TokenAtTheCapAndOneByteOver) {
  const std::string at_cap = TokenOfSize(kMaxTokenBytes);
  const std::string over = TokenOfSize(kMaxTokenBytes + 1);
  ASSERT_EQ(at_cap.size(), kMaxTokenBytes);
  ASSERT_EQ(over.size(), kMaxTokenBytes + 1);
  EXPECT_EQ(VerdictOn(at_cap, SetOf(Key())), "OK");
  EXPECT_EQ(VerdictOn(over, SetOf(Key())), "TOKEN_MALFORMED");
  EXPECT_EQ(VerdictOn(std::string(10'000'000, '.'), SetOf(Key())), "TOKEN_MALFORMED");
}

TEST(Attack, AnySingleCharacterChanged) {
  const std::string token = GoodToken();
  for (size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    if (changed == token) continue;
    EXPECT_NE(VerdictOn(changed, SetOf(Key())), "OK") << i;
  }
}

TEST(Attack, RandomBytesAndMutationsNeverPassNorCrash) {
  const std::string token = GoodToken();
  const JwkSet keys = SetOf(Key());
  for (int i = 0; i < 2000; ++i) {
    EXPECT_NE(VerdictOn(RandomBytes(RandomBelow(200)), keys), "OK");
    std::string mutated = token;
    for (uint64_t j = 0; j < 1 + RandomBelow(4); ++j)
      mutated[RandomBelow(mutated.size())] = RandomBytes(1)[0];
    if (mutated != token) {
      EXPECT_NE(VerdictOn(mutated, keys), "OK");
    }
  }
}

TEST(Attack, RefusalsLeaveNoErrorForTheNextTlsCallOfTheThread) {
  ERR_clear_error();
  const Parts p = PartsOf(GoodToken());
  const std::string zeros = Base64UrlEncode(std::string(64, '\0'));
  EXPECT_NE(VerdictOn(Parts{p.header, p.payload, zeros}.Join(), SetOf(Key())), "OK");
  EXPECT_EQ(ERR_peek_error(), 0u);
}

// What is refused must not repeat what the caller sent: it may be a secret of somebody else.
TEST(Attack, RefusalsDoNotRepeatTheInput) {
  const std::string marker = "SECRETMARKER";
  for (const std::string& text :
       {marker, marker + "." + marker + "." + marker,
        Compact(R"({"alg":"ES256","kid":"SECRETMARKER"})", GoodPayload(), Key()),
        Compact(HeaderFor(Key()), PayloadWith(R"("uv":"SECRETMARKER")"), Key())}) {
    const auto result =
        testing::VerifierFor(testing::SampleExpected()).Verify(text, SetOf(Key()), testing::kNow);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.status().ToString().find(marker), std::string::npos);
  }
}

}  // namespace
}  // namespace tessera
