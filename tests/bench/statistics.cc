#include "tests/bench/statistics.h"

#include <algorithm>
#include <cmath>

namespace tessera::bench {

double Quantile(std::vector<double> samples, double part) {
  if (samples.empty()) return 0;
  const double place = std::ceil(part * static_cast<double>(samples.size())) - 1;
  const auto nth =
      samples.begin() + std::clamp<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(place), 0,
                                                   static_cast<std::ptrdiff_t>(samples.size()) - 1);
  std::nth_element(samples.begin(), nth, samples.end());
  return *nth;
}

double Median(const std::vector<double>& samples) {
  // Of an even number the mean of the middle two.
  const size_t half = samples.size() / 2;
  if (samples.size() % 2 == 1) return Quantile(samples, 0.5);
  std::vector<double> sorted = samples;
  std::sort(sorted.begin(), sorted.end());
  return sorted.empty() ? 0 : (sorted[half - 1] + sorted[half]) / 2;
}

std::vector<double> Pairs::Ratios() const {
  std::vector<double> ratios;
  for (size_t i = 0; i < std::min(figure.size(), baseline.size()); ++i) {
    ratios.push_back(baseline[i] == 0 ? 0 : figure[i] / baseline[i]);
  }
  return ratios;
}

}  // namespace tessera::bench
