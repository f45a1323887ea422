// Puts load on a server and measures its answers.
#ifndef TESSERA_TESTS_BENCH_LOAD_H_
#define TESSERA_TESTS_BENCH_LOAD_H_

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/conversation.h"
#include "tests/bench/load_plan.h"

namespace tessera::bench {

// One target under load, over connections that stay open from one Run to the next. One thread; with
// a rate a second one makes the calls. Not thread-safe.
class Load {
 public:
  Load(const LoadTarget& target, const LoadPlan& plan);
  ~Load();

  LoadResult Run();

 private:
  class Call;
  class UnaryCall;
  class StreamCall;

  void Start(int caller, int64_t due);
  void Handle(Call& call, bool ok);
  void Finish(Call& call);
  void Drive(int64_t end);
  void Pace(int64_t from, int64_t end);
  void Await();

  const LoadTarget& target_;
  const LoadPlan& plan_;
  std::unique_ptr<Conversation> conversation_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  grpc::CompletionQueue queue_;

  std::atomic<int> under_way_ = 0;
  int64_t measure_from_ = 0;  // monotonic nanoseconds, as all times here
  int64_t measure_until_ = 0;
  std::vector<double> micros_;
  LoadResult result_;
};

}  // namespace tessera::bench

#endif  // TESSERA_TESTS_BENCH_LOAD_H_
