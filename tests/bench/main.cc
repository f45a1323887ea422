// The benchmarks: bench --help. Prints a table; `--json` writes every figure.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iostream>

#include "tessera/base/clock.h"
#include "tests/bench/suite.h"

namespace tessera::bench {
namespace {

struct CommandLine {
  bool quick = false;
  bool smoke = false;
  bool markdown = false;
  bool list = false;
  std::vector<std::string> only;
  std::string json_file;
  int64_t expired_sessions = 0;
};

int List() {
  for (const Benchmark& benchmark : AllBenchmarks()) {
    std::cout << benchmark.name << "\t" << benchmark.what << "\n";
  }
  return 0;
}

bool IsWanted(const CommandLine& line, const Benchmark& benchmark) {
  return line.only.empty() ||
         std::find(line.only.begin(), line.only.end(), benchmark.name) != line.only.end();
}

void Run(const CommandLine& line, Report& report) {
  Scale scale = line.smoke ? Scale::Smoke() : line.quick ? Scale::Short() : Scale::Full();
  if (line.expired_sessions > 0) scale.expired_sessions = line.expired_sessions;
  for (const Benchmark& benchmark : AllBenchmarks()) {
    if (!IsWanted(line, benchmark)) continue;
    std::cerr << benchmark.name << ": " << benchmark.what << " ..." << std::endl;
    try {
      benchmark.measure(scale, report);
    } catch (const std::exception& error) {
      report.AddFailure(benchmark.name + ": " + error.what());
    }
  }
}

int Execute(const CommandLine& line) {
  if (line.list) return List();
  Report report(Machine::This());
  const absl::Duration start = SystemClock().Monotonic();
  Run(line, report);
  report.set_seconds(absl::ToDoubleSeconds(SystemClock().Monotonic() - start));
  std::cout << (line.markdown ? report.Markdown() : report.Table());
  if (!line.json_file.empty()) std::ofstream(line.json_file) << report.Json();
  for (const std::string& failure : report.failures()) std::cerr << "FAILED: " << failure << "\n";
  return report.failures().empty() ? 0 : 1;
}

}  // namespace
}  // namespace tessera::bench

int main(int argc, char** argv) {
  tessera::bench::CommandLine line;
  CLI::App app("Measures tessera, each figure against a baseline of the same run", "bench");
  std::vector<std::string> names;
  for (const auto& benchmark : tessera::bench::AllBenchmarks()) names.push_back(benchmark.name);
  app.add_flag("--short", line.quick, "Fewer and shorter rounds: under a minute in all");
  app.add_flag("--smoke", line.smoke, "Only long enough to see that everything runs");
  app.add_flag("--markdown", line.markdown, "Print the table as Markdown");
  app.add_flag("--list", line.list, "Name the benchmarks");
  app.add_option("--only", line.only, "Run this one; may be given again")
      ->check(CLI::IsMember(names));
  app.add_option("--expired-sessions", line.expired_sessions, "How many `drain` removes")
      ->check(CLI::PositiveNumber);
  app.add_option("--json", line.json_file, "Write every figure to this file");
  CLI11_PARSE(app, argc, argv);
  return tessera::bench::Execute(line);
}
