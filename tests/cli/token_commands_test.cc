// token print, inspect, verify, validate, revoke.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tessera/cli/render.h"
#include "tessera/token/jwk_set.h"
#include "tessera/token/token_signer.h"
#include "tests/cli/cli_fixture.h"

namespace tessera::cli {
namespace {

using tessera::testing::CliTest;
using tessera::testing::kIssuer;
using tessera::testing::Ran;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;

class TokenCommandTest : public CliTest {
 protected:
  TokenCommandTest() {
    EXPECT_EQ(Login().code, ExitCode::kOk);
    token_ = std::string((*Credentials().Load(""))->access_token.Reveal());
  }

  std::string Sign(const SigningKey& key, absl::Duration life = absl::Minutes(5)) const {
    Claims claims;
    claims.issuer = kIssuer;
    claims.subject = "usr_\x1b[2J";
    claims.audience = "orders";
    claims.client_id = "tessera";
    claims.token_id = TokenId("tok_1");
    claims.issued_at = claims.not_before = clock_.Now() - absl::Minutes(10);
    claims.expires_at = clock_.Now() + life;
    return std::string(SignAccessToken(claims, key)->Reveal());
  }

  std::string token_;
};

TEST_F(TokenCommandTest, PrintGivesTheTokenAloneForUseInACommandLine) {
  EXPECT_EQ(Run({"token", "print"}).out, token_ + "\n");
  EXPECT_EQ(Run({"token", "access"}).out, token_ + "\n");
  EXPECT_EQ(Run({"token", "print", "--audience", "orders"}).code, ExitCode::kUnauthenticated);
}

TEST_F(TokenCommandTest, ATokenOnTheCommandLineIsRefusedAndNotRepeated) {
  for (const char* command : {"inspect", "verify", "validate", "revoke"}) {
    for (const std::string& given : {token_, "--token=" + token_, std::string("tsr_secret")}) {
      const Ran ran = Run({"token", command, given});
      EXPECT_EQ(ran.code, ExitCode::kUsage) << command;
      EXPECT_THAT(ran.err, AllOf(Not(HasSubstr(given)), Not(HasSubstr(token_))));
    }
  }
  EXPECT_THAT(Run({"token", "inspect", token_}).err, HasSubstr("standard input"));
}

TEST_F(TokenCommandTest, InspectShowsWhatATokenSaysAndThatThisIsUnchecked) {
  const std::string foreign = Sign(*SigningKey::Generate(Algorithm::kEdDsa));
  const Ran ran = Run({"token", "inspect", "-"}, "  " + foreign + "\n");
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_THAT(ran.out,
              AllOf(StartsWith("verified"), HasSubstr("header.alg"), HasSubstr("EdDSA"),
                    HasSubstr("2030-03-17T17:51:40Z (1900000300)"), HasSubstr("usr_\\u{1b}[2J")));
  const auto shown = nlohmann::json::parse(Run({"token", "inspect", "-", "--json"}, foreign).out);
  EXPECT_EQ(shown.at("verified"), false);
  EXPECT_EQ(shown.at("header").at("typ"), "at+jwt");
  EXPECT_EQ(shown.at("payload").at("aud"), "orders");
}

TEST_F(TokenCommandTest, InspectReadsAFileOrTheStoredToken) {
  const std::string file = home_.Write("token", token_);
  EXPECT_EQ(Run({"token", "inspect", "--file", file}).out, Run({"token", "inspect"}).out);
  EXPECT_EQ(Run({"token", "inspect", "-", "--file", file}).code, ExitCode::kUsage);
  EXPECT_EQ(Run({"token", "inspect", "--file", home_.Path("none")}).code, ExitCode::kUsage);
}

TEST_F(TokenCommandTest, InspectOfSomethingElseIsNotAToken) {
  EXPECT_EQ(Run({"token", "inspect", "-"}, "not a token").code, ExitCode::kUnauthenticated);
  EXPECT_EQ(Run({"token", "inspect", "-"}, " \n").code, ExitCode::kUsage);
  EXPECT_EQ(Run({"token", "inspect", "-"}, std::string(kMaxTokenFileBytes + 1, 'x')).code,
            ExitCode::kUsage);
}

TEST_F(TokenCommandTest, VerifyTakesKeysFromTheServerAndTheIssuerFromTheLogin) {
  const Ran ran = Run({"token", "verify", "-", "--json"}, token_);
  ASSERT_EQ(ran.code, ExitCode::kOk) << ran.err;
  const auto shown = nlohmann::json::parse(ran.out);
  EXPECT_EQ(shown.at("verified"), true);
  EXPECT_EQ(shown.at("revocation_checked"), false);
  EXPECT_EQ(shown.at("claims").at("subject"), "alice");
}

TEST_F(TokenCommandTest, VerifyTakesKeysFromAFile) {
  const auto key = SigningKey::Generate(Algorithm::kEs256);
  const std::string file = home_.Write("jwks", JwkSet::Of({key->ToVerifyKey()})->ToJson());
  const std::string token = Sign(*key);
  const std::vector<std::string> command = {"token", "verify", "-", "--jwks-file", file};
  auto with = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = command;
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(arguments, token);
  };
  EXPECT_EQ(with({"--issuer", kIssuer}).code, ExitCode::kOk);
  EXPECT_EQ(with({"--issuer", kIssuer, "--audience", "orders"}).code, ExitCode::kOk);
  EXPECT_THAT(with({"--issuer", kIssuer, "--audience", "billing"}).err,
              StartsWith("tessera: TOKEN_AUDIENCE: "));
  EXPECT_THAT(with({"--issuer", "https://other"}).err, StartsWith("tessera: TOKEN_ISSUER: "));
  EXPECT_EQ(with({}).code, ExitCode::kUsage) << "the login's issuer says nothing about a file";
}

TEST_F(TokenCommandTest, VerifyRefusesForgedUnknownAndExpiredTokens) {
  std::string forged = token_;
  forged[forged.size() - 10] = forged[forged.size() - 10] == 'A' ? 'B' : 'A';
  const Ran bad = Run({"token", "verify", "-"}, forged);
  EXPECT_EQ(bad.code, ExitCode::kUnauthenticated);
  EXPECT_EQ(bad.out, "");
  EXPECT_THAT(bad.err, StartsWith("tessera: TOKEN_SIGNATURE: "));
  const std::string foreign = Sign(*SigningKey::Generate(Algorithm::kEs256));
  EXPECT_THAT(Run({"token", "verify", "-"}, foreign).err,
              StartsWith("tessera: TOKEN_UNKNOWN_KEY: "));
  const std::string expired = Sign(server_.key(), -absl::Seconds(5));
  EXPECT_THAT(Run({"token", "verify", "-"}, expired).err, StartsWith("tessera: TOKEN_EXPIRED: "));
}

TEST_F(TokenCommandTest, ValidateAsksTheServer) {
  const Ran active = Run({"token", "validate", "-"}, token_);
  EXPECT_EQ(active.code, ExitCode::kOk);
  EXPECT_THAT(active.out, StartsWith("active      true\n"));
  const Ran inactive = Run({"token", "validate", "-"}, "nonsense");
  EXPECT_EQ(inactive.code, ExitCode::kUnauthenticated);
  EXPECT_EQ(inactive.out, "active  false\nreason  TOKEN_MALFORMED\n");
  EXPECT_EQ(inactive.err, "tessera: TOKEN_MALFORMED: the token is not active\n");
}

TEST(IntrospectionFieldsTest, ShowWhatATokenSaysBesidesAndNothingThatItDoesNotSay) {
  v1::ValidateTokenResponse answer;
  answer.set_active(true);
  for (const auto& [name, value] : IntrospectionFields(answer)) {
    EXPECT_THAT((std::vector<std::string>{"device_hash", "actors", "extra_claims"}),
                Not(Contains(name)));
  }
  for (const char* method : {"pwd", "otp"}) answer.add_authentication_methods(method);
  answer.set_subject_version(7);
  answer.set_device_hash("hash");
  for (const char* actor : {"svc_b", "svc_a"}) answer.add_actors(actor);
  (*answer.mutable_extra_claims())["tenant"] = "acme";
  const Fields fields = IntrospectionFields(answer);
  EXPECT_THAT(fields, Contains(Pair("authentication_methods", "pwd, otp")));
  EXPECT_THAT(fields, Contains(Pair("subject_version", "7")));
  EXPECT_THAT(fields, Contains(Pair("device_hash", "hash")));
  EXPECT_THAT(fields, Contains(Pair("actors", "svc_b, svc_a")));
  EXPECT_THAT(fields, Contains(Pair("extra_claims", "tenant=acme")));
}

TEST_F(TokenCommandTest, RevokedTokensAreInactive) {
  EXPECT_EQ(Run({"token", "revoke", "-"}, token_).code, ExitCode::kOk);
  const Ran ran = Run({"token", "validate", "-", "--json"}, token_);
  EXPECT_EQ(ran.code, ExitCode::kUnauthenticated);
  EXPECT_EQ(nlohmann::json::parse(ran.out).at("reason"), "ERROR_REASON_TOKEN_REVOKED");
}

// `whoami --audience orders`, with a session whose access token is not what it was.
class WhoamiTest : public CliTest {
 protected:
  WhoamiTest() { EXPECT_EQ(Login({"--audience", "orders"}).code, ExitCode::kOk); }
  StoredGrant Stored() const { return **Credentials().Load("orders"); }
  Ran Whoami() { return Run({"whoami", "--audience", "orders"}); }
};

TEST_F(WhoamiTest, ATokenThatIsRevokedIsRenewedOnceAsForOtherCalls) {
  const std::string revoked(Stored().access_token.Reveal());
  server_.RefuseToken(revoked);
  const Ran ran = Whoami();
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_THAT(ran.out, StartsWith("active      true\n"));
  EXPECT_EQ(server_.counts().generations, 1);
  EXPECT_NE(Stored().access_token.Reveal(), revoked);
}

TEST_F(WhoamiTest, OfASessionThatHasEndedItSaysSo) {
  server_.RefuseToken(std::string(Stored().access_token.Reveal()));
  server_.RefuseSessions({grpc::StatusCode::UNAUTHENTICATED, "SESSION_ENDED: the session is over"});
  const Ran ran = Whoami();
  EXPECT_EQ(ran.code, ExitCode::kUnauthenticated);
  EXPECT_THAT(ran.err, StartsWith("tessera: SESSION_ENDED: "));
}

TEST_F(WhoamiTest, WhatARenewalDoesNotMendIsToldWithTheServersReason) {
  StoredGrant grant = Stored();
  grant.access_token = Secret("nonsense");
  ASSERT_TRUE(Credentials().Hold("orders", absl::Seconds(5))->Save(grant).ok());
  const Ran ran = Whoami();
  EXPECT_EQ(ran.code, ExitCode::kUnauthenticated);
  EXPECT_EQ(ran.out, "active  false\nreason  TOKEN_MALFORMED\n");
  EXPECT_EQ(ran.err,
            "tessera: TOKEN_MALFORMED: the token is not active; log in again with `tessera login "
            "--audience orders`\n");
  EXPECT_EQ(server_.counts().renew_calls, 0);
}

TEST_F(TokenCommandTest, RevokeNeverGuessesWhichToken) {
  EXPECT_EQ(Run({"token", "revoke"}).code, ExitCode::kUsage);
  EXPECT_EQ(Run({"token", "validate"}).code, ExitCode::kOk) << "nothing was revoked";
}

}  // namespace
}  // namespace tessera::cli
