// Claims that say what a token is bound to, whom it acts for and what it descends from.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/token/token_fixture.h"

namespace tessera {
namespace {

using nlohmann::json;
using testing::SampleClaims;

absl::StatusOr<Claims> ReadWith(const std::string& name, const std::string& value) {
  json payload = json::parse(*ClaimsToJson(SampleClaims()));
  payload[name] = json::parse(value);
  return ClaimsFromJson(payload.dump());
}

void ExpectMalformed(const std::string& name, const std::string& value) {
  const auto claims = ReadWith(name, value);
  EXPECT_EQ(ReasonOf(claims.status()), "TOKEN_MALFORMED") << name << value;
}

std::string Chain(size_t actors) {
  std::string text = R"({"sub":"svc_last"})";
  for (size_t i = 1; i < actors; ++i) text = R"({"sub":"svc_a","uv":1,"act":)" + text + "}";
  return text;
}

TEST(BoundClaims, GoToJsonAndBack) {
  Claims sample = SampleClaims();
  sample.amr = {"pwd", "otp"};
  sample.acr = "2";
  sample.groups = {"writers", "authors"};
  sample.device_hash = DeviceHash("a-laptop-0123456789");
  sample.certificate = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2";
  sample.actors = {{"svc_b", 2}, {"svc_a", 0}};
  sample.parent_tokens = {TokenId("tok_2"), TokenId("tok_1")};
  sample.extra = {{"team", "blue"}, {"note", ""}};
  const auto claims = ClaimsFromJson(*ClaimsToJson(sample));
  ASSERT_TRUE(claims.ok()) << claims.status();
  EXPECT_EQ(claims->amr, sample.amr);
  EXPECT_EQ(claims->acr, sample.acr);
  EXPECT_EQ(claims->groups, sample.groups);
  EXPECT_EQ(claims->device_hash, sample.device_hash);
  EXPECT_EQ(claims->certificate, sample.certificate);
  EXPECT_EQ(claims->actors, sample.actors);
  EXPECT_EQ(claims->parent_tokens, sample.parent_tokens);
  EXPECT_EQ(claims->extra, sample.extra);
}

TEST(BoundClaims, AreWrittenAsTheRfcsNameThem) {
  Claims sample = SampleClaims();
  sample.certificate = "thumbprint";
  sample.actors = {{"svc_b", 2}, {"svc_a", 1}};
  sample.parent_tokens = {TokenId("tok_2"), TokenId("tok_1")};
  sample.extra = {{"team", "blue"}};
  const json payload = json::parse(*ClaimsToJson(sample));
  EXPECT_EQ(payload["cnf"], json::parse(R"({"x5t#S256":"thumbprint"})"));
  EXPECT_EQ(payload["act"], json::parse(R"({"sub":"svc_b","uv":2,"act":{"sub":"svc_a","uv":1}})"));
  EXPECT_EQ(payload["pjti"], json::parse(R"(["tok_2","tok_1"])"));
  EXPECT_EQ(payload["ext"], json::parse(R"({"team":"blue"})"));
}

TEST(BoundClaims, AreNotWrittenWhenThereAreNone) {
  const json payload = json::parse(*ClaimsToJson(SampleClaims()));
  for (const char* name : {"amr", "acr", "did", "cnf", "act", "pjti", "ext", "groups"}) {
    EXPECT_FALSE(payload.contains(name)) << name;
  }
}

TEST(BoundClaims, AConfirmationThatIsNotACertificateIsMalformed) {
  for (const char* value : {"{}", "[]", "null", "\"x\"", R"({"jkt":"x"})", R"({"x5t#S256":""})",
                            R"({"x5t#S256":1})", R"({"x5t#s256":"x"})", R"({"x5t":"x"})",
                            R"({"jwk":{}})", R"({"x5t#S256":"x","jkt":"y"})"}) {
    ExpectMalformed("cnf", value);
  }
}

TEST(BoundClaims, AChainOfActorsHasAtMostFour) {
  EXPECT_EQ(ReadWith("act", Chain(4))->actors.size(), 4u);
  ExpectMalformed("act", Chain(5));
  ExpectMalformed("act", Chain(40));
}

TEST(BoundClaims, EachActorHasASubject) {
  for (const char* value :
       {"{}", "null", "[]", "\"svc_a\"", R"({"sub":""})", R"({"sub":1})", R"({"sub":"a","uv":-1})",
        R"({"sub":"a","uv":1.5})", R"({"sub":"a","uv":"1"})", R"({"sub":"a","act":{}})",
        R"({"sub":"a","act":null})", R"({"sub":"a","act":[]})",
        R"({"sub":"a","act":{"sub":"b","act":{}}})"}) {
    ExpectMalformed("act", value);
  }
}

TEST(BoundClaims, ATokenDescendsFromAtMostFour) {
  EXPECT_EQ(ReadWith("pjti", R"(["a","b","c","d"])")->parent_tokens.size(), 4u);
  for (const char* value : {R"(["a","b","c","d","e"])", R"("a")", R"([""])", "[1]", "null", "{}"}) {
    ExpectMalformed("pjti", value);
  }
}

TEST(BoundClaims, ExtraOnesAreTexts) {
  for (const char* value : {"[]", "null", "\"x\"", R"({"a":1})", R"({"a":null})", R"({"a":["b"]})",
                            R"({"a":{"b":"c"}})"}) {
    ExpectMalformed("ext", value);
  }
}

TEST(BoundClaims, TheOthersAreOfTheirTypes) {
  for (const char* value : {"1", "null", "[]", "\"\""}) {
    ExpectMalformed("did", value);
    ExpectMalformed("acr", value);
  }
  for (const char* value : {"1", "null", "\"pwd\"", "[1]", "[\"\"]", "{}"}) {
    ExpectMalformed("amr", value);
    ExpectMalformed("groups", value);
  }
}

TEST(BoundClaims, AMemberTwiceIsMalformedAtAnyDepth) {
  std::string text = *ClaimsToJson(SampleClaims());
  text.pop_back();
  for (const char* member : {R"(,"cnf":{"x5t#S256":"a","x5t#S256":"b"}})",
                             R"(,"act":{"sub":"a","act":{"sub":"b","sub":"c"}}})",
                             R"(,"ext":{"a":"b","a":"c"}})", R"(,"did":"a","did":"b"})"}) {
    EXPECT_EQ(ReasonOf(ClaimsFromJson(text + member).status()), "TOKEN_MALFORMED") << member;
  }
}

TEST(BoundClaims, WhatCannotBeWrittenIsRefused) {
  const auto refuses = [](void (*spoil)(Claims&)) {
    Claims claims = SampleClaims();
    spoil(claims);
    return ClaimsToJson(claims).status().code() == absl::StatusCode::kFailedPrecondition;
  };
  EXPECT_TRUE(refuses([](Claims& c) { c.actors.assign(5, {"svc_a", 1}); }));
  EXPECT_TRUE(refuses([](Claims& c) { c.actors = {{"", 1}}; }));
  EXPECT_TRUE(refuses([](Claims& c) { c.actors = {{"svc_a", -1}}; }));
  EXPECT_TRUE(refuses([](Claims& c) { c.parent_tokens = {TokenId()}; }));
  EXPECT_TRUE(refuses([](Claims& c) { c.parent_tokens.assign(5, TokenId("tok_1")); }));
  EXPECT_TRUE(refuses([](Claims& c) { c.groups = {""}; }));
  EXPECT_TRUE(refuses([](Claims& c) { c.groups = {"\xff"}; }));
  EXPECT_TRUE(refuses([](Claims& c) { c.extra = {{"a", "\xff"}}; }));
  EXPECT_TRUE(refuses([](Claims& c) { c.extra = {{"\xff", "a"}}; }));
}

TEST(DeviceHash, IsOfTheIdAndOfNothingElse) {
  EXPECT_EQ(DeviceHash("laptop").size(), 22u);
  EXPECT_EQ(DeviceHash("laptop"), DeviceHash("laptop"));
  EXPECT_NE(DeviceHash("laptop"), DeviceHash("laptop "));
  EXPECT_NE(DeviceHash("laptop"), DeviceHash(std::string("laptop\0", 7)));
}

TEST(VerifiedToken, NamesItsParentsAndActorsAsTheFeedDoes) {
  Claims claims = SampleClaims();
  claims.actors = {{"svc_b", 2}, {"svc_a", 1}};
  claims.parent_tokens = {TokenId("tok_2"), TokenId("tok_1")};
  const SigningKey& key = testing::KeyOf(Algorithm::kEs256);
  const auto token =
      testing::VerifierFor(testing::SampleExpected())
          .Verify(testing::Compact(testing::HeaderFor(key), testing::PayloadOf(claims), key),
                  testing::SetOf(key), testing::kNow);
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(token->actor_hashes(), (std::vector{IdHashOf("svc_b"), IdHashOf("svc_a")}));
  EXPECT_EQ(token->parent_hashes(), (std::vector{IdHashOf("tok_2"), IdHashOf("tok_1")}));
}

}  // namespace
}  // namespace tessera
