// Who has an account, and of what kind, must not show in what a login answers nor in how long it
// takes. Work is counted where it is done; a clock only has the last word.
#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/auth/hash_work.h"
#include "server/auth/imported_hash.h"
#include "server/auth/stored_hash.h"
#include "tessera/base/reason.h"
#include "tests/mariadb/database_under_test.h"
#include "tests/server/auth/auth_world.h"
#include "tests/server/auth/traced_store.h"

namespace tessera::server {
namespace {

constexpr char kBcrypt[] = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";  // U*U
// "correct horse battery"
constexpr char kPbkdf2[] =
    "$pbkdf2-sha256$29000$MDEyMzQ1Njc4OWFiY2RlZg$HwysB+Ke0YuzHEd/zzqZI6iTbuC8ephxy6jSfQdwV8M";

struct Work {
  uint64_t argon_hashes, argon_kib, bcrypt_rounds, pbkdf2_rounds;
  friend bool operator==(const Work& a, const Work& b) {
    return a.argon_hashes == b.argon_hashes && a.argon_kib == b.argon_kib &&
           a.bcrypt_rounds == b.bcrypt_rounds && a.pbkdf2_rounds == b.pbkdf2_rounds;
  }
};

// The attempts come from as many places as there are, so that none is throttled.
class Strangers {
 public:
  explicit Strangers(AuthWorld& world) : world_(world) {}

  absl::Status Try(std::string_view name, std::string_view password) {
    world_.call.peer = world_.call.source = "192.0.2." + std::to_string(++calls_ % 250);
    world_.clock.Advance(absl::Hours(2));
    return world_.TryLogin(name, password).status();
  }

  Work WorkOf(std::string_view name, std::string_view password = "a wrong guess") {
    const HashWork before = HashWork::OfThisThread();
    EXPECT_EQ(ReasonOf(Try(name, password)), reason::kBadCredentials) << name;
    const HashWork& now = HashWork::OfThisThread();
    return {now.argon_hashes - before.argon_hashes, now.argon_kib - before.argon_kib,
            now.bcrypt_rounds - before.bcrypt_rounds, now.pbkdf2_rounds - before.pbkdf2_rounds};
  }

  // Of the processor time of some attempts, taken in turns with the other names.
  struct Times {
    double lower_quartile, median;
  };
  std::vector<Times> TimesOf(const std::vector<std::string>& names) {
    constexpr size_t kTurns = 15;
    std::vector<std::vector<double>> times(names.size());
    for (size_t turn = 0; turn < kTurns; ++turn) {
      for (size_t i = 0; i < names.size(); ++i) times[i].push_back(TimeOf(names[i]));
    }
    std::vector<Times> all;
    for (std::vector<double>& of_one : times) {
      std::sort(of_one.begin(), of_one.end());
      all.push_back({of_one[kTurns / 4], of_one[kTurns / 2]});
    }
    return all;
  }

 private:
  static double ThreadSeconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
  }

  // Of the whole way to the refusal, the database's steps too.
  double TimeOf(const std::string& name) {
    const double before = ThreadSeconds();
    EXPECT_FALSE(Try(name, "a wrong guess").ok());
    return ThreadSeconds() - before;
  }

  AuthWorld& world_;
  int calls_ = 0;
};

// Users of every kind.
void AddAll(AuthWorld& world) {
  world.AddUser("todays");
  world.Disable(world.AddUser("disabled").id);
  const auto store = [&](std::string_view name, const std::string& hash) {
    const UserId id = world.AddUser(name).id;
    world.ChangeUser(id, [&](storage::User& user) { user.password_hash = hash; });
  };
  store("bcrypt", Require(WrapImportedHash(kBcrypt, "password_hash", *world.hasher)));
  store("pbkdf2", Require(WrapImportedHash(kPbkdf2, "password_hash", *world.hasher)));
  const PasswordHasher other = Require(PasswordHasher::Create({12 * 1024, 2}));
  store("argon", Require(other.Hash(Secret::CopyOf(kPassword))));
  store("nothing", world.hasher->HashOfNothing());
  store("empty", "");
  store("unreadable", "not a hash");
}

const std::vector<std::string>& AllNames() {
  static const auto* const names =
      new std::vector<std::string>{"nobody", "no such name!", "todays",  "disabled", "bcrypt",
                                   "pbkdf2", "argon",         "nothing", "empty",    "unreadable"};
  return *names;
}

TEST(LoginSameness, EveryRefusedAttemptDoesTheSameWork) {
  AuthWorld world;
  AddAll(world);
  Strangers strangers(world);
  const Work all{2, 8 * 1024 + 2 * 12 * 1024, 1 << 5, 100'000};
  for (const std::string& name : AllNames()) EXPECT_TRUE(strangers.WorkOf(name) == all) << name;
  // Disabled, and the password is right.
  EXPECT_TRUE(strangers.WorkOf("disabled", kPassword) == all);
}

TEST(LoginSameness, EveryRefusedAttemptGetsTheSameAnswer) {
  AuthWorld world;
  AddAll(world);
  Strangers strangers(world);
  const absl::Status first = strangers.Try("nobody", "a wrong guess");
  for (const std::string& name : AllNames()) {
    EXPECT_EQ(strangers.Try(name, "a wrong guess"), first) << name;
  }
}

// What attempts ask of the database and how much they hash, on the whole way from the first step to
// the refusal.
class TracedLogins {
 public:
  TracedLogins() { AddAll(world_); }

  struct Trace {
    std::string reason;
    std::vector<std::string> asked;
    uint64_t argon_hashes = 0;
  };
  Trace Try(const std::string& name, const std::string& password, const std::string& from) {
    world_.call.peer = world_.call.source = from;
    store_.Take();
    const uint64_t before = HashWork::OfThisThread().argon_hashes;
    const absl::Status status = Refuse(name, password);
    return {ReasonOf(status), store_.Take(), HashWork::OfThisThread().argon_hashes - before};
  }
  // From a place that was nobody's before.
  Trace Try(const std::string& name, const std::string& password) {
    return Try(name, password, "198.51.100." + std::to_string(++calls_));
  }

  // How many; the rest are transactions.
  static size_t Statements(const Trace& trace) {
    static const auto* const transactions = new std::set<std::string>{"read", "read each", "write"};
    return static_cast<size_t>(
        std::count_if(trace.asked.begin(), trace.asked.end(),
                      [](const std::string& what) { return transactions->count(what) == 0; }));
  }

 private:
  absl::Status Refuse(const std::string& name, const std::string& password) {
    auto attempt =
        auth_.BeginLogin(world_.call, {name, Secret::CopyOf(password), "", SessionTerms()});
    if (!attempt.ok()) return attempt.status();
    return auth_.CheckPassword(world_.call, *std::move(attempt)).status();
  }

  const TracedStore::Statements statements_;  // before the store
  AuthWorld world_;
  TracedStore store_{*world_.store};
  const LoginThrottle throttle_{
      {}, LoginThrottle::Parts{store_, *world_.keys, world_.clock, world_.log}};
  const AuthFacade auth_{WorldOptions::DefaultPolicy(),
                         AuthFacade::Parts{store_, *world_.keys, *world_.hasher, *world_.feed,
                                           world_.clock, world_.log, throttle_}};
  int calls_ = 0;
};

bool SeesStatements() { return testing::EngineUnderTest() == testing::TestEngine::kSqlite; }

// Different work is what different times come from: statement by statement, transaction by
// transaction it is one and the same.
TEST(LoginSameness, EveryRefusedAttemptAsksTheSameOfTheDatabase) {
  TracedLogins logins;
  // The second attempt finds a counter that the first one has made.
  for (const bool again : {false, true}) {
    const TracedLogins::Trace first = logins.Try("nobody.else", "a wrong guess");
    ASSERT_EQ(first.reason, reason::kBadCredentials);
    ASSERT_EQ(first.argon_hashes, 2u);
    if (SeesStatements()) {
      ASSERT_GE(TracedLogins::Statements(first), 5u) << "statements are seen";
    }
    for (const std::string& name : AllNames()) {
      const bool right = again && name == "disabled";
      const TracedLogins::Trace trace =
          logins.Try(name, right ? std::string(kPassword) : "a wrong guess");
      EXPECT_EQ(trace.reason, first.reason) << name;
      EXPECT_EQ(trace.asked, first.asked) << name;
      EXPECT_EQ(trace.argon_hashes, first.argon_hashes) << name;
    }
  }
}

// Likewise a refusal without a hash, which is quick for all, the right password's too.
TEST(LoginSameness, EveryThrottledAttemptAsksTheSameOfTheDatabase) {
  TracedLogins logins;
  std::vector<std::string> first;
  for (const std::string& name : AllNames()) {
    const std::string from = "the place of " + name;
    for (int i = 0; i < ThrottlePolicy().attempts; ++i) logins.Try(name, "a wrong guess", from);
    for (const std::string& password : {std::string("a wrong guess"), std::string(kPassword)}) {
      const TracedLogins::Trace trace = logins.Try(name, password, from);
      EXPECT_EQ(trace.reason, reason::kThrottled) << name;
      EXPECT_EQ(trace.argon_hashes, 0u) << name;
      if (first.empty()) first = trace.asked;
      EXPECT_EQ(trace.asked, first) << name;
    }
  }
}

TEST(LoginSameness, TheTimesOfRefusedAttemptsLieTogether) {
  AuthWorld world;
  AddAll(world);
  const std::vector<Strangers::Times> times = Strangers(world).TimesOf(AllNames());
  // An attempt without the work of one kind would be under two thirds.
  for (const double Strangers::Times::*kind :
       {&Strangers::Times::lower_quartile, &Strangers::Times::median}) {
    const auto [least, most] =
        std::minmax_element(times.begin(), times.end(),
                            [kind](const auto& a, const auto& b) { return a.*kind < b.*kind; });
    EXPECT_GT((*least).*kind / ((*most).*kind), 0.67)
        << AllNames()[static_cast<size_t>(least - times.begin())];
  }
}

TEST(LoginSameness, ALoginUpgradesWhateverHashThereWas) {
  AuthWorld world;
  AddAll(world);
  Strangers strangers(world);
  for (const auto& [name, password] :
       std::vector<std::pair<std::string, std::string>>{{"bcrypt", "U*U"},
                                                        {"pbkdf2", std::string(kPassword)},
                                                        {"argon", std::string(kPassword)}}) {
    ASSERT_TRUE(strangers.Try(name, password).ok()) << name;
    const auto user = Require(world.auth->BeginLogin(world.call, {name, Secret(), ""})).user;
    const auto stored = ParseStoredHash(user->password_hash);
    ASSERT_TRUE(stored.has_value()) << name;
    EXPECT_EQ(stored->legacy.scheme, LegacyScheme::kNone) << name;
    EXPECT_TRUE(stored->cost == kLowCost) << name;
    EXPECT_TRUE(strangers.Try(name, password).ok()) << name;
    EXPECT_EQ(ReasonOf(strangers.Try(name, "a wrong guess")), reason::kBadCredentials);
  }
}

TEST(LoginSameness, OnceAllAreUpgradedAndForgottenAnAttemptCostsOneHash) {
  AuthWorld world;
  AddAll(world);
  Strangers strangers(world);
  ASSERT_TRUE(strangers.Try("bcrypt", "U*U").ok());
  ASSERT_TRUE(strangers.Try("pbkdf2", kPassword).ok());
  world.Write(
      [](storage::Repositories& in) { return in.passwords.ForgetUnusedHashCosts(100).status(); });
  // The one of other parameters is still there.
  EXPECT_TRUE(strangers.WorkOf("nobody") == (Work{2, 8 * 1024 + 2 * 12 * 1024, 0, 0}));
  ASSERT_TRUE(strangers.Try("argon", kPassword).ok());
  world.Write(
      [](storage::Repositories& in) { return in.passwords.ForgetUnusedHashCosts(100).status(); });
  EXPECT_TRUE(strangers.WorkOf("nobody") == (Work{1, 8 * 1024, 0, 0}));
}

TEST(LoginSameness, AFifthOtherCostIsNotImported) {
  AuthWorld world;
  for (uint32_t passes = 2; passes < 2 + kMaxOtherCosts; ++passes) {
    const PasswordHasher other = Require(PasswordHasher::Create({8 * 1024, passes}));
    const std::string hash = Require(other.Hash(Secret::CopyOf(kPassword)));
    const UserId id = world.AddUser("user" + std::to_string(passes)).id;
    world.ChangeUser(id, [&](storage::User& user) { user.password_hash = hash; });
    world.Write([&](storage::Repositories& in) {
      return RefuseIfTooManyCosts(in, hash, *world.hasher);  // stored already
    });
  }
  const PasswordHasher fifth = Require(PasswordHasher::Create({9 * 1024, 1}));
  const std::string hash = Require(fifth.Hash(Secret::CopyOf(kPassword)));
  const std::string bcrypt = Require(WrapImportedHash(kBcrypt, "password_hash", *world.hasher));
  world.Write([&](storage::Repositories& in) {
    EXPECT_EQ(ReasonOf(RefuseIfTooManyCosts(in, hash, *world.hasher)), reason::kTooMany);
    return RefuseIfTooManyCosts(in, bcrypt, *world.hasher);  // costs no more of Argon2id
  });
}

TEST(LoginSameness, AFifthClassOfLegacyCostIsNotImported) {
  AuthWorld world;
  const auto hash_of = [&](LegacyScheme scheme, uint32_t cost) {
    LegacyHash made{scheme, cost, "2b", std::string(kBcryptSaltBytes, '.')};
    return Require(world.hasher->HashOver(made, Secret::CopyOf("a hash")));
  };
  int users = 0;
  const auto store = [&](const std::string& hash) {
    const UserId id = world.AddUser("user" + std::to_string(++users)).id;
    world.Write(
        [&](storage::Repositories& in) { return RefuseIfTooManyCosts(in, hash, *world.hasher); });
    world.ChangeUser(id, [&](storage::User& user) { user.password_hash = hash; });
  };
  // Two of bcrypt's, two of PBKDF2's; whatever the rounds, as long as their classes are there.
  store(hash_of(LegacyScheme::kBcrypt, 10));
  store(hash_of(LegacyScheme::kBcrypt, 12));
  for (const uint32_t rounds : {29'000u, 99'999u, 5'000u, 260'000u, 216'000u, 300'000u}) {
    store(hash_of(LegacyScheme::kPbkdf2Sha256, rounds));
  }
  world.Write([&](storage::Repositories& in) {
    EXPECT_EQ(Require(in.passwords.HashCosts()).size(), 5u);  // today's too
    for (const std::string& fifth :
         {hash_of(LegacyScheme::kBcrypt, 11), hash_of(LegacyScheme::kPbkdf2Sha256, 600'000)}) {
      EXPECT_EQ(ReasonOf(RefuseIfTooManyCosts(in, fifth, *world.hasher)), reason::kTooMany);
    }
    return RefuseIfTooManyCosts(in, hash_of(LegacyScheme::kBcrypt, 12), *world.hasher);
  });
}

}  // namespace
}  // namespace tessera::server
