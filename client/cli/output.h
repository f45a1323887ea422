// What is printed: tables for people, JSON for programs, errors for both.
#ifndef TESSERA_CLI_OUTPUT_H_
#define TESSERA_CLI_OUTPUT_H_

#include <iosfwd>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace tessera::cli {

// Makes foreign text harmless for a terminal and fit for one line: controls (C0, DEL, C1), line and
// paragraph separators and all that changes the direction of writing or has no width come out as
// `\u{1b}`, bytes that are not UTF-8 as `\xff`, and a backslash is doubled.
std::string EscapeForTerminal(std::string_view text);

// RFC 3339 in UTC, to the second; "-" for the infinite past.
std::string FormatUtc(absl::Time time);

// Columns aligned by characters, two spaces apart, nothing behind the last. Cells are escaped.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  // As many cells as the header has.
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  void Print(std::ostream& out) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// One thing: a line for each field, names aligned. Values are escaped.
using Fields = std::vector<std::pair<std::string, std::string>>;
void PrintFields(const Fields& fields, std::ostream& out);

// `tessera: REASON: text`, or with `json` {"error": {"code", "reason", "message", "fields",
// "retry_after"}}, the last two only where known.
void PrintError(const absl::Status& status, bool json, std::ostream& err);

// `tessera: warning: text`, or {"warning": {"message"}}.
void PrintWarning(std::string_view text, bool json, std::ostream& err);

}  // namespace tessera::cli

#endif  // TESSERA_CLI_OUTPUT_H_
