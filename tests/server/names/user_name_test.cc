#include "server/names/user_name.h"

#include <gtest/gtest.h>

#include <string>

#include "tessera/base/reason.h"

namespace tessera::server {
namespace {

std::string Folded(const std::string& name) {
  const absl::StatusOr<std::string> folded = FoldUserName(name, "username");
  return folded.ok() ? *folded : "(" + FieldOf(folded.status()) + ")";
}

constexpr char kRefused[] = "(username)";

TEST(UserName, NamesOfTheFirstVersionsStayAsTheyAre) {
  for (const char* name : {"ada", "ada.lovelace@example.org", "a-b_c", "0", "..", "@-@"}) {
    EXPECT_EQ(Folded(name), name);
  }
}

TEST(UserName, UpperCaseIsFoldedInEveryScript) {
  EXPECT_EQ(Folded("ADA"), "ada");
  EXPECT_EQ(Folded("\u00c5ngstr\u00f6m"), "\u00e5ngstr\u00f6m");
  EXPECT_EQ(Folded("\u0416\u0423\u041a"), "\u0436\u0443\u043a");
  EXPECT_EQ(Folded("Stra\u00dfe"), "stra\u00dfe");  // no full folding: RFC 8265 section 3.3.2
  EXPECT_EQ(Folded("\u03a3\u039f\u03a6\u0399\u0391"), "\u03c3\u03bf\u03c6\u03b9\u03b1");
}

TEST(UserName, WideFormsAndDecomposedLettersAreTheOrdinaryOnes) {
  EXPECT_EQ(Folded("\uff21\uff24\uff21"), "ada");
  EXPECT_EQ(Folded("a\u030angstrom"), "\u00e5ngstrom");
  EXPECT_EQ(Folded("\uff76\uff9e"), "\u30ac");  // narrow Katakana with its mark
}

TEST(UserName, FoldingAFoldedNameLeavesIt) {
  for (const char* name : {"ADA", "\uff21\uff24\uff21", "\u0130stanbul", "\u1e9e", "\u03a9\u0301",
                           "\u03a3\u03a3", "\u01c5"}) {
    const std::string once = Folded(name);
    EXPECT_EQ(Folded(once), once) << name;
  }
}

TEST(UserName, SpacesOfAnyKindAreRefused) {
  for (const char* name : {"a b", " a", "a\u00a0b", "a\u2003b", "a\u3000b", "a\u200bb", "a\u2060b",
                           "a\u180eb", "a\tb", "a\u2028b", "a\ufeffb"}) {
    EXPECT_EQ(Folded(name), kRefused) << name;
  }
}

TEST(UserName, ControlsAndWhatTurnsTheWritingAreRefused) {
  for (const char* name : {"a\nb", "a\u007fb", "a\u0085b", "a\u202eb", "a\u200fb", "a\u2066b",
                           "a\u061cb", "\u202aada"}) {
    EXPECT_EQ(Folded(name), kRefused) << name;
  }
  EXPECT_EQ(Folded(std::string("a\0b", 3)), kRefused);
}

TEST(UserName, WhatHasNoWidthOrOnlyLooksLikeALetterIsRefused) {
  for (const char* name : {
           "ad\u00ada",     // soft hyphen
           "ada\ufe0f",     // variation selector
           "\ufb01ne",      // a ligature
           "\u2460",        // a digit in a circle
           "\U0001d44e",    // a mathematical letter
           "ada\U0001f600"  // a picture
       }) {
    EXPECT_EQ(Folded(name), kRefused) << name;
  }
  EXPECT_EQ(Folded("\u2126"), "\u03c9");  // the sign of the ohm: NFC makes it an omega
}

TEST(UserName, JoinersAreGoodOnlyWhereTheyChangeTheWriting) {
  EXPECT_EQ(Folded("ada\u200d"), kRefused);
  EXPECT_EQ(Folded("a\u200cda"), kRefused);
  EXPECT_EQ(Folded("\u0915\u094d\u200d\u0937"), "\u0915\u094d\u200d\u0937");  // behind a virama
  EXPECT_EQ(Folded("\u0646\u0627\u0645\u0647\u200c\u0627\u06cc"),             // Persian
            "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc");
}

TEST(UserName, TwoKindsOfArabicDigitsAreNotMixed) {
  EXPECT_EQ(Folded("\u0628\u0661\u0662"), "\u0628\u0661\u0662");
  EXPECT_EQ(Folded("\u0628\u0661\u06f2"), kRefused);
}

TEST(UserName, LettersFromRightToLeftKeepTheBidiRule) {
  EXPECT_EQ(Folded("\u05d3\u05d5\u05d3"), "\u05d3\u05d5\u05d3");
  EXPECT_EQ(Folded("\u05d3\u05d5\u05d3"
                   "7"),
            "\u05d3\u05d5\u05d3"
            "7");
  EXPECT_EQ(Folded("7\u05d3\u05d5\u05d3"), kRefused);
  EXPECT_EQ(Folded("ada\u05d3"), kRefused);
  EXPECT_EQ(Folded("\u05d3"
                   "ada"),
            kRefused);
  EXPECT_EQ(Folded("\u05d3."), kRefused);
}

TEST(UserName, TheLimitsAreOfFoldedCharactersAndBytes) {
  EXPECT_EQ(Folded(""), kRefused);
  EXPECT_EQ(Folded(std::string(64, 'a')), std::string(64, 'a'));
  EXPECT_EQ(Folded(std::string(65, 'a')), kRefused);
  std::string wide, long_name;
  for (int i = 0; i < 64; ++i) wide += "\u00e9", long_name += "\U00020000";
  EXPECT_EQ(Folded(wide), wide);
  EXPECT_EQ(Folded(long_name), kRefused);  // 256 bytes
  EXPECT_EQ(Folded(std::string(kMaxRawUserNameBytes + 1, 'a')), kRefused);
}

TEST(UserName, WhatIsNoUtf8IsRefused) {
  for (const char* name : {"\xff", "a\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80"}) {
    EXPECT_EQ(Folded(name), kRefused);
  }
}

TEST(UserName, APrefixIsFoldedAndMayEndAnywhere) {
  EXPECT_EQ(*FoldUserNamePrefix("AD", "p"), "ad");
  EXPECT_EQ(*FoldUserNamePrefix("", "p"), "");
  EXPECT_EQ(*FoldUserNamePrefix("\uff21", "p"), "a");
  EXPECT_EQ(FieldOf(FoldUserNamePrefix("\xff", "p").status()), "p");
}

}  // namespace
}  // namespace tessera::server
