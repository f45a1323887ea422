// Races made on purpose: planted_test.sh proves that ThreadSanitizer, under the options of the real
// tests, reports each of them and nothing else.
#include <grpcpp/grpcpp.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <cstring>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "echo.grpc.pb.h"
#include "tessera/base/mutex.h"
#include "tests/base/program.h"

namespace tessera::testing {
namespace {

namespace echo = tessera::test::guard;

constexpr int kClients = 8;
constexpr int kCallsEach = 25;

// What the threads share. Each method races with itself, but for Locked.
class Shared {
 public:
  Shared() { list_.reserve(size_t{2} * kClients * kCallsEach); }

  void RacedCount() { ++count_; }
  void RacedList() { list_.push_back(1); }
  void RacedCopy() { std::memcpy(copy_.data(), list_.data(), list_.capacity()); }
  void Locked() {
    MutexLock lock(mu_);
    ++locked_;
  }

 private:
  int count_ = 0;
  std::array<char, 8 * kClients * kCallsEach> copy_{};
  std::vector<int> list_;  // grows within what it reserved: the race does no harm
  Mutex mu_;
  int locked_ ABSL_GUARDED_BY(mu_) = 0;
};

// Runs `work` in each of its handlers, once two of them run at the same time: gRPC's own locks
// would put them in order otherwise, and then there is no race to see.
class Service final : public echo::Echo::CallbackService {
 public:
  explicit Service(std::function<void()> work) : work_(std::move(work)) {}
  bool met() const { return met_; }

  grpc::ServerUnaryReactor* Open(grpc::CallbackServerContext* context, const echo::EchoRequest*,
                                 echo::EchoResponse*) override {
    Meet();
    work_();
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

 private:
  // Relaxed: it must not be what puts the two in order.
  void Meet() {
    const absl::Time until = absl::Now() + absl::Seconds(20);
    entered_.fetch_add(1, std::memory_order_relaxed);
    while (entered_.load(std::memory_order_relaxed) < 2 && absl::Now() < until) {
      std::this_thread::yield();
    }
    if (entered_.load(std::memory_order_relaxed) >= 2) met_.store(true, std::memory_order_relaxed);
  }

  const std::function<void()> work_;
  std::atomic<int> entered_{0};
  std::atomic<bool> met_{false};
};

void Call(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto stub = echo::Echo::NewStub(
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
  for (int i = 0; i < kCallsEach; ++i) {
    grpc::ClientContext context;
    echo::EchoResponse response;
    if (!stub->Open(&context, {}, &response).ok()) std::cerr << "the call failed\n";
  }
}

// In the handlers of a callback service, called by many at once.
void InHandlers(const std::function<void()>& work) {
  Service service(work);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  std::vector<std::thread> clients;
  clients.reserve(kClients);
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back(Call, "127.0.0.1:" + std::to_string(port));
  }
  for (std::thread& client : clients) client.join();
  server->Shutdown();
  if (!service.met()) std::cerr << "no two handlers ran at the same time\n";
}

// In two threads, one after the other, though nothing that TSan could take for order says so.
void InThreads(const std::function<void()>& work) {
  std::atomic<bool> first_is_done{false};
  std::thread first([&] {
    work();
    first_is_done.store(true, std::memory_order_relaxed);
  });
  std::thread second([&] {
    while (!first_is_done.load(std::memory_order_relaxed)) std::this_thread::yield();
    work();
  });
  first.join();
  second.join();
}

// In another process, which is killed before it could say so by its exit code.
int InChild(const char* program) {
  const auto child = Program::Start({program, "thread-then-wait"});
  const bool raced = !child->WaitForLine("done", absl::Seconds(60)).empty();
  child->Signal(SIGKILL);
  child->Wait(absl::Seconds(10));
  return raced ? 0 : 2;
}

int Run(const char* program, const std::string& what) {
  Shared shared;
  const std::map<std::string, std::function<void()>> works = {
      {"thread", [&] { InThreads([&] { shared.RacedCount(); }); }},
      {"handler", [&] { InHandlers([&] { shared.RacedCount(); }); }},
      {"handler-list", [&] { InHandlers([&] { shared.RacedList(); }); }},
      {"handler-copy", [&] { InHandlers([&] { shared.RacedCopy(); }); }},
      {"handler-locked", [&] { InHandlers([&] { shared.Locked(); }); }},
  };
  if (what == "child") return InChild(program);
  if (what == "thread-then-wait") {
    works.at("thread")();
    std::cerr << "done" << std::endl;
    pause();
  }
  const auto found = works.find(what);
  if (found == works.end()) return 2;
  found->second();
  return 0;
}

}  // namespace
}  // namespace tessera::testing

int main(int argc, char** argv) { return argc == 2 ? tessera::testing::Run(argv[0], argv[1]) : 2; }
