#include "tessera/cli/private_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "tessera/base/clock.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/cli/exit_code.h"

namespace tessera::cli {
namespace {

constexpr int kLockPollMilliseconds = 10;
constexpr mode_t kFolderMode = 0700;
constexpr mode_t kFileMode = 0600;

absl::Status Failed(const std::string& what, const std::string& path, int error) {
  const std::string text = "cannot " + what + " " + path + ": " + std::strerror(error);
  if (error == ENOENT) {
    return Refusal(absl::StatusCode::kNotFound, local_reason::kFileFailed, text);
  }
  return Refusal(absl::StatusCode::kInternal, local_reason::kFileFailed, text);
}

absl::Status Unsafe(const std::string& path, const std::string& why) {
  return Refusal(absl::StatusCode::kFailedPrecondition, local_reason::kUnsafeFile,
                 path + " " + why);
}

absl::Status CheckOwner(const std::string& path, const struct stat& found,
                        PrivateFolder::Privacy privacy) {
  const bool root_will_do = privacy == PrivateFolder::Privacy::kTrusted;
  if (found.st_uid == ::geteuid() || (root_will_do && found.st_uid == 0)) return absl::OkStatus();
  return Unsafe(path, "belongs to another user");
}

absl::Status CheckPrivacy(const std::string& path, const struct stat& found,
                          PrivateFolder::Privacy privacy) {
  TESSERA_RETURN_IF_ERROR(CheckOwner(path, found, privacy));
  const char* mode = S_ISDIR(found.st_mode) ? "700" : "600";
  if (privacy == PrivateFolder::Privacy::kSecret && (found.st_mode & 077) != 0) {
    return Unsafe(path, std::string("is open to other users; chmod ") + mode);
  }
  if ((found.st_mode & 022) != 0) {
    return Unsafe(path, std::string("can be written by other users; chmod ") + mode);
  }
  return absl::OkStatus();
}

absl::Status MakeFolders(const std::string& path) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (::mkdir(part.c_str(), kFolderMode) != 0 && errno != EEXIST) {
      return Failed("make folder", part, errno);
    }
    if (slash == std::string::npos) return absl::OkStatus();
  }
}

absl::Status WriteAll(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Failed("write", path, errno);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  if (::fsync(fd) != 0) return Failed("sync", path, errno);
  return absl::OkStatus();
}

absl::StatusOr<Secret> ReadAll(int fd, const std::string& path) {
  std::string bytes(PrivateFolder::kMaxFileBytes + 1, '\0');
  size_t length = 0;
  while (length < bytes.size()) {
    const ssize_t got = ::read(fd, bytes.data() + length, bytes.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed("read", path, errno);
    if (got == 0) break;
    length += static_cast<size_t>(got);
  }
  Secret secret = Secret::CopyOf(std::string_view(bytes).substr(0, length));
  WipeString(bytes);
  if (length > PrivateFolder::kMaxFileBytes) return Unsafe(path, "is too large");
  return secret;
}

std::string TemporaryName(const std::string& name) { return "." + name + ".new"; }
std::string LockName(const std::string& name) { return "." + name + ".lock"; }

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

absl::StatusOr<PrivateFolder> PrivateFolder::Open(const std::string& path) {
  Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.ok()) return Failed("open folder", path, errno);
  struct stat found {};
  if (::fstat(folder.get(), &found) != 0) return Failed("look at", path, errno);
  TESSERA_RETURN_IF_ERROR(CheckPrivacy(path, found, Privacy::kTrusted));
  return PrivateFolder(std::move(folder), path, Privacy::kTrusted);
}

absl::StatusOr<PrivateFolder> PrivateFolder::OpenOrMake(const std::string& path) {
  TESSERA_RETURN_IF_ERROR(MakeFolders(path));
  return Open(path);
}

absl::StatusOr<PrivateFolder> PrivateFolder::Child(const std::string& name, Privacy privacy) const {
  const std::string path = PathOf(name);
  Descriptor folder(
      ::openat(folder_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder.ok() && (errno == ELOOP || errno == ENOTDIR)) {
    return Unsafe(path, "is not a folder of its own");
  }
  if (!folder.ok()) return Failed("open folder", path, errno);
  struct stat found {};
  if (::fstat(folder.get(), &found) != 0) return Failed("look at", path, errno);
  TESSERA_RETURN_IF_ERROR(CheckPrivacy(path, found, privacy));
  return PrivateFolder(std::move(folder), path, privacy);
}

absl::StatusOr<PrivateFolder> PrivateFolder::ChildOrMake(const std::string& name,
                                                         Privacy privacy) const {
  if (::mkdirat(folder_.get(), name.c_str(), kFolderMode) != 0 && errno != EEXIST) {
    return Failed("make folder", PathOf(name), errno);
  }
  return Child(name, privacy);
}

absl::StatusOr<Secret> PrivateFolder::Read(const std::string& name) const {
  const std::string path = PathOf(name);
  // O_NONBLOCK: a pipe put in the file's place must not hang the program.
  Descriptor file(
      ::openat(folder_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file.ok() && errno == ELOOP) return Unsafe(path, "is a symbolic link");
  if (!file.ok()) return Failed("open", path, errno);
  struct stat found {};
  if (::fstat(file.get(), &found) != 0) return Failed("look at", path, errno);
  if (!S_ISREG(found.st_mode)) return Unsafe(path, "is not a plain file");
  TESSERA_RETURN_IF_ERROR(CheckPrivacy(path, found, privacy_));
  return ReadAll(file.get(), path);
}

absl::StatusOr<std::vector<std::string>> PrivateFolder::List(const std::string& suffix) const {
  const int again = ::openat(folder_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (again < 0) return Failed("open folder", path_, errno);
  struct Close {
    void operator()(DIR* folder) const { ::closedir(folder); }
  };
  const std::unique_ptr<DIR, Close> listing(::fdopendir(again));
  if (listing == nullptr) {
    ::close(again);
    return Failed("list", path_, errno);
  }
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(listing.get())) {
    const std::string name = entry->d_name;
    const bool ends = name.size() > suffix.size() &&
                      name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0;
    if (name[0] != '.' && ends) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<FileLock> PrivateFolder::Lock(const std::string& name, absl::Duration limit) const {
  const std::string lock_name = LockName(name);
  Descriptor file(::openat(folder_.get(), lock_name.c_str(),
                           O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, kFileMode));
  if (!file.ok() && errno == ELOOP) return Unsafe(PathOf(lock_name), "is a symbolic link");
  if (!file.ok()) return Failed("open", PathOf(lock_name), errno);
  const absl::Duration end = SystemClock().Monotonic() + limit;
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return Failed("lock", PathOf(lock_name), errno);
    if (SystemClock().Monotonic() >= end) {
      return Refusal(absl::StatusCode::kUnavailable, local_reason::kBusy,
                     "another command is still working with " + PathOf(name));
    }
    ::poll(nullptr, 0, kLockPollMilliseconds);
  }
  return FileLock(std::move(file), name);
}

absl::Status PrivateFolder::Write(const FileLock& lock, const Secret& bytes) const {
  // One fixed name, safe under the lock: what a killed command left behind goes away here.
  const std::string temporary = TemporaryName(lock.name());
  ::unlinkat(folder_.get(), temporary.c_str(), 0);
  Descriptor file(::openat(folder_.get(), temporary.c_str(),
                           O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kFileMode));
  if (!file.ok()) return Failed("make", PathOf(temporary), errno);
  absl::Status written = WriteAll(file.get(), bytes.Reveal(), PathOf(temporary));
  if (written.ok() &&
      ::renameat(folder_.get(), temporary.c_str(), folder_.get(), lock.name().c_str()) != 0) {
    written = Failed("replace", PathOf(lock.name()), errno);
  }
  if (!written.ok()) {
    ::unlinkat(folder_.get(), temporary.c_str(), 0);
    return written;
  }
  if (::fsync(folder_.get()) != 0) return Failed("sync folder", path_, errno);
  return absl::OkStatus();
}

absl::Status PrivateFolder::Remove(const FileLock& lock) const {
  if (::unlinkat(folder_.get(), lock.name().c_str(), 0) != 0 && errno != ENOENT) {
    return Failed("remove", PathOf(lock.name()), errno);
  }
  ::unlinkat(folder_.get(), TemporaryName(lock.name()).c_str(), 0);
  return absl::OkStatus();
}

}  // namespace tessera::cli
