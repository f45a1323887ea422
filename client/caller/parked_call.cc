#include "tessera/caller/parked_call.h"

#include <utility>

#include "tessera/base/clock.h"

namespace tessera {

void ParkedCall::Arm(absl::Time deadline) {
  MutexLock lock(mu_);
  if (answer_.has_value()) deadline = SystemClock().Now();
  alarm_ = std::make_unique<grpc::Alarm>();
  alarm_->Set(absl::ToChronoTime(deadline), [self = shared_from_this()](bool) { self->Fire(); });
}

void ParkedCall::Answer(TokenResult result) {
  MutexLock lock(mu_);
  if (answer_.has_value()) return;
  answer_ = std::move(result);
  if (alarm_ != nullptr) alarm_->Cancel();
}

void ParkedCall::Fire() {
  std::optional<TokenResult> answer;
  std::unique_ptr<grpc::Alarm> alarm;  // its callback holds this object: it must go here
  Resume resume;
  {
    MutexLock lock(mu_);
    answer = answer_;
    alarm = std::move(alarm_);
    resume = std::move(resume_);
  }
  resume(std::move(answer));
}

}  // namespace tessera
