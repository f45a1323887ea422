// explain: the guard's decision about a call, check by check, and its exit status.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tessera/token/jwk_set.h"
#include "tessera/token/token_signer.h"
#include "tessera/v1/access.pb.h"
#include "tests/cli/cli_fixture.h"

namespace tessera::cli {
namespace {

using tessera::testing::CliTest;
using tessera::testing::kIssuer;
using tessera::testing::Ran;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kOwnMethod[] = "/tessera.v1.UserService/GetCurrentUser";
constexpr char kPay[] = "/shop.Orders/Pay";

// A service with one method, as protoc describes it.
std::string DescriptorSetOf(const v1::MethodAccess& access) {
  google::protobuf::FileDescriptorSet set;
  auto* file = set.add_file();
  file->set_name("orders.proto");
  file->set_package("shop");
  file->set_syntax("proto3");
  file->add_message_type()->set_name("Nothing");
  auto* service = file->add_service();
  service->set_name("Orders");
  auto* method = service->add_method();
  method->set_name("Pay");
  method->set_input_type(".shop.Nothing");
  method->set_output_type(".shop.Nothing");
  *method->mutable_options()->MutableExtension(v1::access) = access;
  return set.SerializeAsString();
}

class ExplainCommandTest : public CliTest {
 protected:
  ExplainCommandTest() {
    EXPECT_EQ(Login().code, ExitCode::kOk);
    token_ = std::string((*Credentials().Load(""))->access_token.Reveal());
  }
  std::string TokenFor(const std::string& audience, const SigningKey& key) const {
    Claims claims;
    claims.issuer = kIssuer;
    claims.subject = "usr_a";
    claims.audience = audience;
    claims.client_id = "tessera";
    claims.token_id = TokenId("tok_1");
    claims.issued_at = claims.not_before = clock_.Now();
    claims.expires_at = clock_.Now() + absl::Minutes(5);
    claims.roles = {"orders.viewer"};
    return std::string(SignAccessToken(claims, key)->Reveal());
  }

  std::string token_;
};

TEST_F(ExplainCommandTest, SaysThatACallIsLetInAndByWhichChecks) {
  const Ran ran = Run({"explain", "--method", kOwnMethod, "-"}, token_);
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("passed  signature\n"), HasSubstr("passed  audience\n"),
                             HasSubstr("passed  not revoked\n"), Not(HasSubstr("FAILED"))));
  EXPECT_EQ(Run({"explain", "--method", kOwnMethod}).out, ran.out) << "the stored one";
}

TEST_F(ExplainCommandTest, NamesTheCheckThatRefusesAndExitsAsTheCallWould) {
  const Ran ran =
      Run({"explain", "--method", "/tessera.v1.AuthService/WatchRevocations", "-"}, token_);
  EXPECT_EQ(ran.code, ExitCode::kPermissionDenied);
  EXPECT_THAT(ran.out, AllOf(HasSubstr("FAILED  kind of caller: CALLER_KIND: "),
                             HasSubstr("FAILED  role: ROLE_REQUIRED: ")));
  EXPECT_THAT(ran.err, StartsWith("tessera: CALLER_KIND: ")) << "the first one decides";
  EXPECT_THAT(ran.out + ran.err, Not(HasSubstr(token_.substr(token_.size() - 20))));
}

TEST_F(ExplainCommandTest, KnowsFromTheServerThatATokenIsRevoked) {
  ASSERT_EQ(Run({"token", "revoke", "-"}, token_).code, ExitCode::kOk);
  const Ran ran = Run({"explain", "--method", kOwnMethod, "-"}, token_);
  EXPECT_EQ(ran.code, ExitCode::kUnauthenticated);
  EXPECT_THAT(ran.out, HasSubstr("FAILED  not revoked: TOKEN_REVOKED: "));
}

TEST_F(ExplainCommandTest, TakesTheRulesOfAnotherServiceFromItsDescriptors) {
  v1::MethodAccess access;
  access.set_admission(v1::ADMISSION_AUTHENTICATED);
  access.add_any_role("orders.admin");
  access.set_certificate_bound(true);
  const std::string file = home_.Write("orders.pb", DescriptorSetOf(access));
  const std::string token = TokenFor("orders", server_.key());
  const Ran ran = Run({"explain", "--method", kPay, "--descriptor-set", file, "--audience",
                       "orders", "--json", "-"},
                      token);
  EXPECT_EQ(ran.code, ExitCode::kPermissionDenied) << ran.err;
  const auto shown = nlohmann::json::parse(ran.out);
  EXPECT_EQ(shown.at("admitted"), false);
  EXPECT_EQ(shown.at("revocation_checked"), true);
  std::vector<std::string> failed;
  for (const auto& check : shown.at("checks")) {
    if (check.at("outcome") == "failed") failed.push_back(check.at("check"));
  }
  EXPECT_EQ(failed, (std::vector<std::string>{"client certificate", "role"}));
}

// Judged by tessera's own audience, a token would be admitted that the service refuses.
TEST_F(ExplainCommandTest, AnotherServicesAudienceMustBeGivenAndIsJudgedBy) {
  v1::MethodAccess access;
  access.set_admission(v1::ADMISSION_AUTHENTICATED);
  const std::string file = home_.Write("orders.pb", DescriptorSetOf(access));
  const std::vector<std::string> command = {"explain",          "--method", kPay,
                                            "--descriptor-set", file,       "-"};
  const Ran without = Run(command, token_);
  EXPECT_EQ(without.code, ExitCode::kUsage);
  EXPECT_EQ(without.out, "");
  EXPECT_EQ(without.err,
            "tessera: USAGE: --audience: which service is it? its tokens carry this name, such as "
            "orders\n");
  std::vector<std::string> named = command;
  named.insert(named.end(), {"--audience", "orders"});
  EXPECT_EQ(Run(named, TokenFor("orders", server_.key())).code, ExitCode::kOk);
  EXPECT_THAT(Run(named, token_).out, HasSubstr("FAILED  audience: TOKEN_AUDIENCE: "));
}

// As grpcurl names methods.
TEST_F(ExplainCommandTest, AMethodMayBeNamedWithoutItsLeadingSlash) {
  const Ran ran = Run({"explain", "--method", std::string(kOwnMethod).substr(1)});
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_EQ(ran.out, Run({"explain", "--method", kOwnMethod}).out);
  EXPECT_EQ(Run({"explain", "--method", ""}).code, ExitCode::kUsage);
}

TEST_F(ExplainCommandTest, WithKeysFromAFileItAsksNobodyAndSaysSo) {
  const auto key = SigningKey::Generate(Algorithm::kEs256);
  const std::string keys = home_.Write("jwks", JwkSet::Of({key->ToVerifyKey()})->ToJson());
  const Ran ran = Run({"explain", "--method", kOwnMethod, "--jwks-file", keys, "--issuer", kIssuer,
                       "--server", "127.0.0.1:1", "-"},
                      TokenFor("tessera", *key));
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("asked of nobody"));
}

TEST_F(ExplainCommandTest, WhatItCannotExplainIsAUsageError) {
  const std::string rubbish = home_.Write("rubbish", "not a descriptor set");
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"explain", "-"},
           {"explain", "--method", "/tessera.v1.UserService/getCurrentUser", "-"},
           {"explain", "--method", kPay, "-"},
           {"explain", "--method", kPay, "--descriptor-set", rubbish, "--audience", "orders", "-"},
           {"explain", "--method", kPay, "--descriptor-set", home_.Path("none"), "--audience",
            "orders", "-"},
           {"explain", "--method", kOwnMethod, "--certificate", rubbish, "-"},
           {"explain", "--method", kOwnMethod, token_}}) {
    const Ran ran = Run(arguments, token_);
    EXPECT_EQ(ran.code, ExitCode::kUsage) << ran.out << ran.err;
    EXPECT_THAT(ran.err, Not(HasSubstr(token_)));
  }
}

}  // namespace
}  // namespace tessera::cli
