// `user import` and `user export` against a FakeTesserad.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <sstream>
#include <string>

#include "nlohmann/json.hpp"
#include "tessera/cli/progress_bar.h"
#include "tests/cli/cli_fixture.h"

namespace tessera::cli {
namespace {

using tessera::testing::CliTest;
using tessera::testing::Ran;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class UserFileTest : public CliTest {
 protected:
  UserFileTest() { EXPECT_EQ(Login().code, ExitCode::kOk); }

  // A CSV file of these names.
  std::string Names(const std::vector<std::string>& names) {
    std::string text = "username\n";
    for (const std::string& name : names) text += name + "\n";
    return home_.Write("users.csv", text);
  }
  Ran Import(const std::string& file, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"user", "import", file};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(arguments);
  }
};

TEST_F(UserFileTest, AllFieldsReachTheServer) {
  const std::string file = home_.Write(
      "users.jsonl",
      R"({"username":"ada","email":"a@b","display_name":"Ada","state":"disabled",)"
      R"("attributes":{"team":"a"},"password_hash":"$2b$10$x","roles":["r"],"groups":["g"]})");
  const Ran ran = Import(file);
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_EQ(ran.out, "Added 1 user, skipped 0, failed 0.\n");
  const auto ada = server_.imported().at("ada");
  EXPECT_EQ(ada.user().email(), "a@b");
  EXPECT_EQ(ada.user().display_name(), "Ada");
  EXPECT_EQ(ada.user().state(), tessera::v1::USER_STATE_DISABLED);
  EXPECT_EQ(ada.user().attributes().at("team"), "a");
  EXPECT_EQ(ada.password_hash(), "$2b$10$x");
  EXPECT_EQ(ada.roles(0) + ada.groups(0), "rg");
}

TEST_F(UserFileTest, ManyRowsGoInSeveralRequestsAndAllArrive) {
  std::vector<std::string> names;
  names.reserve(103);
  for (int i = 0; i < 103; ++i) names.push_back("user" + std::to_string(i));
  const Ran ran = Import(Names(names));
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_EQ(server_.imported().size(), 103u);
  const std::vector<std::string> requests = server_.requests();
  EXPECT_EQ(std::count(requests.begin(), requests.end(), "ImportUsers"), 5);
}

TEST_F(UserFileTest, RowsOfALargeFileFitTheServersRequests) {
  std::string text = "username,display_name\n";
  for (int i = 0; i < 30; ++i)
    text += "user" + std::to_string(i) + "," + std::string(6000, 'x') + "\n";
  const Ran ran = Import(home_.Write("large.csv", text));
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_EQ(server_.imported().size(), 30u);
}

TEST_F(UserFileTest, AFailedRowIsNamedByLineAndTheOthersAreAdded) {
  const Ran ran = Import(Names({"ada", "a b", "\"x", "grace"}));
  EXPECT_EQ(ran.code, ExitCode::kInvalid);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("line 3: a b: FIELD_INVALID: why \\u{1b} not\n"),
                             HasSubstr("line 4: "), HasSubstr("ROWS_FAILED")));
  EXPECT_THAT(ran.err, Not(HasSubstr("\x1b")));
  EXPECT_THAT(ran.out, HasSubstr("failed 2"));
  EXPECT_TRUE(server_.imported().count("ada") == 1);
}

TEST_F(UserFileTest, OneIsToldInTheSingular) {
  EXPECT_THAT(Import(Names({"ada"}), {"--dry-run"}).out, HasSubstr("Would add 1 user,"));
  EXPECT_THAT(Import(Names({"a b"})).err, HasSubstr("ROWS_FAILED: 1 user was not added\n"));
  EXPECT_THAT(Import(Names({"a b", "c d"})).err, HasSubstr(": 2 users were not added\n"));
  EXPECT_THAT(Run({"user", "export", "--output", home_.Path("one.csv")}).out,
              HasSubstr("Wrote 1 user to "));
}

TEST_F(UserFileTest, ADryRunAddsNobody) {
  const Ran ran = Import(Names({"ada", "grace"}), {"--dry-run"});
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("Would add 2 users"));
  EXPECT_THAT(server_.imported(), IsEmpty());
}

TEST_F(UserFileTest, ATakenNameFailsUnlessItIsSkipped) {
  EXPECT_EQ(Import(Names({"ada"})).code, ExitCode::kOk);
  const Ran again = Import(Names({"ada", "grace"}));
  EXPECT_EQ(again.code, ExitCode::kInvalid);
  EXPECT_THAT(again.err, HasSubstr("USERNAME_TAKEN"));
  const Ran skipped = Import(Names({"ada", "grace", "joan"}), {"--skip-existing"});
  EXPECT_EQ(skipped.code, ExitCode::kOk) << skipped.err;
  EXPECT_THAT(skipped.out, HasSubstr("Added 1 user, skipped 2"));
}

TEST_F(UserFileTest, AnImportThatWasStoppedSaysWhereToGoOn) {
  const Ran stopped = Import(Names({"ada", "grace", "down", "joan"}));
  EXPECT_EQ(stopped.code, ExitCode::kUnavailable);
  EXPECT_THAT(stopped.err, HasSubstr("--from-line 4 --skip-existing"));
  EXPECT_EQ(server_.imported().size(), 2u);
  const Ran resumed =
      Import(Names({"ada", "grace", "mary", "joan"}), {"--from-line", "4", "--skip-existing"});
  EXPECT_EQ(resumed.code, ExitCode::kOk) << resumed.err;
  EXPECT_THAT(resumed.out, HasSubstr("Added 2 users, skipped 0"));
  EXPECT_EQ(server_.imported().size(), 4u);
}

TEST_F(UserFileTest, ACallThatFailsStopsBeforeItsFirstRow) {
  server_.FailNext({grpc::StatusCode::UNAVAILABLE, "STORAGE_UNAVAILABLE: away"});
  const Ran ran = Import(Names({"ada"}));
  EXPECT_EQ(ran.code, ExitCode::kUnavailable);
  EXPECT_THAT(ran.err, HasSubstr("--from-line 2"));
}

TEST_F(UserFileTest, TheReportIsJsonToo) {
  const Ran ran = Import(Names({"ada", "a b"}), {"--json"});
  const auto report = nlohmann::json::parse(ran.out);
  EXPECT_EQ(report["added"], 1);
  ASSERT_EQ(report["failed"].size(), 1u);
  EXPECT_EQ(report["failed"][0]["line"], 3);
  EXPECT_EQ(report["failed"][0]["username"], "a b");
  EXPECT_EQ(report["failed"][0]["reason"], "FIELD_INVALID");
}

TEST_F(UserFileTest, StandardInputNeedsAFormat) {
  EXPECT_EQ(Run({"user", "import", "-"}, "username\nada\n").code, ExitCode::kUsage);
  EXPECT_EQ(Run({"user", "import", "-", "--format", "csv"}, "username\nada\n").code, ExitCode::kOk);
  EXPECT_EQ(server_.imported().size(), 1u);
}

TEST_F(UserFileTest, AFileThatOthersCanReadIsWarnedOf) {
  const std::string file = Names({"ada"});
  ASSERT_EQ(::chmod(file.c_str(), 0644), 0);
  EXPECT_THAT(Import(file).err, HasSubstr("warning: others can read"));
  ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
  EXPECT_THAT(Import(file, {"--skip-existing"}).err, IsEmpty());
  EXPECT_EQ(Import("/nonexistent/users.csv").code, ExitCode::kUsage);
}

TEST_F(UserFileTest, AnExportWritesAllPagesToANewFileOfTheOwnersAlone) {
  for (const char* name : {"ada", "grace", "joan"}) {
    EXPECT_EQ(Run({"user", "create", name, "--email", std::string(name) + "@example.org",
                   "--password-file", password_file_})
                  .code,
              ExitCode::kOk);
  }
  const std::string file = home_.Path("out.csv");
  const Ran ran = Run({"user", "export", "--output", file});
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_THAT(home_.Read("out.csv"), AllOf(HasSubstr("username,email,display_name,state\r\n"),
                                           HasSubstr("ada,ada@example.org,,active\r\n"),
                                           HasSubstr("joan,"), HasSubstr("alice,")));
  struct stat about {};
  ASSERT_EQ(::stat(file.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
  EXPECT_EQ(Run({"user", "export", "--output", file}).code, ExitCode::kUsage);  // never replaced
}

TEST_F(UserFileTest, WhatIsExportedCanBeImported) {
  const Ran exported = Run({"user", "export"});
  EXPECT_EQ(exported.code, ExitCode::kOk) << exported.err;
  EXPECT_EQ(Run({"user", "import", "-", "--format", "jsonl"}, exported.out).code, ExitCode::kOk);
  EXPECT_EQ(server_.imported().count("alice"), 1u);
}

TEST(ProgressBar, IsDrawnOverAndGoesAwayAndIsSilentWithoutATerminal) {
  std::ostringstream drawn;
  {
    ProgressBar bar(drawn, true);
    bar.Show(1, 4, "1 added");
    EXPECT_THAT(drawn.str(), HasSubstr("25% 1 added"));
    bar.Show(9, 4, "more");
    EXPECT_THAT(drawn.str(), HasSubstr("100% more"));
  }
  EXPECT_THAT(drawn.str(), ::testing::EndsWith("\r\x1b[K"));
  std::ostringstream silent;
  ProgressBar(silent, false).Show(1, 2, "x");
  EXPECT_THAT(silent.str(), IsEmpty());
}

}  // namespace
}  // namespace tessera::cli
