// The figures of a run: a table for people, JSON for programs.
#ifndef TESSERA_TESTS_BENCH_REPORT_H_
#define TESSERA_TESTS_BENCH_REPORT_H_

#include <optional>
#include <string>
#include <vector>

#include "tests/bench/machine.h"
#include "tests/bench/statistics.h"

namespace tessera::bench {

// What a ratio, or a figure without a baseline, must keep to.
struct Budget {
  enum class Side { kAtMost, kAtLeast };
  Side side = Side::kAtMost;
  double limit = 0;

  bool IsMetBy(double value) const;
};

// One line of the table.
struct Figure {
  std::string benchmark;  // `validate`
  std::string what;       // `ValidateToken, 16 outstanding: server CPU`
  std::string unit;       // `us/call`
  double value = 0;
  std::string against;             // what the baseline is; empty: there is none
  std::optional<double> baseline;  // in the same unit
  std::vector<double> ratios;      // of each round; empty: no baseline, or one without a ratio
  std::optional<Budget> budget;    // of the ratios' median, or else of `value`
  std::string note;                // what keeps the figure from meaning more

  double Judged() const;
};

// A figure with its baseline: medians of both, and of the ratios.
Figure Compared(std::string benchmark, std::string what, std::string unit, const Pairs& pairs,
                std::string against);

// Not thread-safe.
class Report {
 public:
  explicit Report(Machine machine) : machine_(std::move(machine)) {}

  void Add(Figure figure) { figures_.push_back(std::move(figure)); }
  // A call that failed: the run is worth nothing, and its exit status says so.
  void AddFailure(std::string what) { failures_.push_back(std::move(what)); }

  const std::vector<Figure>& figures() const { return figures_; }
  const std::vector<std::string>& failures() const { return failures_; }
  void set_seconds(double seconds) { seconds_ = seconds; }

  std::string Table() const;
  std::string Markdown() const;
  std::string Json() const;

 private:
  const Machine machine_;
  std::vector<Figure> figures_;
  std::vector<std::string> failures_;
  double seconds_ = 0;
};

}  // namespace tessera::bench

#endif  // TESSERA_TESTS_BENCH_REPORT_H_
