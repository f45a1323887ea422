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

}  // namespace
}  // namespace tessera::server
