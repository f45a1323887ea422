// An audit trail that remembers what was added to it.
#ifndef TESSERA_TESTS_SERVER_USER_RECORDING_TRAIL_H_
#define TESSERA_TESTS_SERVER_USER_RECORDING_TRAIL_H_

#include <string>
#include <vector>

#include "server/audit/audit_trail.h"
#include "tessera/base/mutex.h"

namespace tessera::server {

// Thread-safe. Whether a transaction was committed it does not know.
class RecordingTrail final : public AuditTrail {
 public:
  absl::Status AppendIn(storage::Repositories&, const CallInfo&, const AuditEntry& entry) override {
    std::string line = std::string(entry.event) + " " + entry.actor + " " + entry.target;
    for (const auto& [name, text] : entry.details) {
      line.append(" ").append(name).append("=").append(text);
    }
    MutexLock lock(mu_);
    lines_.push_back(std::move(line));
    return answer_;
  }

  // `event actor target name=text ...` of each, and forgets them.
  std::vector<std::string> Take() {
    MutexLock lock(mu_);
    return std::move(lines_);
  }
  // What AppendIn answers from now on.
  void Answer(absl::Status answer) {
    MutexLock lock(mu_);
    answer_ = std::move(answer);
  }

 private:
  Mutex mu_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mu_);
  absl::Status answer_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tessera::server

#endif  // TESSERA_TESTS_SERVER_USER_RECORDING_TRAIL_H_
