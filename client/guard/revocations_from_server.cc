#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tessera/base/mutex.h"
#include "tessera/base/random.h"
#include "tessera/guard/feed_follower.h"
#include "tessera/guard/revocation_source.h"
#include "tessera/v1/auth_service.grpc.pb.h"

namespace tessera {
namespace {

constexpr absl::Duration kFirstDelay = absl::Milliseconds(100);
constexpr absl::Duration kLastDelay = absl::Seconds(5);
// The server beats every second; a connection that is silent for so long is dead.
constexpr absl::Duration kMaxSilence = absl::Seconds(10);
constexpr absl::Duration kPruneEvery = absl::Minutes(1);

// One connection to the feed. gRPC's threads read and write; the source's thread waits.
class FeedStream final
    : public grpc::ClientBidiReactor<v1::WatchRevocationsRequest, v1::WatchRevocationsResponse> {
 public:
  // `follower` is used only between Start and the end of the stream.
  explicit FeedStream(guard::FeedFollower& follower) : follower_(follower) {}

  // Keeps itself alive until the end.
  void Start(v1::AuthService::Stub& stub, std::shared_ptr<FeedStream> self) {
    self_ = std::move(self);
    stub.async()->WatchRevocations(&context_, this);
    *request_.mutable_resume() = follower_.ResumePoint();
    StartWrite(&request_);
    StartRead(&response_);
    StartCall();
  }
  void Cancel() { context_.TryCancel(); }

  // True when the stream has ended, false after `limit` or Wake.
  bool WaitForEnd(absl::Duration limit) {
    MutexLock lock(mu_);
    if (!ended_ && !woken_) changed_.WaitFor(mu_, limit);
    woken_ = false;
    return ended_;
  }
  void Wake() {
    MutexLock lock(mu_);
    woken_ = true;
    changed_.NotifyAll();
  }
  absl::Duration LastHeard() const {
    MutexLock lock(mu_);
    return last_heard_;
  }
  bool heard_anything() const {
    MutexLock lock(mu_);
    return heard_anything_;
  }
  // After the end.
  const grpc::Status& status() const { return status_; }
  const std::string& cause() const { return cause_; }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return;
    {
      MutexLock lock(mu_);
      heard_anything_ = true;
      last_heard_ = SystemClock().Monotonic();
    }
    const absl::Status taken = follower_.Take(response_);
    if (!taken.ok()) {
      cause_ = std::string(taken.message());
      return context_.TryCancel();
    }
    if (!response_.has_heartbeat()) Acknowledge();
    StartRead(&response_);
  }

  void OnWriteDone(bool ok) override {
    {
      MutexLock lock(mu_);
      writing_ = ok && acknowledgement_wanted_;
      acknowledgement_wanted_ = false;
      if (!writing_) return;
      *request_.mutable_acknowledgement() = acknowledgement_;
    }
    StartWrite(&request_);
  }

  void OnDone(const grpc::Status& status) override {
    const std::shared_ptr<FeedStream> self = std::move(self_);
    MutexLock lock(mu_);
    status_ = status;
    ended_ = true;
    changed_.NotifyAll();
  }

  // One write at a time; while one is under way only the newest acknowledgement is kept.
  void Acknowledge() {
    {
      MutexLock lock(mu_);
      acknowledgement_ = follower_.Acknowledgement();
      if (writing_) {
        acknowledgement_wanted_ = true;
        return;
      }
      writing_ = true;
      *request_.mutable_acknowledgement() = acknowledgement_;
    }
    StartWrite(&request_);
  }

  guard::FeedFollower& follower_;
  grpc::ClientContext context_;
  v1::WatchRevocationsRequest request_;    // the writer's
  v1::WatchRevocationsResponse response_;  // the reader's
  grpc::Status status_;
  std::string cause_;
  std::shared_ptr<FeedStream> self_;

  mutable Mutex mu_;
  CondVar changed_;
  bool writing_ ABSL_GUARDED_BY(mu_) = true;  // the resume point
  bool acknowledgement_wanted_ ABSL_GUARDED_BY(mu_) = false;
  v1::RevocationAcknowledgement acknowledgement_ ABSL_GUARDED_BY(mu_);
  bool heard_anything_ ABSL_GUARDED_BY(mu_) = false;
  absl::Duration last_heard_ ABSL_GUARDED_BY(mu_) = SystemClock().Monotonic();
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  bool woken_ ABSL_GUARDED_BY(mu_) = false;
};

class ServerRevocations final : public RevocationSource {
 public:
  ServerRevocations(std::shared_ptr<grpc::Channel> channel, const Clock& clock, LogSink& log,
                    std::shared_ptr<KeySource> keys)
      : clock_(clock),
        log_(log),
        view_(std::make_shared<RevocationView>(clock)),
        stub_(v1::AuthService::NewStub(channel)),
        follower_(view_, std::move(keys), log),
        thread_([this] { Run(); }) {}

  ~ServerRevocations() override {
    std::shared_ptr<FeedStream> stream;
    {
      MutexLock lock(mu_);
      stopped_ = true;
      stream = stream_;
      changed_.NotifyAll();
    }
    if (stream != nullptr) stream->Wake();
    thread_.join();
  }

  const std::shared_ptr<RevocationView>& view() const override { return view_; }

 private:
  void Run() {
    absl::Duration delay = kFirstDelay;
    for (;;) {
      const auto stream = std::make_shared<FeedStream>(follower_);
      Hold(stream);
      if (stopped()) return;
      stream->Start(*stub_, stream);
      Follow(*stream);
      Hold(nullptr);
      delay = stream->heard_anything() ? kFirstDelay : std::min(delay * 2, kLastDelay);
      if (stopped()) return;
      log_.Warning("revocations.disconnected",
                   {{"code", absl::StrCat(static_cast<int>(stream->status().error_code()))},
                    {"cause", stream->cause()}});
      Pause(delay);
    }
  }

  // Until the stream has ended, by itself, by silence or because we stop.
  void Follow(FeedStream& stream) {
    bool cancelled = false;
    while (!stream.WaitForEnd(absl::Seconds(1))) {
      Prune();
      const bool silent = SystemClock().Monotonic() - stream.LastHeard() > kMaxSilence;
      if (cancelled || (!silent && !stopped())) continue;
      cancelled = true;
      stream.Cancel();
    }
  }

  void Prune() {
    const absl::Duration now = clock_.Monotonic();
    if (now < next_prune_) return;
    next_prune_ = now + kPruneEvery;
    view_->Prune(clock_.Now());
  }

  // Half to one and a half of `delay`, so that many guards do not come back at once.
  void Pause(absl::Duration delay) {
    const auto half = static_cast<uint64_t>(absl::ToInt64Milliseconds(delay) / 2);
    const absl::Duration until =
        SystemClock().Monotonic() + absl::Milliseconds(half + RandomBelow(2 * half + 1));
    MutexLock lock(mu_);
    for (;;) {
      const absl::Duration left = until - SystemClock().Monotonic();
      if (stopped_ || left <= absl::ZeroDuration()) return;
      changed_.WaitFor(mu_, left);
    }
  }

  void Hold(std::shared_ptr<FeedStream> stream) {
    MutexLock lock(mu_);
    stream_ = std::move(stream);
  }
  bool stopped() const {
    MutexLock lock(mu_);
    return stopped_;
  }

  const Clock& clock_;
  LogSink& log_;
  const std::shared_ptr<RevocationView> view_;
  const std::unique_ptr<v1::AuthService::Stub> stub_;
  guard::FeedFollower follower_;
  absl::Duration next_prune_ = -absl::InfiniteDuration();  // the thread's

  mutable Mutex mu_;
  CondVar changed_;
  std::shared_ptr<FeedStream> stream_ ABSL_GUARDED_BY(mu_);
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace

std::shared_ptr<RevocationSource> RevocationsFromServer(std::shared_ptr<grpc::Channel> channel,
                                                        const Clock& clock, LogSink& log,
                                                        std::shared_ptr<KeySource> keys) {
  return std::make_shared<ServerRevocations>(std::move(channel), clock, log, std::move(keys));
}

}  // namespace tessera
