// The SQLite file itself: made with mode 0600 and held for this process alone.
#ifndef TESSERA_STORAGE_SQL_SQLITE_FILE_H_
#define TESSERA_STORAGE_SQL_SQLITE_FILE_H_

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace tessera::storage::sql {

// Holds `<path>.lock` (flock: the kernel lets go of it when the process ends, however it ends) from
// Claim to its end. Thread-safe.
class SqliteFile {
 public:
  // Makes the file if there is none; tightens it, its -wal and its -shm to 0600.
  // FAILED_PRECONDITION: another process, or another store of this one, has it; the folder is
  // missing; it is no plain file; the permissions do not suffice. The message says which, for the
  // operator. UNAVAILABLE: no space, say.
  static absl::StatusOr<std::unique_ptr<SqliteFile>> Claim(const std::string& path);

  SqliteFile(const SqliteFile&) = delete;
  SqliteFile& operator=(const SqliteFile&) = delete;
  ~SqliteFile();

  // Absolute, without links.
  const std::string& path() const { return path_; }

  // False once the path no longer leads to the file that was claimed (its folder was removed, say):
  // what is written then survives nothing.
  bool StillThere() const;

 private:
  SqliteFile(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}
  absl::Status Prepare();

  const std::string path_;
  const int lock_;  // file descriptor
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_SQLITE_FILE_H_
