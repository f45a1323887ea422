// Second factors with real processes, oathtool for an authenticator: on SQLite with one server, on
// MariaDB with two.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "tessera/base/reason.h"
#include "tessera/caller/reason.h"
#include "tests/e2e/servers.h"

namespace tessera::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr absl::Duration kPeriod = absl::Seconds(30);
constexpr char kPassword[] = "a plain user's password";

class SecondFactors : public Servers {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(
        StartServers({std::string("TESSERA_SECOND_FACTOR_ALGORITHM=") + Algorithm()}));
    here().AddUser("ada", kPassword);
  }
  virtual const char* Algorithm() const { return "SHA256"; }

  // What an authenticator shows `off` from now.
  std::string CodeOf(const std::string& secret, absl::Duration off = absl::ZeroDuration()) {
    const std::string now =
        absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", here().clock().Now() + off, absl::UTCTimeZone());
    const Program::Ran ran = Program::Run(
        {"oathtool", std::string("--totp=") + Algorithm(), "--base32", "--now", now, secret});
    EXPECT_EQ(ran.code, 0) << ran.output;
    return std::string(absl::StripAsciiWhitespace(ran.output));
  }
  void NextStep() { here().clock().Advance(kPeriod); }

  std::string Enroll(const std::string& token) {
    v1::EnrollTotpRequest request;
    request.set_password(kPassword);
    v1::EnrollTotpResponse response;
    const grpc::Status status =
        here().Users()->EnrollTotp(ContextWith({token}).get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_THAT(response.otpauth_uri(), HasSubstr("secret=" + response.secret()));
    EXPECT_THAT(response.otpauth_uri(), HasSubstr(std::string("algorithm=") + Algorithm()));
    return response.secret();
  }
  std::vector<std::string> Confirm(const std::string& token, const std::string& code) {
    v1::ConfirmTotpRequest request;
    request.set_totp_code(code);
    v1::ConfirmTotpResponse response;
    const grpc::Status status =
        there().Users()->ConfirmTotp(ContextWith({token}).get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return {response.recovery_codes().begin(), response.recovery_codes().end()};
  }
  std::string Challenge(Tesserad& server) {
    v1::LoginRequest request;
    request.set_username("ada");
    request.set_password(kPassword);
    v1::LoginResponse response;
    const grpc::Status status = server.Auth()->Login(ContextWith({}).get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_TRUE(response.has_challenge());
    return response.challenge().challenge_token();
  }
  struct Completed {
    std::string reason;  // empty: there is a grant
    v1::TokenGrant grant;
  };
  Completed Complete(Tesserad& server, const std::string& challenge, const std::string& code) {
    v1::CompleteLoginRequest request;
    request.set_challenge_token(challenge);
    request.set_totp_code(code);
    v1::CompleteLoginResponse response;
    const grpc::Status status =
        server.Auth()->CompleteLogin(ContextWith({}).get(), request, &response);
    return {status.ok() ? "" : ReasonOf(status), response.grant()};
  }
  std::string Disable(const std::string& token, const std::string& code) {
    v1::DisableTotpRequest request;
    request.set_totp_code(code);
    v1::DisableTotpResponse response;
    const grpc::Status status =
        here().Users()->DisableTotp(ContextWith({token}).get(), request, &response);
    return status.ok() ? "" : ReasonOf(status);
  }
};

TEST_P(SecondFactors, OathtoolsCodesLogInOnceEachAtWhicheverReplica) {
  const std::string before = here().Login("ada", kPassword).access_token();
  const std::string secret = Enroll(before);
  EXPECT_EQ(Confirm(before, CodeOf(secret)).size(), 10u);
  NextStep();
  const std::string challenge = Challenge(here());
  const std::string second = Challenge(there());
  const std::string code = CodeOf(secret);
  const Completed completed = Complete(there(), challenge, code);
  ASSERT_EQ(completed.reason, "");
  EXPECT_EQ(Complete(here(), second, code).reason, "CODE_WRONG");
  EXPECT_EQ(Complete(here(), "tsc_" + second.substr(5), code).reason, "CHALLENGE_INVALID");

  v1::ValidateTokenRequest request;
  request.set_token(completed.grant.access_token());
  v1::ValidateTokenResponse answer;
  ASSERT_TRUE(here().Auth()->ValidateToken(ContextWith({}).get(), request, &answer).ok());
  EXPECT_TRUE(answer.active());
  EXPECT_THAT(answer.authentication_methods(), ElementsAre("pwd", "otp", "mfa"));
}

// What a rule asks of a login is asked of the login, however fresh the token is.
TEST_P(SecondFactors, MethodsThatAskForItRefuseAnOldLoginAndOneWithoutTheFactor) {
  const v1::TokenGrant grant = here().Login("ada", kPassword);
  EXPECT_EQ(Disable(grant.access_token(), "123456"), "STEP_UP_REQUIRED");
  here().clock().Advance(absl::Minutes(14));
  const std::string secret = Enroll(grant.access_token());
  here().clock().Advance(absl::Minutes(2));
  v1::RenewTokenRequest renewal;
  renewal.set_refresh_token(grant.refresh_token());
  v1::RenewTokenResponse renewed;
  ASSERT_TRUE(here().Auth()->RenewToken(ContextWith({}).get(), renewal, &renewed).ok());
  const std::string fresh = renewed.grant().access_token();
  v1::EnrollTotpResponse enrolled;
  EXPECT_EQ(ReasonOf(here().Users()->EnrollTotp(ContextWith({fresh}).get(), {}, &enrolled)),
            "STEP_UP_REQUIRED");
  v1::ChangePasswordRequest change;
  change.set_old_password(kPassword);
  change.set_new_password("another good password");
  v1::ChangePasswordResponse changed;
  EXPECT_EQ(ReasonOf(here().Users()->ChangePassword(ContextWith({fresh}).get(), change, &changed)),
            "STEP_UP_REQUIRED");

  Confirm(here().Login("ada", kPassword).access_token(), CodeOf(secret));
  NextStep();
  const Completed completed = Complete(here(), Challenge(there()), CodeOf(secret));
  ASSERT_EQ(completed.reason, "");
  // The token alone is not enough, nor with the code that the login has used up.
  const std::string with_factor = completed.grant.access_token();
  EXPECT_EQ(Disable(with_factor, ""), "FIELD_INVALID");
  EXPECT_EQ(Disable(with_factor, CodeOf(secret)), "CODE_WRONG");
  v1::RegenerateRecoveryCodesResponse others;
  EXPECT_EQ(ReasonOf(there().Users()->RegenerateRecoveryCodes(ContextWith({with_factor}).get(), {},
                                                              &others)),
            "FIELD_INVALID");
  NextStep();
  EXPECT_EQ(Disable(with_factor, CodeOf(secret)), "");
  EXPECT_NE(here().Login("ada", kPassword).access_token(), "");
}

// Whoever has only stolen a token enrols no authenticator.
TEST_P(SecondFactors, EnrollingAsksForThePassword) {
  const std::string token = here().Login("ada", kPassword).access_token();
  v1::EnrollTotpRequest request;
  v1::EnrollTotpResponse response;
  const auto why = [&] {
    return ReasonOf(there().Users()->EnrollTotp(ContextWith({token}).get(), request, &response));
  };
  EXPECT_EQ(why(), "FIELD_INVALID");
  request.set_password("another password");
  EXPECT_EQ(why(), "BAD_CREDENTIALS");
  EXPECT_EQ(response.secret(), "");
  request.set_password(kPassword);
  EXPECT_EQ(why(), "");
}

// The longest secret, 64 bytes.
class SecondFactorsOfSha512 : public SecondFactors {
 protected:
  const char* Algorithm() const override { return "SHA512"; }
};

TEST_P(SecondFactorsOfSha512, OathtoolsCodesLogIn) {
  const std::string before = here().Login("ada", kPassword).access_token();
  const std::string secret = Enroll(before);
  EXPECT_EQ(secret.size(), 103u) << "64 bytes in base32 without padding";
  EXPECT_EQ(Confirm(before, CodeOf(secret)).size(), 10u);
  NextStep();
  EXPECT_EQ(Complete(there(), Challenge(here()), CodeOf(secret, kPeriod * 10)).reason,
            "CODE_WRONG");
  const Completed completed = Complete(there(), Challenge(here()), CodeOf(secret));
  ASSERT_EQ(completed.reason, "");
  NextStep();
  EXPECT_EQ(Disable(completed.grant.access_token(), CodeOf(secret)), "");
}

class SecondFactorsByCommand : public SecondFactors {
 protected:
  Program::Ran Tessera(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), TESSERA_PROGRAM);
    return Program::Run(
        arguments, {"TESSERACTL_CONFIG_DIR=" + home_.Path("config"), "HOME=" + home_.Path("")});
  }
  Program::Ran Login(const std::string& code, const std::string& user = "ada",
                     const std::string& password = kPassword) {
    std::vector<std::string> arguments = {"login",
                                          "--username",
                                          user,
                                          "--server",
                                          here().address(),
                                          "--plaintext",
                                          "--password-file",
                                          home_.Write("password", password, 0600)};
    if (!code.empty()) {
      arguments.insert(arguments.end(), {"--code-file", home_.Write("code", code, 0600)});
    }
    return Tessera(arguments);
  }
  std::string PasswordFile() { return home_.Write("own", kPassword, 0600); }
  std::string CodeFile(const std::string& code) { return home_.Write("code", code, 0600); }
  nlohmann::json Json(const Program::Ran& ran) {
    EXPECT_EQ(ran.code, 0) << ran.output;
    return nlohmann::json::parse(ran.output, nullptr, /*allow_exceptions=*/false);
  }

  TemporaryFolder home_;
};

TEST_P(SecondFactorsByCommand, FromTheEnrolmentToTheEndAndAResetByTheAdministrator) {
  ASSERT_EQ(Login("").code, 0);
  const Program::Ran shown = Tessera({"totp", "enroll", "--qr", "--password-file", PasswordFile()});
  EXPECT_EQ(shown.code, 0) << shown.output;
  EXPECT_THAT(shown.output, HasSubstr("otpauth://totp/tessera:ada?secret="));
  EXPECT_THAT(shown.output, HasSubstr("\u2588\u2588\u2588\u2588"));
  const std::vector<std::string> enroll = {"totp", "enroll", "--json", "--password-file",
                                           PasswordFile()};
  const std::string secret = Json(Tessera(enroll))["secret"];

  const std::string code = CodeOf(secret);
  const auto confirmed =
      Json(Tessera({"totp", "confirm", "--json", "--code-file", CodeFile(code)}));
  ASSERT_EQ(confirmed["recovery_codes"].size(), 10u);
  EXPECT_EQ(Tessera({"whoami"}).code, 3);  // the sessions have ended
  EXPECT_THAT(Login(code).output, HasSubstr("CODE_WRONG"));
  NextStep();
  const std::string spaced = CodeOf(secret).substr(0, 3) + " " + CodeOf(secret).substr(3);
  ASSERT_EQ(Login(spaced).code, 0);
  EXPECT_EQ(Tessera({"whoami"}).code, 0);

  NextStep();
  const auto others =
      Json(Tessera({"totp", "recovery-codes", "--json", "--code-file", CodeFile(CodeOf(secret))}));
  const std::string recovery = others["recovery_codes"][0];
  EXPECT_THAT(Login(confirmed["recovery_codes"][0]).output, HasSubstr("CODE_WRONG"));
  ASSERT_EQ(Login(recovery).code, 0);
  EXPECT_THAT(Login(recovery).output, HasSubstr("CODE_WRONG"));
  EXPECT_EQ(Tessera({"totp", "disable", "--code-file", CodeFile(recovery)}).code, 3);
  const std::string unused = others["recovery_codes"][1];
  ASSERT_EQ(Tessera({"totp", "disable", "--code-file", CodeFile(unused)}).code, 0);
  ASSERT_EQ(Login("").code, 0);

  // Lost altogether.
  const std::string lost = Json(Tessera(enroll))["secret"];
  NextStep();
  ASSERT_EQ(Tessera({"totp", "confirm", "--code-file", CodeFile(CodeOf(lost))}).code, 0);
  ASSERT_EQ(Login("", "admin", Tesserad::kAdminPassword).code, 0);
  const Program::Ran reset = Tessera({"totp", "reset", "ada"});
  EXPECT_EQ(reset.code, 0) << reset.output;
  EXPECT_EQ(Login("").code, 0);
}

INSTANTIATE_TEST_SUITE_P(On, SecondFactors, BothEngines(), EngineName);
INSTANTIATE_TEST_SUITE_P(On, SecondFactorsOfSha512, BothEngines(), EngineName);
INSTANTIATE_TEST_SUITE_P(On, SecondFactorsByCommand, BothEngines(), EngineName);

}  // namespace
}  // namespace tessera::testing
