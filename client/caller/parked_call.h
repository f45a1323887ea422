// A call that waits for its token.
#ifndef TESSERA_CALLER_PARKED_CALL_H_
#define TESSERA_CALLER_PARKED_CALL_H_

#include <grpcpp/alarm.h>

#include <functional>
#include <memory>
#include <optional>

#include "absl/time/time.h"
#include "tessera/base/mutex.h"
#include "tessera/caller/token_supply.h"

namespace tessera {

// Whichever comes first, an answer or the deadline, resumes the call: exactly once, on a thread of
// gRPC's, so that nothing of a user's runs on the keeper's. Thread-safe.
class ParkedCall final : public TokenWaiter, public std::enable_shared_from_this<ParkedCall> {
 public:
  // What the call has waited for; absent if the deadline came first.
  using Resume = std::function<void(std::optional<TokenResult>)>;

  explicit ParkedCall(Resume resume) : resume_(std::move(resume)) {}

  // Once. Answers from before are kept until then. `deadline` is real time, however fake the
  // tokens' clock. The call may resume before Arm returns.
  void Arm(absl::Time deadline);

  // The first one counts, all others do nothing.
  void Answer(TokenResult result) override;

 private:
  void Fire();

  Mutex mu_;
  std::optional<TokenResult> answer_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<grpc::Alarm> alarm_ ABSL_GUARDED_BY(mu_);  // null: not armed, or fired
  Resume resume_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tessera

#endif  // TESSERA_CALLER_PARKED_CALL_H_
