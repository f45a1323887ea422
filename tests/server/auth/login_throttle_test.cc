#include "server/auth/login_throttle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/auth/store_cleaner.h"
#include "tessera/base/reason.h"
#include "tests/server/auth/auth_world.h"

namespace tessera::server {
namespace {

constexpr std::string_view kWrong = "not the password";

struct Try {
  std::string name = "ada";
  std::string_view password = kWrong;
  std::string source = "198.51.100.1";
  std::string_view proof = {};
};

CallInfo CallFrom(const std::string& source) {
  CallInfo call;
  call.peer = call.source = source;
  return call;
}

LoginInput InputOf(const Try& attempt) {
  LoginInput input{attempt.name, Secret::CopyOf(attempt.password), ""};
  input.device_proof = Secret::CopyOf(attempt.proof);
  return input;
}

absl::StatusOr<IssuedGrant> LogIn(const AuthWorld& world, const Try& attempt) {
  const CallInfo call = CallFrom(attempt.source);
  auto begun = world.auth->BeginLogin(call, InputOf(attempt));
  if (!begun.ok()) return begun.status();
  auto checked = world.auth->CheckPassword(call, *std::move(begun));
  if (!checked.ok()) return checked.status();
  return world.auth->OpenSession(call, *checked);
}

std::string Outcome(const AuthWorld& world, const Try& attempt) {
  return Reason(LogIn(world, attempt));
}

// Each refused login makes one hash, and says so once.
int Hashes(const AuthWorld& world) { return world.log.Count("login.refused"); }

// Counts the rows, and removes them.
int64_t Rows(AuthWorld& world) {
  int64_t rows = 0;
  world.Write([&](storage::Repositories& in) {
    const auto gone = in.throttle.DeleteExpired(absl::InfiniteFuture(), 1000);
    if (gone.ok()) rows = *gone;
    return gone.status();
  });
  return rows;
}

void Guess(const AuthWorld& world, int times, const Try& attempt = {}) {
  for (int i = 0; i < times; ++i) EXPECT_EQ(Outcome(world, attempt), "BAD_CREDENTIALS") << i;
}

// `count` guesses at once, each behind its BeginLogin, spread over the worlds.
void GuessAtOnce(const std::vector<AuthWorld*>& worlds, int count, const std::string& name) {
  std::vector<absl::StatusOr<LoginAttempt>> attempts;
  const CallInfo call = CallFrom("198.51.100.1");
  for (int i = 0; i < count; ++i) {
    attempts.push_back(
        worlds[static_cast<size_t>(i) % worlds.size()]->auth->BeginLogin(call, InputOf({name})));
    Require(attempts.back().status());
  }
  constexpr int kThreads = 20;
  std::atomic<int> throttled = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = thread; i < count; i += kThreads) {
        const AuthWorld& world = *worlds[static_cast<size_t>(i) % worlds.size()];
        const auto checked =
            world.auth->CheckPassword(call, *std::move(attempts[static_cast<size_t>(i)]));
        throttled += Reason(checked) == "THROTTLED" ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(throttled, count - 5);
}

TEST(LoginThrottle, TwoHundredGuessesAtOnceAtALimitOfFiveCostFiveHashes) {
  AuthWorld world;
  world.AddUser("ada");
  GuessAtOnce({&world}, 200, "ada");
  EXPECT_EQ(Hashes(world), 5);
  EXPECT_EQ(world.log.Count("login.refused", "reason", "bad_password"), 5);
  GuessAtOnce({&world}, 200, "nobody");
  EXPECT_EQ(world.log.Count("login.refused", "reason", "unknown_user"), 5);
}

TEST(LoginThrottle, TwoReplicasCountTogether) {
  AuthWorld first;
  if (!first.database->HoldsReplicas()) GTEST_SKIP() << "one replica alone works on this engine";
  first.AddUser("ada");
  AuthWorld second(first.database, {});
  GuessAtOnce({&first, &second}, 200, "ada");
  EXPECT_EQ(Hashes(first) + Hashes(second), 5);
}

// Many programs of one user that start at once, on a machine of many cores.
TEST(LoginThrottle, RightPasswordsAtOnceWaitForEachOtherAndAreAllTaken) {
  AuthWorld world;
  world.AddUser("ada");
  constexpr int kThreads = 12;
  std::atomic<int> taken = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] { taken += Outcome(world, {"ada", kPassword}) == "OK" ? 1 : 0; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, kThreads);
}

TEST(LoginThrottle, ARightPasswordIsRefusedDuringTheDelayLikeAWrongOneWithoutAHash) {
  AuthWorld world;
  world.AddUser("ada");
  Guess(world, 5);
  const absl::Status wrong = LogIn(world, {}).status();
  EXPECT_EQ(Reason(wrong), "THROTTLED");
  EXPECT_TRUE(absl::IsResourceExhausted(wrong));
  EXPECT_EQ(LogIn(world, {"ada", kPassword}).status(), wrong);
  EXPECT_EQ(Hashes(world), 5);
}

TEST(LoginThrottle, KnownUnknownAndImpossibleNamesAreThrottledAlikeInBytesAndWork) {
  AuthWorld world;
  world.AddUser("ada");
  world.Disable(world.AddUser("bob").id);
  std::vector<absl::Status> refusals;
  std::vector<std::pair<int, int>> work;
  for (const char* name : {"ada", "nobody", "bob", "no such name!"}) {
    Guess(world, 5, {name});
    const int reads = world.store->reads();
    const int writes = world.store->writes();
    refusals.push_back(LogIn(world, {name}).status());
    work.emplace_back(world.store->reads() - reads, world.store->writes() - writes);
  }
  for (size_t i = 1; i < refusals.size(); ++i) {
    EXPECT_EQ(refusals[i], refusals[0]) << i;
    EXPECT_EQ(work[i], work[0]) << i;
  }
  EXPECT_EQ(Reason(refusals[0]), "THROTTLED");
  EXPECT_EQ(Hashes(world), 20);
}

TEST(LoginThrottle, TheDelayGrowsFromTheFirstToTheLongestAndSaysWhenItEnds) {
  WorldOptions options;
  options.throttle.max_delay = absl::Seconds(5);
  AuthWorld world(options);
  world.AddUser("ada");
  Guess(world, 5);
  // Held up where one attempt is forgotten every five seconds, and not for long.
  for (const int seconds : {1, 2, 4, 4, 4, 4, 5, 5, 5}) {
    const absl::Status refused = LogIn(world, {}).status();
    ASSERT_EQ(Reason(refused), "THROTTLED");
    EXPECT_EQ(RetryDelayOf(refused), absl::Seconds(seconds));
    world.clock.Advance(absl::Seconds(seconds) - absl::Microseconds(1));
    EXPECT_EQ(Outcome(world, {}), "THROTTLED");
    world.clock.Advance(absl::Microseconds(1));
    EXPECT_EQ(Outcome(world, {}), "BAD_CREDENTIALS") << "the delay's end is included";
  }
}

TEST(LoginThrottle, WhatIsRefusedDuringTheDelayIsNotCounted) {
  AuthWorld world;
  world.AddUser("ada");
  Guess(world, 5);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Outcome(world, {}), "THROTTLED");
  world.clock.Advance(absl::Seconds(1));
  EXPECT_EQ(Outcome(world, {"ada", kPassword}), "OK");
}

TEST(LoginThrottle, ARightPasswordBeginsTheCountAnew) {
  AuthWorld world;
  world.AddUser("ada");
  for (int i = 0; i < 3; ++i) {
    Guess(world, 4);
    EXPECT_EQ(Outcome(world, {"ada", kPassword}), "OK");
  }
  Guess(world, 5);
  EXPECT_EQ(Outcome(world, {"ada", kPassword}), "THROTTLED");
}

TEST(LoginThrottle, ARightPasswordOfADisabledUserCountsLikeAWrongOne) {
  AuthWorld world;
  world.Disable(world.AddUser("bob").id);
  Guess(world, 5, {"bob", kPassword});
  EXPECT_EQ(Outcome(world, {"bob", kPassword}), "THROTTLED");
}

// Spraying: a password for each of many names.
TEST(LoginThrottle, ASourceIsSlowedDownWhateverTheNamesAndOthersAreNot) {
  WorldOptions options;
  options.throttle.source_attempts = 6;
  AuthWorld world(options);
  world.AddUser("ada");
  for (int i = 0; i < 6; ++i) Guess(world, 1, {absl::StrCat("user", i)});
  EXPECT_EQ(Outcome(world, {"another"}), "THROTTLED");
  EXPECT_EQ(Outcome(world, {"ada", kPassword, "198.51.100.2"}), "OK");
}

TEST(LoginThrottle, TheOwnerOfAnAccountCannotClearItsSource) {
  WorldOptions options;
  options.throttle.source_attempts = 3;
  AuthWorld world(options);
  world.AddUser("mallory");
  for (int i = 0; i < 2; ++i) {
    Guess(world, 1, {absl::StrCat("user", i)});
    EXPECT_EQ(Outcome(world, {"mallory", kPassword}), "OK");
  }
  Guess(world, 1, {"user3"});
  EXPECT_EQ(Outcome(world, {"user4"}), "THROTTLED");
  world.clock.Advance(absl::Seconds(1));
  EXPECT_EQ(Outcome(world, {"mallory", kPassword}), "OK") << "and is held up no longer by it";
  Guess(world, 1, {"user5"});
  EXPECT_EQ(RetryDelayOf(LogIn(world, {"user6"}).status()), absl::Seconds(2));
}

// The attack: lock somebody out by guessing.
TEST(LoginThrottle, AStrangerHoldsNobodyUpWhoComesFromElsewhere) {
  AuthWorld world;
  world.AddUser("ada");
  Guess(world, 5);
  EXPECT_EQ(Outcome(world, {}), "THROTTLED");
  EXPECT_EQ(Outcome(world, {"ada", kPassword, "203.0.113.9"}), "OK");
}

// A botnet's guesses at one account.
void Hammer(const AuthWorld& world, int sources) {
  for (int i = 0; i < sources; ++i)
    LogIn(world, {"ada", kWrong, absl::StrCat("192.0.2.", i)}).status().IgnoreError();
}

TEST(LoginThrottle, GuessesAtOneAccountFromManySourcesAreCountedTogether) {
  WorldOptions options;
  options.throttle.account_attempts = 8;
  AuthWorld world(options);
  world.AddUser("ada");
  Hammer(world, 50);
  EXPECT_EQ(Hashes(world), 8);
}

TEST(LoginThrottle, WhileStrangersHammerAKnownDeviceGetsInAndAnotherOneBehindTheDelay) {
  WorldOptions options;
  options.throttle.account_attempts = 8;
  AuthWorld world(options);
  world.AddUser("ada");
  const std::string proof(Require(LogIn(world, {"ada", kPassword})).device_proof.Reveal());
  Hammer(world, 50);
  EXPECT_EQ(Outcome(world, {"ada", kPassword, "203.0.113.9"}), "THROTTLED");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Outcome(world, {"ada", kPassword, "192.0.2.1", proof}), "OK");
    Hammer(world, 10);
  }
  EXPECT_EQ(Hashes(world), 8) << "the known device lets no stranger in";
  world.clock.Advance(absl::Seconds(1));
  EXPECT_EQ(Outcome(world, {"ada", kPassword, "203.0.113.9"}), "OK");
}

TEST(LoginThrottle, ADeviceHasACounterOfItsOwn) {
  AuthWorld world;
  world.AddUser("ada");
  const std::string proof(Require(LogIn(world, {"ada", kPassword})).device_proof.Reveal());
  Guess(world, 5, {"ada", kWrong, "198.51.100.1", proof});
  EXPECT_EQ(Outcome(world, {"ada", kPassword, "203.0.113.9", proof}), "THROTTLED")
      << "wherever the device is";
  EXPECT_EQ(Outcome(world, {"ada", kPassword}), "OK")
      << "without the proof it counts as a stranger";
  world.clock.Advance(absl::Seconds(1));
  EXPECT_EQ(Outcome(world, {"ada", kPassword, "198.51.100.1", proof}), "OK");
  Guess(world, 4, {"ada", kWrong, "198.51.100.1", proof});
}

TEST(LoginThrottle, AProofIsForItsOwnUserAloneAndAForgedOneIsAsNone) {
  AuthWorld world;
  world.AddUser("ada");
  world.AddUser("mallory");
  const std::string proof(Require(LogIn(world, {"mallory", kPassword})).device_proof.Reveal());
  std::string forged = proof;
  forged.back() = forged.back() == 'A' ? 'E' : 'A';
  for (const std::string& shown : {proof, forged, std::string("tsd_"), std::string(500, 'x')}) {
    world.clock.Advance(absl::Hours(2));
    Guess(world, 5, {"ada", kWrong, "198.51.100.1", shown});
    EXPECT_EQ(Outcome(world, {"ada", kPassword, "198.51.100.1", shown}), "THROTTLED");
    EXPECT_EQ(Outcome(world, {}), "THROTTLED") << "it was counted as a stranger's";
  }
}

TEST(LoginThrottle, EachLoginGivesAFreshProofOfTheSameDevice) {
  WorldOptions options;
  options.throttle.device_ttl = absl::Hours(48);
  AuthWorld world(options);
  const storage::User ada = world.AddUser("ada");
  std::string proof(Require(LogIn(world, {"ada", kPassword})).device_proof.Reveal());
  const auto device = world.throttle->DeviceOf(Secret::CopyOf(proof), {ada.id, ada.version});
  ASSERT_TRUE(device.has_value());
  for (int i = 0; i < 3; ++i) {
    world.clock.Advance(absl::Hours(47));
    const auto grant = Require(LogIn(world, {"ada", kPassword, "198.51.100.1", proof}));
    proof = std::string(grant.device_proof.Reveal());
    EXPECT_EQ(world.throttle->DeviceOf(Secret::CopyOf(proof), {ada.id, ada.version}), device);
  }
  const std::string other(Require(LogIn(world, {"ada", kPassword})).device_proof.Reveal());
  EXPECT_NE(world.throttle->DeviceOf(Secret::CopyOf(other), {ada.id, ada.version}), device);
  world.clock.Advance(absl::Hours(48));
  EXPECT_FALSE(world.throttle->DeviceOf(Secret::CopyOf(proof), {ada.id, ada.version}).has_value());
}

TEST(LoginThrottle, CodesAreCountedForTheUserWhereverTheyAreTriedFrom) {
  AuthWorld world;
  const storage::User ada = world.AddUser("ada");
  const storage::User bob = world.AddUser("bob");
  const Secret proof = Require(LogIn(world, {"ada", kPassword})).device_proof;
  const auto device = world.throttle->DeviceOf(proof, {ada.id, ada.version});
  ASSERT_TRUE(device.has_value());
  using Device = std::optional<std::string>;
  const auto reserve = [&](const UserId& user, int source, const Device& on = std::nullopt) {
    return world.throttle->ReserveCode(CallFrom(absl::StrCat("192.0.2.", source)), user, on);
  };
  for (int i = 0; i < 5; ++i) Require(reserve(ada.id, i));
  EXPECT_EQ(Reason(reserve(ada.id, 9)), "THROTTLED");
  Require(reserve(bob.id, 9));
  const Reservation held = Require(reserve(ada.id, 9, device));
  for (int i = 0; i < 4; ++i) Require(reserve(ada.id, 9, device));
  EXPECT_EQ(Reason(reserve(ada.id, 9, device)), "THROTTLED");
  world.throttle->Succeeded(CallFrom("192.0.2.9"), held);
  Require(reserve(ada.id, 9, device));
  EXPECT_EQ(Reason(reserve(ada.id, 9)), "THROTTLED") << "strangers gain nothing by it";
  EXPECT_EQ(Outcome(world, {"ada", kPassword}), "OK") << "passwords are counted apart";
}

// Else whoever waits for the owner's next login could guess as often again.
TEST(LoginThrottle, ARightCodeClearsNoWrongOnes) {
  AuthWorld world;
  const storage::User ada = world.AddUser("ada");
  const CallInfo call = CallFrom("192.0.2.1");
  const auto reserve = [&] { return world.throttle->ReserveCode(call, ada.id, std::nullopt); };
  for (int i = 0; i < 4; ++i) Require(reserve());
  world.throttle->Succeeded(call, Require(reserve()));
  Require(reserve());
  EXPECT_EQ(Reason(reserve()), "THROTTLED");
}

// Else each success on a bad connection would be a guess for free at the other users.
TEST(LoginThrottle, ARightGuessIsTakenBackOnceWhenItsAnswerIsLost) {
  WorldOptions options;
  options.throttle.source_attempts = 3;
  AuthWorld world(options);
  world.AddUser("ada");
  Guess(world, 1, {"bob"});
  Guess(world, 1, {"eve"});
  const CallInfo call = CallFrom("198.51.100.1");
  const Reservation right = Require(world.throttle->ReserveLogin(call, {"ada", {}}));
  EXPECT_EQ(Outcome(world, {"joan"}), "THROTTLED");
  world.store->LoseNextAnswer();
  world.throttle->Succeeded(call, right);
  Guess(world, 1, {"joan"});
  EXPECT_EQ(Outcome(world, {"mary"}), "THROTTLED");
}

TEST(LoginThrottle, RegistrationsAndResetsAreCountedBySource) {
  WorldOptions options;
  options.throttle.registrations = 2;
  options.throttle.source_attempts = 3;
  AuthWorld world(options);
  for (int i = 0; i < 2; ++i) Require(world.throttle->ReserveRegistration(CallFrom("192.0.2.1")));
  EXPECT_EQ(Reason(world.throttle->ReserveRegistration(CallFrom("192.0.2.1"))), "THROTTLED");
  Require(world.throttle->ReserveRegistration(CallFrom("192.0.2.2")));
  for (int i = 0; i < 3; ++i) Require(world.throttle->ReserveReset(CallFrom("192.0.2.1")));
  EXPECT_EQ(Reason(world.throttle->ReserveReset(CallFrom("192.0.2.1"))), "THROTTLED");
}

TEST(LoginThrottle, WithoutTheStoreNothingIsHashed) {
  AuthWorld world;
  world.AddUser("ada");
  const CallInfo call = CallFrom("192.0.2.1");
  auto begun = Require(world.auth->BeginLogin(call, InputOf({"ada", kPassword})));
  world.store->set_away(true);
  EXPECT_EQ(Reason(world.auth->CheckPassword(call, std::move(begun))), "STORAGE_UNAVAILABLE");
  EXPECT_EQ(Hashes(world), 0);
}

// The attack: fill the table.
TEST(LoginThrottle, OnlyAttemptsThatGotAHashingSlotTakeRowsAndNoneDuringADelay) {
  AuthWorld world;
  const CallInfo call = CallFrom("192.0.2.1");
  for (int i = 0; i < 50; ++i) {
    Require(world.auth->BeginLogin(call, InputOf({absl::StrCat("user", i)})));
  }
  EXPECT_EQ(Rows(world), 0);
  Guess(world, 5);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(Outcome(world, {}), "THROTTLED");
  EXPECT_EQ(Rows(world), 3) << "the source, the name, and both together";
}

TEST(LoginThrottle, CountersAreForgottenAndThenRemoved) {
  AuthWorld world;
  StoreCleaner cleaner(*world.store, world.clock, world.log);
  world.AddUser("ada");
  Guess(world, 4);
  world.clock.Advance(ThrottlePolicy().forget_after + ThrottlePolicy().max_delay);
  Guess(world, 5);
  EXPECT_EQ(Outcome(world, {}), "THROTTLED");
  const ThrottlePolicy policy;
  world.clock.Advance(policy.forget_after + policy.max_delay + StoreCleaner::kThrottleSlack);
  EXPECT_EQ(Require(cleaner.CleanOnce()).throttle, 0);
  world.clock.Advance(absl::Microseconds(1));
  EXPECT_EQ(Require(cleaner.CleanOnce()).throttle, 3);
}

// People who mistype their password now and then, all day.
TEST(LoginThrottle, AttemptsOfALongDayDoNotAddUp) {
  AuthWorld world;
  world.AddUser("ada");
  for (int i = 0; i < 60; ++i) {
    EXPECT_EQ(Outcome(world, {"ada", kWrong, absl::StrCat("192.0.2.", i)}), "BAD_CREDENTIALS") << i;
    world.clock.Advance(absl::Minutes(15));
  }
  EXPECT_EQ(Outcome(world, {"ada", kWrong, "198.51.100.1"}), "BAD_CREDENTIALS");
  EXPECT_EQ(Outcome(world, {"ada", kWrong, "198.51.100.2"}), "BAD_CREDENTIALS");
}

// The attack: guess from ever new sources, whenever it is let.
TEST(LoginThrottle, AGuesserWithAllSourcesHasTheFirstAttemptsAndThenOneForEachLongestDelay) {
  AuthWorld world;
  world.AddUser("ada");
  constexpr int kHours = 12;
  int guesses = 0;
  for (int minute = 0; minute < 60 * kHours; ++minute) {
    for (int i = 0; i < 10; ++i) {
      const std::string source = absl::StrCat("10.0.", minute % 256, ".", 10 * (minute / 256) + i);
      guesses += Outcome(world, {"ada", kWrong, source}) == "BAD_CREDENTIALS" ? 1 : 0;
    }
    world.clock.Advance(absl::Minutes(1));
  }
  const ThrottlePolicy policy;
  const int longest = static_cast<int>(absl::Hours(kHours) / policy.max_delay);
  // Behind the first ones the delays grow to the longest within 11 attempts.
  EXPECT_LE(guesses, policy.account_attempts + 11 + longest);
  EXPECT_GE(guesses, longest);
}

TEST(LoginThrottle, AClockThatIsSetBackLocksNobodyOut) {
  AuthWorld world;
  world.AddUser("ada");
  world.clock.Advance(absl::Hours(24));
  Guess(world, 5);
  EXPECT_EQ(Outcome(world, {"ada", kPassword}), "THROTTLED");
  world.clock.Advance(-absl::Hours(24));
  EXPECT_EQ(Outcome(world, {"ada", kPassword}), "OK");
}

TEST(LoginThrottle, ARefusalIsTold) {
  AuthWorld world;
  const storage::User ada = world.AddUser("ada");
  Guess(world, 5);
  EXPECT_EQ(Outcome(world, {}), "THROTTLED");
  EXPECT_EQ(world.log.Count("tessera.throttle", "counter", "pair"), 1);
  EXPECT_EQ(world.log.Count("tessera.throttle", "user", ada.id.str()), 1);
  EXPECT_EQ(world.log.Count("tessera.throttle", "source", "198.51.100.1"), 1);
  EXPECT_FALSE(world.log.Mentions("ada")) << "a name may be a password that was typed too early";
}

TEST(LoginThrottle, ARefusalNamesTheUserWhereThereIsOne) {
  AuthWorld world;
  const storage::User ada = world.AddUser("ada");
  Guess(world, 5, {"nobody"});
  EXPECT_EQ(Outcome(world, {"nobody"}), "THROTTLED");
  EXPECT_EQ(world.log.Count("tessera.throttle", "user", ""), 1);
  const CallInfo call = CallFrom("192.0.2.1");
  for (int i = 0; i < 5; ++i) {
    Require(world.throttle->ReserveCode(call, ada.id, std::nullopt));
    Require(world.throttle->ReserveOldPassword(call, ada.id));
  }
  EXPECT_EQ(Reason(world.throttle->ReserveCode(call, ada.id, std::nullopt)), "THROTTLED");
  EXPECT_EQ(Reason(world.throttle->ReserveOldPassword(call, ada.id)), "THROTTLED");
  EXPECT_EQ(world.log.Count("tessera.throttle", "user", ada.id.str()), 2);
}

}  // namespace
}  // namespace tessera::server
