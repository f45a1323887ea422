#include "server/auth/shared_key_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

absl::Status Unusable(const std::string& path, std::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat("keys.hs256_file: ", path, " cannot be ",
                                                    absl::string_view(what.data(), what.size())));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written <= 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

// As many bytes as there are, up to `size`; empty if reading fails.
Secret ReadUpTo(int fd, size_t size) {
  std::string bytes(size, '\0');
  size_t there = 0;
  ssize_t got = 1;
  while (there < size && got > 0) {
    got = read(fd, bytes.data() + there, size - there);
    if (got > 0) there += static_cast<size_t>(got);
  }
  bytes.resize(got < 0 ? 0 : there);
  return Secret(std::move(bytes));
}

bool IsSameFile(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// O_EXCL: a file of its own, whatever others may have put there.
absl::Status WriteNew(const std::string& path, const Secret& text) {
  const Descriptor file(
      open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file.get() < 0) return Unusable(path, "created");
  if (!WriteAll(file.get(), text.Reveal()) || fsync(file.get()) != 0) {
    return Unusable(path, "written");
  }
  struct stat written = {};
  struct stat named = {};
  const bool ours = fstat(file.get(), &written) == 0 && lstat(path.c_str(), &named) == 0 &&
                    IsSameFile(written, named);
  return ours ? absl::OkStatus() : Unusable(path, "kept: somebody else writes it");
}

}  // namespace

absl::Status WriteSharedKeyFile(const std::string& path, const Secret& jwks) {
  const std::string fresh = absl::StrCat(path, ".new");
  unlink(fresh.c_str());  // of a process that was killed; what stays there all the same is said
  absl::Status written = WriteNew(fresh, jwks);
  if (written.ok() && rename(fresh.c_str(), path.c_str()) != 0) {
    written = Unusable(path, "replaced");
  }
  if (!written.ok()) {
    unlink(fresh.c_str());
    return written;
  }
  const Descriptor folder(open(FolderOf(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || fsync(folder.get()) != 0) return Unusable(path, "synced");
  return absl::OkStatus();
}

bool IsSharedKeyFile(const std::string& path, const Secret& jwks) {
  // O_NONBLOCK: a pipe in its place keeps nobody waiting.
  const Descriptor file(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat seen = {};
  if (file.get() < 0 || fstat(file.get(), &seen) != 0) return false;
  const size_t size = jwks.Reveal().size();
  const bool ours = S_ISREG(seen.st_mode) && (seen.st_mode & 07777) == 0600 &&
                    seen.st_uid == geteuid() && static_cast<size_t>(seen.st_size) == size;
  return ours && ReadUpTo(file.get(), size) == jwks;
}

}  // namespace tessera::server
