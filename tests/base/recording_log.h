// A log sink that remembers.
#ifndef TESSERA_TESTS_BASE_RECORDING_LOG_H_
#define TESSERA_TESTS_BASE_RECORDING_LOG_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tessera/base/log.h"
#include "tessera/base/mutex.h"

namespace tessera::testing {

// Thread-safe.
class RecordingLog final : public LogSink {
 public:
  void Write(const LogEvent& event) override {
    std::string line(event.name);
    for (const auto& [key, value] : event.fields) {
      line.append(" ").append(key).append("=").append(value);
    }
    MutexLock lock(mu_);
    lines_.push_back(std::move(line));
  }
  // All events, one a line.
  std::string text() const {
    std::string text;
    for (const std::string& line : lines()) text.append(line).append("\n");
    return text;
  }
  std::vector<std::string> lines() const {
    MutexLock lock(mu_);
    return lines_;
  }
  // How many events hold `text`.
  int CountOf(std::string_view text) const {
    int count = 0;
    for (const std::string& line : lines()) count += line.find(text) != line.npos ? 1 : 0;
    return count;
  }

 private:
  mutable Mutex mu_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_BASE_RECORDING_LOG_H_
