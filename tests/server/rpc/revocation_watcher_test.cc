// What one guard is told, from a feed and keys in the test's hand: when heartbeats come and what
// they say, and what a store that went back does to a guard's place.
#include "server/rpc/revocation_watcher.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/auth/feed_log.h"
#include "server/auth/listeners.h"
#include "tests/base/fake_clock.h"
#include "tests/server/rpc/watch.h"

namespace tessera::server {
namespace {

class GivenRing final : public KeyRing {
 public:
  std::shared_ptr<const KeySnapshot> Current() const override { return snapshot_; }
  absl::Status Refresh() override { return absl::OkStatus(); }

 private:
  const std::shared_ptr<const KeySnapshot> snapshot_ = std::make_shared<KeySnapshot>();
};

class GivenFeed final : public RevocationFeed {
 public:
  explicit GivenFeed(const Clock& clock) : view_(std::make_shared<RevocationView>(clock)) {
    MutexLock lock(mu_);
    position_.store_epoch = "e";
  }

  void Append(int count) {
    {
      MutexLock lock(mu_);
      std::vector<storage::Revocation> entries;
      for (int i = 0; i < count; ++i) {
        entries.emplace_back();
        entries.back().seq = ++position_.head_seq;
        entries.back().id_hash = std::string(16, 'i');
        entries.back().expires_at = absl::FromUnixSeconds(2'000'000'000);
      }
      log_.Append(std::move(entries));
    }
    listeners_.Notify();
  }
  // To other entries, as many.
  void GoBack(const std::string& history) {
    {
      MutexLock lock(mu_);
      position_.history = history;
    }
    listeners_.Notify();
  }
  void SetAge(absl::Duration age) {
    MutexLock lock(mu_);
    position_.age = age;
  }

  const std::shared_ptr<RevocationView>& view() const override { return view_; }
  absl::Status CatchUp(absl::Time) override { return absl::OkStatus(); }
  Position Now() const override {
    MutexLock lock(mu_);
    return position_;
  }
  absl::StatusOr<std::vector<storage::Revocation>> After(int64_t seq, size_t limit) const override {
    MutexLock lock(mu_);
    return log_.After(seq, limit);
  }
  std::shared_ptr<void> Subscribe(std::function<void()> listener) override {
    return listeners_.Add(std::move(listener));
  }

 private:
  const std::shared_ptr<RevocationView> view_;
  Listeners listeners_;
  mutable Mutex mu_;
  FeedLog log_ ABSL_GUARDED_BY(mu_);
  Position position_ ABSL_GUARDED_BY(mu_);
};

class RevocationWatcherTest : public ::testing::Test {
 protected:
  RevocationWatcherTest() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = v1::AuthService::NewStub(grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                                                         grpc::InsecureChannelCredentials()));
  }
  ~RevocationWatcherTest() override {
    hub_.Shutdown();
    server_->Shutdown();
  }

  testing::FakeClock clock_;
  GivenRing ring_;
  GivenFeed feed_{clock_};
  RevocationHub hub_{feed_, ring_, NoLog()};
  WatchService service_{hub_};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::AuthService::Stub> stub_;
};

// A guard is ready with it, and knows how old all that is.
TEST_F(RevocationWatcherTest, RightBehindTheSnapshotAHeartbeatSaysHowOldItIs) {
  feed_.Append(3);
  feed_.SetAge(absl::Minutes(10));
  Watch watch(*stub_);
  ASSERT_TRUE(watch.Next().has_key_set());
  ASSERT_TRUE(watch.Next().has_snapshot());
  const auto event = watch.Next();
  ASSERT_TRUE(event.has_heartbeat());
  EXPECT_EQ(event.heartbeat().head_seq(), 3u);
  EXPECT_GE(event.heartbeat().age().seconds(), 600);
}

TEST_F(RevocationWatcherTest, AHeartbeatComesThoughEntriesKeepComing) {
  Watch watch(*stub_);
  ASSERT_TRUE(watch.Next().has_key_set());
  ASSERT_TRUE(watch.Next().has_snapshot());
  ASSERT_TRUE(watch.Next().has_heartbeat());
  uint64_t told = 0;
  bool beat = false;
  const absl::Time limit = SystemClock().Now() + absl::Seconds(60);
  while (!beat && SystemClock().Now() < limit) {
    feed_.Append(1);
    const auto event = watch.Next();
    beat = event.has_heartbeat();
    if (beat) {
      EXPECT_EQ(event.heartbeat().head_seq(), told);
    } else {
      ASSERT_TRUE(event.has_changes());
      told = event.changes().entries().rbegin()->seq();
    }
  }
  EXPECT_TRUE(beat);
}

TEST_F(RevocationWatcherTest, AStoreThatWentBackBringsASnapshotToWhoeverWatches) {
  feed_.Append(3);
  Watch watch(*stub_);
  ASSERT_TRUE(watch.Next().has_key_set());
  const std::string before = watch.NextNews().snapshot().store_epoch();
  feed_.GoBack("other");
  const auto event = watch.NextNews();
  ASSERT_TRUE(event.has_snapshot());
  EXPECT_NE(event.snapshot().store_epoch(), before);
  const auto beat = watch.Next();
  ASSERT_TRUE(beat.has_heartbeat());
  EXPECT_EQ(beat.heartbeat().store_epoch(), event.snapshot().store_epoch());
}

// Its number is held here, but under it is another entry by now.
TEST_F(RevocationWatcherTest, APlaceFromBeforeTheStoreWentBackIsNone) {
  feed_.Append(3);
  std::string before;
  {
    Watch watch(*stub_);
    before = watch.NextNews().has_key_set() ? watch.NextNews().snapshot().store_epoch() : "";
  }
  feed_.GoBack("other");
  Watch again(*stub_, before, 3);
  ASSERT_TRUE(again.Next().has_key_set());
  const auto event = again.Next();
  ASSERT_TRUE(event.has_snapshot());
  const std::string now = event.snapshot().store_epoch();
  Watch once_more(*stub_, now, 3);
  ASSERT_TRUE(once_more.Next().has_key_set());
  EXPECT_TRUE(once_more.Next().has_heartbeat());
}

}  // namespace
}  // namespace tessera::server
