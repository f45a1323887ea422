#include "tests/bench/load.h"

#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/time/time.h"
#include "bench.grpc.pb.h"
#include "tessera/base/clock.h"
#include "tests/bench/process_cost.h"
#include "tests/bench/statistics.h"

namespace tessera::bench {
namespace {

constexpr int kCallersPerConnection = 8;
// No call may take longer: a benchmark that hangs is to fail.
constexpr absl::Duration kCallLimit = absl::Seconds(30);
// Steps in which a slice that ends without an answer waits on for one.
constexpr int64_t kPatience = 10'000'000;

int64_t NowNanos() { return absl::ToInt64Nanoseconds(SystemClock().Monotonic()); }

int64_t NanosOf(double seconds) { return static_cast<int64_t>(seconds * 1e9); }

void SleepUntil(int64_t nanos) {
  const timespec until = absl::ToTimespec(absl::Nanoseconds(nanos));
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) != 0) {
  }
}

std::shared_ptr<grpc::Channel> NewConnection(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

// One call under way: its own tag on the queue.
class Load::Call {
 public:
  Call(int caller, int64_t due, const LoadTarget& target) : caller_(caller), due_(due) {
    context_.set_deadline(absl::ToChronoTime(SystemClock().Now() + kCallLimit));
    if (!target.bearer.empty()) {
      context_.AddMetadata("authorization", "Bearer " + target.bearer);
    }
  }
  virtual ~Call() = default;

  // True when the call has ended.
  virtual bool Step(bool ok) = 0;

  int caller() const { return caller_; }
  int64_t due() const { return due_; }
  const grpc::Status& status() const { return status_; }
  grpc::ByteBuffer& answer() { return answer_; }

 protected:
  grpc::ClientContext context_;
  grpc::Status status_;
  grpc::ByteBuffer answer_;

 private:
  const int caller_;
  const int64_t due_;
};

class Load::UnaryCall final : public Call {
 public:
  using Call::Call;
  void Start(grpc::GenericStub& stub, const std::string& method, const grpc::ByteBuffer& request,
             grpc::CompletionQueue& queue) {
    reader_ = stub.PrepareUnaryCall(&context_, method, request, &queue);
    reader_->StartCall();
    reader_->Finish(&answer_, &status_, this);
  }
  bool Step(bool) override { return true; }

 private:
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader_;
};

// Started, then read to the end, then finished.
class Load::StreamCall final : public Call {
 public:
  using Call::Call;
  void Start(Echo::Stub& stub, const EchoRequest& request, grpc::CompletionQueue& queue) {
    reader_ = stub.PrepareAsyncTail(&context_, request, &queue);
    reader_->StartCall(this);
  }
  bool Step(bool ok) override {
    if (finishing_) return true;
    if (ok) {
      reader_->Read(&reply_, this);
    } else {
      finishing_ = true;
      reader_->Finish(&status_, this);
    }
    return false;
  }

 private:
  std::unique_ptr<grpc::ClientAsyncReader<EchoResponse>> reader_;
  EchoResponse reply_;
  bool finishing_ = false;
};

Load::Load(const LoadTarget& target, const LoadPlan& plan)
    : target_(target), plan_(plan), conversation_(Conversation::For(target)) {
  const int connections = std::max(1, plan.outstanding / kCallersPerConnection);
  for (int i = 0; i < connections; ++i) {
    channels_.push_back(NewConnection(target.address));
    stubs_.push_back(std::make_unique<grpc::GenericStub>(channels_.back()));
    channels_.back()->WaitForConnected(absl::ToChronoTime(SystemClock().Now() + kCallLimit));
  }
}

Load::~Load() {
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
}

void Load::Start(int caller, int64_t due) {
  grpc::ByteBuffer request;
  if (!conversation_->Next(caller, request)) return;
  ++under_way_;
  const size_t connection = static_cast<size_t>(caller) % channels_.size();
  if (target_.kind != LoadKind::kStream) {
    auto* const call = new UnaryCall(caller, due, target_);
    call->Start(*stubs_[connection], target_.method, request, queue_);
    return;
  }
  EchoRequest echo;
  echo.ParseFromString(target_.messages.front());
  auto* const call = new StreamCall(caller, due, target_);
  call->Start(*Echo::NewStub(channels_[connection]), echo, queue_);
}

void Load::Finish(Call& call) {
  const int64_t now = NowNanos();
  std::string failure = call.status().ok()
                            ? conversation_->Judge(call.caller(), call.answer())
                            : "status " + std::to_string(call.status().error_code()) + " " +
                                  call.status().error_message();
  if (!failure.empty()) {
    ++result_.failures;
    if (result_.first_failure.empty()) result_.first_failure = std::move(failure);
  }
  // The first one counts however late it is: no slice is without a call.
  if (now >= measure_from_ && (now < measure_until_ || micros_.empty())) {
    micros_.push_back(static_cast<double>(now - call.due()) / 1e3);
  }
}

void Load::Handle(Call& call, bool ok) {
  if (!call.Step(ok)) return;
  const std::unique_ptr<Call> ended(&call);
  Finish(call);
  --under_way_;
  // A caller who was refused would only be refused again.
  const int64_t now = NowNanos();
  if (plan_.rate == 0 && now < measure_until_ && call.status().ok()) Start(call.caller(), now);
}

// Handles what comes until `end`.
void Load::Drive(int64_t end) {
  const auto deadline = absl::ToChronoTime(
      SystemClock().Now() + absl::Nanoseconds(std::max<int64_t>(end - NowNanos(), 0)));
  void* tag = nullptr;
  bool ok = false;
  while (NowNanos() < end && (under_way_ > 0 || plan_.rate > 0) &&
         queue_.AsyncNext(&tag, &ok, deadline) == grpc::CompletionQueue::GOT_EVENT) {
    Handle(*static_cast<Call*>(tag), ok);
  }
}

// Makes calls at fixed times: one that comes late is made at once, and counts from its time.
void Load::Pace(int64_t from, int64_t end) {
  prctl(PR_SET_TIMERSLACK, 1000);
  const auto step = static_cast<int64_t>(1e9 / plan_.rate);
  int caller = 0;
  for (int64_t due = from; due < end; due += step) {
    if (NowNanos() < due) SleepUntil(due);
    Start(caller++ % plan_.outstanding, due);
  }
}

void Load::Await() {
  void* tag = nullptr;
  bool ok = false;
  while (under_way_ > 0 && queue_.Next(&tag, &ok)) Handle(*static_cast<Call*>(tag), ok);
}

LoadResult Load::Run() {
  result_ = LoadResult();
  result_.target = target_.name;
  micros_.clear();
  const int64_t start = NowNanos();
  measure_from_ = start + NanosOf(plan_.warm_up_seconds);
  measure_until_ = measure_from_ + NanosOf(plan_.seconds);
  std::thread pacer;
  if (plan_.rate > 0) {
    pacer = std::thread([&] { Pace(start, measure_until_); });
  } else {
    for (int caller = 0; caller < plan_.outstanding; ++caller) Start(caller, NowNanos());
  }
  Drive(measure_from_);
  const absl::Duration server = CpuTime(target_.server), loader = CpuTime(0);
  const int64_t from = NowNanos();
  Drive(measure_until_);
  while (micros_.empty() && under_way_ > 0) Drive(NowNanos() + kPatience);
  result_.server_cpu_seconds = absl::ToDoubleSeconds(CpuTime(target_.server) - server);
  result_.loader_cpu_seconds = absl::ToDoubleSeconds(CpuTime(0) - loader);
  result_.seconds = static_cast<double>(NowNanos() - from) / 1e9;
  if (pacer.joinable()) pacer.join();
  Await();
  result_.calls = static_cast<double>(micros_.size());
  result_.p50 = Quantile(micros_, 0.5);
  result_.p99 = Quantile(micros_, 0.99);
  result_.worst = Quantile(micros_, 1);
  return result_;
}

}  // namespace tessera::bench
