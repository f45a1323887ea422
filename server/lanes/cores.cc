#include "server/lanes/cores.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "absl/strings/numbers.h"

namespace tessera::server {
namespace {

int CoresByAffinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

// A quota of `quota` microseconds in each `period`, as whole cores; 0 for none.
int CoresByQuota(const std::string& quota, const std::string& period) {
  long long quota_us = 0, period_us = 0;
  if (!absl::SimpleAtoi(quota, &quota_us) || !absl::SimpleAtoi(period, &period_us)) return 0;
  if (quota_us <= 0 || period_us <= 0) return 0;
  return static_cast<int>(std::max<long long>(1, quota_us / period_us));
}

// Inside a container these are the container's own.
int CoresByControlGroup() {
  std::string quota, period;
  if (std::ifstream("/sys/fs/cgroup/cpu.max") >> quota >> period) {
    return CoresByQuota(quota, period);
  }
  std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") >> quota;
  std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_period_us") >> period;
  return CoresByQuota(quota, period);
}

}  // namespace

int UsableCores() {
  const int by_affinity = std::max(1, CoresByAffinity());
  const int by_quota = CoresByControlGroup();
  return by_quota == 0 ? by_affinity : std::min(by_affinity, by_quota);
}

}  // namespace tessera::server
