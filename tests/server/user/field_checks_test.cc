#include "server/user/field_checks.h"

#include <gtest/gtest.h>

#include <string>

#include "tessera/base/reason.h"

namespace tessera::server {
namespace {

std::string ReasonFor(const std::string& text) {
  return ReasonOf(CheckDisplayText(text, "user.display_name"));
}

TEST(DisplayText, OfAnyLanguageIsTaken) {
  for (const char* text : {"", "Ada Lovelace", "Zo\u00eb d'\u00c9cole \u2014 \u201cAda\u201d",
                           "\u65e5\u672c\u8a9e \U0001f642", "\u05e2\u05d1\u05e8\u05d9\u05ea",
                           // Persian and emoji need the joiners.
                           "\u0645\u06cc\u200c\u062e", "\U0001f469\u200d\U0001f4bb", "a\u00a0b"}) {
    EXPECT_EQ(ReasonFor(text), "") << text;
  }
}

// U+009B begins a terminal's commands, as ESC [ does; an override shows a name as another.
TEST(DisplayText, ThatSteersATerminalIsRefused) {
  for (const char* text :
       {"\x1b[2J", "a\nb", "a\x7f", "\u0080", "a\u009b2Jb", "\u009f", "a\u2028b", "a\u2029b",
        "a\u061cb", "\u200e", "\u200f", "a\u202ab", "nimda\u202e", "a\u2066b", "a\u2069b"}) {
    EXPECT_EQ(ReasonFor(text), reason::kFieldInvalid) << text;
  }
  EXPECT_EQ(ReasonFor(std::string("a\0b", 3)), reason::kFieldInvalid);
}

// A terminal may take the lone byte for a control.
TEST(DisplayText, ThatIsNoUtf8IsRefused) {
  for (const char* text : {"a\x9b", "\xc2", "\xc0\x9b", "\xed\xa0\x80", "a\xff"}) {
    EXPECT_EQ(ReasonFor(text), reason::kFieldInvalid) << text;
  }
}

TEST(DisplayText, HasAtMostTheBytesThatAreSaid) {
  EXPECT_EQ(ReasonFor(std::string(kMaxDisplayBytes, 'a')), "");
  EXPECT_EQ(ReasonFor(std::string(kMaxDisplayBytes + 1, 'a')), reason::kFieldInvalid);
}

}  // namespace
}  // namespace tessera::server
