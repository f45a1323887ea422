// Guessing slowed down, with real processes: on SQLite with one server, on MariaDB with two that
// count together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tessera/caller/reason.h"
#include "tests/e2e/servers.h"

namespace tessera::testing {
namespace {

constexpr char kPassword[] = "a plain user's password";
constexpr char kWrong[] = "not the password";

struct Answer {
  std::string reason;  // empty: logged in
  v1::TokenGrant grant;
  grpc::Status status;
};

class Throttling : public Servers {
 protected:
  // Delays are long enough for a slow machine, and are passed by moving the clock.
  void Start(std::vector<std::string> environment = {}) {
    environment.insert(environment.end(),
                       {"TESSERA_THROTTLE_FIRST_DELAY=1h", "TESSERA_THROTTLE_MAX_DELAY=1h",
                        "TESSERA_PASSWORDS_MEMORY_KIB=8192", "TESSERA_PASSWORDS_PASSES=1"});
    ASSERT_NO_FATAL_FAILURE(StartServers(environment));
    for (const auto& server : servers_) auth_.push_back(server->Auth());
    here().AddUser("ada", kPassword);
  }
  void Advance(absl::Duration step) { here().clock().Advance(step); }

  struct Try {
    std::string name = "ada";
    std::string password = kPassword;
    std::string proof = {};
    std::string forwarded_for = {};
  };
  // At replica `i`, or the one that there is.
  Answer Login(const Try& attempt, size_t i = 0) {
    v1::LoginRequest request;
    request.set_username(attempt.name);
    request.set_password(attempt.password);
    request.set_device_proof(attempt.proof);
    const auto context = ContextWith({});
    if (!attempt.forwarded_for.empty()) {
      context->AddMetadata("x-forwarded-for", attempt.forwarded_for);
    }
    v1::LoginResponse response;
    const grpc::Status status = auth_[i % auth_.size()]->Login(context.get(), request, &response);
    return {status.ok() ? "" : ReasonOf(status), response.grant(), status};
  }
  std::string Outcome(const Try& attempt, size_t i = 0) { return Login(attempt, i).reason; }

  std::vector<std::unique_ptr<v1::AuthService::Stub>> auth_;
};

INSTANTIATE_TEST_SUITE_P(On, Throttling, BothEngines(), EngineName);

// BAD_CREDENTIALS costs a hash, THROTTLED none.
TEST_P(Throttling, TwoHundredGuessesAtOnceCostFiveHashesOverAllReplicas) {
  ASSERT_NO_FATAL_FAILURE(Start());
  for (const char* name : {"ada", "nobody"}) {
    constexpr size_t kThreads = 40;
    std::atomic<int> hashed = 0, throttled = 0;
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (size_t thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (size_t k = 0; k < 200 / kThreads; ++k) {
          const std::string reason = Outcome({name, kWrong}, thread + k);
          hashed += reason == "BAD_CREDENTIALS" ? 1 : 0;
          throttled += reason == "THROTTLED" ? 1 : 0;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(hashed, 5) << name;
    EXPECT_EQ(throttled, 195) << name;
  }
}

TEST_P(Throttling, RetryInfoSaysWhenAndThenTheRightPasswordIsTaken) {
  ASSERT_NO_FATAL_FAILURE(Start());
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(Outcome({"ada", kWrong}, i), "BAD_CREDENTIALS");
  const Answer refused = Login({}, 1);
  EXPECT_EQ(refused.reason, "THROTTLED");
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  const auto wait = RetryDelayOf(refused.status);
  ASSERT_TRUE(wait.has_value());
  EXPECT_GT(*wait, absl::Minutes(30));
  EXPECT_LE(*wait, absl::Hours(1));
  Advance(*wait);
  EXPECT_EQ(Outcome({}, 1), "");
}

TEST_P(Throttling, AThrottledUnknownNameReadsLikeAKnownOne) {
  ASSERT_NO_FATAL_FAILURE(Start());
  std::vector<std::string> messages;
  for (const char* name : {"ada", "nobody"}) {
    for (size_t i = 0; i < 5; ++i) EXPECT_EQ(Outcome({name, kWrong}, i), "BAD_CREDENTIALS");
    const Answer refused = Login({name, kWrong});
    EXPECT_EQ(refused.reason, "THROTTLED");
    messages.push_back(refused.status.error_message());
  }
  EXPECT_EQ(messages[0], messages[1]);
}

TEST_P(Throttling, WhileStrangersHammerAKnownDeviceGetsInAlsoBehindARestart) {
  ASSERT_NO_FATAL_FAILURE(
      Start({"TESSERA_SERVER_TRUSTED_PROXIES=127.0.0.0/8", "TESSERA_THROTTLE_ACCOUNT_ATTEMPTS=6"}));
  const std::string proof = Login({}).grant.device_proof();
  EXPECT_EQ(proof.substr(0, 4), "tsd_");
  int hashed = 0;
  for (size_t i = 0; i < 20; ++i) {
    const std::string stranger = absl::StrCat("192.0.2.", i);
    hashed += Outcome({"ada", kWrong, "", stranger}, i) == "BAD_CREDENTIALS" ? 1 : 0;
  }
  EXPECT_EQ(hashed, 6);
  EXPECT_EQ(Outcome({"ada", kPassword, "", "203.0.113.9"}), "THROTTLED");
  EXPECT_EQ(Outcome({"ada", kPassword, proof, "192.0.2.1"}, 1), "");
  here().Stop();
  ASSERT_NO_FATAL_FAILURE(here().Start());
  auth_.front() = here().Auth();
  EXPECT_EQ(Outcome({"ada", kPassword, "", "203.0.113.9"}), "THROTTLED");
  EXPECT_EQ(Outcome({"ada", kPassword, proof, "203.0.113.9"}), "");
  Advance(absl::Hours(1));
  EXPECT_EQ(Outcome({"ada", kPassword, "", "203.0.113.9"}), "");
}

// The proof of before goes with the password of before.
TEST_P(Throttling, WhoAnswersAnAttackWithAnotherPasswordDoesNotWaitBehindIt) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const v1::TokenGrant owner = Login({}).grant;
  for (size_t i = 0; i < 6; ++i) Login({"ada", kWrong}, i);
  EXPECT_EQ(Outcome({}), "THROTTLED");
  v1::ChangePasswordRequest request;
  request.set_old_password(kPassword);
  request.set_new_password("another password of ada's");
  v1::ChangePasswordResponse response;
  const grpc::Status status =
      here().Users()->ChangePassword(ContextWith({owner.access_token()}).get(), request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(Outcome({"ada", request.new_password(), owner.device_proof()}, 1), "THROTTLED");
  EXPECT_EQ(Outcome({"ada", request.new_password(), response.device_proof()}, 1), "");
  EXPECT_EQ(Outcome({"ada", kPassword, response.device_proof()}, 1), "BAD_CREDENTIALS");
}

// The attack: a new address for each guess.
TEST_P(Throttling, WhatACallSaysOfItsSourceIsBelievedOfTrustedProxiesAlone) {
  ASSERT_NO_FATAL_FAILURE(Start());
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(Outcome({"ada", kWrong, "", absl::StrCat("192.0.2.", i)}, i), "BAD_CREDENTIALS");
  }
  EXPECT_EQ(Outcome({"ada", kWrong, "", "192.0.2.9"}), "THROTTLED");
}

TEST_P(Throttling, GuessesAtTheOldPasswordAreCountedToo) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const std::string token = Login({}).grant.access_token();
  const auto change = [&](const std::string& old_password) {
    v1::ChangePasswordRequest request;
    request.set_old_password(old_password);
    request.set_new_password("another password of ada's");
    v1::ChangePasswordResponse response;
    const grpc::Status status =
        here().Users()->ChangePassword(ContextWith({token}).get(), request, &response);
    return status.ok() ? "" : ReasonOf(status);
  };
  for (int i = 0; i < 5; ++i) EXPECT_EQ(change(kWrong), "BAD_CREDENTIALS");
  EXPECT_EQ(change(kPassword), "THROTTLED");
  EXPECT_EQ(Outcome({}), "") << "logging in is counted apart";
}

TEST_P(Throttling, TheCommandLineKeepsTheProofAndShowsIt) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const TemporaryFolder home;
  const auto tessera = [&](const std::string& config, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), TESSERA_PROGRAM);
    const Program::Ran ran =
        Program::Run(arguments, {"TESSERACTL_CONFIG_DIR=" + home.Path(config)});
    return absl::StrCat(ran.code, " ", ran.code == 0 ? "" : ran.output);
  };
  const std::vector<std::string> login = {"login",
                                          "--username",
                                          "ada",
                                          "--server",
                                          here().address(),
                                          "--plaintext",
                                          "--password-file",
                                          home.Write("pw", kPassword, 0600)};
  EXPECT_EQ(tessera("mine", login), "0 ");
  EXPECT_EQ(tessera("mine", {"logout"}), "0 ");
  for (size_t i = 0; i < 6; ++i) Login({"ada", kWrong}, i);
  EXPECT_THAT(tessera("another", login), ::testing::HasSubstr("THROTTLED"));
  EXPECT_EQ(tessera("mine", login), "0 ") << "also from the address that guessed";
  const std::string& password = login.back();
  EXPECT_EQ(tessera("mine", {"password", "change", "--password-file", password,
                             "--new-password-file", password}),
            "0 ");
  EXPECT_EQ(tessera("mine", login), "0 ") << "also with the proof of before gone";
}

}  // namespace
}  // namespace tessera::testing
