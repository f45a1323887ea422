// What a process costs the machine, read from outside.
#ifndef TESSERA_TESTS_BENCH_PROCESS_COST_H_
#define TESSERA_TESTS_BENCH_PROCESS_COST_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "absl/time/time.h"

namespace tessera::bench {

// Processor time of all threads of `pid` so far, those that ended included, in nanoseconds' grain;
// 0: this process. Zero if there is no such process.
absl::Duration CpuTime(pid_t pid);

struct Memory {
  int64_t resident_kib = 0;
  // The shared pages divided by those who share them. Absent where the kernel shows it to nobody
  // but root, since tesserad hides its memory.
  std::optional<int64_t> proportional_kib;
};
Memory MemoryOf(pid_t pid);

}  // namespace tessera::bench

#endif  // TESSERA_TESTS_BENCH_PROCESS_COST_H_
