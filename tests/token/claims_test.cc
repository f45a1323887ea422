#include "tessera/token/claims.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/token/token_fixture.h"

namespace tessera {
namespace {

using nlohmann::json;
using testing::kNow;
using testing::SampleClaims;

json SampleJson() { return json::parse(*ClaimsToJson(SampleClaims())); }

absl::StatusOr<Claims> Read(const json& payload) { return ClaimsFromJson(payload.dump()); }

// The sample with one member set to `value`, itself JSON text.
absl::StatusOr<Claims> ReadWith(const std::string& name, const std::string& value) {
  json payload = SampleJson();
  payload.erase(name);
  std::string text = payload.dump();
  text.pop_back();
  return ClaimsFromJson(text + ",\"" + name + "\":" + value + "}");
}

void ExpectMalformed(const absl::StatusOr<Claims>& claims, const std::string& what) {
  ASSERT_FALSE(claims.ok()) << what;
  EXPECT_EQ(claims.status().code(), absl::StatusCode::kUnauthenticated) << what;
  EXPECT_EQ(ReasonOf(claims.status()), "TOKEN_MALFORMED") << what;
}

TEST(Claims, GoToJsonAndBack) {
  const auto claims = ClaimsFromJson(*ClaimsToJson(SampleClaims()));
  ASSERT_TRUE(claims.ok()) << claims.status();
  const Claims sample = SampleClaims();
  EXPECT_EQ(claims->issuer, sample.issuer);
  EXPECT_EQ(claims->subject, sample.subject);
  EXPECT_EQ(claims->audience, sample.audience);
  EXPECT_EQ(claims->client_id, sample.client_id);
  EXPECT_EQ(claims->token_id, sample.token_id);
  EXPECT_EQ(claims->issued_at, sample.issued_at);
  EXPECT_EQ(claims->not_before, sample.not_before);
  EXPECT_EQ(claims->expires_at, sample.expires_at);
  EXPECT_EQ(claims->auth_time, sample.auth_time);
  EXPECT_EQ(claims->session_id, sample.session_id);
  EXPECT_EQ(claims->user_version, sample.user_version);
  EXPECT_EQ(claims->refresh_generation, sample.refresh_generation);
  EXPECT_EQ(claims->roles, sample.roles);
  EXPECT_EQ(claims->scopes, sample.scopes);
}

TEST(Claims, OptionalOnesMayBeMissing) {
  Claims sample = SampleClaims();
  sample.auth_time.reset();
  sample.session_id = SessionId();
  sample.roles.clear();
  sample.scopes.clear();
  const json payload = json::parse(*ClaimsToJson(sample));
  for (const char* name : {"auth_time", "sid", "roles", "scope"})
    EXPECT_FALSE(payload.contains(name)) << name;
  const auto claims = Read(payload);
  ASSERT_TRUE(claims.ok()) << claims.status();
  EXPECT_EQ(claims->auth_time, std::nullopt);
  EXPECT_TRUE(claims->session_id.empty());
  EXPECT_TRUE(claims->roles.empty());
  EXPECT_TRUE(claims->scopes.empty());
}

TEST(Claims, AreWrittenAsTheRfcsNameThem) {
  const json payload = SampleJson();
  EXPECT_EQ(payload["aud"], "orders");
  EXPECT_EQ(payload["scope"], "read write");
  EXPECT_EQ(payload["exp"], 1'800'000'900);
  EXPECT_EQ(payload["roles"], json({"orders.admin", "orders.reader"}));
  EXPECT_EQ(payload["uv"], 3);
  EXPECT_EQ(payload["rgn"], 7);
}

TEST(Claims, EachRequiredOneMissingIsMalformed) {
  for (const char* name : {"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id"}) {
    json payload = SampleJson();
    payload.erase(name);
    const auto claims = Read(payload);
    ExpectMalformed(claims, name);
    EXPECT_NE(std::string(claims.status().message()).find(name), std::string::npos);
  }
}

TEST(Claims, EachTextOfAWrongTypeOrEmptyIsMalformed) {
  for (const char* name : {"iss", "sub", "aud", "jti", "client_id", "sid"}) {
    for (const char* value : {"1", "true", "null", "{}", "[]", "\"\"", "[\"a\",\"b\"]"})
      ExpectMalformed(ReadWith(name, value), std::string(name) + value);
  }
  for (const char* value : {"1", "null", "[\"read\"]", "{}"})
    ExpectMalformed(ReadWith("scope", value), value);
}

TEST(Claims, AudienceMayBeAnArrayOfExactlyOne) {
  const auto claims = ReadWith("aud", R"(["orders"])");
  ASSERT_TRUE(claims.ok()) << claims.status();
  EXPECT_EQ(claims->audience, "orders");
  for (const char* value : {"[]", R"(["orders","billing"])", R"(["orders","orders"])", "[1]",
                            R"([["orders"]])", R"([""])"})
    ExpectMalformed(ReadWith("aud", value), value);
}

TEST(Claims, TimesMayBeFractional) {
  const auto claims = ReadWith("exp", "1800000000.5");
  ASSERT_TRUE(claims.ok()) << claims.status();
  EXPECT_EQ(claims->expires_at, kNow + absl::Milliseconds(500));
  EXPECT_EQ(ReadWith("exp", "1.8e9")->expires_at, kNow);
}

TEST(Claims, TimesReachToTheEndOfTheYear9999) {
  EXPECT_EQ(ReadWith("exp", "253402300799")->expires_at, absl::FromUnixSeconds(253402300799));
  EXPECT_EQ(ReadWith("nbf", "0")->not_before, absl::UnixEpoch());
}

TEST(Claims, TimesOfAbsurdSizeOrTypeAreMalformed) {
  for (const char* name : {"exp", "nbf", "iat", "auth_time"}) {
    for (const char* value :
         {"253402300800", "9223372036854775807", "9223372036854775808", "18446744073709551616",
          "1e18", "1e308", "1e400", "-1", "-0.5", "-1e308", "\"1800000000\"", "null", "true", "[]",
          "[1800000000]", "{}", "NaN"})
      ExpectMalformed(ReadWith(name, value), std::string(name) + value);
  }
}

TEST(Claims, CountsAreWholeAndNotNegative) {
  for (const char* name : {"uv", "rgn"}) {
    for (const char* value : {"-1", "1.0", "1.5", "\"1\"", "null", "9223372036854775808", "1e3"})
      ExpectMalformed(ReadWith(name, value), std::string(name) + value);
  }
  EXPECT_EQ(ReadWith("uv", "9223372036854775807")->user_version, INT64_MAX);
}

TEST(Claims, RolesAreAnArrayOfStrings) {
  for (const char* value :
       {"\"admin\"", "{\"admin\":true}", "[1]", "[null]", "[\"a\",[\"b\"]]", "[\"\"]", "null"})
    ExpectMalformed(ReadWith("roles", value), value);
  EXPECT_TRUE(ReadWith("roles", "[]")->roles.empty());
}

TEST(Claims, UnknownOnesAreIgnored) {
  EXPECT_TRUE(ReadWith("else", R"({"a":[1,{"b":null}]})").ok());
}

TEST(Claims, OneTwiceIsMalformed) {
  std::string text = *ClaimsToJson(SampleClaims());
  text.pop_back();
  ExpectMalformed(ClaimsFromJson(text + R"(,"sub":"usr_2"})"), "sub twice");
  ExpectMalformed(ClaimsFromJson(text + R"(,"x":1,"x":2})"), "an unknown one twice");
}

TEST(ClaimsToJson, EscapesWhatJsonAsksFor) {
  Claims claims = SampleClaims();
  claims.subject = "a\"b\\c\n\xc3\xa4";
  EXPECT_EQ(ClaimsFromJson(*ClaimsToJson(claims))->subject, claims.subject);
}

TEST(ClaimsToJson, CutsTimesToWholeSeconds) {
  Claims claims = SampleClaims();
  claims.expires_at = kNow + absl::Milliseconds(1999);
  EXPECT_EQ(json::parse(*ClaimsToJson(claims))["exp"], 1'800'000'001);
}

void ExpectUnwritable(void (*spoil)(Claims&)) {
  Claims claims = SampleClaims();
  spoil(claims);
  EXPECT_EQ(ClaimsToJson(claims).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(ClaimsToJson, RefusesWhatCannotBeWritten) {
  ExpectUnwritable([](Claims& c) { c.subject = "\xff"; });
  ExpectUnwritable([](Claims& c) { c.roles = {"ok", "\xc3"}; });
  ExpectUnwritable([](Claims& c) { c.scopes = {"two words"}; });
  ExpectUnwritable([](Claims& c) { c.scopes = {"read", ""}; });
  ExpectUnwritable([](Claims& c) { c.roles = {""}; });
  ExpectUnwritable([](Claims& c) { c.user_version = -1; });
  ExpectUnwritable([](Claims& c) { c.expires_at = absl::InfiniteFuture(); });
  ExpectUnwritable([](Claims& c) { c.not_before = absl::InfinitePast(); });
  ExpectUnwritable([](Claims& c) { c.issued_at = absl::FromUnixSeconds(-1); });
}

TEST(ClaimsToJson, RefusesARequiredTextThatIsEmpty) {
  ExpectUnwritable([](Claims& c) { c.issuer.clear(); });
  ExpectUnwritable([](Claims& c) { c.subject.clear(); });
  ExpectUnwritable([](Claims& c) { c.audience.clear(); });
  ExpectUnwritable([](Claims& c) { c.client_id.clear(); });
  ExpectUnwritable([](Claims& c) { c.token_id = TokenId(); });
}

TEST(DeviceId, Is16To128PrintableCharactersWithoutSpaces) {
  EXPECT_FALSE(IsDeviceId(std::string(15, 'a')));
  EXPECT_TRUE(IsDeviceId(std::string(16, '!')));
  EXPECT_TRUE(IsDeviceId(std::string(128, '~')));
  EXPECT_FALSE(IsDeviceId(std::string(129, 'a')));
  EXPECT_FALSE(IsDeviceId(""));
  const std::string good(16, 'a');
  for (const char c : {' ', '\0', '\n', '\x1f', '\x7f', '\x80', '\xc3'}) {
    EXPECT_FALSE(IsDeviceId(good + c)) << static_cast<int>(c);
  }
}

}  // namespace
}  // namespace tessera
