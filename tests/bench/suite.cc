#include "tests/bench/suite.h"

#include "absl/strings/str_cat.h"
#include "bench.pb.h"

namespace tessera::bench {
namespace {

// Shrinks the body until the whole message has `bytes`, or is as near as the length's own encoding
// lets it come.
template <typename Message>
void FitBody(Message& message, size_t bytes) {
  message.set_body(std::string(bytes, 'x'));
  while (message.ByteSizeLong() > bytes && !message.body().empty()) {
    message.mutable_body()->pop_back();
  }
}

}  // namespace

Scale Scale::Short() {
  Scale scale;
  scale.rounds = 3;
  scale.slice = absl::Milliseconds(200);
  scale.warm_up = absl::Milliseconds(50);
  scale.slow_rounds = 2;
  scale.slow_slice = absl::Milliseconds(500);
  scale.token_rounds = 5;
  scale.token_slice = absl::Milliseconds(20);
  scale.revocations = 40;
  scale.expired_sessions = 10'000;
  scale.view_entries = 1'000'000;
  return scale;
}

Scale Scale::Smoke() {
  Scale scale;
  scale.rounds = 1;
  scale.slice = absl::Milliseconds(50);
  scale.warm_up = absl::Milliseconds(10);
  scale.outstanding = {1, 16};
  scale.slow_rounds = 1;
  scale.slow_slice = absl::Milliseconds(100);
  scale.token_rounds = 2;
  scale.token_slice = absl::Milliseconds(5);
  scale.revocations = 5;
  scale.expired_sessions = 2'000;
  scale.view_entries = 200'000;
  return scale;
}

const std::vector<Benchmark>& AllBenchmarks() {
  static const std::vector<Benchmark> all = {
      {"validate", "ValidateToken against a bare echo", MeasureValidate},
      {"guard", "a guarded echo against a bare one", MeasureGuard},
      {"token", "verifying and signing against OpenSSL alone", MeasureToken},
      {"login", "Login against Argon2id alone", MeasureLogin},
      {"sessions", "RenewToken and RevokeToken against SQL alone", MeasureSessions},
      {"refusal", "from a revocation to its refusals", MeasureRefusal},
      {"storm", "ValidateToken while everybody logs in", MeasureStorm},
      {"memory", "tesserad before the first login", MeasureMemory},
      {"drain", "Login while expired sessions are removed", MeasureDrain},
      {"view", "a guard's view of many revocations", MeasureView}};
  return all;
}

LoadPlan PlanOf(const Scale& scale, int outstanding) {
  LoadPlan plan;
  plan.rounds = scale.rounds;
  plan.warm_up_seconds = absl::ToDoubleSeconds(scale.warm_up);
  plan.seconds = absl::ToDoubleSeconds(scale.slice);
  plan.outstanding = outstanding;
  return plan;
}

Results Sorted(const std::vector<LoadResult>& results, const std::string& benchmark,
               Report& report) {
  Results sorted;
  for (const LoadResult& result : results) {
    sorted[result.target].push_back(result);
    if (result.failures > 0) {
      report.AddFailure(absl::StrCat(benchmark, ": ", result.failures, " calls of ", result.target,
                                     ": ", result.first_failure));
    } else if (result.calls == 0) {
      report.AddFailure(absl::StrCat(benchmark, ": no call of ", result.target, " was answered"));
    }
  }
  return sorted;
}

Pairs PairsOf(const std::vector<LoadResult>& figure, const std::vector<LoadResult>& baseline,
              const std::function<double(const LoadResult&)>& of) {
  Pairs pairs;
  for (const LoadResult& result : figure) pairs.figure.push_back(of(result));
  for (const LoadResult& result : baseline) pairs.baseline.push_back(of(result));
  return pairs;
}

std::string EchoOfSize(size_t bytes, size_t reply_bytes, unsigned replies) {
  EchoResponse response;
  FitBody(response, reply_bytes);
  EchoRequest request;
  request.set_reply_bytes(static_cast<uint32_t>(response.body().size()));
  request.set_replies(replies);
  FitBody(request, bytes);
  return request.SerializeAsString();
}

}  // namespace tessera::bench
