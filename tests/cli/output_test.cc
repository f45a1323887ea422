#include "tessera/cli/output.h"

#include <gtest/gtest.h>

#include <sstream>

#include "nlohmann/json.hpp"
#include "tessera/base/reason.h"

namespace tessera::cli {
namespace {

TEST(EscapeForTerminal, LeavesOrdinaryTextAlone) {
  EXPECT_EQ(EscapeForTerminal("alice@example.org"), "alice@example.org");
  EXPECT_EQ(EscapeForTerminal("Zoë 日本 🙂"), "Zoë 日本 🙂");
}

TEST(EscapeForTerminal, TakesTheTeethOutOfEscapeSequences) {
  EXPECT_EQ(EscapeForTerminal("\x1b]0;owned\x07"), "\\u{1b}]0;owned\\u{7}");
  EXPECT_EQ(EscapeForTerminal("a\r\nb\tc\x7f"), "a\\u{d}\\u{a}b\\u{9}c\\u{7f}");
  EXPECT_EQ(EscapeForTerminal("\xc2\x9b"
                              "31m"),
            "\\u{9b}31m")
      << "C1 control sequence introducer";
  EXPECT_EQ(EscapeForTerminal(std::string("a\0b", 3)), "a\\u{0}b");
}

TEST(EscapeForTerminal, ShowsCharactersThatHideOrTurnText) {
  EXPECT_EQ(EscapeForTerminal("a\u202e"
                              "b"),
            "a\\u{202e}b");
  EXPECT_EQ(EscapeForTerminal("a\u2066"
                              "b"),
            "a\\u{2066}b");
  EXPECT_EQ(EscapeForTerminal("a\u200b"
                              "b"),
            "a\\u{200b}b");
  EXPECT_EQ(EscapeForTerminal("a\u2028"
                              "b"),
            "a\\u{2028}b");
}

TEST(EscapeForTerminal, ShowsBytesThatAreNotUtf8) {
  EXPECT_EQ(EscapeForTerminal("\xff"), "\\xff");
  EXPECT_EQ(EscapeForTerminal("\xc0\x9b"), "\\xc0\\x9b") << "overlong escape";
  EXPECT_EQ(EscapeForTerminal("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "surrogate";
  EXPECT_EQ(EscapeForTerminal("a\xe2\x82"), "a\\xe2\\x82") << "cut short";
  EXPECT_EQ(EscapeForTerminal("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80") << "beyond Unicode";
}

TEST(EscapeForTerminal, CannotBeImitated) { EXPECT_EQ(EscapeForTerminal("\\u{1b}"), "\\\\u{1b}"); }

TEST(Table, AlignsByCharactersAndEndsNoLineWithSpaces) {
  Table table({"name", "state"});
  table.Add({"zoë", "active"});
  table.Add({"", "disabled"});
  std::ostringstream out;
  table.Print(out);
  EXPECT_EQ(out.str(), "name  state\nzoë   active\n-     disabled\n");
}

TEST(Table, ACellCannotStartANewLine) {
  Table table({"name"});
  table.Add({"a\nroot"});
  std::ostringstream out;
  table.Print(out);
  EXPECT_EQ(out.str(), "name\na\\u{a}root\n");
}

TEST(PrintFields, AlignsTheValues) {
  std::ostringstream out;
  PrintFields({{"id", "1"}, {"username", ""}}, out);
  EXPECT_EQ(out.str(), "id        1\nusername  -\n");
}

TEST(FormatUtc, IsRfc3339ToTheSecond) {
  EXPECT_EQ(FormatUtc(absl::FromUnixMillis(1'800'000'000'999)), "2027-01-15T08:00:00Z");
}

TEST(PrintError, NamesTheReasonOnce) {
  std::ostringstream err;
  PrintError(Refusal(absl::StatusCode::kNotFound, tessera::reason::kUserNotFound, "no such user"),
             false, err);
  EXPECT_EQ(err.str(), "tessera: USER_NOT_FOUND: no such user\n");
}

TEST(PrintError, StaysOnOneLineWhateverTheServerSays) {
  std::ostringstream err;
  PrintError(absl::InternalError("a\n\x1b[2Jb"), false, err);
  EXPECT_EQ(err.str(), "tessera: INTERNAL: a\\u{a}\\u{1b}[2Jb\n");
}

TEST(PrintError, SaysWhenToTryAgain) {
  std::ostringstream err;
  const absl::Status status =
      RetryableRefusal(absl::StatusCode::kResourceExhausted, tessera::reason::kThrottled,
                       "too many attempts", absl::Seconds(3));
  PrintError(status, false, err);
  EXPECT_EQ(err.str(), "tessera: THROTTLED: too many attempts (try again in 3s)\n");
}

TEST(PrintError, SaysOnceWhenToTryAgainAndNeverTooEarly) {
  const auto shown = [](std::string_view text, absl::Duration delay) {
    std::ostringstream err;
    PrintError(RetryableRefusal(absl::StatusCode::kResourceExhausted, tessera::reason::kThrottled,
                                text, delay),
               false, err);
    return err.str();
  };
  EXPECT_EQ(shown("too many attempts: try again later", absl::Nanoseconds(940'062'498)),
            "tessera: THROTTLED: too many attempts (try again in 1s)\n");
  EXPECT_EQ(shown("slow", absl::Milliseconds(89'001)),
            "tessera: THROTTLED: slow (try again in 1m30s)\n");
  EXPECT_EQ(shown("slow", absl::ZeroDuration()), "tessera: THROTTLED: slow (try again in 1s)\n");
  std::ostringstream err;
  PrintError(Refusal(absl::StatusCode::kUnavailable, tessera::reason::kThrottled,
                     "too many attempts: try again later"),
             false, err);
  EXPECT_EQ(err.str(), "tessera: THROTTLED: too many attempts: try again later\n");
}

TEST(PrintError, AsJsonIsOneObjectOnOneLine) {
  std::ostringstream err;
  PrintError(RetryableRefusal(absl::StatusCode::kUnavailable, tessera::reason::kKeysUnavailable,
                              "not \"yet\"", absl::Milliseconds(1500)),
             true, err);
  const std::string line = err.str();
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const auto error = nlohmann::json::parse(line).at("error");
  EXPECT_EQ(error.at("code"), "UNAVAILABLE");
  EXPECT_EQ(error.at("reason"), "KEYS_UNAVAILABLE");
  EXPECT_EQ(error.at("message"), "not \"yet\"");
  EXPECT_EQ(error.at("retry_after"), "1.5s");
}

}  // namespace
}  // namespace tessera::cli
