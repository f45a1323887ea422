#include "server/auth/shared_key_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <string_view>

#include "absl/strings/str_cat.h"
#include "tessera/base/random.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/base64url.h"

namespace tessera::server {
namespace {

constexpr size_t kNameBytes = 9;

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

// O_EXCL: a file of its own, whatever others may have put there.
absl::Status WriteNew(const std::string& path, const Secret& text) {
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.get() < 0) return Unusable(path, "created");
  if (!WriteAll(file.get(), text.Reveal()) || fsync(file.get()) != 0) {
    return Unusable(path, "written");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteSharedKeyFile(const std::string& path, const Secret& jwks) {
  const std::string fresh =
      absl::StrCat(path, ".", Base64UrlEncode(RandomBytes(kNameBytes)), ".new");
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

}  // namespace tessera::server
