#include "server/auth/imported_hash.h"

#include <argon2.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "server/auth/hash_work.h"
#include "server/auth/stored_hash.h"
#include "storage/usable_hash.h"
#include "tessera/base/reason.h"
#include "tests/server/auth/auth_world.h"

namespace tessera::server {
namespace {

// From the test vectors of crypt_blowfish.
constexpr char kBcryptOfUstarU[] = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
// 29,000 rounds over "correct horse battery", made with Python's hashlib; and one of passlib's.
constexpr char kPbkdf2[] =
    "$pbkdf2-sha256$29000$MDEyMzQ1Njc4OWFiY2RlZg$HwysB+Ke0YuzHEd/zzqZI6iTbuC8ephxy6jSfQdwV8M";
constexpr char kPbkdf2OfPasslib[] =
    "$pbkdf2-sha256$6400$0ZrzXitFSGltTQnBWOsdAw$Y11AchqV4b0sUisdZd0Xr97KWoymNE0LNNrnEgY4H9M";

const PasswordHasher& Hasher() {
  static const auto* const hasher = new PasswordHasher(Require(PasswordHasher::Create(kLowCost)));
  return *hasher;
}

std::string Wrapped(std::string_view foreign) {
  return Require(WrapImportedHash(foreign, "password_hash", Hasher()));
}

bool Matches(std::string_view password, std::string_view stored) {
  return Require(Hasher().Verify(Secret::CopyOf(password), stored)).matches;
}

// Made by libargon2 itself.
std::string ForeignArgon(uint32_t memory_kib, uint32_t passes, uint32_t lanes,
                         std::string_view password = kPassword) {
  const std::string salt = "a foreign salt";
  std::array<char, 256> text{};
  EXPECT_EQ(argon2id_hash_encoded(passes, memory_kib, lanes, password.data(), password.size(),
                                  salt.data(), salt.size(), 24, text.data(), text.size()),
            ARGON2_OK);
  return text.data();
}

TEST(ImportedHash, PasswordsOfOtherSystemsMatchAndOthersDoNot) {
  EXPECT_TRUE(Matches("U*U", Wrapped(kBcryptOfUstarU)));
  EXPECT_FALSE(Matches("U*U*", Wrapped(kBcryptOfUstarU)));
  EXPECT_TRUE(Matches(kPassword, Wrapped(kPbkdf2)));
  EXPECT_FALSE(Matches("correct horse batterz", Wrapped(kPbkdf2)));
  EXPECT_TRUE(Matches("password", Wrapped(kPbkdf2OfPasslib)));
  const std::string argon = ForeignArgon(16 * 1024, 3, 4);
  EXPECT_TRUE(Matches(kPassword, Wrapped(argon)));
  EXPECT_FALSE(Matches("", Wrapped(argon)));
}

TEST(ImportedHash, EachIsOutdatedFromTheFirst) {
  for (const std::string& foreign :
       {std::string(kBcryptOfUstarU), std::string(kPbkdf2), ForeignArgon(8 * 1024, 1, 1)}) {
    EXPECT_TRUE(Require(Hasher().Verify(Secret::CopyOf("x"), Wrapped(foreign))).outdated);
  }
}

TEST(ImportedHash, TheThreeVariantsOfBcryptAreTaken) {
  for (const char* variant : {"2a", "2b", "2y"}) {
    std::string foreign = kBcryptOfUstarU;
    foreign.replace(1, 2, variant);
    EXPECT_TRUE(Matches("U*U", Wrapped(foreign))) << variant;
  }
}

// An attacker who has the other system's hashes, or both databases, must still guess.
TEST(ImportedHash, TheLegacyHashIsNotStoredAndIsNoPassword) {
  const std::string bcrypt = std::string(kBcryptOfUstarU).substr(29);
  const std::string stored = Wrapped(kBcryptOfUstarU);
  EXPECT_EQ(stored.find(bcrypt), std::string::npos);
  EXPECT_FALSE(Matches(bcrypt, stored));
  EXPECT_FALSE(Matches(kBcryptOfUstarU, stored));
  const std::string pbkdf2 = std::string(kPbkdf2).substr(45);
  EXPECT_EQ(Wrapped(kPbkdf2).find(pbkdf2), std::string::npos);
  EXPECT_FALSE(Matches(pbkdf2, Wrapped(kPbkdf2)));
}

TEST(ImportedHash, WrappingTwiceGivesTwoTexts) {
  EXPECT_NE(Wrapped(kBcryptOfUstarU), Wrapped(kBcryptOfUstarU));
}

// bcrypt itself would stop at the zero byte and take what stands before it.
TEST(ImportedHash, AZeroByteDoesNotEndABcryptPassword) {
  EXPECT_FALSE(Matches(std::string_view("U*U\0more", 8), Wrapped(kBcryptOfUstarU)));
}

TEST(ImportedHash, WhatIsStoredIsReadBackByteForByte) {
  for (const std::string& foreign :
       {std::string(kBcryptOfUstarU), std::string(kPbkdf2), ForeignArgon(8 * 1024, 2, 2)}) {
    const std::string stored = Wrapped(foreign);
    const auto parsed = ParseStoredHash(stored);
    ASSERT_TRUE(parsed.has_value()) << stored;
    EXPECT_EQ(FormatStoredHash(*parsed), stored);
  }
}

TEST(ImportedHash, TheCostOfAStoredHashIsAllButItsLastTwoFields) {
  const std::string stored = Wrapped(kBcryptOfUstarU);
  const std::string cost = stored.substr(0, stored.rfind('$', stored.rfind('$') - 1));
  EXPECT_EQ(cost, "$argon2id-bcrypt$v=19$m=8192,t=1,p=1$c=5");
  const auto parsed = ParseStoredCost(cost);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->scheme, LegacyScheme::kBcrypt);
  EXPECT_EQ(parsed->legacy_cost, 5u);
}

// A stranger who times attempts learns the class of the dearest hash, not its rounds; and an import
// of many counts makes few rows of costs.
TEST(ImportedHash, RoundsAreCountedInFewClassesAndKeptExactlyForTheirOwnHash) {
  const std::string stored = Wrapped(kPbkdf2);
  EXPECT_NE(stored.find("$i=100000$29000,"), std::string::npos) << stored;
  const auto parsed = ParseStoredHash(stored);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->legacy.cost, 29'000u);
  for (const auto& [rounds, cost_class] :
       std::vector<std::pair<uint32_t, uint32_t>>{{1000, 100'000},
                                                  {100'000, 100'000},
                                                  {100'001, 200'000},
                                                  {260'000, 300'000},
                                                  {310'000, 600'000},
                                                  {600'000, 600'000},
                                                  {600'001, 1'000'000},
                                                  {1'000'000, 1'000'000}}) {
    EXPECT_EQ(CostClassOf({LegacyScheme::kPbkdf2Sha256, rounds, "", ""}), cost_class) << rounds;
  }
  EXPECT_EQ(CostClassOf({LegacyScheme::kBcrypt, 11, "2b", ""}), 11u);
}

TEST(ImportedHash, AStoredHashOfAnotherClassThanItsRoundsIsUnreadable) {
  std::string stored = Wrapped(kPbkdf2);
  stored.replace(stored.find("i=100000"), 8, "i=200000");
  EXPECT_FALSE(ParseStoredHash(stored).has_value());
  EXPECT_FALSE(ParseStoredCost("$argon2id-pbkdf2-sha256$v=19$m=8192,t=1,p=1$i=29000").has_value());
}

// One of cost 14 would slow every login of everybody by a second.
TEST(ImportedHash, TheDearestThatAreTakenAreNamed) {
  static_assert(kMaxBcryptCost == 12);
  static_assert(kMaxPbkdf2Rounds == 1'000'000);
  EXPECT_FALSE(ParseStoredCost("$argon2id-bcrypt$v=19$m=8192,t=1,p=1$c=13").has_value());
  EXPECT_TRUE(ParseStoredCost("$argon2id-bcrypt$v=19$m=8192,t=1,p=1$c=12").has_value());
}

class ForeignRefused : public ::testing::TestWithParam<std::string> {};

TEST_P(ForeignRefused, IsInvalid) {
  const auto wrapped = WrapImportedHash(GetParam(), "password_hash", Hasher());
  EXPECT_EQ(ReasonOf(wrapped.status()), reason::kFieldInvalid) << GetParam();
  EXPECT_EQ(FieldOf(wrapped.status()), "password_hash");
}

std::string BcryptOfCost(const char* cost) {
  std::string foreign = kBcryptOfUstarU;
  return foreign.replace(4, 2, cost);
}
std::string Pbkdf2OfRounds(const char* rounds) {
  std::string foreign = kPbkdf2;
  return foreign.replace(15, 5, rounds);
}

INSTANTIATE_TEST_SUITE_P(
    Forms, ForeignRefused,
    ::testing::Values(
        "", "plain text", "5f4dcc3b5aa765d61d8327deb882cf99", "$1$salt$qJH7.N4xYta3aEG/dfqo/0",
        "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", BcryptOfCost("03"),
        BcryptOfCost("13"), BcryptOfCost("31"), BcryptOfCost("5$"),
        std::string(kBcryptOfUstarU) + "x", std::string(kBcryptOfUstarU).substr(0, 59),
        Pbkdf2OfRounds("999"), Pbkdf2OfRounds("1000001"), Pbkdf2OfRounds("4294967297"),
        Pbkdf2OfRounds("-1000"), Pbkdf2OfRounds("029000"),
        "$pbkdf2-sha256$29000$$HwysB+Ke0YuzHEd/zzqZI6iTbuC8ephxy6jSfQdwV8M",        // no salt
        "$pbkdf2-sha256$29000$MDEyMzQ1Njc4OWFiY2RlZg$HwysB+Ke0YuzHEd/zzqZI6iTbuA",  // short
        "$pbkdf2-sha512$29000$MDEyMzQ1Njc4OWFiY2RlZg$HwysB+Ke0YuzHEd/zzqZI6iTbuC8ephxy6jSfQdwV8M",
        // More memory than hashing threads keep, other functions and versions, a hash over a hash.
        "$argon2id$v=19$m=65537,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$HwysB+Ke0YuzHEd/zzqZI6iTbuC8ephx",
        "$argon2id$v=19$m=8192,t=17,p=1$MDEyMzQ1Njc4OWFiY2RlZg$HwysB+Ke0YuzHEd/zzqZI6iTbuC8ephx",
        "$argon2id$v=19$m=8192,t=1,p=17$MDEyMzQ1Njc4OWFiY2RlZg$HwysB+Ke0YuzHEd/zzqZI6iTbuC8ephx",
        "$argon2id$v=16$m=8192,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$HwysB+Ke0YuzHEd/zzqZI6iTbuC8ephx",
        "$argon2i$v=19$m=8192,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$HwysB+Ke0YuzHEd/zzqZI6iTbuC8ephx",
        "$argon2id-bcrypt$v=19$m=8192,t=1,p=1$c=5$2b,CCCCCCCCCCCCCCCCCCCCC.,"
        "MDEyMzQ1Njc4OWFiY2RlZg$HwysB+Ke0YuzHEd/zzqZI6iTbuC8ephxy6jSfQdwV8M"));

// What each attempt does, whoever it is about, given what is stored.
struct Work {
  uint64_t argon_hashes, argon_kib, bcrypt_rounds, pbkdf2_rounds;
  friend bool operator==(const Work& a, const Work& b) {
    return a.argon_hashes == b.argon_hashes && a.argon_kib == b.argon_kib &&
           a.bcrypt_rounds == b.bcrypt_rounds && a.pbkdf2_rounds == b.pbkdf2_rounds;
  }
};

Work WorkOf(std::string_view stored, const std::vector<std::string>& costs) {
  const HashWork before = HashWork::OfThisThread();
  Require(Hasher().Judge(Secret::CopyOf("a guess"), stored, costs));
  const HashWork& now = HashWork::OfThisThread();
  return {now.argon_hashes - before.argon_hashes, now.argon_kib - before.argon_kib,
          now.bcrypt_rounds - before.bcrypt_rounds, now.pbkdf2_rounds - before.pbkdf2_rounds};
}

std::string CostOf(const std::string& stored) {
  return stored.substr(0, stored.rfind('$', stored.rfind('$') - 1));
}

TEST(JudgedPassword, EveryAttemptDoesTheWorkOfAllCostsThatAreStored) {
  const std::vector<std::string> stored = {
      Wrapped(kBcryptOfUstarU),
      Wrapped(BcryptOfCost("07")),
      Wrapped(kPbkdf2),
      Wrapped(kPbkdf2OfPasslib),
      ForeignArgon(16 * 1024, 3, 4),
      ForeignArgon(8 * 1024, 2, 1),
      Require(Hasher().Hash(Secret::CopyOf(kPassword))),
      Hasher().HashOfNothing(),
  };
  std::vector<std::string> costs = {"of a newer program"};
  for (const std::string& hash : stored) costs.push_back(CostOf(hash));
  const Work all{3, 8 * 1024 + 3 * 16 * 1024 + 2 * 8 * 1024, 1 << 7, 100'000};

  for (const std::string& hash : stored) EXPECT_TRUE(WorkOf(hash, costs) == all) << hash;
  EXPECT_TRUE(WorkOf("", costs) == all);
  EXPECT_TRUE(WorkOf("not a hash", costs) == all);
}

TEST(JudgedPassword, WithoutOtherCostsOneHashIsAll) {
  const Work one{1, 8 * 1024, 0, 0};
  EXPECT_TRUE(WorkOf("", {}) == one);
  EXPECT_TRUE(WorkOf(Require(Hasher().Hash(Secret::CopyOf(kPassword))), {}) == one);
  EXPECT_TRUE(WorkOf("not a hash", {CostOf(Hasher().HashOfNothing())}) == one);
}

// By its end alone: in all else it is like the others.
TEST(JudgedPassword, TheStoreTellsAHashOfNothingFromOthers) {
  const std::string nothing = Hasher().HashOfNothing();
  EXPECT_FALSE(storage::IsUsableHash(nothing));
  EXPECT_FALSE(storage::IsUsableHash(""));
  EXPECT_NE(nothing, Hasher().HashOfNothing());
  EXPECT_FALSE(Matches("", nothing) || Matches(kPassword, nothing));
  const std::string real = Require(Hasher().Hash(Secret::CopyOf(kPassword)));
  EXPECT_EQ(nothing.size(), real.size());
  for (const std::string& hash : {real, Wrapped(kBcryptOfUstarU), Wrapped(kPbkdf2)}) {
    EXPECT_TRUE(storage::IsUsableHash(hash)) << hash;
  }
}

TEST(JudgedPassword, NothingMatchesAnEmptyOrUnreadableHash) {
  for (const char* password : {"", "guess"}) {
    const auto none = Require(Hasher().Judge(Secret::CopyOf(password), "", {}));
    EXPECT_FALSE(none.matches || none.unreadable || none.outdated);
    const auto odd = Require(Hasher().Judge(Secret::CopyOf(password), "$odd$hash", {}));
    EXPECT_FALSE(odd.matches || odd.outdated);
    EXPECT_TRUE(odd.unreadable);
  }
}

TEST(JudgedPassword, ArenasHaveRoomForWhatIsStored) {
  EXPECT_EQ(ArenaBytes(kLowCost, {}), size_t{64} * 1024 * 1024);
  EXPECT_EQ(ArenaBytes(kLowCost, {"$argon2id$v=19$m=131072,t=2,p=1"}), size_t{128} * 1024 * 1024);
}

}  // namespace
}  // namespace tessera::server
