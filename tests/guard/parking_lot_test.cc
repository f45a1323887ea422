#include "tessera/guard/parking_lot.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tessera/base/reason.h"
#include "tests/guard/held_keys.h"
#include "tests/guard/world.h"

namespace tessera::guard {
namespace {

using namespace tessera::testing;  // NOLINT: a test of one room

constexpr absl::Duration kLong = absl::Minutes(1);

// Fetches only so often: gives an answer of before again, which is as old as the test says.
class ThrottledKeys final : public KeySource {
 public:
  std::shared_ptr<const JwkSet> Current() const override {
    return std::make_shared<const JwkSet>();
  }
  void Fetch(std::function<void(absl::Status)> done) override {
    done(absl::OkStatus());
    ++answers_;
  }
  absl::Duration SinceFetch() const override {
    return fetched_long_ago_ ? kLong : absl::Seconds(1);
  }

  void FetchNow() { fetched_long_ago_ = false; }
  int answers() const { return answers_; }

 private:
  std::atomic<bool> fetched_long_ago_{true};
  std::atomic<int> answers_{0};
};

class ParkingLotTest : public ::testing::Test {
 protected:
  ParkingLot::Answer Count() {
    return [this](const absl::Status& status) {
      if (status.ok()) {
        ++admitted_;
      } else {
        EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
        EXPECT_EQ(ReasonOf(status), reason::kKeysUnavailable);
        ++refused_;
      }
    };
  }
  bool FetchHasBegun(int fetches = 1) {
    return Eventually([this, fetches] { return keys_->fetches() == fetches; });
  }

  std::atomic<int> admitted_{0};
  std::atomic<int> refused_{0};
  const std::shared_ptr<HeldKeys> keys_ = std::make_shared<HeldKeys>();
  ParkingLot lot_{keys_, 8};
};

TEST_F(ParkingLotTest, AllWhoWaitShareOneFetch) {
  ASSERT_TRUE(lot_.Park(Count(), kLong).ok());
  ASSERT_TRUE(FetchHasBegun());
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(lot_.Park(Count(), kLong).ok());
  EXPECT_EQ(admitted_ + refused_, 0);
  keys_->Finish(absl::OkStatus());
  EXPECT_EQ(admitted_, 8);
  EXPECT_EQ(keys_->fetches(), 1);
  EXPECT_EQ(lot_.size(), 0u);
}

TEST_F(ParkingLotTest, AFailedFetchIsKeysUnavailableWhateverTheSourceSays) {
  ASSERT_TRUE(lot_.Park(Count(), kLong).ok());
  ASSERT_TRUE(FetchHasBegun());
  keys_->Finish(absl::InternalError("a secret of the source"));
  EXPECT_EQ(refused_, 1);
}

TEST_F(ParkingLotTest, WhoComesAfterAFetchMakesAnother) {
  ASSERT_TRUE(lot_.Park(Count(), kLong).ok());
  ASSERT_TRUE(FetchHasBegun());
  keys_->Finish(absl::OkStatus());
  ASSERT_TRUE(lot_.Park(Count(), kLong).ok());
  ASSERT_TRUE(FetchHasBegun(2));
  keys_->Finish(absl::OkStatus());
  EXPECT_EQ(admitted_, 2);
}

TEST_F(ParkingLotTest, OneMoreThanTheCapIsRefusedAndNeverAnswered) {
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(lot_.Park(Count(), kLong).ok());
  const absl::Status refused = lot_.Park(Count(), kLong);
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(refused), reason::kKeysUnavailable);
  ASSERT_TRUE(FetchHasBegun());
  keys_->Finish(absl::OkStatus());
  EXPECT_EQ(admitted_, 8);
  EXPECT_EQ(refused_, 0);
}

TEST_F(ParkingLotTest, EachCallHasItsOwnLimitAndIsAnsweredOnce) {
  ASSERT_TRUE(lot_.Park(Count(), kLong).ok());
  ASSERT_TRUE(lot_.Park(Count(), absl::Milliseconds(5)).ok());
  ASSERT_TRUE(Eventually([this] { return refused_ == 1; }));
  EXPECT_EQ(admitted_, 0);
  keys_->Finish(absl::OkStatus());
  ASSERT_TRUE(Eventually([this] { return admitted_ + refused_ == 2; }));
  EXPECT_EQ(lot_.size(), 0u);
}

TEST_F(ParkingLotTest, DrainAnswersAllAndParksNoMore) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(lot_.Park(Count(), kLong).ok());
  lot_.Drain();
  EXPECT_EQ(refused_, 3);
  EXPECT_FALSE(lot_.Park(Count(), kLong).ok());
  lot_.Drain();
  EXPECT_EQ(refused_, 3);
}

TEST_F(ParkingLotTest, AFetchThatEndsAfterTheLotIsGoneHarmsNobody) {
  {
    ParkingLot lot(keys_, 8);
    ASSERT_TRUE(lot.Park(Count(), kLong).ok());
    ASSERT_TRUE(FetchHasBegun());
  }
  EXPECT_EQ(refused_, 1);
  keys_->Finish(absl::OkStatus());
  EXPECT_EQ(admitted_, 0);
}

// Otherwise anyone's made-up kid, sent again and again, would keep a new key unknown.
TEST(ParkingLotThrottled, AnAnswerOfBeforeDoesNotMakeWhatIsUnknownUnknownForGood) {
  const auto keys = std::make_shared<ThrottledKeys>();
  ParkingLot lot(keys, 8);
  for (int asked = 1; asked <= 3; ++asked) {
    const absl::Status status = lot.AskForKeys();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(ReasonOf(status), reason::kKeysUnavailable);
    ASSERT_TRUE(Eventually([&] { return keys->answers() >= asked; }));
  }
  keys->FetchNow();
  EXPECT_TRUE(Eventually([&] { return lot.AskForKeys().ok(); }));
}

TEST(ParkingLotRace, EveryCallIsAnsweredExactlyOnceWhateverRaces) {
  const auto keys = std::make_shared<HeldKeys>();
  constexpr int kCalls = 400;
  std::vector<std::atomic<int>> answers(kCalls);
  std::vector<int> parked(kCalls);
  {
    ParkingLot lot(keys, 64);
    std::atomic<bool> stop{false};
    std::thread finishing([&] {
      while (!stop) keys->Finish(absl::OkStatus());
    });
    for (size_t i = 0; i < kCalls; ++i) {
      const absl::Duration limit = absl::Microseconds(50 * (i % 7));
      parked[i] = lot.Park([&answers, i](const absl::Status&) { ++answers[i]; }, limit).ok();
    }
    lot.Drain();
    stop = true;
    finishing.join();
  }
  for (size_t i = 0; i < kCalls; ++i) EXPECT_EQ(answers[i], parked[i]) << i;
}

}  // namespace
}  // namespace tessera::guard
