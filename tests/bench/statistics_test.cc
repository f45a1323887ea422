// What the figures are made of.
#include "tests/bench/statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/bench/report.h"

namespace tessera::bench {
namespace {

using ::testing::ElementsAre;

TEST(Quantile, IsTheSampleThatThePartDoesNotExceed) {
  const std::vector<double> samples = {5, 1, 4, 2, 3};
  EXPECT_EQ(Quantile(samples, 0), 1);
  EXPECT_EQ(Quantile(samples, 0.2), 1);
  EXPECT_EQ(Quantile(samples, 0.21), 2);
  EXPECT_EQ(Quantile(samples, 0.99), 5);
  EXPECT_EQ(Quantile(samples, 1), 5);
  EXPECT_EQ(Quantile({}, 0.5), 0);
}

TEST(Median, OfAnEvenNumberIsTheMeanOfTheMiddleTwo) {
  EXPECT_EQ(Median({4, 1, 3, 2}), 2.5);
  EXPECT_EQ(Median({3, 1, 2}), 2);
  EXPECT_EQ(Median({}), 0);
}

TEST(Pairs, EachRoundHasItsOwnRatio) {
  const Pairs pairs{{2, 6, 30}, {1, 2, 15}};
  EXPECT_THAT(pairs.Ratios(), ElementsAre(2, 3, 2));
}

TEST(Budget, TheLimitItselfMeetsIt) {
  const Budget at_most{Budget::Side::kAtMost, 1.2}, at_least{Budget::Side::kAtLeast, 0.9};
  EXPECT_TRUE(at_most.IsMetBy(1.2));
  EXPECT_FALSE(at_most.IsMetBy(1.21));
  EXPECT_TRUE(at_least.IsMetBy(0.9));
  EXPECT_FALSE(at_least.IsMetBy(0.89));
}

TEST(Figure, IsJudgedByTheMedianOfItsRatiosOrElseByItsValue) {
  Figure figure = Compared("b", "what", "us", {{2, 6, 30}, {1, 2, 15}}, "something");
  EXPECT_EQ(figure.value, 6);
  EXPECT_EQ(figure.baseline, 2);
  EXPECT_EQ(figure.Judged(), 2);
  figure.ratios.clear();
  EXPECT_EQ(figure.Judged(), 6);
}

}  // namespace
}  // namespace tessera::bench
