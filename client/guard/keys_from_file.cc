#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "tessera/base/mutex.h"
#include "tessera/base/reason.h"
#include "tessera/base/secret.h"
#include "tessera/base/status_macros.h"
#include "tessera/guard/key_source.h"

namespace tessera {
namespace {

constexpr absl::Duration kMinInterval = absl::Seconds(1);
constexpr mode_t kOthers = S_IRWXG | S_IRWXO;

struct KeyFile {
  Secret text;
  bool private_to_owner = false;
};

class FileDescriptor {
 public:
  explicit FileDescriptor(const std::string& path)
      : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

absl::StatusOr<KeyFile> Read(const std::string& path) {
  const FileDescriptor file(path);
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
  return KeyFile{Secret(std::move(text)), (facts.st_mode & kOthers) == 0};
}

absl::StatusOr<JwkSet> Parse(const KeyFile& file) {
  TESSERA_ASSIGN_OR_RETURN(JwkSet keys, JwkSet::Parse(file.text.Reveal()));
  if (keys.empty()) return absl::InvalidArgumentError("the file holds no key of ours");
  const bool shared = std::any_of(keys.keys().begin(), keys.keys().end(), [](const VerifyKey& key) {
    return key.algorithm() == Algorithm::kHs256;
  });
  if (shared && !file.private_to_owner) {
    return absl::FailedPreconditionError("a file with a shared key must be 0600");
  }
  return keys;
}

class FileKeys final : public KeySource {
 public:
  FileKeys(std::string path, LogSink& log) : path_(std::move(path)), log_(log) {
    ReadAgain().IgnoreError();  // logged; Current stays empty
  }

  std::shared_ptr<const JwkSet> Current() const override {
    MutexLock lock(mu_);
    return keys_;
  }

  void Fetch(std::function<void(absl::Status)> done) override { done(ReadAgain()); }

 private:
  // One reader at a time; who comes within kMinInterval gets the last answer.
  absl::Status ReadAgain() {
    MutexLock reading(reading_);
    const absl::Duration now = SystemClock().Monotonic();
    if (now < next_read_) return last_;
    last_ = Take();
    if (!last_.ok()) {
      log_.Warning("keys.file_refused", {{"path", path_}, {"cause", std::string(last_.message())}});
      last_ = RetryableRefusal(absl::StatusCode::kUnavailable, reason::kKeysUnavailable,
                               "the keys cannot be read", kMinInterval);
    }
    next_read_ = now + kMinInterval;
    return last_;
  }

  absl::Status Take() ABSL_EXCLUSIVE_LOCKS_REQUIRED(reading_) {
    TESSERA_ASSIGN_OR_RETURN(KeyFile file, Read(path_));
    if (!text_.empty() && file.text == text_) return absl::OkStatus();
    TESSERA_ASSIGN_OR_RETURN(JwkSet keys, Parse(file));
    text_ = std::move(file.text);
    MutexLock lock(mu_);
    keys_ = std::make_shared<const JwkSet>(std::move(keys));
    return absl::OkStatus();
  }

  const std::string path_;
  LogSink& log_;
  Mutex reading_;  // held while the file is read: by those who want keys, never by Current
  absl::Duration next_read_ ABSL_GUARDED_BY(reading_) = -absl::InfiniteDuration();
  absl::Status last_ ABSL_GUARDED_BY(reading_);
  Secret text_ ABSL_GUARDED_BY(reading_);
  mutable Mutex mu_;
  std::shared_ptr<const JwkSet> keys_ ABSL_GUARDED_BY(mu_) = std::make_shared<const JwkSet>();
};

}  // namespace

std::shared_ptr<KeySource> KeysFromFile(std::string path, LogSink& log) {
  return std::make_shared<FileKeys>(std::move(path), log);
}

}  // namespace tessera
