#include "server/auth/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace tessera::server {
namespace {

constexpr mode_t kOthers = 077;
constexpr mode_t kOwnerOnly = 0600;

// Why a file like this is not to be trusted; empty: it is.
std::string_view Fault(const struct stat& file) {
  if (!S_ISREG(file.st_mode)) return "is no plain file";
  if ((file.st_mode & kOthers) != 0) return "can be read by others: use mode 0600";
  const bool ours = file.st_uid == geteuid() || file.st_uid == 0;
  return ours ? "" : "belongs to another user: neither this process's nor root";
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) close(fd_);
}

Secret ReadUpTo(const Descriptor& file, size_t max_bytes) {
  std::string text(max_bytes, '\0');
  size_t size = 0;
  ssize_t got = 1;
  while (size < text.size() && (got > 0 || (got < 0 && errno == EINTR))) {
    got = read(file.get(), text.data() + size, text.size() - size);
    if (got > 0) size += static_cast<size_t>(got);
  }
  Secret beginning = Secret::CopyOf(std::string_view(text).substr(0, got < 0 ? 0 : size));
  WipeString(text);
  return beginning;
}

absl::StatusOr<Secret> ReadPrivateFile(const std::string& path, size_t max_bytes) {
  // O_NONBLOCK: a pipe in its place keeps nobody waiting.
  const Descriptor file(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat info = {};
  if (file.get() < 0 || fstat(file.get(), &info) != 0) return absl::NotFoundError("cannot be read");
  const std::string_view fault = Fault(info);
  if (!fault.empty()) return absl::FailedPreconditionError(std::string(fault));
  return ReadUpTo(file, max_bytes);
}

int CreatePrivateFile(const std::string& path) {
  return open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kOwnerOnly);
}

bool WriteAndSync(const Descriptor& file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(file.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return fsync(file.get()) == 0;
}

bool SyncFolderOf(const std::string& path) {
  const Descriptor folder(open(FolderOf(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return folder.get() >= 0 && fsync(folder.get()) == 0;
}

}  // namespace tessera::server
