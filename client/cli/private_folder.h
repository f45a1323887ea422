// Files that hold secrets or decide where secrets go: kept in folders that nobody else can write
// to, replaced whole or not at all, changed by one process at a time.
#ifndef TESSERA_CLI_PRIVATE_FOLDER_H_
#define TESSERA_CLI_PRIVATE_FOLDER_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tessera/base/secret.h"

namespace tessera::cli {

// An open file, closed when it goes. Moves only.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

// The right to change one file of a folder; let go when destroyed. Held across processes and
// threads alike.
class FileLock {
 public:
  const std::string& name() const { return name_; }

 private:
  friend class PrivateFolder;
  FileLock(Descriptor file, std::string name) : file_(std::move(file)), name_(std::move(name)) {}
  Descriptor file_;  // flock()ed
  std::string name_;
};

// Works through an open descriptor of the folder, so that a swapped path changes nothing.
// Thread-safe. Failures of the system are INTERNAL FILE_FAILED.
class PrivateFolder {
 public:
  enum class Privacy {
    kTrusted,  // owned by this user or root; nobody else may write
    kSecret,   // owned by this user; nobody else may read, write or enter
  };
  static constexpr size_t kMaxFileBytes = 64 * 1024;

  // The folder at `path`, which may be reached by symbolic links; kTrusted.
  // NOT_FOUND: there is none. FAILED_PRECONDITION UNSAFE_FILE: others may write to it.
  static absl::StatusOr<PrivateFolder> Open(const std::string& path);
  // Likewise, but makes it, and all above it, with mode 0700 where missing.
  static absl::StatusOr<PrivateFolder> OpenOrMake(const std::string& path);

  // A folder inside this one; a symbolic link is UNSAFE_FILE.
  absl::StatusOr<PrivateFolder> Child(const std::string& name, Privacy privacy) const;
  absl::StatusOr<PrivateFolder> ChildOrMake(const std::string& name, Privacy privacy) const;

  // For messages only.
  std::string PathOf(const std::string& name) const { return path_ + "/" + name; }

  // A file's bytes. NOT_FOUND: there is none. UNSAFE_FILE: a symbolic link, not a plain file, or
  // not as private as the folder's rule asks.
  absl::StatusOr<Secret> Read(const std::string& name) const;
  // Names of the files that end in `suffix`, in order, without hidden ones.
  absl::StatusOr<std::vector<std::string>> List(const std::string& suffix) const;

  // Waits for at most `limit`. UNAVAILABLE BUSY: another command held it all the time.
  absl::StatusOr<FileLock> Lock(const std::string& name, absl::Duration limit) const;
  // Replaces the locked file: readers see the old bytes or the new ones, also after a crash.
  absl::Status Write(const FileLock& lock, const Secret& bytes) const;
  // OK if there is no such file.
  absl::Status Remove(const FileLock& lock) const;

 private:
  PrivateFolder(Descriptor folder, std::string path, Privacy privacy)
      : folder_(std::move(folder)), path_(std::move(path)), privacy_(privacy) {}
  Descriptor folder_;
  std::string path_;
  Privacy privacy_;
};

}  // namespace tessera::cli

#endif  // TESSERA_CLI_PRIVATE_FOLDER_H_
