// README.md of the room lists every event that there is, and how it is kept.
#include "server/audit/audited_events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace tessera::server {
namespace {

using ::testing::IsEmpty;

std::string ContentOf(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The event -> how it is kept.
std::map<std::string, std::string> Listed() {
  const std::string readme =
      ContentOf(std::filesystem::path(SOURCE_ROOT) / "server/audit/README.md");
  static const std::regex row(R"(\| `([a-z_]+\.[a-z_]+)` \| (\w+) \|)");
  std::map<std::string, std::string> listed;
  for (std::sregex_iterator at(readme.begin(), readme.end(), row), end; at != end; ++at) {
    EXPECT_TRUE(listed.emplace((*at)[1], (*at)[2]).second) << (*at)[1] << " stands there twice";
  }
  return listed;
}

// All that tesserad is made of, but for the table itself.
std::string Sources() {
  std::string all;
  for (const char* room : {"server", "storage", "client/guard", "client/base"}) {
    const std::filesystem::path root = std::filesystem::path(SOURCE_ROOT) / room;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
      const std::string extension = entry.path().extension();
      if (extension != ".cc" && extension != ".h") continue;
      if (entry.path().filename() == "audited_events.cc") continue;
      all += ContentOf(entry.path());
    }
  }
  return all;
}

std::set<std::string> Found(const std::string& sources, const std::string& pattern) {
  const std::regex expression(pattern);
  std::set<std::string> found;
  for (std::sregex_iterator at(sources.begin(), sources.end(), expression), end; at != end; ++at) {
    found.insert((*at)[1]);
  }
  return found;
}

TEST(AuditedEventsTest, EveryEventThatIsLoggedOrAppendedIsListed) {
  const std::map<std::string, std::string> listed = Listed();
  const std::string sources = Sources();
  std::set<std::string> unlisted;
  for (const char* pattern :
       {R"((?:\.|->)(?:Info|Warning|Error)\(\s*"([a-z_]+\.[a-z_]+)\")",
        R"re(\bLog\("([a-z_]+\.[a-z_]+)")re", R"re(AuditEntry\w* ?\{"([a-z_]+\.[a-z_]+)")re",
        R"re(OwnEvent\(\{"([a-z_]+\.[a-z_]+)")re"}) {
    for (const std::string& name : Found(sources, pattern)) {
      if (listed.count(name) == 0) unlisted.insert(name);
    }
  }
  const std::string constants =
      ContentOf(std::filesystem::path(SOURCE_ROOT) / "server/user/events.h");
  for (const std::string& name : Found(constants, R"re("([a-z_]+\.[a-z_]+)")re")) {
    if (listed.count(name) == 0) unlisted.insert(name);
  }
  EXPECT_THAT(unlisted, IsEmpty());
}

TEST(AuditedEventsTest, EveryEventThatIsListedExists) {
  const std::string sources = Sources();
  for (const auto& [name, kept] : Listed()) {
    EXPECT_NE(sources.find("\"" + name + "\""), std::string::npos) << name;
  }
}

TEST(AuditedEventsTest, TheDecisionsAreThoseThatAreTakenFromTheLog) {
  std::set<std::string> said;
  for (const auto& [name, kept] : Listed()) {
    if (kept == "decision") said.insert(name);
    EXPECT_TRUE(kept == "decision" || kept == "administrative" || kept == "trail" || kept == "log")
        << name;
  }
  std::set<std::string> taken;
  for (const AuditedEvent& event : AuditedEvents()) taken.insert(std::string(event.name));
  EXPECT_EQ(said, taken);
}

TEST(AuditedEventsTest, NoNameIsLongerThanItsColumn) {
  for (const auto& [name, kept] : Listed()) EXPECT_LE(name.size(), storage::kMaxAuditText);
}

TEST(AuditedEventsTest, WithoutACallTheLineSaysFromWhere) {
  const auto decision = DecisionOf(
      {Severity::kWarning, "login.refused", {{"reason", "unknown_user"}, {"peer", "192.0.2.7"}}},
      nullptr, absl::FromUnixSeconds(7));
  ASSERT_TRUE(decision.has_value());
  EXPECT_EQ(decision->source, "192.0.2.7");
  EXPECT_EQ(decision->details, "");
  EXPECT_FALSE(decision->done);
}

// Else a list of what ada did would show what strangers tried with her name.
TEST(AuditedEventsTest, AGuessIsNotTheDoingOfTheUserWhoseNameWasTried) {
  for (const char* name : {"login.refused", "password.reset_refused", "tessera.throttle"}) {
    const auto decision =
        DecisionOf({Severity::kWarning, name, {{"user", "usr_1"}, {"peer", "192.0.2.7"}}}, nullptr,
                   absl::FromUnixSeconds(7));
    ASSERT_TRUE(decision.has_value()) << name;
    EXPECT_EQ(decision->actor, "") << name;
    EXPECT_EQ(decision->target, "usr_1") << name;
  }
  const auto claimed =
      DecisionOf({Severity::kWarning, "service_token.refused", {{"service", "svc_1"}}}, nullptr,
                 absl::FromUnixSeconds(7));
  ASSERT_TRUE(claimed.has_value());
  EXPECT_EQ(claimed->actor, "");
  EXPECT_EQ(claimed->target, "svc_1");
}

TEST(AuditedEventsTest, AThrottleSaysWhichCounterWasFull) {
  const auto decision =
      DecisionOf({Severity::kWarning, "tessera.throttle", {{"counter", "pair"}, {"user", "usr_1"}}},
                 nullptr, absl::FromUnixSeconds(7));
  ASSERT_TRUE(decision.has_value());
  EXPECT_EQ(decision->reason, "pair");
  EXPECT_EQ(decision->details, "");
}

// Whoever shows a user's own token or password acts as that user, also where it is refused.
TEST(AuditedEventsTest, WhoHasProvenToBeTheUserIsTheActor) {
  for (const char* name : {"login.admitted", "login.challenged", "password.change_refused"}) {
    const auto decision =
        DecisionOf({Severity::kInfo, name, {{"user", "usr_1"}}}, nullptr, absl::FromUnixSeconds(7));
    ASSERT_TRUE(decision.has_value()) << name;
    EXPECT_EQ(decision->actor, "usr_1") << name;
  }
}

TEST(AuditedEventsTest, WhoActsForAnotherIsTheActor) {
  const auto decision =
      DecisionOf({Severity::kInfo,
                  "session.ended",
                  {{"session", "ses_1"}, {"cause", "logout"}, {"actor", "usr_2"}}},
                 nullptr, absl::FromUnixSeconds(7));
  ASSERT_TRUE(decision.has_value());
  EXPECT_EQ(decision->actor, "usr_2");
  EXPECT_EQ(decision->target, "ses_1");
  EXPECT_EQ(decision->reason, "logout");
}

}  // namespace
}  // namespace tessera::server
