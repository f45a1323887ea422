#include "tests/bench/process_cost.h"

#include <time.h>

#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"

namespace tessera::bench {
namespace {

// The number behind `key` in a file of `key: number kB` lines.
std::optional<int64_t> KibibytesIn(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string word; file >> word;) {
    int64_t number = 0;
    if (word == key && file >> number) return number;
  }
  return std::nullopt;
}

}  // namespace

absl::Duration CpuTime(pid_t pid) {
  clockid_t clock{};
  timespec used{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) {
    return absl::ZeroDuration();
  }
  return absl::DurationFromTimespec(used);
}

Memory MemoryOf(pid_t pid) {
  const std::string folder = absl::StrCat("/proc/", pid, "/");
  Memory memory;
  memory.resident_kib = KibibytesIn(folder + "status", "VmRSS:").value_or(0);
  memory.proportional_kib = KibibytesIn(folder + "smaps_rollup", "Pss:");
  return memory;
}

}  // namespace tessera::bench
