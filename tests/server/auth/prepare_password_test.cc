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

TEST(PreparePassword, EverySpaceIsAPlainOne) {
  // U+00A0, U+2003 and U+3000.
  EXPECT_EQ(Prepared("gravel\xc2\xa0lantern\xe2\x80\x83moth\xe3\x80\x80wing"),
            "gravel lantern moth wing");
  EXPECT_EQ(PrepareForLogin(Secret::CopyOf("gravel\xe3\x80\x80lantern")),
            Secret::CopyOf("gravel lantern"));
}

TEST(PreparePassword, WhatCannotBeSeenOrIsNoCharacterIsRefused) {
  for (const char* text : {
           "zero width\xe2\x80\x8b space",     // U+200B
           "right to left \xe2\x80\xae mark",  // U+202E
           "line \xe2\x80\xa8 separator",      // U+2028
           "byte order \xef\xbb\xbf mark",     // U+FEFF
           "private \xee\x80\x80 use",         // U+E000
           "never a \xef\xbf\xbe character",   // U+FFFE
           "old hangul \xe1\x84\x80 jamo",     // U+1100 alone
       }) {
    EXPECT_EQ(Refused(text), "FIELD_INVALID") << text;
  }
  EXPECT_EQ(Refused("unassigned \xcd\xb8 point"), "FIELD_INVALID");  // U+0378
}

TEST(PreparePassword, JamoThatMakeASyllableAreOne) {
  // U+1112 U+1161 U+11AB is U+D55C.
  EXPECT_EQ(Prepared("\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab 1234567"), "\xed\x95\x9c 1234567");
}

// RFC 5892, appendix A.1 and A.2.
TEST(PreparePassword, AJoinerIsTakenWhereItMakesADifference) {
  EXPECT_EQ(Refused("latin\xe2\x80\x8ctext"), "FIELD_INVALID");
  EXPECT_EQ(Refused("latin\xe2\x80\x8dtext"), "FIELD_INVALID");
  EXPECT_EQ(Refused("\xe2\x80\x8dstart of all"), "FIELD_INVALID");
  // U+0915 U+094D U+200D U+0937: behind a virama.
  EXPECT_EQ(Refused("\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8d\xe0\xa4\xb7 1234567"), "accepted");
  // U+0645 U+06CC U+200C U+062E: between letters that would join.
  EXPECT_EQ(Refused("\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae 1234567"), "accepted");
}

TEST(PreparePassword, SymbolsAndSignsOfAnyScriptAreTaken) {
  EXPECT_EQ(Refused("\xe2\x82\xac 1,000 \xf0\x9f\x98\x80"), "accepted");  // U+20AC, U+1F600
  EXPECT_EQ(Refused("\xe6\xad\xa3\xe7\xa1\xae\xe9\xa6\xac 12345"), "accepted");
}

}  // namespace
}  // namespace tessera::server
