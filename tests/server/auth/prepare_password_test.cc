#include <gtest/gtest.h>

#include <string>

#include "server/auth/password_hasher.h"
#include "tessera/base/reason.h"
#include "tests/server/auth/auth_world.h"

namespace tessera::server {
namespace {

std::string Prepared(const std::string& text) {
  return std::string(Require(PreparePassword(Secret::CopyOf(text), "password")).Reveal());
}

std::string Refused(const std::string& text, size_t min = kMinPasswordCharacters) {
  const auto result = PreparePassword(Secret::CopyOf(text), "user.password", min);
  if (result.ok()) return "accepted";
  EXPECT_TRUE(absl::IsInvalidArgument(result.status()));
  EXPECT_EQ(FieldOf(result.status()), "user.password");
  return ReasonOf(result.status());
}

TEST(PreparePassword, OneWordTypedInTwoWaysIsOnePassword) {
  // U+00E9, and U+0065 U+0301.
  EXPECT_EQ(Prepared("r\xc3\xa9sum\xc3\xa9-2027"), Prepared("re\xcc\x81sume\xcc\x81-2027"));
  EXPECT_EQ(PrepareForLogin(Secret::CopyOf("r\xc3\xa9")),
            PrepareForLogin(Secret::CopyOf("re\xcc\x81")));
}

TEST(PreparePassword, CompatibilityFormsStayApart) {
  EXPECT_NE(Prepared("\xef\xac\x81"
                     "ne wine"),
            Prepared("fine wine"));  // the ligature fi
  EXPECT_NE(Prepared("UPPERCASE"), Prepared("uppercase"));
}

TEST(PreparePassword, AsciiIsLeftAsItIs) {
  EXPECT_EQ(Prepared("correct horse~!"), "correct horse~!");
}

TEST(PreparePassword, EightCharactersAreEnoughAndSevenAreNot) {
  EXPECT_EQ(Prepared("12345678"), "12345678");
  EXPECT_EQ(Refused("1234567"), "FIELD_INVALID");
  EXPECT_EQ(Refused(""), "FIELD_INVALID");
}

TEST(PreparePassword, CharactersAreCountedNotBytesNorTypedMarks) {
  EXPECT_EQ(Refused("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"), "FIELD_INVALID");  // 4 characters, 8 bytes
  EXPECT_EQ(Refused("e\xcc\x81"
                    "e\xcc\x81"
                    "e\xcc\x81"
                    "e\xcc\x81"),
            "FIELD_INVALID");
}

TEST(PreparePassword, TheLowerLimitIsTheCallers) {
  EXPECT_EQ(Refused("12345678", 9), "FIELD_INVALID");
  EXPECT_EQ(Refused("123456789", 9), "accepted");
}

TEST(PreparePassword, A1024ByteOneIsTakenAndOneByteMoreIsNot) {
  EXPECT_EQ(Prepared(std::string(1024, 'a')).size(), 1024u);
  EXPECT_EQ(Refused(std::string(1025, 'a')), "FIELD_INVALID");
}

// U+1D15E takes 4 bytes and its normal form 8.
TEST(PreparePassword, TheLimitHoldsBehindNormalisingToo) {
  std::string text;
  for (int i = 0; i < 256; ++i) text += "\xf0\x9d\x85\x9e";
  ASSERT_EQ(text.size(), 1024u);
  EXPECT_EQ(Refused(text), "FIELD_INVALID");
  EXPECT_EQ(Prepared(text.substr(0, 512)).size(), 1024u);
}

TEST(PreparePassword, ControlCharactersAreRefused) {
  for (const std::string& control :
       {std::string("\0", 1), std::string("\n"), std::string("\t"), std::string("\x1b"),
        std::string("\x7f"), std::string("\xc2\x85")}) {
    EXPECT_EQ(Refused("correct horse" + control), "FIELD_INVALID");
  }
}

TEST(PreparePassword, WhatIsNotUtf8IsRefused) {
  for (const std::string bad : {"\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80"}) {
    EXPECT_EQ(Refused("correct horse" + bad), "FIELD_INVALID");
  }
}

TEST(PrepareForLogin, WhatCannotBeAPasswordStaysAsItIs) {
  for (const std::string& text :
       {std::string("a\nb"), std::string("\xff"), std::string(), std::string(1025, 'a')}) {
    EXPECT_EQ(PrepareForLogin(Secret::CopyOf(text)).Reveal(), text);
  }
}

}  // namespace
}  // namespace tessera::server
