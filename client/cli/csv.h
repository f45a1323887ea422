// Comma-separated values (RFC 4180).
#ifndef TESSERA_CLI_CSV_H_
#define TESSERA_CLI_CSV_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::cli {

// A spreadsheet takes a cell for a formula by how it begins. Such a cell is written with an
// apostrophe in front, and one that has apostrophes before such a beginning with one more; reading
// takes one away.

// Reads records one by one; line ends are CRLF or LF, empty lines are left out, and a byte order
// mark at the start too. The text must outlive the reader. Not thread-safe.
class CsvReader {
 public:
  explicit CsvReader(std::string_view text);

  struct Record {
    int64_t line = 0;  // where it begins, from 1
    std::vector<std::string> cells;
    bool malformed = false;  // a quote out of place, or one that does not end
  };
  // Nothing at the end.
  std::optional<Record> Next();
  // How far it has come, in bytes.
  size_t position() const { return at_; }

 private:
  // Whether the record goes on behind the cell.
  bool ReadCell(Record& record);
  void ReadQuoted(Record& record, std::string& cell);
  bool AtLineEnd() const;
  void SkipLineEnd();

  std::string_view text_;
  size_t at_ = 0;
  int64_t line_ = 1;
};

// One record with its line end, quoted where it has to be.
std::string CsvLine(const std::vector<std::string>& cells);

}  // namespace tessera::cli

#endif  // TESSERA_CLI_CSV_H_
