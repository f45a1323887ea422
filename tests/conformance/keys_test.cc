#include <gmock/gmock.h>

#include <atomic>

#include "tests/conformance/conformance.h"

namespace tessera::storage {
namespace {

class KeyRepositoryTest : public Conformance {
 protected:
  StoredKey NewKey(const std::string& kid) {
    StoredKey key;
    key.kid = kid;
    key.algorithm = "ES256";
    key.public_jwk = R"({"kty":"EC","x":"a:b'c\\"})";
    key.sealed = RandomBytes(300) + std::string("\0'\\:\xff", 5);
    key.master_key_id = "m1";
    key.created_at = now();
    return key;
  }
};

void ExpectSame(const StoredKey& a, const StoredKey& b) {
  EXPECT_EQ(a.kid, b.kid);
  EXPECT_EQ(a.use, b.use);
  EXPECT_EQ(a.algorithm, b.algorithm);
  EXPECT_EQ(a.state, b.state);
  EXPECT_EQ(a.public_jwk, b.public_jwk);
  EXPECT_EQ(a.sealed, b.sealed);
  EXPECT_EQ(a.master_key_id, b.master_key_id);
  EXPECT_EQ(a.created_at, b.created_at);
  EXPECT_EQ(a.activated_at, b.activated_at);
  EXPECT_EQ(a.retired_at, b.retired_at);
  EXPECT_EQ(a.published_version, b.published_version);
  EXPECT_EQ(a.verify_until, b.verify_until);
}

TEST_P(KeyRepositoryTest, KeysComeBackAsTheyWereInTheOrderOfTheirMaking) {
  StoredKey young = NewKey("a");
  StoredKey old = NewKey("b");
  old.created_at = now() - absl::Microseconds(1);
  old.use = KeyUse::kMac;
  old.state = KeyState::kActive;
  old.activated_at = now();
  old.sealed = std::string(256, '\0');
  old.published_version = int64_t{1} << 40;
  old.verify_until = now() + absl::Hours(24 * 3660);
  Write([&](Repositories& r) {
    EXPECT_TRUE(r.keys.Insert(young).ok());
    return r.keys.Insert(old);
  });
  Read([&](Repositories& r) {
    const std::vector<StoredKey> keys = Must(r.keys.List());
    EXPECT_EQ(keys.size(), 2u);
    if (keys.size() != 2) return absl::OkStatus();
    ExpectSame(keys[0], old);
    ExpectSame(keys[1], young);
    return absl::OkStatus();
  });
}

TEST_P(KeyRepositoryTest, ASecondKeyOfTheSameIdIsRefused) {
  Write([&](Repositories& r) { return r.keys.Insert(NewKey("a")); });
  EXPECT_TRUE(
      absl::IsAlreadyExists(TryWrite([&](Repositories& r) { return r.keys.Insert(NewKey("a")); })));
}

TEST_P(KeyRepositoryTest, UpdatingWritesWhatMayChange) {
  StoredKey key = NewKey("a");
  Write([&](Repositories& r) { return r.keys.Insert(key); });
  key.state = KeyState::kRetiring;
  key.sealed = RandomBytes(64);
  key.master_key_id = "m2";
  key.activated_at = now() + absl::Seconds(1);
  key.retired_at = now() + absl::Seconds(2);
  key.published_version = 7;
  key.verify_until = now() + absl::Seconds(3);
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.keys.Update(key)));
    EXPECT_FALSE(Must(r.keys.Update(NewKey("unknown"))));
    return absl::OkStatus();
  });
  Read([&](Repositories& r) {
    ExpectSame(Must(r.keys.List()).at(0), key);
    return absl::OkStatus();
  });
}

// A key that was called back may not keep what it could be opened from.
TEST_P(KeyRepositoryTest, WhatWasSealedAndTheTimesCanBeTakenAway) {
  StoredKey key = NewKey("a");
  key.activated_at = now();
  key.verify_until = now();
  Write([&](Repositories& r) { return r.keys.Insert(key); });
  key.sealed.clear();
  key.master_key_id.clear();
  key.activated_at.reset();
  key.verify_until.reset();
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.keys.Update(key)));
    return absl::OkStatus();
  });
  Read([&](Repositories& r) {
    ExpectSame(Must(r.keys.List()).at(0), key);
    return absl::OkStatus();
  });
}

TEST_P(KeyRepositoryTest, UsesAreKeptApart) {
  StoredKey key = NewKey("a");
  key.use = KeyUse::kSecretHash;
  key.public_jwk.clear();
  Write([&](Repositories& r) { return r.keys.Insert(key); });
  Read([&](Repositories& r) {
    ExpectSame(Must(r.keys.List()).at(0), key);
    return absl::OkStatus();
  });
}

TEST_P(KeyRepositoryTest, DeletingIsFalseForWhatIsNotThere) {
  Write([&](Repositories& r) { return r.keys.Insert(NewKey("a")); });
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.keys.Delete("a")));
    EXPECT_FALSE(Must(r.keys.Delete("a")));
    EXPECT_TRUE(Must(r.keys.List()).empty());
    return absl::OkStatus();
  });
}

TEST_P(KeyRepositoryTest, TheVersionBeginsAtZeroAndAdvancesByCompareAndSwap) {
  Write([&](Repositories& r) {
    EXPECT_EQ(Must(r.keys.Version()), 0);
    EXPECT_FALSE(Must(r.keys.AdvanceVersion(1)));
    EXPECT_TRUE(Must(r.keys.AdvanceVersion(0)));
    EXPECT_FALSE(Must(r.keys.AdvanceVersion(0)));
    EXPECT_EQ(Must(r.keys.Version()), 1);
    return absl::OkStatus();
  });
  Reopen();
  Read([&](Repositories& r) {
    EXPECT_EQ(Must(r.keys.Version()), 1);
    return absl::OkStatus();
  });
}

TEST_P(KeyRepositoryTest, OfManyThatAdvanceOneVersionOneDoes) {
  std::atomic<int> winners = 0;
  OnThreads(16, [&](int) {
    bool won = false;
    Write([&](Repositories& r) {
      won = Must(r.keys.AdvanceVersion(0));
      return absl::OkStatus();
    });
    if (won) ++winners;
  });
  EXPECT_EQ(winners, 1);
}

TEST_P(KeyRepositoryTest, TheStoreEpochIsEmptyUntilSetAndReplacedByTheNext) {
  const std::string first = std::string("\0\xff'\\", 4) + RandomBytes(12);
  const std::string second = RandomBytes(16);
  Write([&](Repositories& r) {
    EXPECT_EQ(Must(r.keys.StoreEpoch()), "");
    EXPECT_TRUE(r.keys.SetStoreEpoch(first).ok());
    EXPECT_EQ(Must(r.keys.StoreEpoch()), first);
    EXPECT_TRUE(r.keys.SetStoreEpoch(second).ok());
    return r.keys.SetStoreEpoch(second);
  });
  Reopen();
  Read([&](Repositories& r) {
    EXPECT_EQ(Must(r.keys.StoreEpoch()), second);
    return absl::OkStatus();
  });
}

TESSERA_ON_ALL_ENGINES(KeyRepositoryTest);

}  // namespace
}  // namespace tessera::storage
