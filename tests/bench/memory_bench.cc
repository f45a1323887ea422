// What tesserad holds before the first login.
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tessera/base/clock.h"
#include "tests/bench/process_cost.h"
#include "tests/bench/processes.h"
#include "tests/bench/suite.h"

namespace tessera::bench {
namespace {

constexpr char kName[] = "memory";
constexpr Budget kBudget{Budget::Side::kAtMost, 30};
constexpr absl::Duration kSettle = absl::Milliseconds(300);
constexpr char kNote[] =
    "the first start makes the administrator and so hashes a password; pages of shared libraries "
    "count in full as resident, and by their share as proportional";

void Tell(const std::string& what, const Memory& memory, Report& report) {
  const auto add = [&](const char* of, int64_t kib, std::optional<Budget> budget) {
    Figure figure;
    figure.benchmark = kName;
    figure.what = absl::StrCat(what, ", ", of);
    figure.unit = "MB";
    figure.value = static_cast<double>(kib) * 1024 / 1e6;
    figure.budget = budget;
    figure.note = kNote;
    report.Add(figure);
  };
  add("resident", memory.resident_kib, kBudget);
  if (memory.proportional_kib.has_value()) {
    add("proportional", *memory.proportional_kib, std::nullopt);
  }
}

Memory MemoryAtStart(const TesseradFiles& files, const Database& database) {
  const Tesserad tesserad(files, database, HashCost::kDefault);
  absl::SleepFor(kSettle);
  return MemoryOf(tesserad.pid());
}

}  // namespace

void MeasureMemory(const Scale&, Report& report) {
  for (const Engine& engine : Engines()) {
    const TesseradFiles files;
    const auto database = engine.make();
    Tell(engine.name + ", first start", MemoryAtStart(files, *database), report);
    Tell(engine.name + ", later start", MemoryAtStart(files, *database), report);
  }
}

}  // namespace tessera::bench
