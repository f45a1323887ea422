#include "server/auth/password_hasher.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <thread>

#include "server/auth/hash_arena.h"
#include "server/auth/phc.h"
#include "tests/server/auth/auth_world.h"

namespace tessera::server {
namespace {

PasswordHasher Hasher(HashCost cost = kLowCost) { return Require(PasswordHasher::Create(cost)); }

TEST(PasswordHasher, TheRightPasswordMatchesAndAnotherDoesNot) {
  const PasswordHasher hasher = Hasher();
  const std::string phc = Require(hasher.Hash(Secret::CopyOf("correct horse")));
  EXPECT_TRUE(Require(hasher.Verify(Secret::CopyOf("correct horse"), phc)).matches);
  EXPECT_FALSE(Require(hasher.Verify(Secret::CopyOf("correct horsf"), phc)).matches);
  EXPECT_FALSE(Require(hasher.Verify(Secret::CopyOf("correct horse "), phc)).matches);
  EXPECT_FALSE(Require(hasher.Verify(Secret(), phc)).matches);
}

TEST(PasswordHasher, OnePasswordGivesAnotherHashEachTime) {
  const PasswordHasher hasher = Hasher();
  std::set<std::string> seen;
  for (int i = 0; i < 4; ++i) seen.insert(Require(hasher.Hash(Secret::CopyOf("correct horse"))));
  EXPECT_EQ(seen.size(), 4u);
}

TEST(PasswordHasher, BytesBehindAZeroByteCount) {
  const PasswordHasher hasher = Hasher();
  const Secret one(std::string("abc\0def", 7));
  const Secret two(std::string("abc\0deg", 7));
  const std::string phc = Require(hasher.Hash(one));
  EXPECT_TRUE(Require(hasher.Verify(one, phc)).matches);
  EXPECT_FALSE(Require(hasher.Verify(two, phc)).matches);
}

TEST(PasswordHasher, AHashOfOtherParametersMatchesAndIsOutdated) {
  const std::string old = Require(Hasher({8 * 1024, 2}).Hash(Secret::CopyOf("correct horse")));
  const auto verdict = Require(Hasher().Verify(Secret::CopyOf("correct horse"), old));
  EXPECT_TRUE(verdict.matches);
  EXPECT_TRUE(verdict.outdated);
  const std::string fresh = Require(Hasher().Hash(Secret::CopyOf("correct horse")));
  EXPECT_FALSE(Require(Hasher().Verify(Secret::CopyOf("correct horse"), fresh)).outdated);
}

TEST(PasswordHasher, TheDecoyDoesTheSameWorkAndNeverMatches) {
  const PasswordHasher hasher = Hasher();
  const std::string phc = Require(hasher.Hash(Secret::CopyOf("correct horse")));
  const HashArena& arena = HashArena::OfThisThread();

  const uint64_t before_real = arena.bytes_taken();
  Require(hasher.Verify(Secret::CopyOf("correct horse"), phc));
  const uint64_t real = arena.bytes_taken() - before_real;
  const uint64_t before_decoy = arena.bytes_taken();
  const auto verdict = Require(hasher.VerifyDecoy(Secret::CopyOf("correct horse")));

  EXPECT_FALSE(verdict.matches);
  EXPECT_FALSE(verdict.outdated);
  EXPECT_GE(real, uint64_t{8} * 1024 * 1024);
  EXPECT_EQ(arena.bytes_taken() - before_decoy, real);
}

TEST(PasswordHasher, TheArenaIsUsedAgainAndLeftWiped) {
  const PasswordHasher hasher = Hasher();
  Require(hasher.Hash(Secret::CopyOf("correct horse")));
  const HashArena& arena = HashArena::OfThisThread();
  const uint8_t* memory = arena.memory();
  Require(hasher.Hash(Secret::CopyOf("correct horse")));
  EXPECT_EQ(arena.memory(), memory);
  EXPECT_TRUE(
      std::all_of(memory, memory + arena.capacity(), [](uint8_t byte) { return byte == 0; }));
}

TEST(PasswordHasher, EachThreadHasAnArenaOfItsOwn) {
  const PasswordHasher hasher = Hasher();
  const std::string phc = Require(hasher.Hash(Secret::CopyOf("correct horse")));
  const uint8_t* other = nullptr;
  bool matches = false;
  std::thread thread([&] {
    matches = Require(hasher.Verify(Secret::CopyOf("correct horse"), phc)).matches;
    other = HashArena::OfThisThread().memory();
  });
  thread.join();
  EXPECT_TRUE(matches);
  EXPECT_NE(other, HashArena::OfThisThread().memory());
}

// So a flood of logins takes no more memory than was set aside at the start.
TEST(HashArena, WhatIsReservedIsUsedByEveryHashUpToIt) {
  std::thread([] {
    HashArena& arena = HashArena::OfThisThread();
    ASSERT_TRUE(arena.Reserve(ArenaBytes(kLowCost, {})));
    const uint8_t* const memory = arena.memory();
    const size_t capacity = arena.capacity();
    Require(Hasher().Hash(Secret::CopyOf("correct horse")));
    Require(Hasher({32 * 1024, 1}).Hash(Secret::CopyOf("correct horse")));
    ASSERT_TRUE(arena.Reserve(1024));
    EXPECT_EQ(arena.memory(), memory);
    EXPECT_EQ(arena.capacity(), capacity);
  }).join();
}

TEST(HashArena, ASecondTakeBeforeGiveIsRefused) {
  HashArena arena;
  ASSERT_NE(arena.Take(4096), nullptr);
  EXPECT_EQ(arena.Take(4096), nullptr);
  arena.Give();
  EXPECT_NE(arena.Take(8192), nullptr);
}

TEST(PasswordHasher, CostOutsideItsBoundsIsRefused) {
  EXPECT_TRUE(PasswordHasher::Create({8 * 1024, 1}).ok());
  EXPECT_TRUE(PasswordHasher::Create({1024 * 1024, 16}).ok());
  for (const HashCost cost : {HashCost{8 * 1024 - 1, 1}, HashCost{1024 * 1024 + 1, 1},
                              HashCost{8 * 1024, 0}, HashCost{8 * 1024, 17}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(PasswordHasher::Create(cost).status()));
  }
}

TEST(PasswordHasher, AHashThatIsNotOursIsAnErrorAndNoMatch) {
  const auto verdict = Hasher().Verify(Secret::CopyOf("x"), "$2b$12$abcdefghijklmnopqrstuv");
  EXPECT_TRUE(absl::IsInternal(verdict.status()));
  EXPECT_TRUE(absl::IsInternal(Hasher().Verify(Secret::CopyOf("x"), "").status()));
}

}  // namespace
}  // namespace tessera::server
