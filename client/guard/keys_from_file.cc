#include <sys/stat.h>

#include <string>
#include <thread>
#include <tuple>
#include <utility>

#include "absl/status/statusor.h"
#include "tessera/base/mutex.h"
#include "tessera/base/reason.h"
#include "tessera/base/secret.h"
#include "tessera/base/status_macros.h"
#include "tessera/guard/key_file.h"
#include "tessera/guard/key_source.h"

namespace tessera {
namespace {

constexpr absl::Duration kMinInterval = absl::Seconds(1);

enum class SharedKeys { kRefused, kAccepted };

absl::StatusOr<JwkSet> Parse(const guard::KeyFile& file, SharedKeys shared) {
  TESSERA_ASSIGN_OR_RETURN(JwkSet keys, JwkSet::Parse(file.text.Reveal()));
  if (keys.empty()) return absl::InvalidArgumentError("the file holds no key of ours");
  if (!guard::HasSharedKey(keys)) return keys;
  if (shared == SharedKeys::kRefused) {
    return absl::FailedPreconditionError(
        "the file holds a shared key: KeysFromFileWithSharedKeys() accepts those");
  }
  if (!file.is_private) {
    return absl::FailedPreconditionError("a file with a shared key must be 0600 and one's own");
  }
  return keys;
}

// What changes when a file is written or replaced.
using Stamp = std::tuple<dev_t, ino_t, off_t, time_t, long>;
Stamp StampOf(const std::string& path) {
  struct stat facts {};
  if (stat(path.c_str(), &facts) != 0) return {};
  return {facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec};
}

class FileKeys final : public KeySource {
 public:
  FileKeys(std::string path, SharedKeys shared, LogSink& log)
      : path_(std::move(path)), shared_(shared), log_(log) {
    ReadAgain().IgnoreError();  // logged; Current stays empty
    thread_ = std::thread([this] { Watch(); });
  }
  ~FileKeys() override {
    {
      MutexLock lock(mu_);
      stopped_ = true;
      stop_.NotifyAll();
    }
    thread_.join();
  }

  std::shared_ptr<const JwkSet> Current() const override {
    MutexLock lock(mu_);
    return keys_;
  }

  void Fetch(std::function<void(absl::Status)> done) override { done(ReadAgain()); }

 private:
  // A key that is taken out of the file is trusted no more, though nobody asks for another.
  void Watch() {
    while (Rest()) {
      if (HasChanged()) ReadAgain().IgnoreError();  // logged
    }
  }
  bool Rest() {
    MutexLock lock(mu_);
    const absl::Duration until = SystemClock().Monotonic() + kMinInterval;
    for (;;) {
      const absl::Duration left = until - SystemClock().Monotonic();
      if (stopped_ || left <= absl::ZeroDuration()) return !stopped_;
      stop_.WaitFor(mu_, left);
    }
  }
  bool HasChanged() {
    MutexLock reading(reading_);
    return StampOf(path_) != stamp_;
  }

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
    stamp_ = StampOf(path_);  // before it is read: what changes meanwhile is read again
    TESSERA_ASSIGN_OR_RETURN(guard::KeyFile file, guard::ReadKeyFile(path_));
    if (!text_.empty() && file.text == text_) return absl::OkStatus();
    TESSERA_ASSIGN_OR_RETURN(JwkSet keys, Parse(file, shared_));
    text_ = std::move(file.text);
    MutexLock lock(mu_);
    keys_ = std::make_shared<const JwkSet>(std::move(keys));
    return absl::OkStatus();
  }

  const std::string path_;
  const SharedKeys shared_;
  LogSink& log_;
  Mutex reading_;  // held while the file is read: by those who want keys, never by Current
  absl::Duration next_read_ ABSL_GUARDED_BY(reading_) = -absl::InfiniteDuration();
  absl::Status last_ ABSL_GUARDED_BY(reading_);
  Secret text_ ABSL_GUARDED_BY(reading_);
  Stamp stamp_ ABSL_GUARDED_BY(reading_);
  mutable Mutex mu_;
  CondVar stop_;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::shared_ptr<const JwkSet> keys_ ABSL_GUARDED_BY(mu_) = std::make_shared<const JwkSet>();
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace

std::shared_ptr<KeySource> KeysFromFile(std::string path, LogSink& log) {
  return std::make_shared<FileKeys>(std::move(path), SharedKeys::kRefused, log);
}

std::shared_ptr<KeySource> KeysFromFileWithSharedKeys(std::string path, LogSink& log) {
  return std::make_shared<FileKeys>(std::move(path), SharedKeys::kAccepted, log);
}

}  // namespace tessera
