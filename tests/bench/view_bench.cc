// What a revocation view of many entries costs, measured in a process of its own.
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "tests/base/program.h"
#include "tests/bench/suite.h"

namespace tessera::bench {
namespace {

constexpr char kName[] = "view";
constexpr Budget kBytes{Budget::Side::kAtMost, 64};
constexpr absl::Duration kLimit = absl::Minutes(10);

nlohmann::json Run(size_t entries) {
  const auto program = testing::Program::Start({BENCH_VIEW, std::to_string(entries)});
  if (program == nullptr) throw std::runtime_error("bench_view does not start");
  const std::string line = program->WaitForLine("{\"entries\"", kLimit);
  program->Wait(kLimit);
  if (line.empty()) throw std::runtime_error("bench_view says nothing");
  return nlohmann::json::parse(line);
}

Figure Of(const std::string& what, const std::string& unit, double value) {
  Figure figure;
  figure.benchmark = kName;
  figure.what = what;
  figure.unit = unit;
  figure.value = value;
  return figure;
}

}  // namespace

void MeasureView(const Scale& scale, Report& report) {
  const nlohmann::json result = Run(scale.view_entries);
  const std::string entries = absl::StrCat(scale.view_entries, " entries: ");
  Figure worst =
      Of(entries + "resident memory at the worst moment", "B/entry", result.at("worst_bytes"));
  worst.budget = kBytes;
  report.Add(worst);
  report.Add(Of(entries + "resident memory at the end", "B/entry", result.at("last_bytes")));
  Figure lookup = Of(entries + "a lookup", "ns", result.at("lookup_ns"));
  lookup.against = "1,000 entries";
  lookup.baseline = result.at("small_lookup_ns").get<double>();
  lookup.note = "the small view fits the processor's cache; the large one does not";
  report.Add(lookup);
  Figure longest = Of("up to 1,000,000 entries: the longest lookup while it grows", "us",
                      result.at("longest_lookup_us"));
  longest.note = "with what the machine did to the reader meanwhile";
  report.Add(longest);
}

}  // namespace tessera::bench
