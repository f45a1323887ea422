// The attack: log in a thousand times while the password is known, keep the proof of a device from
// each, and guess with all of them at what the user has afterwards.
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/auth/auth_world.h"

namespace tessera::server {
namespace {

constexpr int kProofs = 30;
constexpr std::string_view kWrong = "not the password";

absl::StatusOr<IssuedGrant> LogIn(const AuthWorld& world, std::string_view password,
                                  const Secret& proof, const std::string& source = "192.0.2.1") {
  CallInfo call;
  call.peer = call.source = source;
  LoginInput input{"ada", Secret::CopyOf(password), ""};
  input.device_proof = proof;
  auto begun = world.auth->BeginLogin(call, std::move(input));
  if (!begun.ok()) return begun.status();
  auto checked = world.auth->CheckPassword(call, *std::move(begun));
  if (!checked.ok()) return checked.status();
  return world.auth->OpenSession(call, *checked);
}

std::vector<Secret> Gather(const AuthWorld& world, int count = kProofs) {
  std::vector<Secret> proofs;
  for (int i = 0; i < count; ++i) {
    proofs.push_back(Require(LogIn(world, kPassword, Secret())).device_proof);
  }
  return proofs;
}

// Guesses with each proof until it is held up; how many guesses were judged.
int GuessWithEach(const AuthWorld& world, const std::vector<Secret>& proofs) {
  int judged = 0;
  for (const Secret& proof : proofs) {
    std::string outcome;
    while ((outcome = Reason(LogIn(world, kWrong, proof))) == "BAD_CREDENTIALS") ++judged;
    EXPECT_EQ(outcome, "THROTTLED");
  }
  return judged;
}

WorldOptions WithAccountAttempts(int attempts) {
  WorldOptions options;
  options.throttle.account_attempts = attempts;
  return options;
}

void RaiseVersion(AuthWorld& world, const UserId& user) {
  world.ChangeUser(user, [](storage::User& row) { ++row.version; });
}

TEST(GatheredProofs, GuessNoMorePasswordsTogetherThanStrangersDo) {
  AuthWorld world(WithAccountAttempts(12));
  world.AddUser("ada");
  const std::vector<Secret> proofs = Gather(world);
  EXPECT_EQ(GuessWithEach(world, proofs), 12);
  EXPECT_GT(world.log.Count("tessera.throttle", "counter", "devices"), 0);
  world.clock.Advance(absl::Seconds(1));
  EXPECT_EQ(GuessWithEach(world, proofs), 1) << "and then one for each delay";
  EXPECT_EQ(Reason(LogIn(world, kPassword, Secret(), "203.0.113.9")), "OK")
      << "devices and strangers do not hold each other up";
}

TEST(GatheredProofs, OneRightPasswordMakesNoRoomForTheOthers) {
  AuthWorld world(WithAccountAttempts(8));
  world.AddUser("ada");
  const std::vector<Secret> proofs = Gather(world);
  for (size_t i = 0; i < 7; ++i) {
    EXPECT_EQ(Reason(LogIn(world, kWrong, proofs[i])), "BAD_CREDENTIALS");
    EXPECT_EQ(Reason(LogIn(world, kPassword, proofs.back())), "OK");
  }
  EXPECT_EQ(GuessWithEach(world, proofs), 1);
}

TEST(GatheredProofs, AtOnceAndOnAllReplicasCountTogether) {
  AuthWorld first(WithAccountAttempts(8));
  first.AddUser("ada");
  std::optional<AuthWorld> second;
  if (first.database->HoldsReplicas()) second.emplace(first.database, WithAccountAttempts(8));
  const std::vector<Secret> proofs = Gather(first);
  constexpr size_t kThreads = 6;
  std::atomic<int> judged = 0, throttled = 0;
  std::vector<std::thread> threads;
  for (size_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (size_t i = thread; i < proofs.size(); i += kThreads) {
        const AuthWorld& world = second.has_value() && i % 2 == 1 ? *second : first;
        const std::string outcome = Reason(LogIn(world, kWrong, proofs[i]));
        judged += outcome == "BAD_CREDENTIALS" ? 1 : 0;
        throttled += outcome == "THROTTLED" ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(judged, 8);
  EXPECT_EQ(throttled, kProofs - 8);
}

TEST(GatheredProofs, OfAnEarlierVersionOfTheUserAreAsNone) {
  AuthWorld world;
  const storage::User ada = world.AddUser("ada");
  const std::vector<Secret> proofs = Gather(world);
  const auto before = world.throttle->DeviceOf(proofs[0], {ada.id, ada.version});
  ASSERT_TRUE(before.has_value());
  RaiseVersion(world, ada.id);
  EXPECT_EQ(GuessWithEach(world, proofs), ThrottlePolicy().attempts) << "as one stranger";
  EXPECT_EQ(Reason(LogIn(world, kPassword, Secret())), "THROTTLED");
  const Secret fresh = Require(LogIn(world, kPassword, proofs[0], "203.0.113.9")).device_proof;
  const auto after = world.throttle->DeviceOf(fresh, {ada.id, ada.version + 1});
  ASSERT_TRUE(after.has_value());
  EXPECT_NE(after, before) << "nothing of a proof that is none is taken over";
  EXPECT_EQ(Reason(LogIn(world, kPassword, fresh)), "OK") << "while strangers are held up";
}

// Between the password and the session the user may change: such a login ends in no proof at all.
TEST(GatheredProofs, ALoginBehindTheChangeOfItsUserIsGivenNone) {
  AuthWorld world;
  const storage::User ada = world.AddUser("ada");
  const VerifiedLogin login = Require(world.CheckLogin("ada"));
  RaiseVersion(world, ada.id);
  EXPECT_EQ(Reason(world.auth->OpenSession(world.call, login)), "BAD_CREDENTIALS");
}

// Who has a proof of some name must not learn from the work whether the name is somebody's.
TEST(GatheredProofs, ShownForKnownAndUnknownNamesTheyCostTheSame) {
  AuthWorld world;
  const storage::User ada = world.AddUser("ada");
  const Secret proof = Gather(world, 1)[0];
  RaiseVersion(world, ada.id);
  std::vector<int> reads, writes;
  for (const char* name : {"ada", "nobody"}) {
    const int reads_before = world.store->reads();
    const int writes_before = world.store->writes();
    LoginInput input{name, Secret::CopyOf(kWrong), ""};
    input.device_proof = proof;
    auto begun = Require(world.auth->BeginLogin(world.call, std::move(input)));
    EXPECT_EQ(Reason(world.auth->CheckPassword(world.call, std::move(begun))), "BAD_CREDENTIALS");
    reads.push_back(world.store->reads() - reads_before);
    writes.push_back(world.store->writes() - writes_before);
  }
  EXPECT_EQ(reads[0], reads[1]);
  EXPECT_EQ(writes[0], writes[1]);
}

// How many codes pass, each device being used until it is held up.
int CodesWith(const AuthWorld& world, const UserId& user, const std::vector<std::string>& devices) {
  int passed = 0;
  for (const std::string& device : devices) {
    std::string outcome;
    while ((outcome = Reason(world.throttle->ReserveCode(world.call, user, device))) == "OK") {
      ++passed;
    }
    EXPECT_EQ(outcome, "THROTTLED");
  }
  return passed;
}

TEST(GatheredProofs, GuessAsManyCodesTogetherAsTwoDevices) {
  AuthWorld world;
  const UserId ada = world.AddUser("ada").id;
  const UserId bob = world.AddUser("bob").id;
  std::vector<std::string> devices;
  for (int i = 0; i < kProofs; ++i) devices.push_back(absl::StrCat("device ", i));
  EXPECT_EQ(CodesWith(world, ada, {devices[0]}), 5);
  EXPECT_EQ(CodesWith(world, ada, devices), LoginThrottle::kDevicesOfCodes * 5 - 5);
  EXPECT_EQ(CodesWith(world, bob, {devices[0]}), 5);
  EXPECT_EQ(Reason(world.throttle->ReserveCode(world.call, ada, std::nullopt)), "OK")
      << "strangers are counted apart";
}

TEST(GatheredProofs, OneRightCodeMakesNoRoomForTheOtherDevices) {
  AuthWorld world;
  const UserId ada = world.AddUser("ada").id;
  for (int i = 0; i < 9; ++i) {
    Require(world.throttle->ReserveCode(world.call, ada, absl::StrCat("device ", i)));
    const Reservation right = Require(world.throttle->ReserveCode(world.call, ada, "own"));
    world.throttle->Succeeded(world.call, right);
  }
  EXPECT_EQ(CodesWith(world, ada, {"device 9", "device 10"}), 1);
}

// server/auth/SECOND_FACTORS.md counts on it: in the long run the number of devices does not
// matter.
TEST(GatheredProofs, OfAsManyDevicesAsThereAreGuessOneCodeForEachLongestDelay) {
  AuthWorld world;
  const UserId ada = world.AddUser("ada").id;
  constexpr int kHours = 12;
  int codes = 0;
  for (int i = 0; i < 60 * kHours * 2; ++i) {
    const auto counted = world.throttle->ReserveCode(world.call, ada, absl::StrCat("device ", i));
    codes += counted.ok() ? 1 : 0;
    world.clock.Advance(absl::Seconds(30));
  }
  const ThrottlePolicy policy;
  const int longest = static_cast<int>(absl::Hours(kHours) / policy.max_delay);
  EXPECT_LE(codes, LoginThrottle::kDevicesOfCodes * policy.attempts + 11 + longest);
  EXPECT_GE(codes, longest);
}

}  // namespace
}  // namespace tessera::server
