#include "tessera/cli/user_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tessera/cli/exit_code.h"

namespace tessera::cli {
namespace {

using tessera::v1::ImportedUser;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<UserRow> Rows(RowFormat format, const std::string& text) {
  std::vector<UserRow> rows;
  const auto reader = UserRowReader::Create(format, text);
  EXPECT_TRUE(reader.ok()) << reader.status();
  if (!reader.ok()) return rows;
  while (std::optional<UserRow> row = (*reader)->Next()) rows.push_back(*std::move(row));
  EXPECT_EQ((*reader)->position(), text.size());
  return rows;
}

std::string WrongIn(RowFormat format, const std::string& text) {
  const std::vector<UserRow> rows = Rows(format, text);
  EXPECT_FALSE(rows.empty());
  return rows.empty() ? "" : std::string(rows.back().wrong.message());
}

ImportedUser Ada() {
  ImportedUser ada;
  ada.mutable_user()->set_username("ada");
  ada.mutable_user()->set_email("ada@example.org");
  ada.mutable_user()->set_display_name("Ada, \"Countess\"");
  ada.mutable_user()->set_state(tessera::v1::USER_STATE_DISABLED);
  (*ada.mutable_user()->mutable_attributes())["team"] = "one two";
  ada.add_roles("reader");
  ada.add_roles("writer");
  ada.add_groups("staff");
  return ada;
}

TEST(UserRows, WhatIsExportedIsReadAgainInBothFormats) {
  ImportedUser grace;
  grace.mutable_user()->set_username("gr\u00e5ce");
  grace.mutable_user()->set_state(tessera::v1::USER_STATE_ACTIVE);
  for (const RowFormat format : {RowFormat::kCsv, RowFormat::kJsonLines}) {
    const auto rows = Rows(format, FormatUsers(format, {Ada(), grace}, true));
    ASSERT_EQ(rows.size(), 2u);
    for (const UserRow& row : rows) EXPECT_TRUE(row.wrong.ok()) << row.wrong;
    EXPECT_EQ(rows[0].user.SerializeAsString(), Ada().SerializeAsString());
    EXPECT_EQ(rows[1].user.SerializeAsString(), grace.SerializeAsString());
  }
}

TEST(UserRows, AnExportHoldsNoHashAndMembershipsOnlyWhenAsked) {
  ImportedUser ada = Ada();
  ada.set_password_hash("$2b$12$secret");
  for (const RowFormat format : {RowFormat::kCsv, RowFormat::kJsonLines}) {
    EXPECT_THAT(FormatUsers(format, {ada}, true), ::testing::Not(HasSubstr("secret")));
    EXPECT_THAT(FormatUsers(format, {ada}, false), ::testing::Not(HasSubstr("staff")));
  }
}

// U+009B begins a terminal's commands, as ESC [ does.
TEST(UserRows, JsonIsHarmlessForATerminalAndSaysTheSame) {
  ImportedUser mallory;
  const std::string name = "a\u009b2Jb\u202ec\u2028d\x7f\x1b[2J \u00e9 \U0001f642 \\u009b";
  mallory.mutable_user()->set_username("mallory");
  mallory.mutable_user()->set_state(tessera::v1::USER_STATE_ACTIVE);
  mallory.mutable_user()->set_display_name(name);
  (*mallory.mutable_user()->mutable_attributes())["team"] = name;
  const std::string text = FormatUsers(RowFormat::kJsonLines, {mallory}, true);
  ASSERT_EQ(text.back(), '\n');
  EXPECT_TRUE(std::all_of(text.begin(), text.end() - 1, [](char c) {
    return c >= ' ' && c < 0x7f;
  })) << text;
  const auto rows = Rows(RowFormat::kJsonLines, text);
  ASSERT_EQ(rows.size(), 1u);
  ASSERT_TRUE(rows[0].wrong.ok()) << rows[0].wrong;
  EXPECT_EQ(rows[0].user.SerializeAsString(), mallory.SerializeAsString());
}

TEST(UserRows, CsvColumnsComeInAnyOrder) {
  const auto rows = Rows(RowFormat::kCsv,
                         "password_hash,attribute.team,username,roles\r\n"
                         "$2b$10$x,,ada,\r\n$2b$10$y,b,grace,r  s\r\n");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].line, 2);
  EXPECT_EQ(rows[0].user.user().username(), "ada");
  EXPECT_EQ(rows[0].user.password_hash(), "$2b$10$x");
  EXPECT_TRUE(rows[0].user.user().attributes().empty());
  EXPECT_EQ(rows[1].user.user().attributes().at("team"), "b");
  EXPECT_THAT(rows[1].user.roles(), ElementsAre("r", "s"));
}

TEST(UserRows, ACsvFileNeedsAHeaderOfKnownColumns) {
  for (const char* text : {"", "ada\n", "username,passwort\n", "email\n", "username,username\n",
                           "username,attribute.\n", "\"username\n"}) {
    const auto reader = UserRowReader::Create(RowFormat::kCsv, text);
    EXPECT_EQ(ExitCodeOf(reader.status()), ExitCode::kUsage) << text;
  }
}

TEST(UserRows, AWrongRowSaysWhyAndTheOthersAreRead) {
  EXPECT_THAT(WrongIn(RowFormat::kCsv, "username,email\nada\n"), HasSubstr("1 cells"));
  EXPECT_THAT(WrongIn(RowFormat::kCsv, "username\na\"b\n"), HasSubstr("quote"));
  EXPECT_THAT(WrongIn(RowFormat::kCsv, "username,state\nada,gone\n"), HasSubstr("state"));
  for (const char* text :
       {"[]", "{\"username\":", "\"ada\"", "{\"username\":1}", "{\"passwort\":\"x\"}",
        "{\"roles\":\"reader\"}", "{\"roles\":[1]}", "{\"attributes\":{\"a\":1}}",
        "{\"attributes\":[]}", "{\"state\":\"gone\"}", "{\"username\":\"\xff\"}"}) {
    EXPECT_NE(WrongIn(RowFormat::kJsonLines, text), "") << text;
  }
  const auto rows = Rows(RowFormat::kJsonLines, "{}x\n\n{\"username\":\"ada\"}\n");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_FALSE(rows[0].wrong.ok());
  EXPECT_TRUE(rows[1].wrong.ok());
  EXPECT_EQ(rows[1].line, 3);
}

TEST(UserRows, TheFormatIsNamedOrTheFilesName) {
  EXPECT_EQ(*FormatOf("", "a.csv"), RowFormat::kCsv);
  EXPECT_EQ(*FormatOf("", "a.jsonl"), RowFormat::kJsonLines);
  EXPECT_EQ(*FormatOf("", "a.ndjson"), RowFormat::kJsonLines);
  EXPECT_EQ(*FormatOf("jsonl", "a.csv"), RowFormat::kJsonLines);
  for (const char* file : {"", "-", "a", "csv", "a.json"}) {
    EXPECT_EQ(ExitCodeOf(FormatOf("", file).status()), ExitCode::kUsage) << file;
  }
  EXPECT_EQ(ExitCodeOf(FormatOf("xml", "a.csv").status()), ExitCode::kUsage);
}

}  // namespace
}  // namespace tessera::cli
