#include "server/log/key_value_log.h"

#include <gtest/gtest.h>

#include <string>

namespace tessera::server {
namespace {

std::string Format(const std::string& value) {
  return FormatEvent({Severity::kInfo, "login.refused", {{"peer", value}}});
}

TEST(KeyValueLog, PlainValuesStandAsTheyAre) {
  EXPECT_EQ(
      FormatEvent(
          {Severity::kInfo, "login.refused", {{"reason", "bad_password"}, {"peer", "10.0.0.7"}}}),
      "login.refused reason=bad_password peer=10.0.0.7");
}

TEST(KeyValueLog, ValueCannotLookLikeAnotherField) {
  EXPECT_EQ(Format("x user=admin"), "login.refused peer=\"x user=admin\"");
  EXPECT_EQ(Format("a=b"), "login.refused peer=\"a=b\"");
}

TEST(KeyValueLog, ValueCannotLookLikeAnotherLine) {
  EXPECT_EQ(Format("x\n2026 info login.admitted"),
            "login.refused peer=\"x\\x0a2026 info login.admitted\"");
  EXPECT_EQ(Format("\r"), "login.refused peer=\"\\x0d\"");
}

TEST(KeyValueLog, ValueCannotEndItsQuotes) {
  EXPECT_EQ(Format("\" x=\"y\\"), "login.refused peer=\"\\\" x=\\\"y\\\\\"");
}

TEST(KeyValueLog, TerminalControlsAndBytesBeyondAsciiAreEscaped) {
  EXPECT_EQ(Format("\x1b[2J"), "login.refused peer=\"\\x1b[2J\"");
  EXPECT_EQ(Format("\xe2\x80\xae"), "login.refused peer=\"\\xe2\\x80\\xae\"");
  EXPECT_EQ(Format(std::string(1, '\0')), "login.refused peer=\"\\x00\"");
  EXPECT_EQ(Format("\x7f"), "login.refused peer=\"\\x7f\"");
}

TEST(KeyValueLog, EmptyValueIsVisible) { EXPECT_EQ(Format(""), "login.refused peer=\"\""); }

TEST(KeyValueLog, LongValueIsCut) {
  EXPECT_EQ(Format(std::string(kMaxLoggedValueBytes, 'a')).size(),
            std::string("login.refused peer=").size() + kMaxLoggedValueBytes);
  EXPECT_EQ(Format(std::string(kMaxLoggedValueBytes + 1, 'a')),
            "login.refused peer=" + std::string(kMaxLoggedValueBytes, 'a') + "...");
}

std::string FormatAsJson(const LogSink::Fields& fields) {
  return FormatEventAsJson({Severity::kWarning, "login.refused", fields},
                           absl::FromUnixMillis(1'800'000'000'123));
}

TEST(JsonLog, IsAnObjectOnALine) {
  EXPECT_EQ(FormatAsJson({{"reason", "bad_password"}, {"peer", "10.0.0.7"}}),
            R"({"time":"2027-01-15T08:00:00.123Z","level":"warning","event":"login.refused",)"
            R"("reason":"bad_password","peer":"10.0.0.7"})");
}

// What somebody else says cannot take the place of what we say, nor end its string or its line.
TEST(JsonLog, NoValueBreaksOut) {
  EXPECT_EQ(FormatAsJson({{"event", "login.admitted"}, {"peer", "x\",\"level\":\"info\n"}}),
            R"({"time":"2027-01-15T08:00:00.123Z","level":"warning","event":"login.refused",)"
            R"("peer":"x\",\"level\":\"info\n"})");
  const std::string invalid = FormatAsJson({{"peer", "\xff\xfe"}});
  EXPECT_EQ(invalid.find('\xff'), invalid.npos);
  EXPECT_NE(invalid.find("\xef\xbf\xbd"), invalid.npos);
}

TEST(JsonLog, LongValueIsCut) {
  const std::string line = FormatAsJson({{"peer", std::string(kMaxLoggedValueBytes + 1, 'a')}});
  EXPECT_NE(line.find(std::string(kMaxLoggedValueBytes, 'a') + "..."), line.npos);
}

}  // namespace
}  // namespace tessera::server
