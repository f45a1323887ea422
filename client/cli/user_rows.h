// Files of users: CSV with a header line, or a JSON object on each line.
#ifndef TESSERA_CLI_USER_ROWS_H_
#define TESSERA_CLI_USER_ROWS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tessera/v1/user_service.pb.h"

namespace tessera::cli {

enum class RowFormat { kCsv, kJsonLines };

// `csv` or `jsonl`; empty: by the name of the file (`.csv`, `.jsonl`, `.ndjson`). USAGE: neither.
absl::StatusOr<RowFormat> FormatOf(const std::string& name, const std::string& file);

// One user of a file.
struct UserRow {
  int64_t line = 0;    // where it begins, from 1
  absl::Status wrong;  // not OK: it cannot be read, and why
  tessera::v1::ImportedUser user = {};
};

// Reads the rows one by one. Not thread-safe.
class UserRowReader {
 public:
  virtual ~UserRowReader() = default;
  // `text` must outlive the reader. USAGE: the header line of a CSV file is not one of ours.
  static absl::StatusOr<std::unique_ptr<UserRowReader>> Create(RowFormat format,
                                                               std::string_view text);

  // Nothing at the end.
  virtual std::optional<UserRow> Next() = 0;
  // How far it has come, in bytes.
  virtual size_t position() const = 0;
};

// A file of these users, which UserRowReader reads again; JSON in ASCII, CSV as the names are. What
// is output only, and password hashes, are left out; roles and groups are there if
// `with_memberships`.
std::string FormatUsers(RowFormat format, const std::vector<tessera::v1::ImportedUser>& users,
                        bool with_memberships);

}  // namespace tessera::cli

#endif  // TESSERA_CLI_USER_ROWS_H_
