// Service accounts from the command line; above all, where their secrets go.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "tests/cli/cli_fixture.h"

namespace tessera::cli {
namespace {

using tessera::testing::CliTest;
using tessera::testing::kServiceSecret;
using tessera::testing::Ran;
using tessera::testing::ReadFile;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ServiceAccountTest : public CliTest {
 protected:
  void SetUp() override { ASSERT_EQ(Login().code, ExitCode::kOk); }

  Ran Create(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"service-account", "create", "billing"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(arguments);
  }
  mode_t ModeOf(const std::string& path) {
    struct stat found = {};
    EXPECT_EQ(::stat(path.c_str(), &found), 0) << path;
    return found.st_mode & 0777;
  }
  const std::string line_ = absl::StrCat(kServiceSecret, "\n");
};

// So that `secret=$(tessera service-account create ...)` is all that a script needs.
TEST_F(ServiceAccountTest, TheSecretIsAloneOnStandardOutput) {
  const Ran ran = Create({"--role", "reader", "--role", "writer", "--audience", "orders"});
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_EQ(ran.out, line_);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("svc_"), HasSubstr("reader, writer"), HasSubstr("orders"),
                             Not(HasSubstr(kServiceSecret))));
}

TEST_F(ServiceAccountTest, OrInAFileThatItsOwnerAloneCanRead) {
  const std::string path = home_.Path("secret");
  const Ran ran = Create({"--secret-file", path});
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_EQ(ReadFile(path), line_);
  EXPECT_EQ(ModeOf(path), 0600u);
  EXPECT_THAT(ran.out, AllOf(HasSubstr("billing"), Not(HasSubstr(kServiceSecret))));
  EXPECT_THAT(ran.err, Not(HasSubstr(kServiceSecret)));
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

TEST_F(ServiceAccountTest, JsonHoldsTheSecretOnlyWithoutAFile) {
  const auto shown = nlohmann::json::parse(Create({"--json"}).out);
  EXPECT_EQ(shown.at("secret"), kServiceSecret);
  EXPECT_EQ(shown.at("service_account").at("name"), "billing");
  const Ran filed = Create({"--json", "--secret-file", home_.Path("secret")});
  EXPECT_EQ(nlohmann::json::parse(filed.out).at("secret"), "");
}

// A secret that could not be kept must not be asked for.
TEST_F(ServiceAccountTest, AFileThatCannotBeWrittenStopsBeforeTheServerIsAsked) {
  const std::string there = home_.Write("secret", "another secret\n");
  std::filesystem::create_symlink(there, home_.Path("link"));
  for (const std::string& path : {there, home_.Path("link"), home_.Path("nowhere/secret")}) {
    const Ran ran = Create({"--secret-file", path});
    EXPECT_EQ(ran.code, ExitCode::kUsage) << path;
  }
  EXPECT_EQ(ReadFile(there), "another secret\n");
  EXPECT_THAT(server_.requests(), Each(Not(StartsWith("CreateServiceAccount"))));
}

TEST_F(ServiceAccountTest, AServerThatRefusesLeavesNoFileBehind) {
  server_.FailNext(grpc::Status(grpc::StatusCode::ALREADY_EXISTS, "SERVICE_ACCOUNT_NAME_TAKEN: x"));
  const std::string path = home_.Path("secret");
  EXPECT_EQ(Create({"--secret-file", path}).code, ExitCode::kConflict);
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

TEST_F(ServiceAccountTest, WithoutASecretNoneIsShown) {
  const Ran ran = Create({"--without-secret", "--kubernetes-name", "prod/billing"});
  EXPECT_EQ(ran.code, ExitCode::kOk);
  EXPECT_THAT(ran.out, AllOf(HasSubstr("prod/billing"), Not(HasSubstr("tss_"))));
  EXPECT_EQ(Create({"--without-secret", "--secret-file", "x"}).code, ExitCode::kUsage);
}

TEST_F(ServiceAccountTest, RotatingReplacesTheFileAndSaysHowLongTheOldOnesWork) {
  ASSERT_EQ(Create({"--without-secret"}).code, ExitCode::kOk);
  const std::string path = home_.Write("secret", "tss_old\n");
  const Ran ran = Run({"service-account", "rotate-secret", "billing", "--keep-old-for", "1h",
                       "--secret-file", path});
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_EQ(ReadFile(path), line_);
  EXPECT_EQ(ModeOf(path), 0600u);
  EXPECT_THAT(ran.out, AllOf(HasSubstr("sec_2"), Not(HasSubstr(kServiceSecret))));
  EXPECT_THAT(server_.requests(), Contains(AllOf(StartsWith("RotateServiceAccountSecret svc_"),
                                                 ::testing::EndsWith(" 3600"))));
  const Ran shown = Run({"service-account", "rotate-secret", "billing", "--keep-old-for", "0"});
  EXPECT_EQ(shown.out, line_);
  // Whether programs are to stop is no default.
  EXPECT_EQ(Run({"service-account", "rotate-secret", "billing"}).code, ExitCode::kUsage);
  for (const char* bad : {"-1s", "inf", "soon"}) {
    EXPECT_EQ(Run({"service-account", "rotate-secret", "billing", "--keep-old-for", bad}).code,
              ExitCode::kUsage)
        << bad;
  }
}

TEST_F(ServiceAccountTest, ListAndShowKnowAllPages) {
  ASSERT_EQ(Create().code, ExitCode::kOk);
  ASSERT_EQ(Run({"service-account", "create", "mail"}).code, ExitCode::kOk);
  const Ran list = Run({"service-account", "list"});
  EXPECT_THAT(list.out, AllOf(HasSubstr("billing"), HasSubstr("mail"), HasSubstr("active")));
  const Ran shown = Run({"service-account", "show", "mail"});
  EXPECT_THAT(shown.out, AllOf(HasSubstr("mail"), HasSubstr("sec_1"), Not(HasSubstr("billing"))));
  const Ran none = Run({"service-account", "show", "nobody"});
  EXPECT_EQ(none.code, ExitCode::kNotFound);
  EXPECT_THAT(none.err, HasSubstr("SERVICE_ACCOUNT_NOT_FOUND"));
}

TEST_F(ServiceAccountTest, AnUpdateNamesWhatItChangesAndCanEmptyIt) {
  ASSERT_EQ(Create().code, ExitCode::kOk);
  ASSERT_EQ(Run({"service-account", "update", "billing", "--state", "disabled", "--audience", "a",
                 "--clear", "roles", "--clear", "scopes"})
                .code,
            ExitCode::kOk);
  EXPECT_EQ(server_.last_update_mask(), "state,audiences,roles,scopes");
  EXPECT_EQ(Run({"service-account", "update", "billing"}).code, ExitCode::kUsage);
  EXPECT_EQ(Run({"service-account", "update", "billing", "--clear", "name"}).code,
            ExitCode::kUsage);
  EXPECT_EQ(Run({"service-account", "update", "billing", "--public-keys", "/nonexistent"}).code,
            ExitCode::kUsage);
}

TEST_F(ServiceAccountTest, DeletingAsksOrIsToldNotTo) {
  ASSERT_EQ(Create().code, ExitCode::kOk);
  EXPECT_EQ(Run({"service-account", "delete", "billing"}).code, ExitCode::kUsage);
  EXPECT_THAT(server_.requests(), Each(Not(StartsWith("DeleteServiceAccount"))));
  EXPECT_EQ(Run({"service-account", "delete", "billing", "--yes"}).code, ExitCode::kOk);
  EXPECT_THAT(server_.requests(), Contains(StartsWith("DeleteServiceAccount svc_")));
}

}  // namespace
}  // namespace tessera::cli
