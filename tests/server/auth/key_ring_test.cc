#include "server/auth/key_ring.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "server/auth/sealer.h"
#include "server/auth/stored_key_ring.h"
#include "tessera/base/status_macros.h"
#include "tessera/guard/key_set_version.h"
#include "tessera/token/base64url.h"
#include "tests/server/auth/auth_world.h"

namespace tessera::server {
namespace {

class KeyRingTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<KeyRing>> Open(std::string_view seed = "one master key",
                                                Algorithm algorithm = Algorithm::kEs256) {
    return KeyRing::Open(*store_, MasterKeysOf(seed), algorithm, clock_, log_);
  }
  std::vector<storage::StoredKey> Rows() {
    std::vector<storage::StoredKey> rows;
    Require(store_->Read(absl::InfiniteFuture(), [&](storage::Repositories& in) {
      TESSERA_ASSIGN_OR_RETURN(rows, in.keys.List());
      return absl::OkStatus();
    }));
    return rows;
  }
  storage::StoredKey RowOf(storage::KeyUse use) {
    for (const storage::StoredKey& row : Rows()) {
      if (row.use == use) return row;
    }
    return {};
  }
  // Writes as another replica would: with a new version.
  void Change(const std::function<absl::Status(storage::KeyRepository&)>& work) {
    Require(store_->Write(storage::Repeat::kOnce, absl::InfiniteFuture(),
                          [&](storage::Repositories& in) -> absl::Status {
                            TESSERA_ASSIGN_OR_RETURN(const int64_t version, in.keys.Version());
                            TESSERA_ASSIGN_OR_RETURN(const bool mine,
                                                     in.keys.AdvanceVersion(version));
                            if (!mine) return absl::AbortedError("version");
                            return work(in.keys);
                          }));
  }
  void SetState(storage::StoredKey row, storage::KeyState state) {
    row.state = state;
    Change([&](storage::KeyRepository& keys) { return keys.Update(row).status(); });
  }
  void Insert(const storage::StoredKey& row) {
    Change([&](storage::KeyRepository& keys) { return keys.Insert(row); });
  }

  testing::DatabaseUnderTest database_;
  testing::FakeClock clock_;
  RecordingLog log_;
  std::unique_ptr<storage::Store> store_ = Require(database_.Open(clock_, log_));
  Sealer sealer_ = Require(Sealer::Create(MasterKeysOf("one master key")));
};

TEST_F(KeyRingTest, TheFirstOpenMakesOneKeyOfEachUseAndAnEpoch) {
  const auto ring = Require(Open());
  const auto keys = ring->Current();
  EXPECT_EQ(keys->version, 1);
  EXPECT_EQ(keys->store_epoch.size(), 16u);
  ASSERT_TRUE(keys->signing.has_value());
  EXPECT_EQ(keys->signing->algorithm(), Algorithm::kEs256);
  EXPECT_NE(keys->verify->Find(keys->signing->kid()), nullptr);
  EXPECT_EQ(keys->macs.count(keys->mac_kid), 1u);
  EXPECT_NE(keys->jwks_json.find(keys->signing->kid()), std::string::npos);
  EXPECT_EQ(VersionIn(keys->jwks_json).epoch, Base64UrlEncode(keys->store_epoch));
  EXPECT_EQ(VersionIn(keys->jwks_json).number, 1);
  EXPECT_EQ(keys->secret_hashes.at(keys->secret_hash_kid).Reveal().size(), 32u);
  EXPECT_EQ(keys->seals.at(keys->seal_kid).Reveal().size(), 32u);
  EXPECT_EQ(keys->audits.at(keys->audit_kid).Reveal().size(), 32u);
  ASSERT_EQ(Rows().size(), 5u);
  for (const auto& row : Rows()) EXPECT_EQ(row.state, storage::KeyState::kActive);
}

TEST_F(KeyRingTest, TheSecondOpenFindsTheSameKeys) {
  const auto first = Require(Open())->Current();
  const auto second = Require(Open())->Current();
  EXPECT_EQ(first->signing->kid(), second->signing->kid());
  EXPECT_EQ(first->mac_kid, second->mac_kid);
  EXPECT_EQ(first->macs.at(first->mac_kid), second->macs.at(second->mac_kid));
  EXPECT_EQ(first->store_epoch, second->store_epoch);
  EXPECT_EQ(Rows().size(), 5u);
}

TEST_F(KeyRingTest, OfManyWhoOpenAtOnceOneMakesTheKeys) {
  std::vector<std::string> kids(8);
  std::vector<std::thread> threads;
  for (std::string& kid : kids) {
    threads.emplace_back([&] { kid = Require(Open())->Current()->signing->kid(); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::set<std::string>(kids.begin(), kids.end()).size(), 1u);
  EXPECT_EQ(Rows().size(), 5u);
}

TEST_F(KeyRingTest, TheWrongMasterKeyIsRefused) {
  Require(Open());
  EXPECT_TRUE(absl::IsFailedPrecondition(Open("another master key").status()));
}

TEST_F(KeyRingTest, ASealedKeyMovedToAnotherRowIsRefused) {
  Require(Open());
  storage::StoredKey mac = RowOf(storage::KeyUse::kMac);
  const storage::StoredKey other =
      Require(NewSharedKey(storage::KeyUse::kMac, sealer_, clock_.Now()));
  Insert(other);
  ASSERT_TRUE(Open().ok());
  mac.sealed = other.sealed;
  Change([&](storage::KeyRepository& keys) { return keys.Update(mac).status(); });
  EXPECT_TRUE(absl::IsFailedPrecondition(Open().status()));
}

// Whoever can write to the database must not be able to make guards trust a key of theirs.
TEST_F(KeyRingTest, AKeyPlantedInThePublicColumnIsNotTrusted) {
  Require(Open());
  const SigningKey planted = Require(SigningKey::Generate(Algorithm::kEs256));
  storage::StoredKey row = RowOf(storage::KeyUse::kSign);
  row.kid = planted.kid();
  row.public_jwk = planted.ToVerifyKey().ToPublicJwk();
  row.state = storage::KeyState::kRetiring;
  Insert(row);
  EXPECT_TRUE(absl::IsFailedPrecondition(Open().status()));
}

TEST_F(KeyRingTest, PrivatePartsAreNotInTheDatabase) {
  const auto ring = Require(Open());
  const std::string mac(ring->Current()->macs.begin()->second.Reveal());
  for (const auto& row : Rows()) {
    EXPECT_EQ(row.public_jwk.find("\"d\""), std::string::npos);
    EXPECT_EQ(row.sealed.find("\"d\""), std::string::npos);
    EXPECT_EQ(row.sealed.find(mac), std::string::npos);
  }
}

TEST_F(KeyRingTest, RefreshTakesWhatAnotherReplicaChanged) {
  const auto ring = Require(Open());
  const auto before = ring->Current();
  clock_.Advance(absl::Hours(1));
  storage::StoredKey pending = Require(NewSigningKey(Algorithm::kEs256, sealer_, clock_.Now()));
  pending.state = storage::KeyState::kPending;
  Insert(pending);
  ASSERT_TRUE(ring->Refresh().ok());
  const auto after = ring->Current();
  EXPECT_EQ(after->version, 2);
  EXPECT_NE(after->verify->Find(pending.kid), nullptr);
  EXPECT_EQ(after->signing->kid(), before->signing->kid());
  EXPECT_EQ(before->verify->Find(pending.kid), nullptr);  // a snapshot in hand does not change
}

TEST_F(KeyRingTest, RefreshWithoutAChangeKeepsTheSnapshot) {
  const auto ring = Require(Open());
  const auto before = ring->Current();
  ASSERT_TRUE(ring->Refresh().ok());
  EXPECT_EQ(ring->Current(), before);
}

TEST_F(KeyRingTest, ARetiringKeyVerifiesAndARevokedOneDoesNot) {
  const auto ring = Require(Open());
  const storage::StoredKey old_sign = RowOf(storage::KeyUse::kSign);
  const storage::StoredKey old_mac = RowOf(storage::KeyUse::kMac);
  clock_.Advance(absl::Hours(1));
  Insert(Require(NewSigningKey(Algorithm::kEs256, sealer_, clock_.Now())));
  Insert(Require(NewSharedKey(storage::KeyUse::kMac, sealer_, clock_.Now())));
  SetState(old_sign, storage::KeyState::kRetiring);
  SetState(old_mac, storage::KeyState::kRetiring);
  ASSERT_TRUE(ring->Refresh().ok());
  EXPECT_NE(ring->Current()->signing->kid(), old_sign.kid);
  EXPECT_NE(ring->Current()->mac_kid, old_mac.kid);
  EXPECT_NE(ring->Current()->verify->Find(old_sign.kid), nullptr);
  EXPECT_EQ(ring->Current()->macs.count(old_mac.kid), 1u);

  SetState(old_sign, storage::KeyState::kRevoked);
  SetState(old_mac, storage::KeyState::kRevoked);
  ASSERT_TRUE(ring->Refresh().ok());
  EXPECT_EQ(ring->Current()->verify->Find(old_sign.kid), nullptr);
  EXPECT_EQ(ring->Current()->jwks_json.find(old_sign.kid), std::string::npos);
  EXPECT_EQ(ring->Current()->macs.count(old_mac.kid), 0u);
}

// A replica that was not given a new master key yet: it goes on with what it has, says so, and lets
// nobody take it for having loaded the new key.
TEST_F(KeyRingTest, AKeyThatCannotBeOpenedTakesNothingAwayAndIsSaid) {
  const auto ring = Require(Open());
  const auto before = ring->Current();
  const Sealer other = Require(Sealer::Create(MasterKeysOf("another master key")));
  const storage::StoredKey strange = Require(NewSigningKey(Algorithm::kEs256, other, clock_.Now()));
  Insert(strange);
  EXPECT_TRUE(absl::IsFailedPrecondition(ring->Refresh()));
  EXPECT_TRUE(absl::IsFailedPrecondition(ring->Refresh()));  // as long as it is so
  const auto after = ring->Current();
  EXPECT_EQ(after->version, before->version + 1);
  EXPECT_EQ(after->loaded_version, before->loaded_version);
  EXPECT_EQ(VersionIn(after->jwks_json).number, before->loaded_version);
  EXPECT_EQ(after->signing->kid(), before->signing->kid());
  EXPECT_EQ(after->verify->Find(strange.kid), nullptr);
  EXPECT_EQ(log_.Count("keys.unopened", "kid", strange.kid), 1);
}

// The same when every row has been sealed anew under a master key that is not here: nothing that is
// loaded is lost, and the states are still followed.
TEST_F(KeyRingTest, RowsSealedAnewUnderAnUnknownMasterKeyLoseNoKey) {
  const auto ring = Require(Open());
  const auto before = ring->Current();
  const Sealer other = Require(Sealer::Create(MasterKeysOf("another master key")));
  for (storage::StoredKey row : Rows()) {
    const Secret plain = Require(sealer_.Open(row));
    row.sealed = Require(other.Seal(row.kid, row.use, plain)).blob;
    row.master_key_id = "m2";
    Change([&](storage::KeyRepository& keys) { return keys.Update(row).status(); });
  }
  EXPECT_TRUE(ring->Refresh().ok());
  const auto after = ring->Current();
  EXPECT_EQ(after->loaded_version, after->version);
  EXPECT_EQ(after->signing->kid(), before->signing->kid());
  EXPECT_EQ(after->macs.at(after->mac_kid), before->macs.at(before->mac_kid));
  EXPECT_EQ(after->secret_hashes, before->secret_hashes);
  EXPECT_EQ(after->seals, before->seals);
  EXPECT_EQ(after->audits, before->audits);
  EXPECT_EQ(log_.Count("keys.unopened", "still_held", "yes"), 5);

  SetState(RowOf(storage::KeyUse::kMac), storage::KeyState::kRevoked);
  EXPECT_TRUE(ring->Refresh().ok());
  EXPECT_TRUE(ring->Current()->macs.empty());
  EXPECT_FALSE(Open().ok());  // whoever starts now needs the master key
}

// While the key that has become active cannot be opened, the one before signs on.
TEST_F(KeyRingTest, AnActiveKeyThatCannotBeOpenedLeavesTheOneBeforeSigning) {
  const auto ring = Require(Open());
  const storage::StoredKey old = RowOf(storage::KeyUse::kSign);
  const Sealer other = Require(Sealer::Create(MasterKeysOf("another master key")));
  Insert(Require(NewSigningKey(Algorithm::kEs256, other, clock_.Now())));
  SetState(old, storage::KeyState::kRetiring);
  EXPECT_FALSE(ring->Refresh().ok());
  EXPECT_EQ(ring->Current()->signing->kid(), old.kid);
  SetState(old, storage::KeyState::kRevoked);
  EXPECT_FALSE(ring->Refresh().ok());
  EXPECT_FALSE(ring->Current()->signing.has_value());
}

TEST_F(KeyRingTest, OfTwoActiveKeysTheOneActivatedLastSigns) {
  const auto ring = Require(Open());
  clock_.Advance(absl::Hours(1));
  const storage::StoredKey young = Require(NewSigningKey(Algorithm::kEs256, sealer_, clock_.Now()));
  Insert(young);
  ASSERT_TRUE(ring->Refresh().ok());
  EXPECT_EQ(ring->Current()->signing->kid(), young.kid);
}

// What a database's writer may change by hand.
TEST_F(KeyRingTest, ARowChangedByHandIsRefusedOrWithoutEffect) {
  const auto ring = Require(Open());
  const SigningKey mine = Require(SigningKey::Generate(Algorithm::kEs256));
  const storage::StoredKey row = RowOf(storage::KeyUse::kSign);

  storage::StoredKey changed = row;  // the public column: nobody reads it
  changed.public_jwk = mine.ToVerifyKey().ToPublicJwk();
  Change([&](storage::KeyRepository& keys) -> absl::Status {
    TESSERA_RETURN_IF_ERROR(keys.Delete(row.kid).status());
    return keys.Insert(changed);
  });
  ASSERT_TRUE(ring->Refresh().ok());
  EXPECT_EQ(ring->Current()->verify->Find(mine.kid()), nullptr);
  EXPECT_EQ(ring->Current()->jwks_json.find(mine.kid()), std::string::npos);

  changed = row;  // another name for what was sealed
  changed.kid = mine.kid();
  Insert(changed);
  EXPECT_FALSE(ring->Refresh().ok());
  EXPECT_EQ(ring->Current()->verify->Find(mine.kid()), nullptr);
  EXPECT_FALSE(Open().ok());
  Change([&](storage::KeyRepository& keys) { return keys.Delete(changed.kid).status(); });

  changed = row;  // a MAC key's row as a signing key's
  changed.sealed = RowOf(storage::KeyUse::kMac).sealed;
  Change([&](storage::KeyRepository& keys) { return keys.Update(changed).status(); });
  ASSERT_TRUE(ring->Refresh().ok());  // the key that is loaded goes on
  EXPECT_EQ(ring->Current()->signing->kid(), row.kid);
  EXPECT_EQ(log_.Count("keys.unopened", "kid", row.kid), 1);
  EXPECT_FALSE(Open().ok());
}

TEST_F(KeyRingTest, ASharedKeyIsNeverPublished) {
  const auto ring = Require(Open("one master key", Algorithm::kHs256));
  EXPECT_EQ(ring->Current()->signing->algorithm(), Algorithm::kHs256);
  EXPECT_NE(ring->Current()->verify->Find(ring->Current()->signing->kid()), nullptr);
  EXPECT_EQ(ring->Current()->jwks_json.find(ring->Current()->signing->kid()), std::string::npos);
  EXPECT_EQ(ring->Current()->jwks_json.find("oct"), std::string::npos);
}

TEST_F(KeyRingTest, GuardsGetSharedKeysInASetOfTheirOwn) {
  const auto without = Require(Open());
  EXPECT_TRUE(without->Current()->shared_jwks.empty());
  const storage::StoredKey shared =
      Require(NewSigningKey(Algorithm::kHs256, sealer_, clock_.Now()));
  EXPECT_EQ(shared.public_jwk, "");
  Insert(shared);
  ASSERT_TRUE(without->Refresh().ok());
  const JwkSet set = Require(JwkSet::Parse(without->Current()->shared_jwks.Reveal()));
  EXPECT_EQ(set.keys().size(), 2u);
  EXPECT_EQ(set.Find(shared.kid)->algorithm(), Algorithm::kHs256);
  EXPECT_EQ(without->Current()->shared_jwks.Reveal().find("\"d\""), std::string::npos);
}

TEST_F(KeyRingTest, AnotherConfiguredAlgorithmIsSaidAndTheActiveKeyGoesOn) {
  Require(Open());
  const auto ring = Require(Open("one master key", Algorithm::kEdDsa));
  EXPECT_EQ(ring->Current()->signing->algorithm(), Algorithm::kEs256);
  EXPECT_EQ(log_.Count("keys.algorithm_differs", "configured", "EdDSA"), 1);
}

}  // namespace
}  // namespace tessera::server
