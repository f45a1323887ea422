// Sessions from the command line, and the device that a context binds them to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "nlohmann/json.hpp"
#include "tessera/cli/device_store.h"
#include "tests/cli/cli_fixture.h"

namespace tessera::cli {
namespace {

using tessera::testing::CliTest;
using tessera::testing::Ran;
using tessera::testing::ReadFile;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class DeviceTest : public CliTest {
 protected:
  std::string DeviceFile() const { return home_.Path("config/credentials/default/device"); }
};

TEST_F(DeviceTest, ALoginBindsItsSessionToADeviceOfTheContext) {
  ASSERT_EQ(Login({"--device-label", "Alice's laptop"}).code, ExitCode::kOk);
  EXPECT_THAT(server_.last_device_id(), MatchesRegex("dev_[A-Za-z0-9_-]{32}"));
  EXPECT_EQ(server_.last_device_label(), "Alice's laptop");
  EXPECT_THAT(ReadFile(DeviceFile()), Not(HasSubstr(server_.last_device_id())));
}

TEST_F(DeviceTest, TheDeviceIsTheSameForEveryLoginAndAudience) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  const std::string first = server_.last_device_id();
  ASSERT_EQ(Login({"--audience", "orders"}).code, ExitCode::kOk);
  EXPECT_EQ(server_.last_device_id(), first);
}

TEST_F(DeviceTest, AnotherContextIsAnotherDevice) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  const std::string first = server_.last_device_id();
  ASSERT_EQ(Login({"--context", "other"}).code, ExitCode::kOk);
  EXPECT_NE(server_.last_device_id(), first);
}

// A server that is asked once must not be able to stand in for the device elsewhere.
TEST_F(DeviceTest, AnotherServerIsShownAnotherId) {
  const DeviceStore store(home_.Path("config"), "default");
  const Secret one = store.MakeFor("one:7443", absl::Seconds(5)).value();
  EXPECT_FALSE(store.MakeFor("two:7443", absl::Seconds(5)).value() == one);
  EXPECT_TRUE(**store.FindFor("one:7443") == one);
}

TEST_F(DeviceTest, WithNoDeviceNothingIsBoundOrMade) {
  ASSERT_EQ(Login({"--no-device"}).code, ExitCode::kOk);
  EXPECT_EQ(server_.last_device_id(), "");
  EXPECT_EQ(::access(DeviceFile().c_str(), F_OK), -1);
  EXPECT_EQ(Run({"whoami"}).code, ExitCode::kOk);
  EXPECT_EQ(server_.last_device_metadata(), "");
}

TEST_F(DeviceTest, TheFileIsThisUsersAlone) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  struct stat state {};
  ASSERT_EQ(::stat(DeviceFile().c_str(), &state), 0);
  EXPECT_EQ(state.st_mode & 0777U, 0600U);
  ASSERT_EQ(::chmod(DeviceFile().c_str(), 0644), 0);
  const Ran ran = Run({"whoami"});
  EXPECT_EQ(ran.code, ExitCode::kConflict);
  EXPECT_THAT(ran.err, HasSubstr("UNSAFE_FILE"));
}

TEST_F(DeviceTest, ADamagedFileIsToldAndNotReplaced) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  home_.Write("config/credentials/default/device", R"({"version": 1, "secret": "short"})");
  ASSERT_EQ(::chmod(DeviceFile().c_str(), 0600), 0);
  const Ran ran = Login();
  EXPECT_EQ(ran.code, ExitCode::kUsage);
  EXPECT_THAT(ran.err, HasSubstr("credentials device"));
  EXPECT_THAT(ReadFile(DeviceFile()), HasSubstr("short"));
}

TEST_F(DeviceTest, ItIsShownWithCallsAndRenewals) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  EXPECT_EQ(Run({"whoami"}).code, ExitCode::kOk);
  EXPECT_EQ(server_.last_device_metadata(), server_.last_device_id());
  clock_.Advance(absl::Minutes(14));
  const Ran ran = Run({"whoami"});  // refused if the renewal showed another device
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_EQ(server_.counts().generations, 1);
}

// A copy of the tokens alone, on another machine.
TEST_F(DeviceTest, WithoutTheDeviceTheTokensCannotBeRenewed) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  ASSERT_EQ(::unlink(DeviceFile().c_str()), 0);
  clock_.Advance(absl::Minutes(16));
  const Ran ran = Run({"whoami"});
  EXPECT_EQ(ran.code, ExitCode::kUnauthenticated);
  EXPECT_THAT(ran.err, HasSubstr("DEVICE_MISMATCH"));
}

class SessionsTest : public CliTest {
 protected:
  std::string SessionOf(const std::string& audience) {
    const auto grant = Credentials().Load(audience);
    EXPECT_TRUE(grant.ok() && grant->has_value());
    return (*grant)->session_id;
  }
};

TEST_F(SessionsTest, ListShowsAllPagesAndWhichOneAsks) {
  ASSERT_EQ(Login({"--device-label", "laptop \x1b[2J"}).code, ExitCode::kOk);
  for (int i = 0; i < 4; ++i) server_.OpenSession("alice", "orders");
  const Ran table = Run({"session", "list"});
  ASSERT_EQ(table.code, ExitCode::kOk) << table.err;
  EXPECT_EQ(std::count(table.out.begin(), table.out.end(), '\n'), 6);
  EXPECT_THAT(table.out, AllOf(HasSubstr("laptop \\u{1b}[2J"), HasSubstr("device")));
  const auto json = nlohmann::json::parse(Run({"session", "list", "--json"}).out);
  ASSERT_EQ(json.at("sessions").size(), 5u);
  for (const auto& session : json.at("sessions")) {
    EXPECT_EQ(session.at("current"), session.at("id") == SessionOf(""));
  }
}

TEST_F(SessionsTest, OnePageSaysHowToGoOn) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  for (int i = 0; i < 4; ++i) server_.OpenSession("alice", "orders");
  const Ran ran = Run({"session", "list", "--page-size", "2"});
  EXPECT_EQ(std::count(ran.out.begin(), ran.out.end(), '\n'), 3);
  EXPECT_THAT(ran.err, HasSubstr("More: --page-token "));
}

TEST_F(SessionsTest, AnotherUserIsNamedByNameOrId) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  ASSERT_EQ(Run({"session", "list", "--user", "alice"}).code, ExitCode::kOk);
  EXPECT_THAT(server_.requests(), Contains(MatchesRegex("ListSessions usr_.{26}")));
  EXPECT_EQ(Run({"session", "list", "--user", "nobody"}).code, ExitCode::kNotFound);
}

TEST_F(SessionsTest, RevokingEndsOneAndTellsAnUnknownOne) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  const std::string other = server_.OpenSession("alice", "").session_id();
  const Ran ran = Run({"session", "revoke", other});
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_EQ(ran.out, "Ended session " + other + ".\n");
  EXPECT_EQ(server_.counts().sessions_open, 1);
  EXPECT_TRUE(Credentials().Load("")->has_value());
  EXPECT_EQ(Run({"session", "revoke", "ses_none"}).code, ExitCode::kNotFound);
  EXPECT_EQ(Run({"session", "revoke"}).code, ExitCode::kUsage);
}

TEST_F(SessionsTest, RevokingAStoredOneForgetsItsTokens) {
  ASSERT_EQ(Login({"--audience", "orders"}).code, ExitCode::kOk);
  ASSERT_EQ(Login().code, ExitCode::kOk);
  ASSERT_EQ(Run({"session", "revoke", SessionOf("orders")}).code, ExitCode::kOk);
  EXPECT_FALSE(Credentials().Load("orders")->has_value());
  ASSERT_EQ(Run({"session", "revoke", SessionOf("")}).code, ExitCode::kOk);
  EXPECT_FALSE(Credentials().Load("")->has_value());
}

TEST_F(SessionsTest, RevokingAllForgetsTheStoredTokens) {
  ASSERT_EQ(Login({"--audience", "orders"}).code, ExitCode::kOk);
  ASSERT_EQ(Login().code, ExitCode::kOk);
  const Ran ran = Run({"session", "revoke-all"});
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_EQ(ran.out, "Sessions ended: 2.\n");
  EXPECT_TRUE(Credentials().Files()->empty());
}

TEST_F(SessionsTest, RevokingAllButThisOneKeepsItsTokens) {
  ASSERT_EQ(Login({"--audience", "orders"}).code, ExitCode::kOk);
  ASSERT_EQ(Login().code, ExitCode::kOk);
  const Ran ran = Run({"session", "revoke-all", "--keep-current", "--json"});
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_EQ(nlohmann::json::parse(ran.out).at("revoked_count"), "1");
  EXPECT_FALSE(Credentials().Load("orders")->has_value());
  EXPECT_EQ(Run({"whoami"}).code, ExitCode::kOk);
}

TEST_F(SessionsTest, RevokingAllOfAnotherKeepsOnesOwnTokens) {
  ASSERT_EQ(Login().code, ExitCode::kOk);
  ASSERT_EQ(Run({"session", "revoke-all", "--user", "alice"}).code, ExitCode::kOk);
  EXPECT_TRUE(Credentials().Load("")->has_value());
  EXPECT_EQ(Run({"session", "revoke-all", "--user", "alice", "--keep-current"}).code,
            ExitCode::kUsage);
}

}  // namespace
}  // namespace tessera::cli
