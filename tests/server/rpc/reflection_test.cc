// Reflection is gRPC's own synchronous service: an open stream holds a thread.
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/server/rpc/in_process_server.h"

namespace tessera::server {
namespace {

constexpr char kMethod[] = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
// ServerReflectionRequest with `list_services` (field 7) empty.
constexpr std::string_view kListServices("\x3a\x00", 2);

// One stream of reflection, opened and asked once.
class ReflectionStream {
 public:
  explicit ReflectionStream(const std::shared_ptr<grpc::Channel>& channel)
      : stream_(grpc::GenericStub(channel).PrepareCall(&context_, kMethod, &queue_)) {
    stream_->StartCall(this);
    Await();
    const grpc::Slice slice(kListServices.data(), kListServices.size());
    stream_->Write(grpc::ByteBuffer(&slice, 1), this);
    Await();
    grpc::ByteBuffer answer;
    stream_->Read(&answer, this);
    answered_ = Await();
  }
  ~ReflectionStream() {
    context_.TryCancel();
    Finish();
    queue_.Shutdown();
  }

  bool answered() const { return answered_; }
  // Why it was not answered, or how it ends.
  grpc::StatusCode Finish() {
    if (finished_) return status_.error_code();
    stream_->Finish(&status_, this);
    Await();
    finished_ = true;
    return status_.error_code();
  }

 private:
  bool Await() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  bool answered_ = false;
  bool finished_ = false;
  grpc::Status status_;
};

std::ptrdiff_t ThreadsOfThisProcess() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
}

TEST(Reflection, OpenStreamsTakeABoundedNumberOfThreadsAndLoginGoesOn) {
  InProcessServer server;
  server.Start();
  const auto channel = server.Channel();
  { const ReflectionStream warm_up(channel); }
  server.LoginAdmin();
  const std::ptrdiff_t before = ThreadsOfThisProcess();

  std::vector<std::unique_ptr<ReflectionStream>> streams;
  int answered = 0;
  for (int i = 0; i < 3 * kMaxSyncThreads; ++i) {
    streams.push_back(std::make_unique<ReflectionStream>(channel));
    if (streams.back()->answered()) ++answered;
  }
  EXPECT_GT(answered, kMaxSyncThreads / 2);
  EXPECT_LE(answered, kMaxSyncThreads);
  EXPECT_FALSE(streams.back()->answered());
  EXPECT_EQ(streams.back()->Finish(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_LE(ThreadsOfThisProcess() - before, 2 * kMaxSyncThreads);
  EXPECT_NE(server.LoginAdmin().access_token(), "");

  streams.clear();
  while (!ReflectionStream(channel).answered()) {  // the threads come free
  }
}

}  // namespace
}  // namespace tessera::server
