#include "tessera/token/strict_json.h"

#include <gtest/gtest.h>

#include <string>

namespace tessera {
namespace {

using Kind = JsonValue::Kind;

std::optional<JsonValue> Parse(std::string_view json) { return ParseJsonObject(json, 1 << 20); }

bool Accepts(std::string_view json) { return Parse(json).has_value(); }

std::string Nested(size_t depth) {  // `depth` containers, the outermost an object
  return "{\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
}

TEST(StrictJson, ReadsEveryKindOfValue) {
  const auto value =
      Parse(R"( {"n":null,"b":true,"i":-5,"f":1.5,"e":1e2,"s":"\u00e4\n","a":[1,"x"],"o":{}} )");
  ASSERT_TRUE(value.has_value());
  EXPECT_TRUE(value->Find("n")->Is(Kind::kNull));
  EXPECT_TRUE(value->Find("b")->boolean);
  EXPECT_EQ(value->Find("i")->integer, -5);
  EXPECT_EQ(value->Find("f")->number, 1.5);
  EXPECT_TRUE(value->Find("e")->Is(Kind::kNumber));
  EXPECT_EQ(value->Find("s")->text, "\xc3\xa4\n");
  EXPECT_EQ(value->Find("a")->items.size(), 2u);
  EXPECT_TRUE(value->Find("o")->Is(Kind::kObject));
  EXPECT_EQ(value->Find("absent"), nullptr);
}

TEST(StrictJson, OnlyAnObjectIsTaken) {
  for (const char* json : {"", " ", "[]", "[{}]", "1", "\"x\"", "null", "true"})
    EXPECT_FALSE(Accepts(json)) << json;
}

TEST(StrictJson, ANameTwiceIsRefusedAtEveryDepth) {
  EXPECT_FALSE(Accepts(R"({"a":1,"a":1})"));
  EXPECT_FALSE(Accepts(R"({"a":1,"b":2,"a":null})"));
  EXPECT_FALSE(Accepts(R"({"x":{"a":1,"a":2}})"));
  EXPECT_FALSE(Accepts(R"({"x":[{"a":1,"a":2}]})"));
  EXPECT_TRUE(Accepts(R"({"a":{"a":1},"b":{"a":1}})"));
}

TEST(StrictJson, ANameTwiceIsRefusedAlsoWhenOneIsEscaped) {
  EXPECT_FALSE(Accepts(R"({"sub":1,"s\u0075b":2})"));
  EXPECT_FALSE(Accepts(R"({"":1,"":2})"));
}

TEST(StrictJson, DepthIsCapped) {
  EXPECT_TRUE(Accepts(Nested(kMaxJsonDepth)));
  EXPECT_FALSE(Accepts(Nested(kMaxJsonDepth + 1)));
  EXPECT_FALSE(Accepts(std::string(100'000, '[')));
  EXPECT_FALSE(Accepts("{\"a\":" + std::string(100'000, '[')));
}

TEST(StrictJson, MembersAreCapped) {
  std::string json = "{\"m0\":0";
  for (size_t i = 1; i < kMaxJsonMembers; ++i) json += ",\"m" + std::to_string(i) + "\":0";
  EXPECT_TRUE(Accepts(json + "}"));
  EXPECT_FALSE(Accepts(json + ",\"more\":0}"));
}

TEST(StrictJson, SizeIsCapped) {
  EXPECT_TRUE(ParseJsonObject("{}", 2).has_value());
  EXPECT_FALSE(ParseJsonObject("{} ", 2).has_value());
}

TEST(StrictJson, AnythingBehindTheValueIsRefused) {
  for (const char* json : {"{}{}", "{} x", "{},", "{}]", "{}null", "{}//", "{}/**/"})
    EXPECT_FALSE(Accepts(json)) << json;
  EXPECT_TRUE(Accepts("{} \t\r\n"));
}

TEST(StrictJson, AZeroByteDoesNotEndTheText) {
  EXPECT_FALSE(Accepts(std::string_view("{}\0", 3)));
  EXPECT_FALSE(Accepts(std::string_view("{}\0{\"a\":1}", 10)));
  EXPECT_FALSE(Accepts(std::string_view("\0{}", 3)));
  EXPECT_FALSE(Accepts(std::string_view("{\"a\0\":1}", 8)));
}

TEST(StrictJson, AByteOrderMarkIsRefused) { EXPECT_FALSE(Accepts("\xef\xbb\xbf{}")); }

TEST(StrictJson, BytesThatAreNotUtf8AreRefused) {
  for (const char* bytes : {"\xff", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80",
                            "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\x80"}) {
    EXPECT_FALSE(Accepts("{\"a\":\"" + std::string(bytes) + "\"}"));
    EXPECT_FALSE(Accepts("{\"" + std::string(bytes) + "\":1}"));
  }
  EXPECT_TRUE(Accepts("{\"a\":\"\xf0\x9f\x94\x91\"}"));
}

TEST(StrictJson, ALoneSurrogateIsRefused) {
  EXPECT_FALSE(Accepts(R"({"a":"\ud800"})"));
  EXPECT_FALSE(Accepts(R"({"a":"\udc00"})"));
  EXPECT_FALSE(Accepts(R"({"a":"\ud800\u0041"})"));
  EXPECT_TRUE(Accepts(R"({"a":"\ud83d\udd11"})"));
}

TEST(StrictJson, WhatIsNotJsonIsRefused) {
  for (const char* json : {"{",
                           "}",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{,}",
                           "{a:1}",
                           "{'a':1}",
                           "{\"a\":01}",
                           "{\"a\":+1}",
                           "{\"a\":.5}",
                           "{\"a\":1.}",
                           "{\"a\":NaN}",
                           "{\"a\":Infinity}",
                           "{\"a\":0x10}",
                           "{\"a\":True}",
                           "{\"a\":\"\t\"}",
                           "{\"a\":\"\\x\"}",
                           "{\"a\":1 /* */}",
                           "{\"a\":[1,]}",
                           "{\"a\":\"x}",
                           "{\"a\":[}",
                           "{\"a\":{]}"})
    EXPECT_FALSE(Accepts(json)) << json;
}

TEST(StrictJson, NumbersBeyondAnIntegerAreNoIntegersAndBeyondDoubleRefused) {
  EXPECT_EQ(Parse(R"({"a":9223372036854775807})")->Find("a")->integer, INT64_MAX);
  EXPECT_EQ(Parse(R"({"a":-9223372036854775808})")->Find("a")->integer, INT64_MIN);
  EXPECT_TRUE(Parse(R"({"a":9223372036854775808})")->Find("a")->Is(Kind::kNumber));
  EXPECT_TRUE(Parse(R"({"a":18446744073709551616})")->Find("a")->Is(Kind::kNumber));
  EXPECT_TRUE(Parse(R"({"a":1.0})")->Find("a")->Is(Kind::kNumber));
  EXPECT_FALSE(Accepts(R"({"a":1e400})"));
  EXPECT_FALSE(Accepts("{\"a\":" + std::string(5000, '9') + "}"));
}

TEST(WipeJson, EmptiesEveryText) {
  auto value = Parse(R"({"a":"secret","b":["secret",{"c":"secret"}]})");
  WipeJson(*value);
  EXPECT_EQ(value->Find("a")->text, "");
  EXPECT_EQ(value->Find("b")->items[0].text, "");
  EXPECT_EQ(value->Find("b")->items[1].Find("c")->text, "");
}

TEST(AppendJsonString, WhatItWritesIsReadBackTheSame) {
  std::string every_byte_below_0x80;
  for (char c = 1; c > 0; ++c) every_byte_below_0x80.push_back(c);
  const std::string texts[] = {"",
                               "plain",
                               "q\"uote",
                               "back\\slash",
                               "line\nend",
                               "\x7f",
                               "\xf0\x9f\x94\x91",
                               every_byte_below_0x80,
                               std::string(1, '\0')};
  for (const std::string& text : texts) {
    std::string json = "{\"a\":";
    ASSERT_TRUE(AppendJsonString(text, json));
    const auto value = Parse(json + "}");
    ASSERT_TRUE(value.has_value()) << json;
    EXPECT_EQ(value->Find("a")->text, text);
  }
}

TEST(AppendJsonString, RefusesWhatIsNotUtf8AndLeavesTheTextAlone) {
  std::string json = "x";
  EXPECT_FALSE(AppendJsonString("\xff", json));
  EXPECT_EQ(json, "x");
}

}  // namespace
}  // namespace tessera
