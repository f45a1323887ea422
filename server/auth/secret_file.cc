#include "server/auth/secret_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/status/status.h"

namespace tessera::server {
namespace {

constexpr mode_t kOthers = 077;

class OpenFile {
 public:
  explicit OpenFile(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~OpenFile() {
    if (fd_ >= 0) close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

// Why a file like this is not to be trusted; empty: it is.
std::string_view Fault(const struct stat& file) {
  if (!S_ISREG(file.st_mode)) return "is no plain file";
  if ((file.st_mode & kOthers) != 0) return "can be read by others: use mode 0600";
  const bool ours = file.st_uid == geteuid() || file.st_uid == 0;
  return ours ? "" : "belongs to another user: neither this process's nor root";
}

absl::Status Unusable(std::string_view key, const std::string& path, std::string_view why) {
  return absl::FailedPreconditionError(std::string(key) + ": " + path + " " + std::string(why));
}

// The beginning of the file; empty if there is nothing, or if reading fails.
Secret ReadBeginning(const OpenFile& file) {
  std::string text(kMaxSecretFileBytes, '\0');
  size_t size = 0;
  ssize_t got = 1;
  while (size < text.size() && (got > 0 || (got < 0 && errno == EINTR))) {
    got = read(file.fd(), text.data() + size, text.size() - size);
    if (got > 0) size += static_cast<size_t>(got);
  }
  Secret beginning = Secret::CopyOf(std::string_view(text).substr(0, got < 0 ? 0 : size));
  WipeString(text);
  return beginning;
}

}  // namespace

absl::StatusOr<Secret> ReadSecretLine(const std::string& path, std::string_view key) {
  const OpenFile file(path);
  struct stat info {};
  if (file.fd() < 0 || fstat(file.fd(), &info) != 0) {
    return absl::NotFoundError(std::string(key) + ": cannot read a line from " + path);
  }
  const std::string_view fault = Fault(info);
  if (!fault.empty()) return Unusable(key, path, fault);
  const Secret beginning = ReadBeginning(file);
  std::string_view line = beginning.Reveal();
  line = line.substr(0, line.find('\n'));
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (line.empty()) return Unusable(key, path, "is empty");
  return Secret::CopyOf(line);
}

}  // namespace tessera::server
