// The benchmarks. Each starts what it needs, adds its figures to the report, and leaves nothing
// behind. What keeps one from running throws; a call that fails is told to the report.
#ifndef TESSERA_TESTS_BENCH_SUITE_H_
#define TESSERA_TESTS_BENCH_SUITE_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/bench/load_plan.h"
#include "tests/bench/report.h"

namespace tessera::bench {

// How long and how often.
struct Scale {
  int rounds = 7;  // pairs of a comparison
  absl::Duration slice = absl::Milliseconds(600);
  absl::Duration warm_up = absl::Milliseconds(150);
  std::vector<int> outstanding = {1, 16, 64};
  int slow_rounds = 5;  // of what needs longer slices: logins, storms, writes
  absl::Duration slow_slice = absl::Milliseconds(1200);
  int token_rounds = 15;
  absl::Duration token_slice = absl::Milliseconds(30);
  int revocations = 1000;
  int64_t expired_sessions = 100'000;
  size_t view_entries = 10'000'000;

  static Scale Full() { return {}; }
  static Scale Short();  // under a minute, for a first look
  static Scale Smoke();  // a fraction of a second each: does it run at all?
};

void MeasureValidate(const Scale& scale, Report& report);
void MeasureGuard(const Scale& scale, Report& report);
void MeasureToken(const Scale& scale, Report& report);
void MeasureLogin(const Scale& scale, Report& report);
void MeasureSessions(const Scale& scale, Report& report);
void MeasureRefusal(const Scale& scale, Report& report);
void MeasureStorm(const Scale& scale, Report& report);
void MeasureMemory(const Scale& scale, Report& report);
void MeasureDrain(const Scale& scale, Report& report);
void MeasureView(const Scale& scale, Report& report);

struct Benchmark {
  std::string name;
  std::string what;
  std::function<void(const Scale&, Report&)> measure;
};
const std::vector<Benchmark>& AllBenchmarks();

// A plan of this scale, its targets still to come.
LoadPlan PlanOf(const Scale& scale, int outstanding);

// What a loader saw of each target, round by round; failures go to the report.
using Results = std::map<std::string, std::vector<LoadResult>>;
Results Sorted(const std::vector<LoadResult>& results, const std::string& benchmark,
               Report& report);

// `of` each result of two targets, as pairs.
Pairs PairsOf(const std::vector<LoadResult>& figure, const std::vector<LoadResult>& baseline,
              const std::function<double(const LoadResult&)>& of);

// A message of bench.proto's EchoRequest that has this many bytes on the wire and asks for
// `replies` answers of `reply_bytes` on the wire.
std::string EchoOfSize(size_t bytes, size_t reply_bytes, unsigned replies = 1);

}  // namespace tessera::bench

#endif  // TESSERA_TESTS_BENCH_SUITE_H_
