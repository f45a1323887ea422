#include "server/auth/named_texts.h"

#include <gtest/gtest.h>

#include "tessera/base/reason.h"

namespace tessera::server {
namespace {

// The field that is refused, or nothing.
std::string Refused(const NamedTexts& texts, size_t most = 2) {
  return FieldOf(CheckNamedTexts(texts, most, "user.attributes"));
}

TEST(NamedTexts, ComeBackAsTheyWereStored) {
  for (const NamedTexts& texts :
       {NamedTexts{}, NamedTexts{{"a", ""}}, NamedTexts{{"a", "\"\\\n{}"}, {"b.c-d_9", "å 漢"}}}) {
    const auto back = DecodeNamedTexts(EncodeNamedTexts(texts));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, texts);
  }
  EXPECT_EQ(EncodeNamedTexts({}), "");
}

TEST(NamedTexts, WhatCannotBeReadIsAnErrorAndNeverNothing) {
  for (const char* stored :
       {"{", "[]", "1", R"({"a":1})", R"({"a":"b","a":"c"})", R"({"a":null})"}) {
    EXPECT_TRUE(absl::IsInternal(DecodeNamedTexts(stored).status())) << stored;
  }
}

TEST(NamedTexts, NamesValuesAndTheirNumberAreBounded) {
  EXPECT_EQ(Refused({{"a", "b"}, {"c", "d"}}), "");
  EXPECT_EQ(Refused({{"a", "b"}, {"c", "d"}, {"e", "f"}}), "user.attributes");
  EXPECT_EQ(Refused({{std::string(64, 'a'), ""}}), "");
  EXPECT_EQ(Refused({{std::string(65, 'a'), ""}}), "user.attributes");
  EXPECT_EQ(Refused({{"", "b"}}), "user.attributes");
  EXPECT_EQ(Refused({{"A", "b"}}), "user.attributes");
  EXPECT_EQ(Refused({{"a b", "b"}}), "user.attributes");
  EXPECT_EQ(Refused({{"a", std::string(256, 'v')}}), "");
  EXPECT_EQ(Refused({{"a", std::string(257, 'v')}}), "user.attributes");
  EXPECT_EQ(Refused({{"a", "\xff"}}), "user.attributes");
}

}  // namespace
}  // namespace tessera::server
