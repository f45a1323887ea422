// The file as another program sees it.
#ifndef TESSERA_TESTS_STORAGE_RAW_SQLITE_H_
#define TESSERA_TESTS_STORAGE_RAW_SQLITE_H_

#include <sqlite3.h>

#include <stdexcept>
#include <string>

namespace tessera::testing {

class RawSqlite {
 public:
  explicit RawSqlite(const std::string& path) {
    if (sqlite3_open(path.c_str(), &handle_) != SQLITE_OK) throw std::runtime_error("open failed");
    sqlite3_busy_timeout(handle_, 2000);
  }
  RawSqlite(const RawSqlite&) = delete;
  RawSqlite& operator=(const RawSqlite&) = delete;
  ~RawSqlite() { sqlite3_close(handle_); }

  // Runs it; the first column of the first row, empty if there is none.
  std::string Run(const std::string& sql) {
    std::string first;
    char* error = nullptr;
    if (sqlite3_exec(handle_, sql.c_str(), TakeFirst, &first, &error) != SQLITE_OK) {
      const std::string text = error == nullptr ? "failed" : error;
      sqlite3_free(error);
      throw std::runtime_error(sql + ": " + text);
    }
    return first;
  }

  // How SQLite would find the rows: its words for all steps.
  std::string Plan(const std::string& query) {
    std::string steps;
    sqlite3_exec(handle_, ("EXPLAIN QUERY PLAN " + query).c_str(), AddDetail, &steps, nullptr);
    return steps;
  }

 private:
  static int AddDetail(void* steps, int columns, char** values, char**) {
    static_cast<std::string*>(steps)->append(values[columns - 1]).append("; ");
    return 0;
  }
  static int TakeFirst(void* first, int, char** values, char**) {
    auto& target = *static_cast<std::string*>(first);
    if (target.empty() && values[0] != nullptr) target = values[0];
    return 0;
  }
  sqlite3* handle_ = nullptr;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_STORAGE_RAW_SQLITE_H_
