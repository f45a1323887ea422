#include "tessera/token/base64url.h"

#include <gtest/gtest.h>

#include <string>

#include "tessera/base/random.h"

namespace tessera {
namespace {

// RFC 4648 section 10, without padding.
TEST(Base64Url, EncodesThePublishedExamples) {
  const std::pair<const char*, const char*> examples[] = {
      {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},         {"foo", "Zm9v"},
      {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : examples) {
    EXPECT_EQ(Base64UrlEncode(bytes), text);
    EXPECT_EQ(Base64UrlDecode(text), bytes);
  }
}

// RFC 7515 appendix C.
TEST(Base64Url, UsesTheUrlAlphabet) {
  EXPECT_EQ(Base64UrlEncode("\x03\xec\xff\xe0\xc1"), "A-z_4ME");
  EXPECT_EQ(Base64UrlDecode("A-z_4ME"), "\x03\xec\xff\xe0\xc1");
}

TEST(Base64Url, EveryLengthGoesThereAndBack) {
  for (size_t size = 0; size < 300; ++size) {
    const std::string bytes = RandomBytes(size);
    const std::string text = Base64UrlEncode(bytes);
    EXPECT_EQ(text.size(), (size * 4 + 2) / 3);
    EXPECT_EQ(Base64UrlDecode(text), bytes);
  }
}

TEST(Base64Url, PaddingIsRefused) {
  for (const char* text : {"Zg==", "Zg=", "Zm8=", "=", "====", "Zm9v="})
    EXPECT_EQ(Base64UrlDecode(text), std::nullopt) << text;
}

TEST(Base64Url, AnotherAlphabetIsRefused) {
  for (const char* text : {"A+z/", "ab+c", "ab/c", "Zg.", "Zm9v!", "Zm\xc3\xa4"})
    EXPECT_EQ(Base64UrlDecode(text), std::nullopt) << text;
}

TEST(Base64Url, WhiteSpaceIsRefused) {
  for (const char* text : {" Zm9v", "Zm9v ", "Zm9v\n", "Zm9\tv", "Zm\r\n9v"})
    EXPECT_EQ(Base64UrlDecode(text), std::nullopt) << text;
  EXPECT_EQ(Base64UrlDecode(std::string_view("Zm9v\0", 5)), std::nullopt);
  EXPECT_EQ(Base64UrlDecode(std::string_view("Zm\0v", 4)), std::nullopt);
}

TEST(Base64Url, AnImpossibleLengthIsRefused) {
  for (const char* text : {"A", "AAAAA", "Zm9vY"})
    EXPECT_EQ(Base64UrlDecode(text), std::nullopt) << text;
}

TEST(Base64Url, OfAllLastCharactersOnlyTheOnesWithoutSurplusBitsAreTaken) {
  const std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  int two = 0, three = 0;
  for (const char last : alphabet) {
    two += Base64UrlDecode(std::string("Z") + last).has_value() ? 1 : 0;
    three += Base64UrlDecode(std::string("Zm") + last).has_value() ? 1 : 0;
  }
  EXPECT_EQ(two, 4);     // four of the six bits must be zero
  EXPECT_EQ(three, 16);  // two of six
}

}  // namespace
}  // namespace tessera
