// Passwords with real processes, through gRPC and from the command line: on SQLite with one server,
// on MariaDB with two.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tessera/caller/reason.h"
#include "tests/e2e/servers.h"

namespace tessera::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kPassword[] = "a plain user's password";
constexpr char kNewPassword[] = "a new one of that user";
// Of "U*U", from the test vectors of crypt_blowfish; and of "correct horse battery", by Python's
// hashlib.
constexpr char kBcrypt[] = "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
constexpr char kPbkdf2[] =
    "$pbkdf2-sha256$29000$MDEyMzQ1Njc4OWFiY2RlZg$HwysB+Ke0YuzHEd/zzqZI6iTbuC8ephxy6jSfQdwV8M";

class Passwords : public Servers {
 protected:
  void SetUp() override {
    const std::string blocked = home_.Write("blocked", "Gravel Lantern\n", 0644);
    ASSERT_NO_FATAL_FAILURE(StartServers({"TESSERA_PASSWORDS_BLOCKLIST_FILE=" + blocked}));
    ada_ = here().AddUser("ada", kPassword);
    admin_ = here().LoginAdmin().access_token();
  }

  // Why not; empty if it was let in.
  std::string TryLogin(Tesserad& server, const std::string& name, const std::string& password) {
    v1::LoginRequest request;
    request.set_username(name);
    request.set_password(password);
    v1::LoginResponse response;
    const grpc::Status status = server.Auth()->Login(ContextWith({}).get(), request, &response);
    return status.ok() ? "" : ReasonOf(status);
  }
  v1::ResetPasswordResponse Reset() {
    v1::ResetPasswordRequest request;
    request.set_user_id(ada_);
    v1::ResetPasswordResponse response;
    const grpc::Status status =
        here().Users()->ResetPassword(ContextWith({admin_}).get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  std::string Complete(const std::string& token, const std::string& password = kNewPassword) {
    v1::CompletePasswordResetRequest request;
    request.set_reset_token(token);
    request.set_new_password(password);
    v1::CompletePasswordResetResponse response;
    const grpc::Status status =
        there().Users()->CompletePasswordReset(ContextWith({}).get(), request, &response);
    return status.ok() ? "" : ReasonOf(status);
  }
  std::string Change(const std::string& token, const std::string& from, const std::string& to) {
    v1::ChangePasswordRequest request;
    request.set_old_password(from);
    request.set_new_password(to);
    v1::ChangePasswordResponse response;
    const grpc::Status status =
        there().Users()->ChangePassword(ContextWith({token}).get(), request, &response);
    return status.ok() ? "" : ReasonOf(status);
  }
  std::string Renewed(const v1::TokenGrant& grant) {
    v1::RenewTokenRequest request;
    request.set_refresh_token(grant.refresh_token());
    v1::RenewTokenResponse response;
    const grpc::Status status =
        here().Auth()->RenewToken(ContextWith({}).get(), request, &response);
    return status.ok() ? "" : ReasonOf(status);
  }
  Program::Ran Tessera(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), TESSERA_PROGRAM);
    return Program::Run(
        arguments, {"TESSERACTL_CONFIG_DIR=" + home_.Path("config"), "HOME=" + home_.Path("")});
  }
  Program::Ran LoginByCommand(const std::string& name, const std::string& password) {
    return Tessera({"login", "--username", name, "--server", here().address(), "--plaintext",
                    "--password-file", home_.Write("password", password, 0600)});
  }

  TemporaryFolder home_;
  std::string ada_, admin_;
};

TEST_P(Passwords, AResetTokenSetsANewOneOnceAndEndsTheSessions) {
  const v1::TokenGrant grant = here().Login("ada", kPassword);
  const v1::ResetPasswordResponse first = Reset();
  const v1::ResetPasswordResponse given = Reset();
  EXPECT_THAT(given.reset_token(), StartsWith("tsp_"));
  EXPECT_EQ(Complete(first.reset_token()), "RESET_TOKEN_INVALID");  // the later one ended it
  EXPECT_EQ(Complete(given.reset_token(), "password1"), "FIELD_INVALID");
  EXPECT_EQ(TryLogin(there(), "ada", kPassword), "");

  EXPECT_EQ(Complete(given.reset_token()), "");

  EXPECT_EQ(Complete(given.reset_token()), "RESET_TOKEN_INVALID");
  EXPECT_EQ(Renewed(grant), "SESSION_ENDED");
  EXPECT_EQ(TryLogin(here(), "ada", kPassword), "BAD_CREDENTIALS");
  EXPECT_EQ(TryLogin(here(), "ada", kNewPassword), "");

  const v1::ResetPasswordResponse late = Reset();
  here().clock().Advance(absl::Hours(1));
  EXPECT_EQ(Complete(late.reset_token()), "RESET_TOKEN_INVALID");
}

TEST_P(Passwords, WhatEverybodyTriesFirstIsRefusedWhereverAPasswordIsChosen) {
  const std::string token = here().Login("ada", kPassword).access_token();
  for (const char* common : {"password1", "gravel lantern", "ADA", "short"}) {
    EXPECT_EQ(Change(token, kPassword, common), "FIELD_INVALID") << common;
  }
  EXPECT_EQ(Change(token, kPassword, kNewPassword), "");
  EXPECT_EQ(TryLogin(here(), "ada", kNewPassword), "");
  v1::CreateUserRequest request;
  request.mutable_user()->set_username("grace");
  request.set_password("GRAVEL LANTERN");
  v1::CreateUserResponse response;
  EXPECT_EQ(ReasonOf(here().Users()->CreateUser(ContextWith({admin_}).get(), request, &response)),
            "FIELD_INVALID");
}

TEST_P(Passwords, ImportedHashesLetTheirUsersInAndAreReplaced) {
  v1::ImportUsersRequest request;
  const std::vector<std::pair<std::string, std::string>> users = {{"by-bcrypt", kBcrypt},
                                                                  {"by-pbkdf2", kPbkdf2}};
  for (const auto& [name, hash] : users) {
    v1::ImportedUser& user = *request.add_users();
    user.mutable_user()->set_username(name);
    user.set_password_hash(hash);
  }
  v1::ImportUsersResponse response;
  const grpc::Status status =
      here().Users()->ImportUsers(ContextWith({admin_}).get(), request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  for (const v1::ImportedUserResult& result : response.results()) {
    EXPECT_NE(result.user_id(), "") << result.message();
  }
  EXPECT_EQ(TryLogin(there(), "by-bcrypt", "U*U*"), "BAD_CREDENTIALS");
  for (Tesserad* server : {&here(), &there(), &here()}) {  // the first upgrades
    EXPECT_EQ(TryLogin(*server, "by-bcrypt", "U*U"), "");
    EXPECT_EQ(TryLogin(*server, "by-pbkdf2", "correct horse battery"), "");
  }
}

TEST_P(Passwords, FromTheCommandLineAnAdministratorGivesATokenOutAndTheUserSetsAPassword) {
  ASSERT_EQ(LoginByCommand("admin", Tesserad::kAdminPassword).code, 0);
  const std::string token = home_.Path("token");
  const Program::Ran given = Tessera({"user", "reset-password", "ada", "--token-file", token});
  ASSERT_EQ(given.code, 0) << given.output;
  EXPECT_THAT(given.output, Not(HasSubstr("tsp_")));
  ASSERT_EQ(Tessera({"logout"}).code, 0);

  const std::string fresh = home_.Write("new", kNewPassword, 0600);
  const std::vector<std::string> reset = {
      "password",    "reset",        "--server", there().address(),
      "--plaintext", "--token-file", token,      "--new-password-file",
      fresh};
  const Program::Ran set = Tessera(reset);
  EXPECT_EQ(set.code, 0) << set.output;
  const Program::Ran again = Tessera(reset);
  EXPECT_EQ(again.code, 3);
  EXPECT_THAT(again.output, HasSubstr("RESET_TOKEN_INVALID"));

  ASSERT_EQ(LoginByCommand("ada", kNewPassword).code, 0);
  const Program::Ran changed =
      Tessera({"password", "change", "--password-file", fresh, "--new-password-file",
               home_.Write("newer", "the newest of them all", 0600)});
  EXPECT_EQ(changed.code, 0) << changed.output;
  EXPECT_EQ(LoginByCommand("ada", kNewPassword).code, 3);
  EXPECT_EQ(LoginByCommand("ada", "the newest of them all").code, 0);
}

INSTANTIATE_TEST_SUITE_P(On, Passwords, BothEngines(), EngineName);

}  // namespace
}  // namespace tessera::testing
