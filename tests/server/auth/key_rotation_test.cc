// Keys move through their lives on one replica and on two, whoever takes the steps.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "server/auth/revocations.h"
#include "tests/server/auth/key_world.h"

namespace tessera::server {
namespace {

using storage::KeyState;
using storage::KeyUse;
using storage::StoredKey;
using KeyRotationTest = KeyTest;

TEST_F(KeyRotationTest, AReplicaAloneSignsWithTheNewKeyAtOnce) {
  KeyReplica replica(ground_);
  const std::string before = replica.Signing();
  const StoredKey fresh = Rotate(replica);
  EXPECT_EQ(fresh.state, KeyState::kActive);
  EXPECT_EQ(replica.Signing(), fresh.kid);
  EXPECT_NE(replica.Keys()->verify->Find(before), nullptr);
  EXPECT_EQ(Signing(KeyState::kRetiring), 1);
  EXPECT_EQ(Signing(KeyState::kPending), 0);
}

TEST_F(KeyRotationTest, AKeyIsPublishedAheadOfItsTime) {
  KeyReplica::Options options;
  options.policy.publish_ahead = absl::Minutes(10);
  KeyReplica replica(ground_, options);
  const std::string before = replica.Signing();
  const StoredKey fresh = Rotate(replica);
  EXPECT_EQ(fresh.state, KeyState::kPending);
  EXPECT_NE(replica.Keys()->jwks_json.find(fresh.kid), std::string::npos);
  EXPECT_EQ(Reason(replica.facade->Rotate(replica.call, "usr_admin")), "ROTATION_UNDER_WAY");
  ground_.clock.Advance(absl::Minutes(10) - absl::Seconds(1));
  replica.Turn();
  EXPECT_EQ(replica.Signing(), before);
  ground_.clock.Advance(absl::Seconds(1));
  replica.Turn();
  EXPECT_EQ(replica.Signing(), fresh.kid);
}

TEST_F(KeyRotationTest, ARetiredKeyVerifiesUntilItsLastTokenIsOverAndGoes) {
  KeyReplica replica(ground_);
  const std::string old = replica.Signing();
  Rotate(replica);
  ground_.clock.Advance(replica.options.policy.access_ttl + absl::Seconds(60));
  replica.Turn();
  EXPECT_NE(replica.Keys()->verify->Find(old), nullptr);
  ground_.clock.Advance(kRevocationSlack + absl::Seconds(1));
  replica.Turn();
  EXPECT_EQ(replica.Keys()->verify->Find(old), nullptr);
  EXPECT_EQ(Signing(KeyState::kRetiring), 0);
}

TEST_F(KeyRotationTest, SigningAndMacKeysAreReplacedByAge) {
  KeyReplica::Options options;
  options.policy.rotate_every = absl::Hours(24);
  KeyReplica replica(ground_, options);
  const auto before = replica.Keys();
  ground_.clock.Advance(absl::Hours(24));
  replica.Turn();  // published
  replica.Turn();  // active
  const auto after = replica.Keys();
  EXPECT_NE(after->signing->kid(), before->signing->kid());
  EXPECT_NE(after->mac_kid, before->mac_kid);
  EXPECT_EQ(after->macs.count(before->mac_kid), 1u);
  EXPECT_EQ(after->secret_hash_kid, before->secret_hash_kid);
  EXPECT_EQ(after->seal_kid, before->seal_kid);
  EXPECT_EQ(after->audit_kid, before->audit_kid);
}

TEST_F(KeyRotationTest, AClockThatJumpsAheadByAYearRotatesOnce) {
  KeyReplica::Options options;
  options.policy.rotate_every = absl::Hours(24);
  KeyReplica replica(ground_, options);
  ground_.clock.SetWall(ground_.clock.Now() + absl::Hours(24 * 365));
  for (int i = 0; i < 5; ++i) replica.Turn();
  EXPECT_EQ(Signing(KeyState::kActive), 1);
  EXPECT_EQ(Signing(KeyState::kRetiring), 1);
  EXPECT_EQ(Signing(KeyState::kPending), 0);
}

// It starts again with its clock ahead: what the store remembers of the pruning before counts.
TEST_F(KeyRotationTest, AStartWithTheClockADayAheadKeepsARetiredKeyForItsTime) {
  std::string old;
  {
    KeyReplica before(ground_);
    old = before.Signing();
    Rotate(before);
  }
  ground_.Change([&](storage::Repositories& in) {
    return in.revocations.RaisePruningTime(ground_.clock.Now());
  });
  ground_.clock.SetWall(ground_.clock.Now() + absl::Hours(25));
  KeyReplica replica(ground_);
  replica.Turn();
  EXPECT_NE(replica.Keys()->verify->Find(old), nullptr);
  EXPECT_EQ(Signing(KeyState::kRetiring), 1);
  ground_.clock.Advance(replica.options.policy.access_ttl + absl::Seconds(60) + kRevocationSlack +
                        absl::Seconds(1));
  replica.Turn();
  EXPECT_EQ(replica.Keys()->verify->Find(old), nullptr) << "its time is over by any clock";
}

// Whoever has a session that began before the key retired may still show a token that it made.
TEST_F(KeyRotationTest, AMacKeyStaysWhileALiveSessionIsOlderThanItsEnd) {
  KeyReplica::Options options;
  options.policy.rotate_every = absl::Hours(24);
  options.policy.refresh_ttl = absl::Hours(48);
  KeyReplica replica(ground_, options);
  const std::string old = replica.Keys()->mac_kid;
  storage::User user;
  user.id = UserId::Random(ground_.clock.Now());
  user.username = "ada";
  user.created_at = user.updated_at = ground_.clock.Now();
  storage::Session session;  // begun when a session might live for longer
  session.id = SessionId::Random(ground_.clock.Now());
  session.user_id = user.id;
  session.mac_kid = old;
  session.created_at = session.auth_time = session.rotated_at = ground_.clock.Now();
  session.access_until = ground_.clock.Now();
  session.expires_at = session.idle_expires_at = ground_.clock.Now() + absl::Hours(24 * 30);
  ground_.Change([&](storage::Repositories& in) -> absl::Status {
    const absl::Status inserted = in.users.Insert(user);
    return inserted.ok() ? in.sessions.Insert(session) : inserted;
  });
  for (int day = 0; day < 6; ++day) {
    ground_.clock.Advance(absl::Hours(24));
    for (int turn = 0; turn < 3; ++turn) replica.Turn();
    EXPECT_EQ(replica.Keys()->macs.count(old), 1u) << day;
  }
  ground_.Change([&](storage::Repositories& in) {
    return in.sessions.Revoke(session.id, ground_.clock.Now()).status();
  });
  for (int day = 0; day < 2; ++day) {
    ground_.clock.Advance(absl::Hours(24));
    for (int turn = 0; turn < 3; ++turn) replica.Turn();
  }
  EXPECT_EQ(replica.Keys()->macs.count(old), 0u);
}

TEST_F(KeyRotationTest, AConfiguredAlgorithmReplacesTheActiveKeyOnce) {
  {
    KeyReplica replica(ground_);
    EXPECT_EQ(replica.Keys()->signing->algorithm(), Algorithm::kEs256);
  }
  KeyReplica::Options options;
  options.policy.algorithm = Algorithm::kEdDsa;
  KeyReplica replica(ground_, options);
  replica.Turn();
  EXPECT_EQ(replica.Keys()->signing->algorithm(), Algorithm::kEdDsa);
  EXPECT_EQ(replica.Keys()->verify->keys().size(), 2u);
}

// A rolling change of the configuration must not make replicas take turns.
TEST_F(KeyRotationTest, ReplicasOfDifferentAlgorithmsDoNotTakeTurns) {
  KeyReplica a(ground_);
  KeyReplica::Options options;
  options.id = "rep_b";
  options.policy.algorithm = Algorithm::kEdDsa;
  KeyReplica b(ground_, options);
  for (int i = 0; i < 10; ++i) {
    a.Turn();
    b.Turn();
  }
  EXPECT_EQ(Signing(KeyState::kRetiring), 1);
  EXPECT_EQ(a.Keys()->signing->algorithm(), Algorithm::kEdDsa);
}

TEST_F(KeyRotationTest, AReplicaThatHasNotLoadedTheKeyIsWaitedFor) {
  KeyReplica a(ground_);
  KeyReplica::Options options;
  options.id = "rep_b";
  KeyReplica b(ground_, options);
  b.guards = 0;  // one that is connected there, and lags
  const StoredKey fresh = Rotate(a);
  EXPECT_EQ(fresh.state, KeyState::kPending);
  b.Turn();
  a.Turn();
  EXPECT_NE(a.Signing(), fresh.kid);
  b.guards = ground_.Rows().version;
  b.Turn();
  a.Turn();
  b.Turn();
  EXPECT_EQ(a.Signing(), fresh.kid);
  EXPECT_EQ(b.Signing(), fresh.kid);
}

TEST_F(KeyRotationTest, AGuardThatNeverAcknowledgesHoldsARotationUpForTheTimeoutAlone) {
  KeyReplica replica(ground_);
  replica.guards = 0;
  const StoredKey fresh = Rotate(replica);
  EXPECT_EQ(fresh.state, KeyState::kPending);
  ground_.clock.Advance(replica.options.policy.acknowledge_timeout);
  replica.Turn();
  EXPECT_EQ(replica.Signing(), fresh.kid);
}

TEST_F(KeyRotationTest, AReplicaThatIsGoneIsNotWaitedForLong) {
  KeyReplica a(ground_);
  {
    KeyReplica::Options options;
    options.id = "rep_b";
    KeyReplica b(ground_, options);  // dies without leaving: its rotator was never started
  }
  EXPECT_EQ(Rotate(a).state, KeyState::kPending);
  ground_.clock.Advance(kReplicaAlive + absl::Seconds(1));
  a.Turn();
  EXPECT_EQ(Signing(KeyState::kPending), 0);
}

TEST_F(KeyRotationTest, TwoWhoRotateAtOnceMakeOneKey) {
  KeyReplica::Options options;
  options.policy.publish_ahead = absl::Minutes(10);
  KeyReplica a(ground_, options);
  options.id = "rep_b";
  KeyReplica b(ground_, options);
  std::vector<std::string> reasons(8);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < reasons.size(); ++i) {
    threads.emplace_back([&, i] {
      KeyReplica& replica = i % 2 == 0 ? a : b;
      reasons[i] = Reason(replica.facade->Rotate(replica.call, "usr_admin"));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::count(reasons.begin(), reasons.end(), "OK"), 1);
  EXPECT_EQ(std::count(reasons.begin(), reasons.end(), "ROTATION_UNDER_WAY"), 7);
  EXPECT_EQ(Signing(KeyState::kPending), 1);
}

TEST_F(KeyRotationTest, OfTwoReplicasThatAreDueOneMakesTheKey) {
  KeyReplica::Options options;
  options.policy.rotate_every = absl::Hours(24);
  options.policy.publish_ahead = absl::Minutes(10);
  KeyReplica a(ground_, options);
  options.id = "rep_b";
  KeyReplica b(ground_, options);
  ground_.clock.Advance(absl::Hours(24));
  std::thread other([&b] { b.rotator->Turn().IgnoreError(); });
  a.rotator->Turn().IgnoreError();
  other.join();
  a.Turn();
  b.Turn();
  EXPECT_EQ(Signing(KeyState::kPending), 1);
  EXPECT_EQ(ground_.Count(KeyUse::kMac, KeyState::kPending), 1);
}

// Killed behind the publishing: the next life, or another replica, goes on with that very key.
TEST_F(KeyRotationTest, ARotationThatWasCutOffGoesOn) {
  std::string kid;
  {
    KeyReplica replica(ground_);
    kid = Require(replica.changes.Publish(absl::InfiniteFuture())).kid;
  }
  KeyReplica next(ground_);
  next.Turn();
  EXPECT_EQ(next.Signing(), kid);
  EXPECT_EQ(Signing(KeyState::kActive), 1);
}

TEST_F(KeyRotationTest, ALostAnswerMakesNoSecondKey) {
  KeyReplica::Options options;
  options.policy.publish_ahead = absl::Minutes(10);
  KeyReplica replica(ground_, options);
  replica.store.LoseNextAnswer();
  const StoredKey fresh = Rotate(replica);
  EXPECT_EQ(ground_.Row(KeyUse::kSign, KeyState::kPending).kid, fresh.kid);
}

TEST_F(KeyRotationTest, NothingIsWrittenWhileThereIsNothingToDo) {
  KeyReplica replica(ground_);
  const int before = replica.store.calls();
  for (int i = 0; i < 10; ++i) Require(replica.rotator->Turn());
  EXPECT_EQ(replica.store.calls(), before);
  ground_.clock.Advance(kReportEvery);
  Require(replica.rotator->Turn());
  EXPECT_EQ(replica.store.calls(), before + 1);
}

TEST_F(KeyRotationTest, ListingShowsNothingThatIsSealed) {
  KeyReplica replica(ground_);
  const StoredKeySet listed = Require(replica.facade->List(replica.call));
  EXPECT_EQ(listed.keys.size(), 5u);
  for (const StoredKey& key : listed.keys) EXPECT_EQ(key.sealed, "");
}

// Guards that share our keys have the file before anybody signs with the key.
TEST_F(KeyRotationTest, SharedKeysAreInTheFileBeforeTheyAreReported) {
  testing::TemporaryFolder folder;
  KeyReplica::Options options;
  options.policy.algorithm = Algorithm::kHs256;
  options.shared_key_file = folder.Path("keys.json");
  KeyReplica replica(ground_, options);
  EXPECT_NE(folder.Read("keys.json").find(replica.Signing()), std::string::npos);
  const StoredKey fresh = Rotate(replica);
  EXPECT_NE(folder.Read("keys.json").find(fresh.kid), std::string::npos);
  EXPECT_EQ(fresh.state, KeyState::kPending);  // guards get the file after we write it
  ground_.clock.Advance(options.policy.acknowledge_timeout);
  replica.Turn();
  EXPECT_EQ(replica.Signing(), fresh.kid);
  std::filesystem::remove(folder.Path("keys.json"));
  std::filesystem::create_directory(folder.Path("keys.json"));  // cannot be replaced by a file
  const std::string before = replica.Signing();
  const StoredKey stuck = Rotate(replica);
  EXPECT_EQ(stuck.state, KeyState::kPending);
  ground_.clock.Advance(options.policy.acknowledge_timeout);
  EXPECT_TRUE(absl::IsFailedPrecondition(replica.rotator->Turn()));
  EXPECT_EQ(replica.Signing(), before);
}

TEST_F(KeyRotationTest, ASharedKeyFileThatIsDeletedOrChangedIsWrittenAgain) {
  testing::TemporaryFolder folder;
  KeyReplica::Options options;
  options.policy.algorithm = Algorithm::kHs256;
  options.shared_key_file = folder.Path("keys.json");
  KeyReplica replica(ground_, options);
  const std::string whole = folder.Read("keys.json");
  std::filesystem::remove(folder.Path("keys.json"));
  replica.Turn();
  EXPECT_EQ(folder.Read("keys.json"), whole);
  folder.Write("keys.json", std::string(whole.size(), '?'), 0600);
  replica.Turn();
  EXPECT_EQ(folder.Read("keys.json"), whole);
  EXPECT_EQ(testing::ModeOf(folder.Path("keys.json")), 0600u);
}

// A wrong clock takes the others' reports for old, and retired keys for ones that are over.
TEST_F(KeyRotationTest, NoKeyIsChangedWhileTheClockDiffersFromTheDatabases) {
  KeyReplica::Options options;
  options.policy.rotate_every = absl::Hours(24);
  options.policy.publish_ahead = absl::Minutes(10);
  options.policy.max_clock_difference = absl::Seconds(5);
  KeyReplica replica(ground_, options);
  ground_.clock.Advance(absl::Hours(24));
  const int64_t version = ground_.Rows().version;
  for (const absl::Duration off : {absl::Seconds(40), -absl::Seconds(40)}) {
    replica.store.set_database_time(ground_.clock.Now() + off);
    EXPECT_FALSE(Require(replica.changes.Advance(false, absl::InfiniteFuture())));
    replica.Turn();
    EXPECT_EQ(ground_.Rows().version, version);
  }
  replica.store.set_database_time(ground_.clock.Now());
  replica.Turn();
  EXPECT_EQ(Signing(KeyState::kPending), 1);
  EXPECT_EQ(ground_.Rows().version, version + 1);
}

}  // namespace
}  // namespace tessera::server
