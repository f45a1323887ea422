// Numbers that a benchmark took, and what is told of them.
#ifndef TESSERA_TESTS_BENCH_STATISTICS_H_
#define TESSERA_TESTS_BENCH_STATISTICS_H_

#include <vector>

namespace tessera::bench {

// The value that `part` (0 to 1) of the samples do not exceed; 0 of none.
double Quantile(std::vector<double> samples, double part);
double Median(const std::vector<double>& samples);

// Two things measured one after the other, again and again: A B A B. The machine's speed drifts, so
// each round has a ratio of its own, and the ratios' median is told, with their spread.
struct Pairs {
  std::vector<double> figure;
  std::vector<double> baseline;  // as many

  std::vector<double> Ratios() const;
};

}  // namespace tessera::bench

#endif  // TESSERA_TESTS_BENCH_STATISTICS_H_
