// A log sink that remembers.
#ifndef TESSERA_TESTS_BASE_RECORDING_LOG_H_
#define TESSERA_TESTS_BASE_RECORDING_LOG_H_

#include <string>

#include "tessera/base/log.h"
#include "tessera/base/mutex.h"

namespace tessera::testing {

// Thread-safe.
class RecordingLog final : public LogSink {
 public:
  void Write(const LogEvent& event) override {
    MutexLock lock(mu_);
    text_.append(event.name);
    for (const auto& [key, value] : event.fields) {
      text_.append(" ").append(key).append("=").append(value);
    }
    text_.append("\n");
  }
  // All events, one a line.
  std::string text() const {
    MutexLock lock(mu_);
    return text_;
  }

 private:
  mutable Mutex mu_;
  std::string text_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_BASE_RECORDING_LOG_H_
