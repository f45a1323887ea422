#include "server/auth/sealer.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/server/auth/auth_world.h"

namespace tessera::server {
namespace {

Sealer SealerOf(std::string_view seed) { return Require(Sealer::Create(MasterKeysOf(seed))); }

storage::StoredKey Row(const Sealer& sealer, std::string kid, storage::KeyUse use,
                       std::string_view plain = "a private key") {
  const Sealer::Sealed sealed = Require(sealer.Seal(kid, use, Secret::CopyOf(plain)));
  storage::StoredKey row;
  row.kid = std::move(kid);
  row.use = use;
  row.sealed = sealed.blob;
  row.master_key_id = sealed.master_key_id;
  return row;
}

TEST(Sealer, WhatWasSealedOpens) {
  const Sealer sealer = SealerOf("one");
  EXPECT_EQ(Require(sealer.Open(Row(sealer, "k1", storage::KeyUse::kSign))).Reveal(),
            "a private key");
  EXPECT_EQ(Require(sealer.Open(Row(sealer, "k1", storage::KeyUse::kSign, ""))).Reveal(), "");
}

TEST(Sealer, TheBlobDoesNotShowThePlainTextAndIsNeverTheSameTwice) {
  const Sealer sealer = SealerOf("one");
  const auto one = Row(sealer, "k1", storage::KeyUse::kSign);
  const auto two = Row(sealer, "k1", storage::KeyUse::kSign);
  EXPECT_EQ(one.sealed.find("private"), std::string::npos);
  EXPECT_NE(one.sealed, two.sealed);
  EXPECT_EQ(one.sealed.size(), 12 + std::string("a private key").size() + 16);
}

TEST(Sealer, ABlobMovedToAnotherRowIsRefused) {
  const Sealer sealer = SealerOf("one");
  storage::StoredKey row = Row(sealer, "k1", storage::KeyUse::kSign);
  row.kid = "k2";
  EXPECT_TRUE(absl::IsFailedPrecondition(sealer.Open(row).status()));
}

TEST(Sealer, ABlobMovedToAnotherUseIsRefused) {
  const Sealer sealer = SealerOf("one");
  storage::StoredKey row = Row(sealer, "k1", storage::KeyUse::kSign);
  row.use = storage::KeyUse::kMac;
  EXPECT_TRUE(absl::IsFailedPrecondition(sealer.Open(row).status()));
}

TEST(Sealer, EveryChangedByteIsNoticed) {
  const Sealer sealer = SealerOf("one");
  const storage::StoredKey whole = Row(sealer, "k1", storage::KeyUse::kSign);
  for (size_t i = 0; i < whole.sealed.size(); ++i) {
    storage::StoredKey bent = whole;
    bent.sealed[i] = static_cast<char>(bent.sealed[i] ^ 1);
    EXPECT_FALSE(sealer.Open(bent).ok()) << "byte " << i;
  }
}

TEST(Sealer, ATruncatedBlobIsRefused) {
  const Sealer sealer = SealerOf("one");
  storage::StoredKey row = Row(sealer, "k1", storage::KeyUse::kSign);
  while (!row.sealed.empty()) {
    row.sealed.pop_back();
    EXPECT_FALSE(sealer.Open(row).ok()) << row.sealed.size();
  }
}

TEST(Sealer, AnotherMasterKeyOfTheSameNameDoesNotOpen) {
  const auto row = Row(SealerOf("one"), "k1", storage::KeyUse::kSign);
  const absl::Status status = SealerOf("two").Open(row).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_NE(status.message().find("k1"), absl::string_view::npos);
}

TEST(Sealer, TheFirstMasterKeySealsAndAllOpen) {
  const auto old_row = Row(SealerOf("one"), "k1", storage::KeyUse::kSign);
  MasterKeys both;
  both.entries.push_back({"m2", MasterKeysOf("two").entries[0].key});
  both.entries.push_back(MasterKeysOf("one").entries[0]);
  const Sealer sealer = Require(Sealer::Create(both));
  EXPECT_TRUE(sealer.Open(old_row).ok());
  EXPECT_EQ(Row(sealer, "k2", storage::KeyUse::kMac).master_key_id, "m2");
}

TEST(Sealer, NoKeyOrAShortOneIsRefused) {
  EXPECT_TRUE(absl::IsFailedPrecondition(Sealer::Create({}).status()));
  MasterKeys shorter;
  shorter.entries.push_back({"m1", Secret(std::string(31, 'k'))});
  EXPECT_TRUE(absl::IsFailedPrecondition(Sealer::Create(shorter).status()));
}

}  // namespace
}  // namespace tessera::server
