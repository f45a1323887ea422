// The feed as guards see it: a real store and feed behind a real stream, without the guard before
// it.
#include "server/rpc/revocation_hub.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/auth/stored_key_ring.h"
#include "server/rpc/revocation_watcher.h"
#include "storage/sql/sqlite_store.h"
#include "tessera/caller/reason.h"
#include "tessera/token/base64url.h"
#include "tessera/token/digest.h"
#include "tests/base/fake_clock.h"
#include "tests/base/temporary_folder.h"
#include "tests/server/rpc/watch.h"

namespace tessera::server {
namespace {

// A ring that holds what it is given.
class GivenRing final : public KeyRing {
 public:
  explicit GivenRing(int64_t version) { Give(version); }
  void Give(int64_t version) {
    auto snapshot = std::make_shared<KeySnapshot>();
    snapshot->version = version;
    snapshot->jwks_json = "set " + std::to_string(version);
    MutexLock lock(mu_);
    snapshot_ = std::move(snapshot);
  }
  std::shared_ptr<const KeySnapshot> Current() const override {
    MutexLock lock(mu_);
    return snapshot_;
  }
  absl::Status Refresh() override { return absl::OkStatus(); }

 private:
  mutable Mutex mu_;
  std::shared_ptr<const KeySnapshot> snapshot_ ABSL_GUARDED_BY(mu_);
};

class RevocationHubTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store = storage::OpenSqliteStore({folder_.Path("t.db"), 2}, clock_, NoLog());
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    MasterKeys master;
    master.entries.push_back({"m1", Secret(std::string(32, 'k'))});
    auto keys = KeyRing::Open(*store_, std::move(master), Algorithm::kEs256, clock_, NoLog());
    ASSERT_TRUE(keys.ok()) << keys.status();
    keys_ = *std::move(keys);
    auto feed = RevocationFeed::Open(*store_, *keys_, {}, clock_, NoLog());
    ASSERT_TRUE(feed.ok()) << feed.status();
    feed_ = *std::move(feed);
    Serve({}, *keys_);
  }
  void TearDown() override { StopServing(); }

  void Serve(WatchLimits limits, const KeyRing& keys) {
    StopServing();
    hub_ = std::make_unique<RevocationHub>(*feed_, keys, NoLog(), limits);
    service_ = std::make_unique<WatchService>(*hub_);
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    address_ = "127.0.0.1:" + std::to_string(port);
    stub_ =
        v1::AuthService::NewStub(grpc::CreateChannel(address_, grpc::InsecureChannelCredentials()));
  }
  void StopServing() {
    if (hub_ != nullptr) hub_->Shutdown();
    if (server_ != nullptr) server_->Shutdown();
    server_.reset();
    service_.reset();
    hub_.reset();
  }

  // Revokes tokens `from` to `to`, exclusive, and waits until the feed has them.
  void Revoke(int from, int to) {
    std::vector<storage::Revocation> entries;
    for (int i = from; i < to; ++i) {
      storage::Revocation entry;
      const IdHash hash = IdHashOf("tok_" + std::to_string(i));
      entry.id_hash.assign(hash.begin(), hash.end());
      entry.expires_at = clock_.Now() + absl::Hours(1);
      entries.push_back(std::move(entry));
    }
    const absl::Status written = store_->Write(storage::Repeat::kOnce, absl::InfiniteFuture(),
                                               [&](storage::Repositories& repositories) {
                                                 return repositories.revocations.Append(entries);
                                               });
    ASSERT_TRUE(written.ok()) << written;
    ASSERT_TRUE(feed_->CatchUp(absl::InfiniteFuture()).ok());
  }

  testing::TemporaryFolder folder_;
  testing::FakeClock clock_;
  std::unique_ptr<storage::Store> store_;
  std::unique_ptr<KeyRing> keys_;
  std::unique_ptr<RevocationFeed> feed_;
  std::unique_ptr<RevocationHub> hub_;
  std::unique_ptr<WatchService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
  std::unique_ptr<v1::AuthService::Stub> stub_;
};

TEST_F(RevocationHubTest, KeySetComesFirstThenAWholeSnapshot) {
  Revoke(0, 3);
  Watch watch(*stub_);
  const auto keys = watch.Next();
  ASSERT_TRUE(keys.has_key_set());
  EXPECT_EQ(keys.key_set().version(), static_cast<uint64_t>(keys_->Current()->version));
  EXPECT_EQ(keys.key_set().jwks_json(), keys_->Current()->jwks_json);
  const auto snapshot = watch.Next();
  ASSERT_TRUE(snapshot.has_snapshot());
  EXPECT_TRUE(snapshot.snapshot().last());
  EXPECT_EQ(snapshot.snapshot().entries_size(), 3);
  EXPECT_EQ(snapshot.snapshot().seq(), 3u);
  EXPECT_NE(snapshot.snapshot().store_epoch(), "");
  const v1::RevocationEntry& entry = snapshot.snapshot().entries(0);
  EXPECT_EQ(entry.kind(), v1::REVOCATION_KIND_TOKEN);
  EXPECT_EQ(entry.id_hash().size(), 16u);
  EXPECT_EQ(entry.expires_at().seconds(), absl::ToUnixSeconds(clock_.Now() + absl::Hours(1)));
}

// A new key signs only when every guard that is connected has it, or is not waited for any more.
TEST_F(RevocationHubTest, TheSlowestGuardSaysWhichKeySetIsKnownToAll) {
  GivenRing ring(7);
  Serve({}, ring);
  EXPECT_FALSE(hub_->LowestAcknowledgedKeySet().has_value());
  const auto lowest_becomes = [this](int64_t version) {
    const absl::Time limit = SystemClock().Now() + absl::Seconds(60);
    while (hub_->LowestAcknowledgedKeySet() != version && SystemClock().Now() < limit) usleep(1000);
    return hub_->LowestAcknowledgedKeySet() == version;
  };
  Watch quick(*stub_), slow(*stub_);
  ASSERT_TRUE(quick.Next().has_key_set());
  ASSERT_TRUE(slow.Next().has_key_set());
  EXPECT_TRUE(lowest_becomes(0));
  quick.AcknowledgeKeys(100);  // no more than it was told
  slow.AcknowledgeKeys(6);
  EXPECT_TRUE(lowest_becomes(6));
  slow.AcknowledgeKeys(7);
  EXPECT_TRUE(lowest_becomes(7));
  ring.Give(3);  // the store went back: what was acknowledged was another set
  EXPECT_TRUE(lowest_becomes(0));
}

TEST_F(RevocationHubTest, EmptyStoreGivesAnEmptyLastPart) {
  Watch watch(*stub_);
  watch.Next();
  const auto snapshot = watch.Next();
  ASSERT_TRUE(snapshot.has_snapshot());
  EXPECT_TRUE(snapshot.snapshot().last());
  EXPECT_EQ(snapshot.snapshot().entries_size(), 0);
}

TEST_F(RevocationHubTest, LargeSnapshotComesInPartsAndOnlyTheLastSaysSo) {
  constexpr int kEntries = 2 * static_cast<int>(kMaxEntriesInMessage) + 1;
  Revoke(0, kEntries);
  Watch watch(*stub_);
  ASSERT_TRUE(watch.Next().has_key_set());
  std::set<std::string> seen;
  std::vector<int> sizes;
  bool last = false;
  while (!last) {
    const auto event = watch.NextNews();
    ASSERT_TRUE(event.has_snapshot());
    sizes.push_back(event.snapshot().entries_size());
    for (const auto& entry : event.snapshot().entries()) seen.insert(entry.id_hash());
    last = event.snapshot().last();
  }
  EXPECT_EQ(sizes, (std::vector<int>{4096, 4096, 1}));
  EXPECT_EQ(seen.size(), static_cast<size_t>(kEntries));
}

TEST_F(RevocationHubTest, ChangesFollowWithoutAGap) {
  Watch watch(*stub_);
  watch.Next();
  watch.Next();
  uint64_t seq = 0;
  for (int i = 0; i < 20; ++i) {
    Revoke(i, i + 1);
    const auto event = watch.NextNews();
    ASSERT_TRUE(event.has_changes());
    for (const auto& entry : event.changes().entries()) EXPECT_EQ(entry.seq(), ++seq);
    watch.Acknowledge(seq);
  }
  EXPECT_EQ(seq, 20u);
}

TEST_F(RevocationHubTest, GuardThatResumesGetsOnlyWhatItMissed) {
  Revoke(0, 5);
  std::string epoch;
  {
    Watch watch(*stub_);
    watch.Next();
    epoch = watch.Next().snapshot().store_epoch();
  }
  Revoke(5, 8);
  Watch watch(*stub_, epoch, 5);
  EXPECT_TRUE(watch.Next().has_key_set());
  const auto event = watch.Next();
  ASSERT_TRUE(event.has_changes());
  ASSERT_EQ(event.changes().entries_size(), 3);
  EXPECT_EQ(event.changes().entries(0).seq(), 6u);
}

TEST_F(RevocationHubTest, GuardThatMissedNothingIsToldSoAtOnce) {
  Revoke(0, 5);
  std::string epoch;
  {
    Watch watch(*stub_);
    watch.Next();
    epoch = watch.Next().snapshot().store_epoch();
  }
  Watch watch(*stub_, epoch, 5);
  EXPECT_TRUE(watch.Next().has_key_set());
  const auto event = watch.Next();
  ASSERT_TRUE(event.has_heartbeat());
  EXPECT_EQ(event.heartbeat().head_seq(), 5u);
  EXPECT_EQ(event.heartbeat().store_epoch(), epoch);
}

TEST_F(RevocationHubTest, AnotherEpochOrAPointBeyondTheHeadGetsASnapshot) {
  Revoke(0, 5);
  std::string epoch;
  {
    Watch watch(*stub_);
    watch.Next();
    epoch = watch.Next().snapshot().store_epoch();
  }
  const std::vector<std::pair<std::string, uint64_t>> points = {
      {"another", 5}, {epoch, 6}, {epoch, ~uint64_t{0}}, {"", 5}};
  for (const auto& [point_epoch, seq] : points) {
    Watch watch(*stub_, point_epoch, seq);
    EXPECT_TRUE(watch.Next().has_key_set());
    EXPECT_TRUE(watch.Next().has_snapshot()) << seq;
  }
}

// A database that was restored while the guard was watching.
TEST_F(RevocationHubTest, AnotherEpochInMidStreamBringsASnapshot) {
  Revoke(0, 2);
  Watch watch(*stub_);
  ASSERT_TRUE(watch.NextNews().has_key_set());
  ASSERT_EQ(watch.NextNews().snapshot().entries_size(), 2);
  const std::string epoch = NewStoreEpoch();
  ASSERT_TRUE(store_
                  ->Write(storage::Repeat::kOnce, absl::InfiniteFuture(),
                          [&](storage::Repositories& repositories) {
                            return repositories.keys.SetStoreEpoch(epoch);
                          })
                  .ok());
  Revoke(2, 3);
  v1::WatchRevocationsResponse event = watch.NextNews();
  while (!event.has_snapshot() && event.event_case() != event.EVENT_NOT_SET) {
    event = watch.NextNews();
  }
  ASSERT_TRUE(event.has_snapshot());
  EXPECT_EQ(event.snapshot().store_epoch(), Base64UrlEncode(epoch));
  EXPECT_EQ(event.snapshot().entries_size(), 3);
  EXPECT_TRUE(event.snapshot().last());
  Revoke(3, 4);
  event = watch.NextNews();
  ASSERT_TRUE(event.has_changes());
  EXPECT_EQ(event.changes().entries(0).seq(), 4u);
}

TEST_F(RevocationHubTest, HeartbeatComesWhenThereIsNothingElse) {
  Revoke(0, 2);
  Watch watch(*stub_);
  watch.Next();
  watch.Next();
  const auto event = watch.Next();
  ASSERT_TRUE(event.has_heartbeat());
  EXPECT_EQ(event.heartbeat().head_seq(), 2u);
  EXPECT_TRUE(event.heartbeat().has_age());
  EXPECT_TRUE(watch.Next().has_heartbeat());
}

TEST_F(RevocationHubTest, NewKeySetIsToldToWhoeverWatches) {
  GivenRing ring(7);
  Serve({}, ring);
  Watch watch(*stub_);
  EXPECT_EQ(watch.Next().key_set().version(), 7u);
  EXPECT_TRUE(watch.Next().has_snapshot());
  ring.Give(8);
  const auto event = watch.NextNews();
  ASSERT_TRUE(event.has_key_set());
  EXPECT_EQ(event.key_set().version(), 8u);
  EXPECT_EQ(event.key_set().jwks_json(), "set 8");
  StopServing();  // before the ring goes
}

TEST_F(RevocationHubTest, SlowGuardMissesNothing) {
  Watch watch(*stub_);
  watch.Next();
  watch.Next();
  for (int i = 0; i < 10; ++i) Revoke(i * 3000, (i + 1) * 3000);  // it reads none of them meanwhile
  uint64_t seq = 0;
  while (seq < 30'000) {
    const auto event = watch.NextNews();
    ASSERT_TRUE(event.has_changes());
    EXPECT_LE(event.changes().entries_size(), static_cast<int>(kMaxEntriesInMessage));
    for (const auto& entry : event.changes().entries()) ASSERT_EQ(entry.seq(), ++seq);
  }
}

TEST_F(RevocationHubTest, OneTooManyIsRefusedWithADelayUntilOneGoes) {
  Serve({.watchers = 1}, *keys_);
  auto first = std::make_unique<Watch>(*stub_);
  ASSERT_TRUE(first->Next().has_key_set());
  const grpc::Status status = Watch(*stub_).End();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(status), "OVERLOADED");
  EXPECT_EQ(RetryDelayOf(status), absl::Seconds(1));
  first.reset();  // cancelled: the server learns of it soon
  while (true) {
    Watch next(*stub_);
    if (next.Next().has_key_set()) break;
  }
}

TEST_F(RevocationHubTest, OneAccountWithTooManyStreamsShutsNoOtherOut) {
  std::vector<std::unique_ptr<Watch>> watches;
  for (size_t i = 0; i < kMaxWatchersOfOne; ++i) {
    watches.push_back(Watch::Of("usr_many", *stub_));
    ASSERT_TRUE(watches.back()->Next().has_key_set());
  }
  const grpc::Status status = Watch::Of("usr_many", *stub_)->End();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(status), "OVERLOADED");
  EXPECT_TRUE(Watch::Of("usr_other", *stub_)->Next().has_key_set());
}

TEST_F(RevocationHubTest, GuardThatDoesNotResumeInTimeIsSentAway) {
  Serve({.resume = absl::Milliseconds(1)}, *keys_);
  grpc::ClientContext context;
  const auto stream = stub_->WatchRevocations(&context);
  v1::WatchRevocationsResponse event;
  EXPECT_FALSE(stream->Read(&event));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(status), "OVERLOADED");
}

TEST_F(RevocationHubTest, GuardThatTakesNothingIsCutOffAndItsPlaceIsFree) {
  Revoke(0, 20'000);  // more than a connection holds on its way if its window does not grow
  Serve({.watchers = 1, .write = absl::Seconds(1)}, *keys_);
  grpc::ChannelArguments fixed_window;
  fixed_window.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  const auto stub = v1::AuthService::NewStub(
      grpc::CreateCustomChannel(address_, grpc::InsecureChannelCredentials(), fixed_window));
  Watch stuck(*stub);
  ASSERT_TRUE(stuck.Next().has_key_set());  // and reads nothing more
  while (true) {
    Watch next(*stub_);
    if (next.Next().has_key_set()) break;
  }
  EXPECT_FALSE(stuck.End().ok());
}

TEST_F(RevocationHubTest, FirstMessageMustResume) {
  grpc::ClientContext context;
  const auto stream = stub_->WatchRevocations(&context);
  v1::WatchRevocationsRequest request;
  request.mutable_acknowledgement();
  stream->Write(request);
  v1::WatchRevocationsResponse event;
  EXPECT_FALSE(stream->Read(&event));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(status), "FIELD_INVALID");
}

TEST_F(RevocationHubTest, LaterMessagesMustAcknowledge) {
  Watch watch(*stub_);
  watch.Next();
  v1::WatchRevocationsRequest request;
  request.mutable_resume();
  watch.stream().Write(request);
  EXPECT_EQ(ReasonOf(watch.End()), "FIELD_INVALID");
}

TEST_F(RevocationHubTest, NothingIsToldBeforeTheGuardResumes) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(1500));
  const auto stream = stub_->WatchRevocations(&context);
  v1::WatchRevocationsResponse event;
  EXPECT_FALSE(stream->Read(&event));  // no heartbeat either
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(RevocationHubTest, GuardThatEndsItsSideEndsTheStream) {
  Watch watch(*stub_);
  watch.Next();
  watch.stream().WritesDone();
  EXPECT_TRUE(watch.End().ok());
}

TEST_F(RevocationHubTest, ShutdownEndsAllAndRefusesMore) {
  Watch one(*stub_), two(*stub_);
  one.Next();
  two.Next();
  hub_->Shutdown();
  for (Watch* watch : {&one, &two}) {
    const grpc::Status status = watch->End();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
    EXPECT_EQ(ReasonOf(status), "SHUTTING_DOWN");
  }
  EXPECT_EQ(ReasonOf(Watch(*stub_).End()), "SHUTTING_DOWN");
}

TEST_F(RevocationHubTest, ManyGuardsComeAndGoWhileEntriesFlow) {
  for (int round = 0; round < 20; ++round) {
    std::vector<std::unique_ptr<Watch>> watches;
    for (int i = 0; i < 10; ++i) watches.push_back(std::make_unique<Watch>(*stub_));
    Revoke(round * 10, round * 10 + 10);
    for (size_t i = 0; i < watches.size(); i += 2) EXPECT_TRUE(watches[i]->Next().has_key_set());
  }
}

}  // namespace
}  // namespace tessera::server
