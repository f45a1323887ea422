#include "storage/sql/sqlite_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "tessera/base/status_macros.h"

namespace tessera::storage::sql {
namespace {

constexpr mode_t kMode = 0600;

absl::Status FileError(int error, const std::string& what, const std::string& path) {
  const std::string text =
      absl::StrCat(what, " ", path, ": ", std::generic_category().message(error));
  const bool passing = error == ENOSPC || error == EDQUOT || error == EMFILE || error == ENFILE ||
                       error == EIO || error == ENOMEM;
  return passing ? absl::UnavailableError(text) : absl::FailedPreconditionError(text);
}

// `path` with its folder's links resolved, and its own if it exists: two ways to one file must find
// one lock.
absl::StatusOr<std::string> Resolve(const std::string& path) {
  if (path.empty()) return absl::FailedPreconditionError("the database's path is empty");
  std::error_code error;
  const std::filesystem::path folder =
      std::filesystem::canonical(std::filesystem::absolute(path).parent_path(), error);
  if (error) return FileError(error.value(), "the folder of", path);
  std::filesystem::path file = folder / std::filesystem::path(path).filename();
  const std::filesystem::path target = std::filesystem::canonical(file, error);
  if (!error) file = target;
  const bool plain = error || std::filesystem::is_regular_file(file, error);
  if (!plain) return absl::FailedPreconditionError(absl::StrCat(path, " is not a plain file"));
  // SOCI's connect string has no way to write this pair.
  if (file.string().find('=') != std::string::npos && file.string().find('"') != std::string::npos)
    return absl::FailedPreconditionError("the database's path holds both '=' and '\"'");
  return file.string();
}

absl::StatusOr<int> Lock(const std::string& path) {
  const std::string lock_path = path + ".lock";
  const int lock = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kMode);
  if (lock < 0) return FileError(errno, "cannot open", lock_path);
  if (flock(lock, LOCK_EX | LOCK_NB) == 0) return lock;
  const int error = errno;
  close(lock);
  if (error != EWOULDBLOCK) return FileError(error, "cannot lock", lock_path);
  return absl::FailedPreconditionError(absl::StrCat(path, " is in use by another process"));
}

absl::Status TightenIfThere(const std::string& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return absl::OkStatus();
  if ((info.st_mode & 0777) == kMode || chmod(path.c_str(), kMode) == 0) return absl::OkStatus();
  return FileError(errno, "cannot set the mode of", path);
}

absl::Status SyncFolder(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return FileError(errno, "cannot open", folder);
  const int result = fsync(fd);
  const int error = errno;
  close(fd);
  return result == 0 ? absl::OkStatus() : FileError(error, "cannot sync", folder);
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteFile>> SqliteFile::Claim(const std::string& path) {
  TESSERA_ASSIGN_OR_RETURN(std::string resolved, Resolve(path));
  TESSERA_ASSIGN_OR_RETURN(const int lock, Lock(resolved));
  std::unique_ptr<SqliteFile> file(new SqliteFile(std::move(resolved), lock));
  TESSERA_RETURN_IF_ERROR(file->Prepare());
  return file;
}

// Only under the lock: closing any descriptor of a file drops the locks that SQLite itself has on
// it in this process.
absl::Status SqliteFile::Prepare() {
  const int fd = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, kMode);
  if (fd < 0) return FileError(errno, "cannot open", path_);
  struct stat info {};
  const bool seen = fstat(fd, &info) == 0;
  close(fd);
  if (!seen || !S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path_, " is not a plain file"));
  }
  device_ = info.st_dev;
  inode_ = info.st_ino;
  for (const char* suffix : {"", "-wal", "-shm"}) {
    TESSERA_RETURN_IF_ERROR(TightenIfThere(path_ + suffix));
  }
  return SyncFolder(path_);
}

SqliteFile::~SqliteFile() { close(lock_); }

bool SqliteFile::StillThere() const {
  struct stat info {};
  return stat(path_.c_str(), &info) == 0 && info.st_dev == device_ && info.st_ino == inode_;
}

}  // namespace tessera::storage::sql
