// The server's keys from the command line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nlohmann/json.hpp"
#include "tests/cli/cli_fixture.h"

namespace tessera::cli {
namespace {

using tessera::testing::CliTest;
using tessera::testing::Ran;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class KeysTest : public CliTest {
 protected:
  void SetUp() override { ASSERT_EQ(Login().code, ExitCode::kOk); }
};

TEST_F(KeysTest, ListShowsStatesInWords) {
  const Ran ran = Run({"keys", "list"});
  EXPECT_EQ(ran.code, ExitCode::kOk);
  EXPECT_THAT(ran.out, AllOf(HasSubstr("old-key"), HasSubstr("active"), HasSubstr("pending"),
                             HasSubstr("m1"), Not(HasSubstr("KEY_STATE"))));
  const auto json = nlohmann::json::parse(Run({"keys", "list", "--json"}).out);
  EXPECT_EQ(json["keys"][0]["state"], "KEY_STATE_ACTIVE");
}

TEST_F(KeysTest, RotatingSaysWhetherTheKeySigns) {
  EXPECT_THAT(Run({"keys", "rotate"}).out, AllOf(HasSubstr("new-key"), HasSubstr("published")));
}

TEST_F(KeysTest, RewrappingTellsHowManyAndUnderWhich) {
  EXPECT_THAT(Run({"keys", "rewrap"}).out, AllOf(HasSubstr("3"), HasSubstr("m2")));
}

// What cannot be undone asks a person, or is told not to.
TEST_F(KeysTest, RevokingAndRestoringNeedATerminalOrYes) {
  EXPECT_EQ(Run({"keys", "revoke", "old-key"}).code, ExitCode::kUsage);
  EXPECT_EQ(Run({"store", "restored"}).code, ExitCode::kUsage);
  EXPECT_THAT(server_.requests(), Not(Contains(HasSubstr("RevokeSigningKey"))));
  EXPECT_EQ(Run({"keys", "revoke", "old-key", "--yes"}).code, ExitCode::kOk);
  EXPECT_THAT(server_.requests(), Contains("RevokeSigningKey old-key"));
}

TEST_F(KeysTest, ARestoredStoreEndsTheStoredSessionsToo) {
  EXPECT_THAT(Run({"store", "restored", "--yes"}).out, HasSubstr("7"));
  EXPECT_EQ(Run({"keys", "list"}).code, ExitCode::kUnauthenticated);
}

}  // namespace
}  // namespace tessera::cli
