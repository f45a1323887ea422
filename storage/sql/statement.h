// One SQL statement: bound, run once, drained. The only place that touches soci::use and
// soci::into.
#ifndef TESSERA_STORAGE_SQL_STATEMENT_H_
#define TESSERA_STORAGE_SQL_STATEMENT_H_

#include <soci/soci.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"

namespace tessera::storage::sql {

// Lives for one execution, on the stack, on the session's thread. It copies what it binds (so no
// temporary can dangle) and always runs to the last row (so no read snapshot stays open). Every
// method may throw soci::soci_error; only Transaction::Do catches it.
//
// Parameters are `:name` in the text, never inside quotes. Columns are taken by Into, in the order
// of the SELECT. Times are whole microseconds since 1970 (BIGINT); the infinities survive.
class Statement {
 public:
  Statement(soci::session& session, std::string text)
      : statement_(session), text_(std::move(text)) {}
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& Bind(const char* name, std::string_view value);
  Statement& Bind(const char* name, int64_t value);
  Statement& Bind(const char* name, absl::Time value);
  Statement& Bind(const char* name, const std::optional<absl::Time>& value);

  // NULL in a column whose target cannot be empty is an error.
  Statement& Into(std::string& target) { return AddColumn<std::string>(&target); }
  Statement& Into(std::optional<std::string>& target) { return AddColumn<std::string>(&target); }
  Statement& Into(int64_t& target) { return AddColumn<int64_t>(&target); }
  Statement& Into(absl::Time& target) { return AddColumn<int64_t>(&target); }
  Statement& Into(std::optional<absl::Time>& target) { return AddColumn<int64_t>(&target); }

  // Runs it; how many rows an INSERT, UPDATE or DELETE matched.
  int64_t Run();
  // Runs a SELECT; false if there is no row, and then the targets are as they were.
  bool One();
  // Runs a SELECT; calls `on_row` for each row, the targets being set.
  void Each(absl::FunctionRef<void()> on_row);

 private:
  struct Parameter {
    std::string text;
    long long number = 0;
    soci::indicator indicator = soci::i_ok;
  };
  using Target = std::variant<std::string*, std::optional<std::string>*, int64_t*, absl::Time*,
                              std::optional<absl::Time>*>;
  struct Column {
    Target target;
    std::string text;
    long long number = 0;
    soci::indicator indicator = soci::i_ok;
  };

  template <typename Kind>
  Statement& AddColumn(Target target);
  void Prepare();
  void SetTargets();

  // Deques, for SOCI keeps pointers into them; before the statement, which must die first.
  std::deque<Parameter> parameters_;
  std::deque<Column> columns_;
  soci::statement statement_;
  std::string text_;
};

// A time as it is stored.
int64_t ToMicros(absl::Time time);
absl::Time FromMicros(int64_t micros);

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_STATEMENT_H_
