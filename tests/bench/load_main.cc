// The loader, a process of its own so that its processor time is not the server's:
// bench_load PLAN RESULTS, both JSON files (load_plan.h).
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>

#include "tests/bench/load.h"

namespace tessera::bench {
namespace {

std::vector<LoadResult> RunAll(const LoadPlan& plan) {
  std::vector<std::unique_ptr<Load>> loads;
  for (const LoadTarget& target : plan.targets)
    loads.push_back(std::make_unique<Load>(target, plan));
  std::vector<LoadResult> results;
  for (int round = 0; round < plan.rounds; ++round) {
    for (size_t i = 0; i < loads.size(); ++i) {
      const bool reverse = round % 2 == 1;
      results.push_back(loads[reverse ? loads.size() - 1 - i : i]->Run());
    }
  }
  return results;
}

}  // namespace
}  // namespace tessera::bench

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: bench_load PLAN RESULTS\n";
    return 2;
  }
  try {
    std::stringstream text;
    text << std::ifstream(argv[1]).rdbuf();
    const auto results = tessera::bench::RunAll(tessera::bench::LoadPlanFrom(text.str()));
    std::ofstream file(argv[2]);
    file << tessera::bench::ToJson(results);
    return file.flush().good() ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "bench_load: " << error.what() << "\n";
    return 1;
  }
}
