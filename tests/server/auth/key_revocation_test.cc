// Keys are called back, and sealed under another master key.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "server/auth/revocations.h"
#include "tests/server/auth/key_world.h"

namespace tessera::server {
namespace {

using storage::KeyState;
using storage::KeyUse;
using storage::StoredKey;
using KeyRevocationTest = KeyTest;

TEST_F(KeyRevocationTest, RevokingTheActiveKeyPutsAnotherInItsPlaceInOneStep) {
  KeyReplica replica(ground_);
  const std::string leaked = replica.Signing();
  ASSERT_TRUE(replica.facade->Revoke(replica.call, "usr_admin", leaked).ok());
  EXPECT_NE(replica.Signing(), leaked);
  EXPECT_EQ(replica.Keys()->verify->Find(leaked), nullptr);
  ASSERT_EQ(ground_.Feed().size(), 1u);
  EXPECT_EQ(ground_.Feed().front().kind, storage::RevocationKind::kKey);
  EXPECT_EQ(ground_.Row(KeyUse::kSign, KeyState::kRevoked).sealed, "");
  // Again: nothing more happens.
  const int64_t version = ground_.Rows().version;
  EXPECT_TRUE(replica.facade->Revoke(replica.call, "usr_admin", leaked).ok());
  EXPECT_EQ(ground_.Rows().version, version);
  EXPECT_EQ(Reason(replica.facade->Revoke(replica.call, "usr_admin", "k")), "KEY_NOT_FOUND");
}

TEST_F(KeyRevocationTest, APendingKeySucceedsARevokedOne) {
  KeyReplica::Options options;
  options.policy.publish_ahead = absl::Minutes(10);
  KeyReplica replica(ground_, options);
  const std::string leaked = replica.Signing();
  const StoredKey pending = Rotate(replica);
  ASSERT_TRUE(replica.facade->Revoke(replica.call, "usr_admin", leaked).ok());
  EXPECT_EQ(replica.Signing(), pending.kid);
}

TEST_F(KeyRevocationTest, ARevokedPendingKeyNeverSigns) {
  KeyReplica::Options options;
  options.policy.publish_ahead = absl::Minutes(10);
  KeyReplica replica(ground_, options);
  const std::string active = replica.Signing();
  const StoredKey pending = Rotate(replica);
  ASSERT_TRUE(replica.facade->Revoke(replica.call, "usr_admin", pending.kid).ok());
  ground_.clock.Advance(absl::Hours(1));
  replica.Turn();
  EXPECT_EQ(replica.Signing(), active);
}

// The activation of the pending key and its revocation race: whichever comes second looks again.
TEST_F(KeyRevocationTest, ARevocationThatRacesARotationLeavesOneActiveKeyThatIsNotRevoked) {
  KeyReplica a(ground_);
  KeyReplica::Options options;
  options.id = "rep_b";
  KeyReplica b(ground_, options);
  for (int round = 0; round < 8; ++round) {
    const std::string kid = Require(a.changes.Publish(absl::InfiniteFuture())).kid;
    std::thread revoker([&] { Require(b.facade->Revoke(b.call, "usr_admin", kid)); });
    for (int i = 0; i < 3; ++i) a.rotator->Turn().IgnoreError();
    revoker.join();
    a.Turn();
    b.Turn();
    EXPECT_EQ(Signing(KeyState::kActive), 1);
    EXPECT_NE(ground_.Row(KeyUse::kSign, KeyState::kActive).kid, kid);
    EXPECT_EQ(a.Keys()->verify->Find(kid), nullptr);
  }
}

// Whoever writes to the database sets a revoked key's state back: there is nothing to open.
TEST_F(KeyRevocationTest, ARevokedKeyWhoseStateIsSetBackStaysDead) {
  KeyReplica replica(ground_);
  const std::string leaked = replica.Signing();
  ASSERT_TRUE(replica.facade->Revoke(replica.call, "usr_admin", leaked).ok());
  StoredKey row = ground_.Row(KeyUse::kSign, KeyState::kRevoked);
  row.state = KeyState::kActive;
  row.activated_at = ground_.clock.Now() + absl::Hours(1);
  ground_.Change([&](storage::Repositories& in) { return in.keys.Update(row).status(); });
  replica.Turn();
  EXPECT_EQ(replica.Keys()->verify->Find(leaked), nullptr);
  EXPECT_NE(replica.Signing(), leaked);
}

TEST_F(KeyRevocationTest, RewrappingMovesEveryKeyUnderTheFirstMasterKey) {
  std::shared_ptr<const KeySnapshot> before;
  {
    KeyReplica replica(ground_);
    Rotate(replica);
    before = replica.Keys();
  }
  KeyReplica::Options options;
  options.master = {"two", "one"};
  {
    KeyReplica replica(ground_, options);
    const auto done = Require(replica.facade->Rewrap(replica.call, "usr_admin"));
    EXPECT_EQ(done.master_key_id, "two");
    EXPECT_EQ(done.count, 6);
    EXPECT_EQ(Require(replica.facade->Rewrap(replica.call, "usr_admin")).count, 0);
  }
  options.master = {"two"};  // the old line is taken out
  KeyReplica replica(ground_, options);
  EXPECT_EQ(replica.Signing(), before->signing->kid());
  EXPECT_EQ(replica.Keys()->verify->keys().size(), 2u);
  EXPECT_EQ(replica.Keys()->macs, before->macs);
  EXPECT_EQ(replica.Keys()->secret_hashes, before->secret_hashes);
  EXPECT_EQ(replica.Keys()->seals, before->seals);
  EXPECT_EQ(replica.Keys()->audits, before->audits);
  options.master = {"one"};
  EXPECT_TRUE(
      absl::IsFailedPrecondition(KeyRing::Open(*ground_.Store(), MasterKeysNamed({"one"}),
                                               Algorithm::kEs256, ground_.clock, ground_.log)
                                     .status()));
}

TEST_F(KeyRevocationTest, AReplicaWithoutTheNewMasterKeyServesOnAndIsWaitedFor) {
  KeyReplica::Options options;
  options.id = "rep_old";
  KeyReplica old_one(ground_, options);
  const auto before = old_one.Keys();
  options.id = "rep_new";
  options.master = {"two", "one"};
  KeyReplica new_one(ground_, options);
  EXPECT_EQ(Require(new_one.facade->Rewrap(new_one.call, "usr_admin")).count, 5);
  old_one.Turn();
  EXPECT_EQ(old_one.Signing(), before->signing->kid());
  EXPECT_EQ(old_one.Keys()->macs, before->macs);
  EXPECT_EQ(ground_.log.Count("keys.unopened", "still_held", "yes"), 5);
  // It cannot load a key made now, so nobody signs with it before the timeout.
  const StoredKey fresh = Rotate(new_one);
  Require(old_one.feed->CatchUp(absl::InfiniteFuture()));
  Require(old_one.rotator->Turn());
  new_one.Turn();
  EXPECT_NE(new_one.Signing(), fresh.kid);
  EXPECT_EQ(ground_.log.Count("keys.unopened", "kid", fresh.kid), 1);
}

TEST_F(KeyRevocationTest, RewrappingWhatNobodyOpensChangesNothing) {
  KeyReplica replica(ground_);
  StoredKey row = ground_.Row(KeyUse::kMac, KeyState::kActive);
  row.sealed[20] = static_cast<char>(row.sealed[20] ^ 1);
  row.master_key_id = "zero";
  ground_.Change([&](storage::Repositories& in) { return in.keys.Update(row).status(); });
  const StoredKeySet before = ground_.Rows();
  EXPECT_EQ(Reason(replica.facade->Rewrap(replica.call, "usr_admin")), "KEYS_UNAVAILABLE");
  EXPECT_EQ(ground_.Rows().version, before.version);
}

// What it sealed is still there, and must open; what is sealed from now on is not its.
TEST_F(KeyRevocationTest, ASealKeyThatIsCalledBackSealsNoMoreAndStillOpens) {
  KeyReplica replica(ground_);
  const auto before = replica.Keys();
  for (int i = 0; i < 2; ++i) {  // the second time changes nothing
    Require(replica.facade->Revoke(replica.call, "usr_admin", before->seal_kid));
    const auto after = replica.Keys();
    EXPECT_NE(after->seal_kid, before->seal_kid);
    EXPECT_EQ(after->seals.size(), 2u);
    EXPECT_EQ(after->seals.at(before->seal_kid), before->seals.at(before->seal_kid));
  }
  ground_.clock.Advance(absl::Hours(24 * 3660));
  replica.Turn();
  EXPECT_EQ(replica.Keys()->seals.count(before->seal_kid), 1u);
}

// An administrator who could would do away with all proof of what was done.
TEST_F(KeyRevocationTest, NobodyCallsTheKeyOfTheAuditTrailBack) {
  KeyReplica replica(ground_);
  const auto before = replica.Keys();
  EXPECT_EQ(Reason(replica.facade->Revoke(replica.call, "usr_admin", before->audit_kid)),
            "KEY_NOT_FOUND");
  EXPECT_EQ(replica.Keys()->audits, before->audits);
}

}  // namespace
}  // namespace tessera::server
