#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>

#include <algorithm>
#include <cstdint>
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

// The server beats every second; a connection that is silent for so long is dead.
constexpr absl::Duration kMaxSilence = absl::Seconds(10);
constexpr absl::Duration kPruneEvery = absl::Minutes(1);

constexpr absl::Duration kStep = absl::Seconds(1);

// One connection to the feed, driven by one thread. Not by gRPC's callback API: with that the last
// reference to the channel might fall on gRPC's own thread, which 1.51 does not survive.
class FeedStream {
 public:
  FeedStream(v1::AuthService::Stub& stub, guard::FeedFollower& follower)
      : follower_(follower), stream_(stub.PrepareAsyncWatchRevocations(&context_, &queue_)) {
    stream_->StartCall(Tag(Event::kStart));
  }
  ~FeedStream() {
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }
  FeedStream(const FeedStream&) = delete;
  FeedStream& operator=(const FeedStream&) = delete;

  // From any thread: Step ends soon after.
  void Cancel() { context_.TryCancel(); }

  // Ends the stream; the next one begins with a snapshot.
  void StartOver() {
    starting_over_ = true;
    follower_.WantSnapshot();
    Cancel();
  }

  // Waits for the next event, at most kStep, and deals with it. False when the stream has ended.
  bool Step() {
    void* tag = nullptr;
    bool ok = false;
    const auto until = absl::ToChronoTime(SystemClock().Now() + kStep);
    if (queue_.AsyncNext(&tag, &ok, until) != grpc::CompletionQueue::GOT_EVENT) return true;
    switch (static_cast<Event>(reinterpret_cast<uintptr_t>(tag))) {
      case Event::kStart:
        OnStart(ok);
        break;
      case Event::kRead:
        OnRead(ok);
        break;
      case Event::kWrite:
        OnWrite(ok);
        break;
      case Event::kFinish:
        finished_ = true;
        break;
    }
    return !finished_ || writing_;
  }

  absl::Duration last_heard() const { return last_heard_; }
  bool heard_anything() const { return heard_anything_; }
  // After the end.
  const grpc::Status& status() const { return status_; }
  std::string cause() const {
    if (!cause_.empty()) return cause_;
    return heard_anything_ ? "it ended" : "it did not begin";
  }

 private:
  enum class Event : uintptr_t { kStart = 1, kRead, kWrite, kFinish };
  // A number that gRPC hands back, never an address.
  static void* Tag(Event event) {
    return reinterpret_cast<void*>(event);  // NOLINT(performance-no-int-to-ptr)
  }

  void OnStart(bool ok) {
    if (!ok) return stream_->Finish(&status_, Tag(Event::kFinish));
    *request_.mutable_resume() = follower_.ResumePoint();
    Write();
    stream_->Read(&response_, Tag(Event::kRead));
  }

  void OnRead(bool ok) {
    if (!ok || starting_over_) return stream_->Finish(&status_, Tag(Event::kFinish));
    heard_anything_ = true;
    last_heard_ = SystemClock().Monotonic();
    const absl::Status taken = follower_.Take(response_);
    if (!taken.ok()) {
      cause_ = std::string(taken.message());
      context_.TryCancel();
      return stream_->Finish(&status_, Tag(Event::kFinish));
    }
    if (!response_.has_heartbeat()) Acknowledge();
    stream_->Read(&response_, Tag(Event::kRead));
  }

  void OnWrite(bool ok) {
    writing_ = false;
    if (!ok || !acknowledgement_wanted_) return;
    acknowledgement_wanted_ = false;
    Acknowledge();
  }

  // One write at a time; while one is under way only the newest acknowledgement is kept.
  void Acknowledge() {
    if (writing_) {
      acknowledgement_wanted_ = true;
      return;
    }
    *request_.mutable_acknowledgement() = follower_.Acknowledgement();
    Write();
  }

  void Write() {
    writing_ = true;
    stream_->Write(request_, Tag(Event::kWrite));
  }

  guard::FeedFollower& follower_;
  grpc::CompletionQueue queue_;
  grpc::ClientContext context_;
  v1::WatchRevocationsRequest request_;
  v1::WatchRevocationsResponse response_;
  grpc::Status status_;
  std::string cause_;
  bool writing_ = false;
  bool acknowledgement_wanted_ = false;
  bool heard_anything_ = false;
  bool finished_ = false;
  bool starting_over_ = false;
  absl::Duration last_heard_ = SystemClock().Monotonic();
  const std::unique_ptr<
      grpc::ClientAsyncReaderWriter<v1::WatchRevocationsRequest, v1::WatchRevocationsResponse>>
      stream_;
};

class ServerRevocations final : public RevocationSource {
 public:
  ServerRevocations(std::shared_ptr<grpc::Channel> channel, const Clock& clock, LogSink& log,
                    std::shared_ptr<KeySource> keys, const FeedRetry& retry)
      : retry_(retry),
        clock_(clock),
        log_(log),
        view_(std::make_shared<RevocationView>(clock)),
        channel_(std::move(channel)),
        stub_(v1::AuthService::NewStub(channel_)),
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
    if (stream != nullptr) stream->Cancel();
    thread_.join();
  }

  const std::shared_ptr<RevocationView>& view() const override { return view_; }

 private:
  void Run() {
    absl::Duration delay = retry_.first;
    for (;;) {
      // A channel that failed before waits up to two minutes; this one connects when it is asked.
      grpc::experimental::ChannelResetConnectionBackoff(channel_.get());
      const auto stream = std::make_shared<FeedStream>(*stub_, follower_);
      Hold(stream);
      Follow(*stream);
      Hold(nullptr);
      if (stopped()) return;
      delay = stream->heard_anything() ? retry_.first : std::min(delay * 2, retry_.last);
      log_.Warning("revocations.disconnected",
                   {{"code", absl::StrCat(static_cast<int>(stream->status().error_code()))},
                    {"cause", stream->cause()}});
      Pause(delay);
    }
  }

  // Until the stream has ended, by itself, by silence or because we stop.
  void Follow(FeedStream& stream) {
    if (stopped()) stream.Cancel();
    while (stream.Step()) {
      if (WasSetBack()) stream.StartOver();
      Prune();
      if (SystemClock().Monotonic() - stream.last_heard() > kMaxSilence) stream.Cancel();
    }
  }

  bool WasSetBack() {
    const bool set_back = view_->WasSetBack(clock_.Now());
    if (set_back) log_.Warning("revocations.clock_set_back", {});
    return set_back;
  }

  void Prune() {
    const absl::Duration now = clock_.Monotonic();
    if (now < next_prune_) return;
    next_prune_ = now + kPruneEvery;
    view_->Prune(clock_.Now());
  }

  // Half to one and a half of `delay`, so that many guards do not come back at once. The clock is
  // minded meanwhile: what was forgotten too early is missing at once.
  void Pause(absl::Duration delay) {
    const auto half = static_cast<uint64_t>(absl::ToInt64Milliseconds(delay) / 2);
    const absl::Duration until =
        SystemClock().Monotonic() + absl::Milliseconds(half + RandomBelow(2 * half + 1));
    while (Rest(until)) {
      if (WasSetBack()) follower_.WantSnapshot();
    }
  }

  // At most kStep; false when it is time to go on.
  bool Rest(absl::Duration until) {
    MutexLock lock(mu_);
    const absl::Duration left = until - SystemClock().Monotonic();
    if (stopped_ || left <= absl::ZeroDuration()) return false;
    changed_.WaitFor(mu_, std::min(left, kStep));
    return true;
  }

  void Hold(std::shared_ptr<FeedStream> stream) {
    MutexLock lock(mu_);
    stream_ = std::move(stream);
  }
  bool stopped() const {
    MutexLock lock(mu_);
    return stopped_;
  }

  const FeedRetry retry_;
  const Clock& clock_;
  LogSink& log_;
  const std::shared_ptr<RevocationView> view_;
  const std::shared_ptr<grpc::Channel> channel_;
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
                                                        std::shared_ptr<KeySource> keys,
                                                        const FeedRetry& retry) {
  return std::make_shared<ServerRevocations>(std::move(channel), clock, log, std::move(keys),
                                             retry);
}

}  // namespace tessera
