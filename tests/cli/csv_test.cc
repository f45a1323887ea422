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

// A display name that anybody chose is no formula in the spreadsheet of an administrator.
TEST(Csv, NoCellIsAFormula) {
  EXPECT_EQ(CsvLine({"=1+1", "+1", "-1", "@a", "\t=1", "\r=1", "\n=1", "\uff1d1", "\uff0b1",
                     "\uff0d1", "\uff201"}),
            "'=1+1,'+1,'-1,'@a,\"'\t=1\",\"'\r=1\",\"'\n=1\",'\uff1d1,'\uff0b1,'\uff0d1,"
            "'\uff201\r\n");
  EXPECT_EQ(CsvLine({"=cmd|' /C calc'!A0,1"}), "\"'=cmd|' /C calc'!A0,1\"\r\n");
  // Nor by being parted where a spreadsheet parts cells by another sign.
  EXPECT_EQ(CsvLine({"a;=1", "a\t=1", "a,=1"}), "\"a;=1\",\"a\t=1\",\"a,=1\"\r\n");
  EXPECT_EQ(CsvLine({"a=1", "a@b", "'a", "'", ""}), "a=1,a@b,'a,',\r\n");
}

TEST(Csv, WhatLookedLikeAFormulaIsReadAsItWas) {
  for (const char* cell : {"=1", "+1", "-", "@a", "\t", "\r", "\n", "\uff1d", "'=1", "''@", "'''",
                           "'a", "' =1", "'", "=\"a\",;", "\"=1\""}) {
    const std::string line = CsvLine({cell, "b"});
    EXPECT_THAT(CsvReader(line).Next()->cells, ElementsAre(cell, "b")) << cell;
  }
  // What a spreadsheet, or another program, wrote of it.
  EXPECT_THAT(CsvReader("\"'=1\",=1").Next()->cells, ElementsAre("=1", "=1"));
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
