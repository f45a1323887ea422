#include "tessera/caller/caller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tessera/caller/reason.h"
#include "tests/caller/caller_fixture.h"

namespace tessera {
namespace {

using grpc::StatusCode;
using testing::CallerTest;
using testing::Counter;
using ::testing::Each;
using ::testing::HasSubstr;
using testing::kPassword;
using ::testing::Not;

constexpr absl::Duration kLife = absl::Minutes(15);

grpc::Status WrongPassword() {
  return grpc::Status(StatusCode::UNAUTHENTICATED, "BAD_CREDENTIALS: name and password do not fit");
}

TEST_F(CallerTest, ACallCarriesTheTokenOfOneLogin) {
  Start();
  EXPECT_EQ(auth_.logins.value(), 0);
  EXPECT_TRUE(Call().ok());
  EXPECT_TRUE(Call().ok());
  EXPECT_THAT(calls_.tokens(), ::testing::ElementsAre("Bearer access-1", "Bearer access-1"));
  EXPECT_EQ(auth_.logins.value(), 1);
  EXPECT_EQ(auth_.last_secret(), kPassword);
}

// Runs `count` unary calls of the callback API at once and returns how many succeeded.
int CallsAtOnce(const std::shared_ptr<grpc::Channel>& channel, int count) {
  struct One {
    grpc::ClientContext context;
    v1::GetCurrentUserRequest request;
    v1::GetCurrentUserResponse response;
  };
  const auto stub = v1::UserService::NewStub(channel);
  std::vector<One> calls(static_cast<size_t>(count));
  std::atomic<int> succeeded{0};
  Counter answered;
  for (One& call : calls) {
    stub->async()->GetCurrentUser(&call.context, &call.request, &call.response,
                                  [&](const grpc::Status& status) {
                                    if (status.ok()) ++succeeded;
                                    answered.Add();
                                  });
  }
  EXPECT_TRUE(answered.WaitFor(count));
  return succeeded;
}

TEST_F(CallerTest, AThousandCallsAtOnceCauseOneLogin) {
  Start();
  EXPECT_EQ(CallsAtOnce(channel_, 1000), 1000);
  EXPECT_EQ(auth_.logins.value(), 1);
  EXPECT_THAT(calls_.tokens(), Each("Bearer access-1"));
}

TEST_F(CallerTest, AThousandCallsAtExpiryCauseOneRenewal) {
  Start();
  ASSERT_TRUE(Call().ok());
  clock_.Advance(kLife);
  EXPECT_EQ(CallsAtOnce(channel_, 1000), 1000);
  EXPECT_EQ(auth_.renewals.value(), 1);
  EXPECT_EQ(auth_.logins.value(), 1);
  EXPECT_EQ(LastToken(), "Bearer access-2");
}

TEST_F(CallerTest, AFrozenAuthServerDelaysNoCallWhileATokenLives) {
  // The renewal hangs for longer than any call's deadline: one that waited for it would fail.
  options_.request_timeout = absl::Minutes(10);
  options_.wait_limit = absl::Minutes(10);
  Start();
  ASSERT_TRUE(Call().ok());
  auth_.gate.Shut();
  clock_.Advance(kLife * 0.9);
  ASSERT_TRUE(Call().ok());
  ASSERT_TRUE(auth_.renewals.WaitFor(1));  // and hangs there
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(Call().ok());
  EXPECT_THAT(calls_.tokens(), Each("Bearer access-1"));
  EXPECT_EQ(auth_.logins.value(), 1);
  EXPECT_EQ(auth_.renewals.value(), 1) << "the one that hangs";
  EXPECT_EQ(log_.text().find("caller.request.failed"), std::string::npos) << "and still does";
}

TEST_F(CallerTest, TheNamesOfTheUsersGroupsAreAskedForOnlyIfWanted) {
  for (const bool wanted : {false, true}) {
    options_.login.include_groups = wanted;
    Start();
    ASSERT_TRUE(Call().ok());
    EXPECT_EQ(auth_.last_login().include_groups(), wanted);
  }
}

TEST_F(CallerTest, AnAuthServerThatIsGoneFailsNoCallWhileATokenLives) {
  Start();
  ASSERT_TRUE(Call().ok());
  auth_server_.Stop();
  clock_.Advance(kLife * 0.9);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(Call().ok());
}

TEST_F(CallerTest, WrongCredentialsAreUnauthenticatedWithTheServersReason) {
  auth_.JudgeLogins(WrongPassword);
  Start();
  const grpc::Status status = Call();
  EXPECT_EQ(status.error_code(), StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ReasonOf(status), "BAD_CREDENTIALS");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ReasonOf(Call()), "BAD_CREDENTIALS");
  EXPECT_EQ(auth_.logins.value(), 1);
  EXPECT_EQ(calls_.calls(), 0);
  auth_.JudgeLogins(nullptr);
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(Call().ok());
}

TEST_F(CallerTest, AUserWithASecondFactorIsNoLoginForAProgram) {
  auth_.challenges = true;
  Start();
  const grpc::Status status = Call();
  EXPECT_EQ(status.error_code(), StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ReasonOf(status), "STEP_UP_REQUIRED");
  EXPECT_EQ(calls_.calls(), 0);
}

TEST_F(CallerTest, AnAuthServerThatIsAwayIsUnavailable) {
  auth_server_.Stop();
  options_.wait_limit = absl::Milliseconds(200);
  Start();
  const grpc::Status status = Call();
  EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(status), "AUTH_SERVER_UNAVAILABLE");
  EXPECT_EQ(calls_.calls(), 0);
}

TEST_F(CallerTest, ACallRidesOutAnAuthServerThatIsAwayForAMoment) {
  std::atomic<int> left{2};
  auth_.JudgeLogins([&] {
    return left-- > 0 ? grpc::Status(StatusCode::UNAVAILABLE, "STORAGE_UNAVAILABLE: wait")
                      : grpc::Status::OK;
  });
  Start();
  std::thread time([&] {
    ASSERT_TRUE(auth_.logins.WaitFor(1));
    while (auth_.logins.value() < 3) {
      clock_.Advance(absl::Milliseconds(100));
      std::this_thread::yield();
    }
  });
  EXPECT_TRUE(Call().ok());
  time.join();
}

TEST_F(CallerTest, ALoginRefusedForAnotherCauseIsAFailedPrecondition) {
  auth_.JudgeLogins([] {
    return grpc::Status(StatusCode::INVALID_ARGUMENT, "FIELD_INVALID: audience: not one of ours");
  });
  Start();
  const grpc::Status status = Call();
  EXPECT_EQ(status.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(status), "FIELD_INVALID");
  EXPECT_THAT(status.error_message(), HasSubstr("audience: not one of ours"));
}

TEST_F(CallerTest, APasswordSourceThatFailsRefusesTheCall) {
  options_.login.password = [] { return absl::NotFoundError("no file with hunter2 in it"); };
  Start();
  const grpc::Status status = Call();
  EXPECT_EQ(status.error_code(), StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ReasonOf(status), "PASSWORD_SOURCE");
  EXPECT_THAT(status.error_message(), Not(HasSubstr("hunter2")));
}

TEST_F(CallerTest, TheCallsOwnDeadlineEndsItsWait) {
  auth_.gate.Shut();
  Start();
  const absl::Time start = SystemClock().Now();
  const grpc::Status status = Call(absl::Milliseconds(150));
  const absl::Duration took = SystemClock().Now() - start;
  EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(status), "AUTH_SERVER_UNAVAILABLE");
  EXPECT_GE(took, absl::Milliseconds(140));
  EXPECT_LT(took, absl::Seconds(3));
  EXPECT_EQ(calls_.calls(), 0);
}

TEST_F(CallerTest, TheWaitLimitEndsTheWaitOfACallWithoutDeadline) {
  auth_.gate.Shut();
  options_.wait_limit = absl::Milliseconds(150);
  Start();
  grpc::ClientContext context;
  v1::GetCurrentUserResponse response;
  const auto status = v1::UserService::NewStub(channel_)->GetCurrentUser(&context, {}, &response);
  EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE);
}

TEST_F(CallerTest, ADeadlineThatHasPassedDoesNotWait) {
  auth_.gate.Shut();
  Start();
  EXPECT_EQ(Call(-absl::Seconds(1)).error_code(), StatusCode::UNAVAILABLE);
}

TEST_F(CallerTest, ACancelledCallStopsWaitingAndIsNotSent) {
  auth_.gate.Shut();
  Start();
  grpc::ClientContext context;
  std::thread cancel([&] {
    ASSERT_TRUE(auth_.logins.WaitFor(1));
    context.TryCancel();
  });
  const absl::Time start = SystemClock().Now();
  const grpc::Status status = CallWith(context);
  EXPECT_LT(SystemClock().Now() - start, absl::Seconds(5));
  cancel.join();
  EXPECT_EQ(status.error_code(), StatusCode::CANCELLED);
  auth_.gate.Open();
  EXPECT_TRUE(Call().ok());
  EXPECT_EQ(calls_.calls(), 1);
}

TEST_F(CallerTest, ACallCancelledBeforeItBeganIsNotSent) {
  auth_.gate.Shut();
  Start();
  grpc::ClientContext context;
  context.TryCancel();
  EXPECT_EQ(CallWith(context).error_code(), StatusCode::CANCELLED);
  EXPECT_EQ(calls_.calls(), 0);
}

TEST_F(CallerTest, DestructionEndsTheCallsThatWait) {
  auth_.gate.Shut();
  Start();
  std::vector<std::thread> calls;
  calls.reserve(16);
  std::atomic<int> closed{0};
  for (int i = 0; i < 16; ++i) {
    calls.emplace_back([&] {
      const grpc::Status status = Call();
      if (ReasonOf(status) == "CALLER_CLOSED") ++closed;
    });
  }
  ASSERT_TRUE(auth_.logins.WaitFor(1));
  const absl::Time start = SystemClock().Now();
  caller_.reset();
  for (std::thread& call : calls) call.join();
  EXPECT_LT(SystemClock().Now() - start, absl::Seconds(4));
  EXPECT_EQ(closed, 16);
  EXPECT_EQ(ReasonOf(Call()), "CALLER_CLOSED");  // the channel outlives the caller
}

// gRPC ends the thread that drops a process's last channel: it must not be one of its own.
TEST_F(CallerTest, DestructionLeavesNothingBehindThatHoldsTheChannel) {
  auth_.gate.Shut();
  Start();
  const std::weak_ptr<grpc::Channel> auth_channel = options_.auth_server;
  options_.auth_server.reset();
  std::thread call([&] { EXPECT_EQ(ReasonOf(Call()), "CALLER_CLOSED"); });
  ASSERT_TRUE(auth_.logins.WaitFor(1));
  caller_.reset();
  EXPECT_TRUE(auth_channel.expired());
  call.join();
}

TEST_F(CallerTest, ARefusedTokenIsReplacedForTheNextCall) {
  Start();
  ASSERT_TRUE(Call().ok());
  calls_.Refuse("Bearer access-1", "TOKEN_REVOKED: the session has been revoked");
  EXPECT_EQ(ReasonOf(Call()), "TOKEN_REVOKED");
  EXPECT_TRUE(Call().ok());
  EXPECT_EQ(LastToken(), "Bearer access-2");
}

TEST_F(CallerTest, RetryRepeatsACallWhoseTokenWasRefusedOnce) {
  Start();
  ASSERT_TRUE(Call().ok());
  calls_.Refuse("Bearer access-1", "TOKEN_EXPIRED: the token's life is over");
  int tries = 0;
  const grpc::Status status = caller_->Retry([&] {
    ++tries;
    return Call();
  });
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(tries, 2);
}

TEST_F(CallerTest, RetryRepeatsNothingElse) {
  Start();
  for (const auto& status :
       {grpc::Status::OK, grpc::Status(StatusCode::PERMISSION_DENIED, "ROLE_REQUIRED: no"),
        grpc::Status(StatusCode::UNAUTHENTICATED, "BAD_CREDENTIALS: no"),
        grpc::Status(StatusCode::UNAVAILABLE, "TOKEN_X: no"), WrongPassword()}) {
    int tries = 0;
    EXPECT_EQ(caller_
                  ->Retry([&] {
                    ++tries;
                    return status;
                  })
                  .error_code(),
              status.error_code());
    EXPECT_EQ(tries, 1);
  }
}

TEST_F(CallerTest, AnotherRefusalKeepsTheToken) {
  Start();
  ASSERT_TRUE(Call().ok());
  calls_.Refuse("Bearer access-1", "the service's own idea of UNAUTHENTICATED");
  EXPECT_FALSE(Call().ok());
  EXPECT_FALSE(Call().ok());
  EXPECT_EQ(auth_.renewals.value(), 0);
}

TEST_F(CallerTest, AReusedRefreshTokenIsFollowedByALogin) {
  Start();
  ASSERT_TRUE(Call().ok());
  auth_.JudgeRenewals(
      [] { return grpc::Status(StatusCode::UNAUTHENTICATED, "REFRESH_REUSED: session ended"); });
  clock_.Advance(kLife);
  EXPECT_TRUE(Call().ok());
  EXPECT_EQ(auth_.renewals.value(), 1);
  EXPECT_EQ(auth_.logins.value(), 2);
}

TEST_F(CallerTest, ALostRenewalAnswerIsAskedForAgainWithTheSameRefreshToken) {
  options_.request_timeout = absl::Milliseconds(100);
  Start();
  ASSERT_TRUE(Call().ok());
  auth_.gate.Shut();
  clock_.Advance(kLife);
  std::thread call([&] { EXPECT_TRUE(Call().ok()); });
  ASSERT_TRUE(auth_.renewals.WaitFor(1));
  while (auth_.renewals.value() < 2) {  // the first one times out; the pause passes
    clock_.Advance(absl::Milliseconds(100));
    std::this_thread::yield();
  }
  EXPECT_EQ(auth_.last_secret(), "refresh-1");
  auth_.gate.Open();
  clock_.Advance(absl::Seconds(10));
  call.join();
  EXPECT_EQ(auth_.logins.value(), 1);
}

TEST_F(CallerTest, LogoutEndsTheSessionAndALaterCallLogsInAnew) {
  Start();
  ASSERT_TRUE(Call().ok());
  EXPECT_TRUE(caller_->Logout().ok());
  EXPECT_EQ(auth_.last_secret(), "refresh-1");
  EXPECT_TRUE(Call().ok());
  EXPECT_EQ(LastToken(), "Bearer access-2");
  EXPECT_EQ(auth_.logins.value(), 2);
}

// So that strangers who guess at the user's password do not hold the program up.
TEST_F(CallerTest, ALoginShowsTheProofThatTheLoginBeforeItGave) {
  Start();
  for (const char* shown : {"", "tsd_access-1", "tsd_access-2"}) {
    ASSERT_TRUE(Call().ok());
    EXPECT_EQ(auth_.last_login().device_proof(), shown);
    EXPECT_TRUE(caller_->Logout().ok());
  }
}

TEST_F(CallerTest, LogoutOfASessionThatEndedBeforeIsFine) {
  Start();
  ASSERT_TRUE(Call().ok());
  auth_.JudgeLogouts([] { return grpc::Status(StatusCode::UNAUTHENTICATED, "SESSION_ENDED: x"); });
  EXPECT_TRUE(caller_->Logout().ok());
}

TEST_F(CallerTest, LogoutThatAProxyRefusesHasNotEndedTheSession) {
  Start();
  ASSERT_TRUE(Call().ok());
  auth_.JudgeLogouts([] { return grpc::Status(StatusCode::UNAUTHENTICATED, "who are you?"); });
  EXPECT_TRUE(absl::IsUnavailable(caller_->Logout()));
  auth_.JudgeLogouts(nullptr);
  EXPECT_TRUE(caller_->Logout().ok());
  EXPECT_EQ(auth_.last_secret(), "refresh-1");
}

TEST_F(CallerTest, ARenewalRefusedWithoutAReasonOfTesseraDoesNotEndTheSession) {
  Start();
  ASSERT_TRUE(Call().ok());
  auth_.JudgeRenewals([] { return grpc::Status(StatusCode::UNAUTHENTICATED, "who are you?"); });
  clock_.Advance(kLife);
  EXPECT_EQ(Call(absl::Milliseconds(100)).error_code(), StatusCode::UNAVAILABLE);
  auth_.JudgeRenewals(nullptr);
  clock_.Advance(absl::Minutes(1));
  EXPECT_TRUE(Call().ok());
  EXPECT_EQ(auth_.logins.value(), 1);
}

TEST_F(CallerTest, ARenewalRefusedForAReasonOfTesseraEndsTheSession) {
  int logins = 1;
  Start();
  ASSERT_TRUE(Call().ok());
  for (const char* why : {"SESSION_ENDED", "REFRESH_REUSED", "TOKEN_MALFORMED"}) {
    auth_.JudgeRenewals(
        [why] { return grpc::Status(StatusCode::UNAUTHENTICATED, std::string(why) + ": over"); });
    clock_.Advance(kLife);
    EXPECT_TRUE(Call().ok()) << why;
    EXPECT_EQ(auth_.logins.value(), ++logins) << why;
  }
}

TEST_F(CallerTest, LogoutThatFailsSaysSo) {
  Start();
  ASSERT_TRUE(Call().ok());
  auth_.JudgeLogouts(
      [] { return grpc::Status(StatusCode::UNAVAILABLE, "STORAGE_UNAVAILABLE: x"); });
  EXPECT_TRUE(absl::IsUnavailable(caller_->Logout()));
}

TEST_F(CallerTest, AuthorizationOfTheCallsOwnIsRefused) {
  Start();
  grpc::ClientContext context;
  context.AddMetadata("authorization", "Bearer mine");
  const grpc::Status status = CallWith(context);
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(status), "AUTHORIZATION_SET");
  EXPECT_EQ(calls_.calls(), 0);
}

TEST_F(CallerTest, NoSecretIsInAnErrorOrTheLog) {
  auth_.JudgeLogins([] {
    return grpc::Status(StatusCode::UNAUTHENTICATED, std::string("BAD: is it ") + kPassword + "?");
  });
  Start();
  std::string said = Call().error_message();
  auth_.JudgeLogins(nullptr);
  clock_.Advance(absl::Seconds(1));
  ASSERT_TRUE(Call().ok());
  auth_.JudgeRenewals([] { return grpc::Status(StatusCode::UNAVAILABLE, "refresh-1 is odd"); });
  clock_.Advance(kLife);
  said += Call(absl::Milliseconds(100)).error_message();
  said += std::string(caller_->Logout().message()) + log_.text();
  EXPECT_THAT(said, Not(HasSubstr(kPassword)));
  EXPECT_THAT(said, Not(HasSubstr("refresh-1")));
  EXPECT_THAT(said, Not(HasSubstr("access-1")));
  EXPECT_THAT(said, HasSubstr("withheld"));
}

TEST_F(CallerTest, ATokenThatIsNoTokenIsRefusedBeforeGrpcSeesIt) {
  class Forged final : public v1::AuthService::Service {
    grpc::Status Login(grpc::ServerContext*, const v1::LoginRequest*,
                       v1::LoginResponse* response) override {
      response->mutable_grant()->set_access_token("two\nlines");
      response->mutable_grant()->set_refresh_token("r");
      return grpc::Status::OK;
    }
  } forged;
  testing::RunningServer server({&forged}, grpc::InsecureServerCredentials());
  options_.auth_server = grpc::CreateChannel(server.address(), grpc::InsecureChannelCredentials());
  Start();
  EXPECT_EQ(Call().error_code(), StatusCode::FAILED_PRECONDITION);
  caller_.reset();
}

TEST(CallerCreate, NamesTheOptionThatIsWrong) {
  CallerOptions good;
  good.auth_server = grpc::CreateChannel("localhost:1", grpc::InsecureChannelCredentials());
  good.login = {"alice", [] { return Secret("x"); }, ""};
  EXPECT_TRUE(Caller::Create(good).ok());
  const auto expect = [&](const char* name, const std::function<void(CallerOptions&)>& spoil) {
    CallerOptions options = good;
    spoil(options);
    const auto made = Caller::Create(options);
    EXPECT_TRUE(absl::IsInvalidArgument(made.status()));
    EXPECT_THAT(std::string(made.status().message()), HasSubstr(name));
  };
  expect("auth_server", [](CallerOptions& o) { o.auth_server = nullptr; });
  expect("login.username", [](CallerOptions& o) { o.login.username = ""; });
  expect("login.password", [](CallerOptions& o) { o.login.password = nullptr; });
  expect("wait_limit", [](CallerOptions& o) { o.wait_limit = absl::ZeroDuration(); });
  expect("request_timeout", [](CallerOptions& o) { o.request_timeout = absl::ZeroDuration(); });
  expect("request_timeout", [](CallerOptions& o) { o.request_timeout = absl::InfiniteDuration(); });
  expect("renew_at", [](CallerOptions& o) { o.renew_at = 0; });
  expect("renew_at", [](CallerOptions& o) { o.renew_at = 1; });
  expect("clock", [](CallerOptions& o) { o.clock = nullptr; });
  expect("log", [](CallerOptions& o) { o.log = nullptr; });
}

}  // namespace
}  // namespace tessera
