#include "tessera/guard/key_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/strict_json.h"

namespace tessera::guard {
namespace {

constexpr mode_t kOthers = S_IRWXG | S_IRWXO;
constexpr mode_t kOwnerOnly = S_IRUSR | S_IWUSR;

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

// A file that somebody else owns is somebody else's word on whom to trust.
bool IsPrivate(const struct stat& facts) {
  const bool ours = facts.st_uid == geteuid() || facts.st_uid == 0;
  return ours && (facts.st_mode & kOthers) == 0;
}

absl::Status WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(fd, text.data(), text.size());
    if (count <= 0) return absl::UnavailableError("the file cannot be written");
    text.remove_prefix(static_cast<size_t>(count));
  }
  return fsync(fd) == 0 ? absl::OkStatus()
                        : absl::UnavailableError("the file cannot be kept on disk");
}

// A new file, which nobody has open and no link leads elsewhere from.
absl::Status WriteNew(const std::string& path, std::string_view text) {
  unlink(path.c_str());
  const FileDescriptor file(
      open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kOwnerOnly));
  if (file.get() < 0) return absl::UnavailableError("the file cannot be created");
  return WriteAll(file.get(), text);
}

}  // namespace

absl::StatusOr<KeyFile> ReadKeyFile(const std::string& path) {
  // Not blocking: a pipe in its place would hold up whoever reads it.
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat facts {};
  if (file.get() < 0 || fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) {
    return absl::UnavailableError("the file cannot be opened");
  }
  std::string text;
  std::array<char, 4096> part;
  ssize_t count = 0;
  while ((count = read(file.get(), part.data(), part.size())) > 0) {
    text.append(part.data(), static_cast<size_t>(count));
    if (text.size() > JwkSet::kMaxBytes) return absl::UnavailableError("the file is too large");
  }
  if (count < 0) return absl::UnavailableError("the file cannot be read");
  return KeyFile{Secret(std::move(text)), IsPrivate(facts)};
}

bool HasSharedKey(const JwkSet& keys) {
  return std::any_of(keys.keys().begin(), keys.keys().end(),
                     [](const VerifyKey& key) { return key.algorithm() == Algorithm::kHs256; });
}

absl::StatusOr<CachedKeys> ReadKeyCache(const std::string& path) {
  TESSERA_ASSIGN_OR_RETURN(KeyFile file, ReadKeyFile(path));
  if (!file.is_private) {
    return absl::FailedPreconditionError("the file is somebody else's, or not 0600");
  }
  TESSERA_ASSIGN_OR_RETURN(JwkSet keys, JwkSet::Parse(file.text.Reveal()));
  if (HasSharedKey(keys)) return absl::FailedPreconditionError("the file holds a shared key");
  const std::optional<JsonValue> json = ParseJsonObject(file.text.Reveal(), JwkSet::kMaxBytes);
  const JsonValue* const fetched_at = json.has_value() ? json->Find("fetched_at") : nullptr;
  if (keys.empty() || fetched_at == nullptr || !fetched_at->Is(JsonValue::Kind::kInteger)) {
    return absl::InvalidArgumentError("the file is no cache of keys");
  }
  return CachedKeys{std::move(keys), absl::FromUnixSeconds(fetched_at->integer)};
}

absl::Status WriteKeyCache(const std::string& path, const CachedKeys& cached) {
  const std::string keys = cached.keys.ToJson();
  const std::string text = absl::StrCat("{\"fetched_at\":", absl::ToUnixSeconds(cached.fetched_at),
                                        ",", keys.substr(1), "\n");
  const std::string unfinished = path + ".new";
  absl::Status written = WriteNew(unfinished, text);
  if (written.ok() && std::rename(unfinished.c_str(), path.c_str()) != 0) {
    written = absl::UnavailableError("the file cannot be replaced");
  }
  if (!written.ok()) unlink(unfinished.c_str());
  return written;
}

}  // namespace tessera::guard
