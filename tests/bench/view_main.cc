// What a revocation view of many entries costs: resident memory by entry while it grows, and a
// lookup's time. A process of its own, so that nothing else is counted. The last line is JSON.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "tessera/base/clock.h"
#include "tessera/guard/revocation_view.h"
#include "tests/bench/process_cost.h"

namespace tessera::bench {
namespace {

constexpr size_t kBatch = 1000;
// Below it the process's own pages weigh more than the entries'.
constexpr size_t kCounted = 100'000;
// The sizes at which memory is read lie this much apart: shards grow by a quarter.
constexpr double kStep = 1.01;
constexpr int kLookups = 1'000'000;

IdHash HashOf(std::mt19937_64& random) {
  IdHash hash;
  for (size_t at = 0; at < hash.size(); at += sizeof(uint64_t)) {
    const uint64_t bits = random();
    std::memcpy(hash.data() + at, &bits, sizeof(bits));
  }
  return hash;
}

// The same sequence for the same seed.
std::vector<RevocationNotice> Batch(std::mt19937_64& random) {
  std::vector<RevocationNotice> batch(kBatch);
  for (RevocationNotice& notice : batch) {
    notice.thing = RevokedThing::kKey;
    notice.id_hash = HashOf(random);
    notice.expires_at = absl::FromUnixSeconds(2'000'000'000);
  }
  return batch;
}

// Nanoseconds for one, half of them found.
double LookupTime(const RevocationView& view, size_t entries) {
  std::mt19937_64 known(1);
  std::mt19937_64 strange(2);
  std::vector<IdHash> asked;
  for (size_t i = 0; i < std::min<size_t>(entries, kBatch * 100); ++i) {
    asked.push_back(HashOf(known));
    asked.push_back(HashOf(strange));
  }
  size_t found = 0;
  const absl::Duration start = SystemClock().Monotonic();
  for (int i = 0; i < kLookups; ++i) {
    found += view.IsKeyRevoked(asked[static_cast<size_t>(i) % asked.size()]) ? 1 : 0;
  }
  const double nanos = absl::ToDoubleNanoseconds(SystemClock().Monotonic() - start) / kLookups;
  if (found != kLookups / 2) std::fprintf(stderr, "lookups found %zu\n", found);
  return nanos;
}

// Looks up all the time, and keeps the longest.
class Reader {
 public:
  explicit Reader(const RevocationView& view) : view_(view), thread_([this] { Run(); }) {}
  ~Reader() { Stop(); }
  double Stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return absl::ToDoubleMicroseconds(longest_);
  }

 private:
  void Run() {
    std::mt19937_64 random(3);
    while (!stop_) {
      const IdHash hash = HashOf(random);
      const absl::Duration start = SystemClock().Monotonic();
      (void)view_.IsKeyRevoked(hash);
      longest_ = std::max(longest_, SystemClock().Monotonic() - start);
    }
  }

  const RevocationView& view_;
  std::atomic<bool> stop_{false};
  absl::Duration longest_;
  std::thread thread_;
};

struct Growth {
  double worst = 0;  // bytes an entry
  size_t worst_at = 0;
  double last = 0;
};

Growth Grow(RevocationView& view, size_t entries, int64_t empty_kib) {
  Growth growth;
  std::mt19937_64 random(1);
  double next = kCounted;
  while (view.size() < entries) {
    view.Merge(Batch(random));
    if (static_cast<double>(view.size()) < next) continue;
    next *= kStep;
    const double bytes = static_cast<double>(MemoryOf(getpid()).resident_kib - empty_kib) * 1024;
    growth.last = bytes / static_cast<double>(view.size());
    std::printf("%zu entries: %.1f bytes each\n", view.size(), growth.last);
    if (growth.last <= growth.worst) continue;
    growth.worst = growth.last;
    growth.worst_at = view.size();
  }
  return growth;
}

double SmallLookupTime() {
  RevocationView small(SystemClock());
  std::mt19937_64 random(1);
  small.Merge(Batch(random));
  return LookupTime(small, kBatch);
}

int Execute(size_t entries, double limit) {
  const double small_lookup = SmallLookupTime();
  RevocationView view(SystemClock());
  const int64_t empty_kib = MemoryOf(getpid()).resident_kib;
  const Growth growth = Grow(view, entries, empty_kib);
  const double lookup = LookupTime(view, entries);
  double longest = 0;
  {
    RevocationView grown(SystemClock());
    Reader reader(grown);
    std::mt19937_64 random(1);
    while (grown.size() < std::min<size_t>(entries, 1'000'000)) grown.Merge(Batch(random));
    longest = reader.Stop();
  }
  std::printf(
      "{\"entries\":%zu,\"worst_bytes\":%.1f,\"worst_at\":%zu,\"last_bytes\":%.1f,"
      "\"small_lookup_ns\":%.1f,\"lookup_ns\":%.1f,\"longest_lookup_us\":%.1f}\n",
      view.size(), growth.worst, growth.worst_at, growth.last, small_lookup, lookup, longest);
  return growth.worst <= limit ? 0 : 1;
}

}  // namespace
}  // namespace tessera::bench

int main(int argc, char** argv) {
  size_t entries = 10'000'000;
  double limit = 64;
  CLI::App app("Measures a revocation view", "bench_view");
  app.add_option("entries", entries, "How many, at the end");
  app.add_option("--limit", limit, "Fail if an entry ever took more bytes than this");
  CLI11_PARSE(app, argc, argv);
  return tessera::bench::Execute(entries, limit);
}
