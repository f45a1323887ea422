#include "server/auth/key_states.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "server/auth/revocations.h"

namespace tessera::server {
namespace {

using storage::KeyState;
using storage::KeyUse;
using storage::StoredKey;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr absl::Duration kMicro = absl::Microseconds(1);

StoredKey Key(std::string kid, KeyUse use, KeyState state, absl::Duration age = absl::Hours(1)) {
  StoredKey key;
  key.kid = std::move(kid);
  key.use = use;
  key.algorithm = use == KeyUse::kSign ? "ES256" : "HS256";
  key.state = state;
  key.sealed = "sealed";
  key.created_at = kNow - age;
  if (state == KeyState::kActive) key.activated_at = kNow - age;
  return key;
}

// One active key of each use, made an hour ago; and what a test adds.
StoredKeySet Set(std::vector<StoredKey> more = {}) {
  StoredKeySet set;
  set.version = 5;
  set.keys = {Key("sign", KeyUse::kSign, KeyState::kActive),
              Key("mac", KeyUse::kMac, KeyState::kActive),
              Key("hash", KeyUse::kSecretHash, KeyState::kActive),
              Key("seal", KeyUse::kSeal, KeyState::kActive),
              Key("audit", KeyUse::kAudit, KeyState::kActive)};
  for (StoredKey& key : more) set.keys.push_back(std::move(key));
  return set;
}

StoredKey Pending(KeyUse use, absl::Duration age) {
  StoredKey key = Key("next", use, KeyState::kPending, age);
  key.published_version = 5;
  return key;
}

KeySituation At(absl::Time now) {
  KeySituation situation;
  situation.now = now;
  situation.pruning_now = now;
  situation.replicas = {{"a", now, 5, 5}, {"b", now, 5, 5}};
  return situation;
}

const StoredKey* UpdateOf(const KeyPlan& plan, const std::string& kid) {
  const auto found = std::find_if(plan.update.begin(), plan.update.end(),
                                  [&](const StoredKey& key) { return key.kid == kid; });
  return found == plan.update.end() ? nullptr : &*found;
}

bool Activates(const KeyPlan& plan) {
  const StoredKey* const next = UpdateOf(plan, "next");
  return next != nullptr && next->state == KeyState::kActive;
}

TEST(KeyStates, NothingIsDoneBeforeTheTime) { EXPECT_TRUE(PlanKeys(Set(), {}, At(kNow)).empty()); }

TEST(KeyStates, AKeyIsReplacedByAgeTheInstantIncluded) {
  KeyPolicy policy;
  policy.rotate_every = absl::Hours(1);
  EXPECT_TRUE(PlanKeys(Set(), policy, At(kNow - kMicro)).empty());
  const KeyPlan plan = PlanKeys(Set(), policy, At(kNow));
  EXPECT_EQ(plan.publish, (std::vector<KeyUse>{KeyUse::kSign, KeyUse::kMac}));
  EXPECT_TRUE(plan.update.empty());
}

TEST(KeyStates, WithoutAnAgeKeysAreReplacedByCommandAlone) {
  KeyPolicy policy;
  policy.rotate_every = absl::ZeroDuration();
  EXPECT_TRUE(PlanKeys(Set(), policy, At(kNow + absl::Hours(24 * 3650))).empty());
}

TEST(KeyStates, NoSecondKeyIsPublishedWhileOneWaits) {
  KeyPolicy policy;
  policy.rotate_every = absl::Seconds(1);
  const KeyPlan plan = PlanKeys(Set({Pending(KeyUse::kSign, absl::Seconds(1))}), policy, At(kNow));
  EXPECT_EQ(plan.publish, std::vector<KeyUse>{KeyUse::kMac});
}

TEST(KeyStates, AKeyWaitsUntilItHasBeenPublishedForLongEnough) {
  const StoredKeySet set = Set({Pending(KeyUse::kSign, absl::ZeroDuration())});
  const absl::Duration ahead = KeyPolicy().publish_ahead;
  EXPECT_FALSE(Activates(PlanKeys(set, {}, At(kNow + ahead - kMicro))));
  EXPECT_TRUE(Activates(PlanKeys(set, {}, At(kNow + ahead))));
}

TEST(KeyStates, TheOldKeyRetiresInTheSameStep) {
  const StoredKeySet set = Set({Pending(KeyUse::kSign, absl::Hours(1))});
  const KeyPlan plan = PlanKeys(set, {}, At(kNow));
  ASSERT_TRUE(Activates(plan));
  EXPECT_EQ(UpdateOf(plan, "next")->activated_at, kNow);
  const StoredKey* const old = UpdateOf(plan, "sign");
  ASSERT_NE(old, nullptr);
  EXPECT_EQ(old->state, KeyState::kRetiring);
  EXPECT_EQ(old->retired_at, kNow);
  EXPECT_GT(*old->verify_until, kNow + KeyPolicy().access_ttl + absl::Seconds(60));
  EXPECT_EQ(UpdateOf(plan, "mac"), nullptr);
}

// An access token that is long expired is still asked for as a proof at a renewal.
TEST(KeyStates, ASigningKeyIsKeptForAsLongAsItsTokensAreProofs) {
  const StoredKeySet set = Set({Pending(KeyUse::kSign, absl::Hours(1))});
  KeyPolicy policy;
  EXPECT_LT(*UpdateOf(PlanKeys(set, policy, At(kNow)), "sign")->verify_until,
            kNow + absl::Hours(1));
  policy.proof_ttl = absl::Hours(24 * 7);
  EXPECT_GT(*UpdateOf(PlanKeys(set, policy, At(kNow)), "sign")->verify_until,
            kNow + absl::Hours(24 * 7));
}

TEST(KeyStates, AMacKeyRetiresForALongAsASessionMayLive) {
  const StoredKeySet set = Set({Pending(KeyUse::kMac, absl::Hours(1))});
  const KeyPlan plan = PlanKeys(set, {}, At(kNow));
  ASSERT_TRUE(Activates(plan));
  EXPECT_GE(*UpdateOf(plan, "mac")->verify_until, kNow + KeyPolicy().refresh_ttl);
}

// A replica that has not loaded the key would refuse tokens that another signs with it.
TEST(KeyStates, AReplicaThatLagsIsWaitedFor) {
  for (const KeyUse use : {KeyUse::kSign, KeyUse::kMac}) {
    KeySituation situation = At(kNow);
    situation.replicas[1].key_set_version = 4;
    situation.replicas[1].guards_key_set_version = 4;
    KeyPolicy policy;
    policy.publish_ahead = absl::ZeroDuration();
    EXPECT_FALSE(Activates(PlanKeys(Set({Pending(use, absl::Seconds(1))}), policy, situation)));
  }
}

TEST(KeyStates, AGuardThatLagsIsWaitedForWithSigningKeysOnly) {
  KeySituation situation = At(kNow);
  situation.replicas[1].guards_key_set_version = 0;
  KeyPolicy policy;
  policy.publish_ahead = absl::ZeroDuration();
  const auto activates = [&](KeyUse use) {
    return Activates(PlanKeys(Set({Pending(use, absl::Seconds(1))}), policy, situation));
  };
  EXPECT_FALSE(activates(KeyUse::kSign));
  EXPECT_TRUE(activates(KeyUse::kMac));
}

// One that is connected and never acknowledges must not hold up a rotation for ever.
TEST(KeyStates, NobodyIsWaitedForBeyondTheTimeout) {
  KeySituation situation = At(kNow);
  situation.replicas[1].guards_key_set_version = 0;
  KeyPolicy policy;
  policy.publish_ahead = absl::Minutes(3);
  const absl::Duration all = policy.publish_ahead + policy.acknowledge_timeout;
  EXPECT_FALSE(Activates(PlanKeys(Set({Pending(KeyUse::kSign, all - kMicro)}), policy, situation)));
  EXPECT_TRUE(Activates(PlanKeys(Set({Pending(KeyUse::kSign, all)}), policy, situation)));
}

// Guards acknowledge a key set that does not show a shared key: that says nothing of the file that
// brings it to them.
TEST(KeyStates, ASharedKeyWaitsForAllOfTheTimeoutWhateverIsAcknowledged) {
  KeyPolicy policy;
  policy.algorithm = Algorithm::kHs256;
  policy.publish_ahead = absl::Minutes(3);
  const absl::Duration all = policy.publish_ahead + policy.acknowledge_timeout;
  const auto activates = [&](KeyUse use, absl::Duration age) {
    StoredKey key = Pending(use, age);
    key.algorithm = "HS256";
    return Activates(PlanKeys(Set({key}), policy, At(kNow)));
  };
  EXPECT_FALSE(activates(KeyUse::kSign, policy.publish_ahead));
  EXPECT_FALSE(activates(KeyUse::kSign, all - kMicro));
  EXPECT_TRUE(activates(KeyUse::kSign, all));
  // MAC keys are of the same algorithm, and no guard's.
  EXPECT_TRUE(activates(KeyUse::kMac, policy.publish_ahead));
}

TEST(KeyStates, WithoutAnyReportNobodyIsTakenToKnow) {
  KeySituation situation = At(kNow);
  situation.replicas.clear();
  KeyPolicy policy;
  policy.publish_ahead = absl::ZeroDuration();
  EXPECT_FALSE(
      Activates(PlanKeys(Set({Pending(KeyUse::kSign, absl::Seconds(1))}), policy, situation)));
}

TEST(KeyStates, ThereIsNeverNoActiveKey) {
  StoredKeySet set = Set({Pending(KeyUse::kSign, absl::ZeroDuration())});
  set.keys[0].state = KeyState::kRevoked;
  set.keys[1].state = KeyState::kRevoked;
  set.keys[2].state = KeyState::kRevoked;
  set.keys[3].state = KeyState::kRevoked;
  set.keys[4].state = KeyState::kRevoked;
  const KeyPlan plan = PlanKeys(set, {}, At(kNow));
  EXPECT_TRUE(Activates(plan));
  EXPECT_EQ(plan.replace, (std::vector<KeyUse>{KeyUse::kMac, KeyUse::kSecretHash, KeyUse::kSeal,
                                               KeyUse::kAudit}));
}

TEST(KeyStates, AnotherAlgorithmIsPublishedWhereItCounts) {
  KeyPolicy policy;
  policy.algorithm = Algorithm::kEdDsa;
  KeySituation situation = At(kNow);
  EXPECT_TRUE(PlanKeys(Set(), policy, situation).empty());
  situation.algorithm_counts = true;
  EXPECT_EQ(PlanKeys(Set(), policy, situation).publish, std::vector<KeyUse>{KeyUse::kSign});
}

TEST(KeyStates, ARetiredKeyGoesWhenItsTimeIsOver) {
  StoredKey old = Key("old", KeyUse::kSign, KeyState::kRetiring);
  old.verify_until = kNow;
  EXPECT_TRUE(PlanKeys(Set({old}), {}, At(kNow)).remove.empty());
  EXPECT_EQ(PlanKeys(Set({old}), {}, At(kNow + kMicro)).remove.size(), 1u);
}

// Else nobody could tell what it hashed from what a key hashed that is not loaded yet.
TEST(KeyStates, TheRowOfASecretsKeyThatWasCalledBackStays) {
  const StoredKey old = Revoked(Key("old", KeyUse::kSecretHash, KeyState::kActive), {}, kNow);
  KeyPolicy policy;
  policy.rotate_every = absl::ZeroDuration();
  EXPECT_TRUE(PlanKeys(Set({old}), policy, At(kNow + absl::Hours(24 * 365))).empty());
}

// A clock that jumps ahead ends nobody's tokens.
TEST(KeyStates, NothingGoesBeforeTheMonotonicClockSaysSo) {
  StoredKey old = Key("old", KeyUse::kSign, KeyState::kRetiring);
  old.verify_until = kNow + absl::Hours(1);
  KeySituation situation = At(kNow + absl::Hours(24 * 365));
  situation.pruning_now = kNow;
  KeyPolicy policy;
  policy.rotate_every = absl::ZeroDuration();
  EXPECT_TRUE(PlanKeys(Set({old}), policy, situation).empty());
}

TEST(KeyStates, AKeyThatSomebodySetToRetireGetsItsFullTime) {
  const KeyPlan plan =
      PlanKeys(Set({Key("old", KeyUse::kSign, KeyState::kRetiring)}), {}, At(kNow));
  EXPECT_TRUE(plan.remove.empty());
  ASSERT_NE(UpdateOf(plan, "old"), nullptr);
  EXPECT_GT(*UpdateOf(plan, "old")->verify_until, kNow);
}

// A clock that was a year ahead when a key was published would otherwise hold it back for a year.
TEST(KeyStates, ATimeFromTheFutureCountsFromNow) {
  const StoredKeySet set = Set({Pending(KeyUse::kSign, -absl::Hours(24 * 365))});
  const KeyPlan plan = PlanKeys(set, {}, At(kNow));
  ASSERT_NE(UpdateOf(plan, "next"), nullptr);
  EXPECT_EQ(UpdateOf(plan, "next")->created_at, kNow);
  EXPECT_EQ(UpdateOf(plan, "next")->state, KeyState::kPending);
}

TEST(KeyStates, NoMoreKeysArePublishedThanGuardsTake) {
  KeyPolicy policy;
  policy.rotate_every = absl::Seconds(1);
  StoredKeySet set = Set();
  while (CountVerifying(set, KeyUse::kSign) < kMaxKeysOfOneUse) {
    StoredKey old = Key(std::to_string(set.keys.size()), KeyUse::kSign, KeyState::kRetiring);
    old.verify_until = kNow + absl::Hours(1);
    set.keys.push_back(old);
  }
  EXPECT_EQ(PlanKeys(set, policy, At(kNow)).publish, std::vector<KeyUse>{KeyUse::kMac});
}

// Whoever can write to the database may set the state back; what it would open is gone.
TEST(KeyStates, ARevokedKeyKeepsNothingThatItCouldBeOpenedFrom) {
  const StoredKey revoked = Revoked(Key("k", KeyUse::kSign, KeyState::kActive), {}, kNow);
  EXPECT_EQ(revoked.state, KeyState::kRevoked);
  EXPECT_EQ(revoked.sealed, "");
  EXPECT_GE(*revoked.verify_until, kNow + kMaxAccessTtl);
}

TEST(KeyStates, OfTwoActiveKeysTheOneActivatedLastCounts) {
  StoredKeySet set = Set({Key("young", KeyUse::kSign, KeyState::kActive, absl::Minutes(1))});
  EXPECT_EQ(FindActive(set, KeyUse::kSign)->kid, "young");
  std::reverse(set.keys.begin(), set.keys.end());
  EXPECT_EQ(FindActive(set, KeyUse::kSign)->kid, "young");
}

}  // namespace
}  // namespace tessera::server
