#include "server/rpc/key_ring_source.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <vector>

#include "tessera/base/reason.h"
#include "tests/base/fake_clock.h"

namespace tessera::server {
namespace {

// A ring whose Refresh counts, and waits if it is told to.
class CountingRing final : public KeyRing {
 public:
  std::shared_ptr<const KeySnapshot> Current() const override { return snapshot_; }
  absl::Status Refresh() override {
    ++refreshes;
    if (gate != nullptr) gate->get_future().wait();
    return outcome;
  }

  std::atomic<int> refreshes{0};
  std::unique_ptr<std::promise<void>> gate;
  absl::Status outcome;

 private:
  std::shared_ptr<const KeySnapshot> snapshot_ = [] {
    auto snapshot = std::make_shared<KeySnapshot>();
    snapshot->verify = std::make_shared<const JwkSet>();
    return snapshot;
  }();
};

class KeyRingSourceTest : public ::testing::Test {
 protected:
  absl::Status Fetch() {
    std::promise<absl::Status> told;
    source_.Fetch([&told](absl::Status status) { told.set_value(std::move(status)); });
    return told.get_future().get();
  }

  testing::FakeClock clock_;
  CountingRing ring_;
  WorkerPool lane_{{.name = "test"}, clock_};
  KeyRingSource source_{ring_, lane_, clock_};
};

TEST_F(KeyRingSourceTest, CurrentIsTheRingsOwnSet) {
  EXPECT_EQ(source_.Current(), ring_.Current()->verify);
}

TEST_F(KeyRingSourceTest, AllWhoAskWhileOneRunsShareIt) {
  ring_.gate = std::make_unique<std::promise<void>>();
  std::vector<std::promise<absl::Status>> told(50);
  for (auto& promise : told) {
    source_.Fetch([&promise](absl::Status status) { promise.set_value(std::move(status)); });
  }
  ring_.gate->set_value();
  for (auto& promise : told) EXPECT_TRUE(promise.get_future().get().ok());
  EXPECT_EQ(ring_.refreshes, 1);
}

TEST_F(KeyRingSourceTest, ForgedTokensCauseOneReadASecond) {
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(Fetch().ok());
  EXPECT_EQ(ring_.refreshes, 1);
  clock_.Advance(kMinRefreshInterval);
  EXPECT_TRUE(Fetch().ok());
  EXPECT_EQ(ring_.refreshes, 2);
}

TEST_F(KeyRingSourceTest, ReadsThatFailAreNoMoreFrequentThanThoseThatDoNot) {
  ring_.outcome = absl::UnavailableError("away");
  for (int i = 0; i < 20; ++i) {
    const absl::Status status = Fetch();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(ReasonOf(status), reason::kKeysUnavailable);
  }
  EXPECT_EQ(ring_.refreshes, 1);
  ring_.outcome = absl::OkStatus();
  clock_.Advance(kMinRefreshInterval - absl::Nanoseconds(1));
  EXPECT_FALSE(Fetch().ok());
  clock_.Advance(absl::Nanoseconds(1));
  EXPECT_TRUE(Fetch().ok());
  EXPECT_EQ(ring_.refreshes, 2);
}

}  // namespace
}  // namespace tessera::server
