// What the loader is to do, and what it saw: JSON files between the benchmarks and the loader's own
// process.
#ifndef TESSERA_TESTS_BENCH_LOAD_PLAN_H_
#define TESSERA_TESTS_BENCH_LOAD_PLAN_H_

#include <sys/types.h>

#include <string>
#include <vector>

namespace tessera::bench {

// How the requests come about.
enum class LoadKind {
  kUnary,   // `messages`, serialised, in turn
  kStream,  // likewise, to a method that streams its answers; a call ends with its stream
  kRenew,   // RenewToken; `messages` holds a refresh token for each caller, who goes on with the
            // next
  kRevoke,  // RevokeToken; `messages` holds tokens, each of which is sent once
};

// One server under load.
struct LoadTarget {
  std::string name;
  LoadKind kind = LoadKind::kUnary;
  std::string address;  // host:port, plaintext
  std::string method;   // /package.Service/Method
  pid_t server = 0;     // whose processor time is counted
  std::string bearer;   // the token in `authorization`; empty: none
  std::vector<std::string> messages;
  size_t reply_bytes = 0;  // every answer has this size; 0: whatever it likes
};

// Each round puts load on the targets one after the other, every other round in reverse.
struct LoadPlan {
  std::vector<LoadTarget> targets;
  int rounds = 1;
  double warm_up_seconds = 0.1;
  double seconds = 1;
  int outstanding = 1;  // callers, each of whom waits for an answer before it asks again
  double rate = 0;      // calls a second at fixed times, whether answered or not; 0: as above
};

// One target in one round, the warm-up left out.
struct LoadResult {
  std::string target;
  double seconds = 0;
  double calls = 0;
  double failures = 0;  // warm-up included
  std::string first_failure;
  double server_cpu_seconds = 0;
  double loader_cpu_seconds = 0;
  // Microseconds; with a rate counted from when the call should have been made.
  double p50 = 0, p99 = 0, worst = 0;

  double CallsPerSecond() const { return seconds == 0 ? 0 : calls / seconds; }
  double ServerMicrosPerCall() const { return calls == 0 ? 0 : server_cpu_seconds * 1e6 / calls; }
};

std::string ToJson(const LoadPlan& plan);
LoadPlan LoadPlanFrom(const std::string& json);  // throws what nlohmann::json throws
std::string ToJson(const std::vector<LoadResult>& results);
std::vector<LoadResult> LoadResultsFrom(const std::string& json);

}  // namespace tessera::bench

#endif  // TESSERA_TESTS_BENCH_LOAD_PLAN_H_
