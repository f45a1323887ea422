#include "tessera/base/clock.h"

#include <gtest/gtest.h>

#include "tests/base/fake_clock.h"

namespace tessera {
namespace {

using testing::FakeClock;

TEST(SystemClock, MonotonicTimeNeverGoesBack) {
  absl::Duration last = SystemClock().Monotonic();
  for (int i = 0; i < 1000; ++i) {
    const absl::Duration next = SystemClock().Monotonic();
    ASSERT_GE(next, last);
    last = next;
  }
}

TEST(SystemClock, KnowsTheCentury) {
  EXPECT_GT(SystemClock().Now(), absl::FromUnixSeconds(1'700'000'000));
  EXPECT_LT(SystemClock().Now(), absl::FromUnixSeconds(5'000'000'000));
}

TEST(FakeClock, AdvanceMovesBothClocksAndSetWallOnlyOne) {
  FakeClock clock(absl::FromUnixSeconds(1000));
  const absl::Duration start = clock.Monotonic();

  clock.Advance(absl::Seconds(5));
  EXPECT_EQ(clock.Now(), absl::FromUnixSeconds(1005));
  EXPECT_EQ(clock.Monotonic() - start, absl::Seconds(5));

  clock.SetWall(absl::FromUnixSeconds(10));
  EXPECT_EQ(clock.Now(), absl::FromUnixSeconds(10));
  EXPECT_EQ(clock.Monotonic() - start, absl::Seconds(5));
}

}  // namespace
}  // namespace tessera
