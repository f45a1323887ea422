// Calls on behalf of whoever is being served: whose token travels, and that it is never another's.
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
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RunningServer;

constexpr char kSubject[] = "the-users-own-token";

class OnBehalfTest : public CallerTest {
 protected:
  OnBehalfTest() {
    options_.login = {};
    options_.service.emplace();
    options_.service->audience = "orders";
    options_.service->secret = [] { return Secret("tss_secret"); };
  }
  std::shared_ptr<const KeptToken> Kept(const std::string& token = kSubject,
                                        absl::Duration life = absl::Minutes(5)) {
    return std::make_shared<const KeptToken>(KeptToken{Secret(token), clock_.Now() + life});
  }
  grpc::Status CallFor(std::shared_ptr<const KeptToken> subject, const Exchange& exchange = {}) {
    grpc::ClientContext context;
    context.set_credentials(caller_->OnBehalfOf(std::move(subject), exchange));
    return CallWith(context);
  }
  void ExpectNotSent(const grpc::Status& status, StatusCode code, const std::string& reason) {
    EXPECT_EQ(status.error_code(), code) << status.error_message();
    EXPECT_EQ(ReasonOf(status), reason) << status.error_message();
    EXPECT_EQ(calls_.calls(), 0);
  }
  void RefuseExchanges(StatusCode code, const std::string& text) {
    auth_.JudgeExchanges([code, text] { return grpc::Status(code, text); });
  }
};

TEST_F(OnBehalfTest, ATokenIsSentOnAsItCameAndNobodyIsAsked) {
  Start();
  EXPECT_TRUE(CallFor(Kept()).ok());
  EXPECT_THAT(calls_.tokens(), ElementsAre(std::string("Bearer ") + kSubject));
  EXPECT_EQ(auth_.issues.value(), 0);
}

TEST_F(OnBehalfTest, ATokenIsExchangedByTheServicesOwnTokenForTesserad) {
  Start();
  EXPECT_TRUE(CallFor(Kept(), {"billing", {"read"}}).ok());
  EXPECT_THAT(calls_.tokens(), ElementsAre("Bearer exchanged-1"));
  EXPECT_EQ(auth_.last_exchange().subject_token(), kSubject);
  EXPECT_EQ(auth_.last_exchange().audience(), "billing");
  EXPECT_THAT(auth_.last_exchange().scopes(), ElementsAre("read"));
  EXPECT_EQ(auth_.last_actor(), "Bearer access-1");
  EXPECT_EQ(auth_.last_issue().audience(), "") << "a token for tesserad, which no call carries";
}

TEST_F(OnBehalfTest, ACallersOwnTokenForTesseradServesForTheExchangeToo) {
  options_.service->audience = "";
  Start();
  EXPECT_TRUE(CallFor(Kept(), {"billing"}).ok());
  EXPECT_TRUE(Call().ok());
  EXPECT_THAT(calls_.tokens(), ElementsAre("Bearer exchanged-1", "Bearer access-1"));
  EXPECT_EQ(auth_.issues.value(), 1);
}

TEST_F(OnBehalfTest, ExchangedTokensAreKeptByTokenAudienceAndScopes) {
  Start();
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(CallFor(Kept(), {"billing"}).ok());
    EXPECT_TRUE(CallFor(Kept(), {"stock"}).ok());
    EXPECT_TRUE(CallFor(Kept(), {"billing", {"read"}}).ok());
    EXPECT_TRUE(CallFor(Kept("anothers-token"), {"billing"}).ok());
  }
  EXPECT_EQ(auth_.exchanges.value(), 4);
  EXPECT_THAT(calls_.tokens(),
              ElementsAre("Bearer exchanged-1", "Bearer exchanged-2", "Bearer exchanged-3",
                          "Bearer exchanged-4", "Bearer exchanged-1", "Bearer exchanged-2",
                          "Bearer exchanged-3", "Bearer exchanged-4"));
}

TEST_F(OnBehalfTest, AThousandCallsAtOnceCauseOneExchange) {
  struct One {
    grpc::ClientContext context;
    v1::GetCurrentUserRequest request;
    v1::GetCurrentUserResponse response;
  };
  Start();
  const auto stub = v1::UserService::NewStub(channel_);
  std::vector<One> calls(1000);
  std::atomic<int> succeeded{0};
  Counter answered;
  for (One& call : calls) {
    call.context.set_credentials(caller_->OnBehalfOf(Kept(), {"billing"}));
    stub->async()->GetCurrentUser(&call.context, &call.request, &call.response,
                                  [&](const grpc::Status& status) {
                                    if (status.ok()) ++succeeded;
                                    answered.Add();
                                  });
  }
  EXPECT_TRUE(answered.WaitFor(1000));
  EXPECT_EQ(succeeded, 1000);
  EXPECT_EQ(auth_.exchanges.value(), 1);
  EXPECT_THAT(calls_.tokens(), Each("Bearer exchanged-1"));
}

TEST_F(OnBehalfTest, WithoutAKeptTokenTheCallFailsAndTheServicesOwnIsNotSent) {
  Start();
  for (const Exchange& exchange : {Exchange{}, Exchange{"billing"}}) {
    ExpectNotSent(CallFor(nullptr, exchange), StatusCode::FAILED_PRECONDITION, "NO_KEPT_TOKEN");
    ExpectNotSent(CallFor(Kept(""), exchange), StatusCode::FAILED_PRECONDITION, "NO_KEPT_TOKEN");
    ExpectNotSent(CallFor(Kept("two\r\nlines"), exchange), StatusCode::FAILED_PRECONDITION,
                  "NO_KEPT_TOKEN");
  }
  EXPECT_EQ(auth_.exchanges.value(), 0);
}

TEST_F(OnBehalfTest, ATokenThatHasExpiredIsNeitherSentNorExchanged) {
  Start();
  const auto kept = Kept(kSubject, absl::Minutes(5));
  ASSERT_TRUE(CallFor(kept, {"billing"}).ok());
  clock_.Advance(absl::Minutes(5));  // exp itself is too late; the exchanged one would live on
  for (const Exchange& exchange : {Exchange{}, Exchange{"billing"}, Exchange{"stock"}}) {
    const grpc::Status status = CallFor(kept, exchange);
    EXPECT_EQ(status.error_code(), StatusCode::UNAUTHENTICATED);
    EXPECT_EQ(ReasonOf(status), "TOKEN_EXPIRED");
  }
  EXPECT_EQ(calls_.calls(), 1);
  EXPECT_EQ(auth_.exchanges.value(), 1);
}

TEST_F(OnBehalfTest, AnExchangedTokenThatHasExpiredIsExchangedAnew) {
  auth_.SetLife(absl::Minutes(1));
  Start();
  const auto kept = Kept();
  ASSERT_TRUE(CallFor(kept, {"billing"}).ok());
  clock_.Advance(absl::Minutes(1));
  EXPECT_TRUE(CallFor(kept, {"billing"}).ok());
  EXPECT_EQ(LastToken(), "Bearer exchanged-2");
}

TEST_F(OnBehalfTest, AUserCannotExchange) {
  options_.service.reset();
  options_.login = {"alice", [] { return Secret(testing::kPassword); }, "orders"};
  Start();
  ExpectNotSent(CallFor(Kept(), {"billing"}), StatusCode::FAILED_PRECONDITION,
                "SERVICE_ACCOUNT_REQUIRED");
  EXPECT_TRUE(CallFor(Kept()).ok());
}

TEST_F(OnBehalfTest, ARefusedExchangeIsTheCallsAnswerAndIsAskedForOnceASecond) {
  RefuseExchanges(StatusCode::PERMISSION_DENIED, "NOT_ALLOWED: not this audience");
  Start();
  for (int i = 0; i < 20; ++i) {
    ExpectNotSent(CallFor(Kept(), {"billing"}), StatusCode::FAILED_PRECONDITION, "NOT_ALLOWED");
  }
  EXPECT_EQ(auth_.exchanges.value(), 1);
  auth_.JudgeExchanges(nullptr);
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(CallFor(Kept(), {"billing"}).ok());
}

TEST_F(OnBehalfTest, WhatTesseradSaysOfTheSubjectsTokenIsWhatAGuardWouldSay) {
  RefuseExchanges(StatusCode::INVALID_ARGUMENT, "TOKEN_REVOKED: the session has ended");
  Start();
  ExpectNotSent(CallFor(Kept(), {"billing"}), StatusCode::UNAUTHENTICATED, "TOKEN_REVOKED");
}

TEST_F(OnBehalfTest, AnExchangeThatIsNotAnsweredIsUnavailableAndIsAskedForAgain) {
  RefuseExchanges(StatusCode::UNAVAILABLE, "STORAGE_UNAVAILABLE: wait");
  Start();
  ExpectNotSent(CallFor(Kept(), {"billing"}), StatusCode::UNAVAILABLE, "STORAGE_UNAVAILABLE");
  auth_.JudgeExchanges(nullptr);
  EXPECT_TRUE(CallFor(Kept(), {"billing"}).ok());
}

TEST_F(OnBehalfTest, AnAuthServerThatIsFrozenDelaysNoCallWhoseTokenIsAtHand) {
  Start();
  ASSERT_TRUE(CallFor(Kept(), {"billing"}).ok());
  auth_.gate.Shut();
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(CallFor(Kept(), {"billing"}).ok());
    EXPECT_TRUE(CallFor(Kept()).ok());
  }
  EXPECT_EQ(auth_.exchanges.value(), 1);  // no call has waited: none would have been answered
}

TEST_F(OnBehalfTest, AnOwnTokenThatTesseradRefusesIsReplacedOnce) {
  std::atomic<int> left{1};
  auth_.JudgeExchanges([&left] {
    return left-- > 0 ? grpc::Status(StatusCode::UNAUTHENTICATED, "TOKEN_REVOKED: yours")
                      : grpc::Status::OK;
  });
  Start();
  EXPECT_TRUE(CallFor(Kept(), {"billing"}).ok());
  EXPECT_EQ(auth_.last_actor(), "Bearer access-2");
  EXPECT_EQ(LastToken(), "Bearer exchanged-1");
}

TEST_F(OnBehalfTest, AnOwnTokenThatTesseradGoesOnRefusingIsNotTakenForTheSubjects) {
  RefuseExchanges(StatusCode::UNAUTHENTICATED, "TOKEN_AUDIENCE: yours");
  Start();
  ExpectNotSent(CallFor(Kept(), {"billing"}), StatusCode::UNAVAILABLE, "AUTH_SERVER_UNAVAILABLE");
  EXPECT_EQ(auth_.exchanges.value(), 2);
}

TEST_F(OnBehalfTest, WrongCredentialsOfTheServiceAreItsOwnFault) {
  auth_.JudgeIssues([] { return grpc::Status(StatusCode::UNAUTHENTICATED, "BAD_CREDENTIALS: x"); });
  Start();
  ExpectNotSent(CallFor(Kept(), {"billing"}), StatusCode::UNAUTHENTICATED, "BAD_CREDENTIALS");
}

TEST_F(OnBehalfTest, ARefusedExchangedTokenIsReplacedForTheNextCall) {
  Start();
  ASSERT_TRUE(CallFor(Kept(), {"billing"}).ok());
  calls_.Refuse("Bearer exchanged-1", "TOKEN_REVOKED: x");
  EXPECT_EQ(ReasonOf(CallFor(Kept(), {"billing"})), "TOKEN_REVOKED");
  EXPECT_TRUE(CallFor(Kept(), {"billing"}).ok());
  EXPECT_EQ(LastToken(), "Bearer exchanged-2");
  EXPECT_TRUE(Call().ok());
  EXPECT_EQ(auth_.renewals.value(), 0) << "it says nothing about the caller's own";
}

TEST_F(OnBehalfTest, ARefusedKeptTokenDropsNothingOfTheCallers) {
  Start();
  ASSERT_TRUE(Call().ok());
  calls_.Refuse(std::string("Bearer ") + kSubject, "TOKEN_REVOKED: x");
  EXPECT_EQ(ReasonOf(CallFor(Kept())), "TOKEN_REVOKED");
  EXPECT_TRUE(Call().ok());
  EXPECT_EQ(LastToken(), "Bearer access-1");
}

TEST_F(OnBehalfTest, TheProgramsDeviceIsNotNamedForSomebodyElse) {
  options_.service.reset();
  options_.login = {"alice", [] { return Secret(testing::kPassword); }, "orders"};
  options_.login.device_id = Secret("the-device-id-of-this-machine");
  Start();
  ASSERT_TRUE(Call().ok());
  EXPECT_NE(calls_.device(), "");
  ASSERT_TRUE(CallFor(Kept()).ok());
  EXPECT_EQ(calls_.device(), "");
}

TEST_F(OnBehalfTest, DestructionEndsTheCallsThatWaitForAnExchange) {
  Start();
  ASSERT_TRUE(CallFor(Kept("first"), {"billing"}).ok());
  const auto credentials = caller_->OnBehalfOf(Kept("later"), {"billing"});
  auth_.gate.Shut();
  std::vector<std::thread> calls;
  std::atomic<int> closed{0};
  for (int i = 0; i < 8; ++i) {
    calls.emplace_back([&] {
      grpc::ClientContext context;
      context.set_credentials(credentials);
      if (ReasonOf(CallWith(context)) == "CALLER_CLOSED") ++closed;
    });
  }
  ASSERT_TRUE(auth_.exchanges.WaitFor(2));
  const std::weak_ptr<grpc::Channel> auth_channel = options_.auth_server;
  options_.auth_server.reset();
  caller_.reset();
  EXPECT_TRUE(auth_channel.expired());
  for (std::thread& call : calls) call.join();
  EXPECT_EQ(closed, 8);
}

TEST_F(OnBehalfTest, NoTokenIsInAnErrorOrTheLog) {
  RefuseExchanges(StatusCode::PERMISSION_DENIED, std::string("NOT_ALLOWED: for ") + kSubject);
  Start();
  std::string said = CallFor(Kept(), {"billing"}).error_message();
  auth_.JudgeExchanges(nullptr);
  clock_.Advance(absl::Seconds(1));
  ASSERT_TRUE(CallFor(Kept(), {"billing"}).ok());
  said += log_.text();
  EXPECT_THAT(said, HasSubstr("caller.exchange.failed"));
  EXPECT_THAT(said, HasSubstr("caller.exchange.done"));
  EXPECT_THAT(said, Not(HasSubstr(kSubject)));
  EXPECT_THAT(said, Not(HasSubstr("exchanged-1")));
  EXPECT_THAT(said, Not(HasSubstr("access-1")));
}

// Over TLS, and where the credentials are taken for what they seem.
class OnBehalfTlsTest : public OnBehalfTest {
 protected:
  OnBehalfTlsTest() {
    grpc::SslServerCredentialsOptions server;
    server.pem_key_cert_pairs.push_back({own_.key, own_.certificate});
    tls_target_ = std::make_unique<RunningServer>(std::vector<grpc::Service*>{&unary_},
                                                  SslServerCredentials(server));
    tls_ = grpc::SslCredentials({own_.certificate, "", ""});
  }

  testing::TestCertificate own_ = testing::TestCertificate::Make();
  std::shared_ptr<grpc::ChannelCredentials> tls_;
  std::unique_ptr<RunningServer> tls_target_;
};

TEST_F(OnBehalfTlsTest, AChannelThatNoCallerMadeFailsTheCall) {
  Start();
  channel_ = grpc::CreateChannel(tls_target_->address(), tls_);
  const grpc::Status status = CallFor(Kept());
  EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("channels of a caller"));
  EXPECT_EQ(calls_.calls(), 0);
}

TEST_F(OnBehalfTlsTest, CompositeCredentialsFailTheCallAndNobodysTokenIsSent) {
  class Extra final : public grpc::MetadataCredentialsPlugin {
    bool IsBlocking() const override { return false; }
    grpc::Status GetMetadata(grpc::string_ref, grpc::string_ref, const grpc::AuthContext&,
                             std::multimap<std::string, std::string>*) override {
      return grpc::Status::OK;
    }
  };
  Start();
  for (const auto& address : {tls_target_->address(), target_.address()}) {
    const bool tls = address == tls_target_->address();
    channel_ = caller_->CreateChannel(address, tls ? tls_ : grpc::InsecureChannelCredentials());
    grpc::ClientContext context;
    context.set_credentials(grpc::CompositeCallCredentials(
        caller_->OnBehalfOf(Kept()),
        grpc::MetadataCredentialsFromPlugin(std::make_unique<Extra>())));
    EXPECT_FALSE(CallWith(context).ok());
    EXPECT_EQ(calls_.calls(), 0);
  }
}

TEST_F(OnBehalfTlsTest, TheTokenStaysOffAConnectionWithoutTls) {
  options_.allow_plaintext = false;
  Start();
  std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> factories;
  factories.push_back(caller_->Interceptor());
  channel_ = grpc::experimental::CreateCustomChannelWithInterceptors(
      target_.address(), grpc::InsecureChannelCredentials(), grpc::ChannelArguments(),
      std::move(factories));
  ExpectNotSent(CallFor(Kept()), StatusCode::FAILED_PRECONDITION, "PLAINTEXT_CHANNEL");
  RunningServer local({&unary_}, grpc::experimental::LocalServerCredentials(LOCAL_TCP));
  channel_ =
      caller_->CreateChannel(local.address(), grpc::experimental::LocalCredentials(LOCAL_TCP));
  ExpectNotSent(CallFor(Kept()), StatusCode::FAILED_PRECONDITION, "PLAINTEXT_CHANNEL");
}

}  // namespace
}  // namespace tessera
