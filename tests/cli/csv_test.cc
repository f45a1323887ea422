#include "tessera/cli/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera::cli {
namespace {

using ::testing::ElementsAre;

TEST(Csv, CellsAreQuotedWhereTheyHaveTo) {
  EXPECT_EQ(CsvLine({"a", "", "b c", "d,e", "f\"g", "h\ni"}),
            "a,,b c,\"d,e\",\"f\"\"g\",\"h\ni\"\r\n");
}

TEST(Csv, WhatIsWrittenIsRead) {
  const std::vector<std::string> cells = {"", "a", "d,e", "f\"g\"", "h\r\ni", "\"", " "};
  const std::string text = CsvLine(cells) + CsvLine({"x"});
  CsvReader reader(text);
  const auto first = reader.Next();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->cells, cells);
  EXPECT_EQ(first->line, 1);
  const auto second = reader.Next();
  ASSERT_TRUE(second.has_value());
  EXPECT_THAT(second->cells, ElementsAre("x"));
  EXPECT_EQ(second->line, 3);
  EXPECT_FALSE(reader.Next().has_value());
  EXPECT_EQ(reader.position(), text.size());
}

TEST(Csv, ByteOrderMarkEmptyLinesAndAMissingLastLineEndDoNotMatter) {
  CsvReader reader(
      "\xef\xbb\xbf"
      "a,b\n\n\r\nc,d");
  EXPECT_THAT(reader.Next()->cells, ElementsAre("a", "b"));
  const auto last = reader.Next();
  EXPECT_THAT(last->cells, ElementsAre("c", "d"));
  EXPECT_EQ(last->line, 4);
  EXPECT_FALSE(reader.Next().has_value());
}

TEST(Csv, AQuoteOutOfPlaceIsMalformed) {
  for (const char* text : {"a\"b", "\"a\"b", "\"a", "\"a\"\"", "a,\"b\"c,d", "\"\"\"", "a,b\""}) {
    EXPECT_TRUE(CsvReader(text).Next()->malformed) << text;
  }
  for (const char* text : {"\"\"", "\"a\"\"b\"", "\"\"\"\"", "a,", ","}) {
    EXPECT_FALSE(CsvReader(text).Next()->malformed) << text;
  }
}

TEST(Csv, AnEmptyTextHasNoRecord) {
  EXPECT_FALSE(CsvReader("").Next().has_value());
  EXPECT_FALSE(CsvReader("\n\n").Next().has_value());
  EXPECT_FALSE(CsvReader("\xef\xbb\xbf").Next().has_value());
}

}  // namespace
}  // namespace tessera::cli
