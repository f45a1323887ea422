#include <gtest/gtest.h>

#include <map>

#include "tessera/base/reason.h"
#include "tessera/cli/context_store.h"
#include "tessera/cli/exit_code.h"
#include "tessera/cli/settings.h"
#include "tests/base/temporary_folder.h"

namespace tessera::cli {
namespace {

using tessera::testing::TemporaryFolder;

class ContextTest : public ::testing::Test {
 protected:
  ContextTest() { variables_["TESSERACTL_CONFIG_DIR"] = temporary_.Path("config"); }

  absl::StatusOr<Settings> Resolve(const Flags& flags = {}) const {
    return ResolveSettings(flags, Variables());
  }
  Environment Variables() const {
    return [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables_.find(name);
      if (found == variables_.end()) return std::nullopt;
      return found->second;
    };
  }

  TemporaryFolder temporary_;
  std::map<std::string, std::string> variables_;
  ContextStore store_{temporary_.Path("config")};
};

TEST_F(ContextTest, GivesBackWhatWasStored) {
  ASSERT_TRUE(store_.Save("prod", {"auth.example:443", "/ca.pem", true, true, "issuer"}).ok());
  const auto loaded = store_.Load("prod");
  ASSERT_TRUE(loaded.ok() && loaded->has_value());
  EXPECT_EQ((*loaded)->server, "auth.example:443");
  EXPECT_EQ((*loaded)->ca, "/ca.pem");
  EXPECT_TRUE((*loaded)->plaintext);
  EXPECT_TRUE((*loaded)->plaintext_off_loopback);
  EXPECT_EQ((*loaded)->issuer, "issuer");
  EXPECT_EQ(*store_.List(), std::vector<std::string>{"prod"});
}

TEST_F(ContextTest, OnlyAContextThatExistsCanBeUsed) {
  EXPECT_EQ(*store_.Current(), "default");
  EXPECT_TRUE(absl::IsNotFound(store_.Use("prod")));
  ASSERT_TRUE(store_.Save("prod", {}).ok());
  ASSERT_TRUE(store_.Use("prod").ok());
  EXPECT_EQ(*store_.Current(), "prod");
  EXPECT_EQ(Resolve()->context_name, "prod");
}

TEST_F(ContextTest, NamesCannotLeadOutOfTheFolder) {
  for (const char* name : {"", ".", "..", "../x", "a/b", ".hidden", "-x", "a b", "ä"}) {
    EXPECT_FALSE(CheckContextName(name).ok()) << name;
  }
  EXPECT_TRUE(CheckContextName("prod-1.eu_west").ok());
  EXPECT_TRUE(CheckContextName(std::string(64, 'a')).ok());
  EXPECT_FALSE(CheckContextName(std::string(65, 'a')).ok());
}

TEST_F(ContextTest, AContextThatOthersMayWriteIsRefused) {
  ASSERT_TRUE(store_.Save("default", {"127.0.0.1:1", "", false, false, ""}).ok());
  temporary_.Write("config/contexts/default.json", "{\"version\":1}", 0666);
  EXPECT_EQ(ReasonOf(Resolve().status()), local_reason::kUnsafeFile);
  temporary_.Write("config/contexts/default.json", "{\"version\":1}", 0644);
  EXPECT_TRUE(Resolve().ok());
}

TEST_F(ContextTest, WithoutAnythingTheDefaultsHold) {
  const auto settings = Resolve();
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->context.server, "127.0.0.1:7443");
  EXPECT_FALSE(settings->context.plaintext);
  EXPECT_EQ(settings->timeout, absl::Seconds(10));
  EXPECT_EQ(settings->context_name, "default");
}

TEST_F(ContextTest, FlagsComeBeforeEnvironmentBeforeContext) {
  ASSERT_TRUE(store_.Save("default", {"context:1", "", false, false, ""}).ok());
  EXPECT_EQ(Resolve()->context.server, "context:1");
  variables_["TESSERACTL_SERVER"] = "environment:2";
  EXPECT_EQ(Resolve()->context.server, "environment:2");
  Flags flags;
  flags.server = "flag:3";
  EXPECT_EQ(Resolve(flags)->context.server, "flag:3");
}

TEST_F(ContextTest, TheContextToWorkInComesFromFlagOrEnvironment) {
  ASSERT_TRUE(store_.Save("a", {"a:1", "", false, false, ""}).ok());
  ASSERT_TRUE(store_.Save("b", {"b:1", "", false, false, ""}).ok());
  variables_["TESSERACTL_CONTEXT"] = "a";
  EXPECT_EQ(Resolve()->context.server, "a:1");
  Flags flags;
  flags.context = "b";
  EXPECT_EQ(Resolve(flags)->context.server, "b:1");
}

TEST_F(ContextTest, WhatWasAllowedForOneServerIsNotAllowedForAnother) {
  ASSERT_TRUE(store_.Save("default", {"home:1", "/ca.pem", true, true, "issuer"}).ok());
  Flags flags;
  flags.server = "home:1";
  EXPECT_TRUE(Resolve(flags)->context.plaintext);
  flags.server = "elsewhere:1";
  const Context context = Resolve(flags)->context;
  EXPECT_FALSE(context.plaintext);
  EXPECT_FALSE(context.plaintext_off_loopback);
  EXPECT_EQ(context.ca, "");
  EXPECT_EQ(context.issuer, "");
}

TEST_F(ContextTest, PlaintextCanBeTakenBack) {
  ASSERT_TRUE(store_.Save("default", {"home:1", "", true, false, ""}).ok());
  Flags flags;
  flags.plaintext = false;
  EXPECT_FALSE(Resolve(flags)->context.plaintext);
}

TEST_F(ContextTest, TimeoutsOutOfBoundsAreUsage) {
  for (const char* text : {"", "0", "0s", "-1s", "10", "10m1s", "inf", "soon"}) {
    Flags flags;
    flags.timeout = text;
    EXPECT_EQ(ExitCodeOf(Resolve(flags).status()), ExitCode::kUsage) << text;
  }
  Flags flags;
  flags.timeout = "10m";
  EXPECT_TRUE(Resolve(flags).ok());
}

TEST_F(ContextTest, TheFolderIsFoundInTheDocumentedOrder) {
  variables_["XDG_CONFIG_HOME"] = "/xdg";
  variables_["HOME"] = "/home/alice";
  EXPECT_EQ(*ConfigFolder(Variables()), temporary_.Path("config"));
  variables_.erase("TESSERACTL_CONFIG_DIR");
  EXPECT_EQ(*ConfigFolder(Variables()), "/xdg/tessera");
  variables_["XDG_CONFIG_HOME"] = "relative";
  EXPECT_EQ(*ConfigFolder(Variables()), "/home/alice/.config/tessera");
  variables_["TESSERACTL_CONFIG_DIR"] = "relative";
  EXPECT_EQ(ExitCodeOf(ConfigFolder(Variables()).status()), ExitCode::kUsage);
}

TEST_F(ContextTest, AMissingCaFileIsUsage) {
  Flags flags;
  flags.ca = temporary_.Path("none.pem");
  EXPECT_EQ(ExitCodeOf(Resolve(flags).status()), ExitCode::kUsage);
}

}  // namespace
}  // namespace tessera::cli
