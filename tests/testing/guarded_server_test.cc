// A GuardedServer is guarded like any other: nothing about it is easier to get into.
#include "tessera/testing/guarded_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "tests/base/temporary_folder.h"
#include "tests/testing/talk.h"

namespace tessera::testing {
namespace {

using ::testing::HasSubstr;

grpc::Status Say(const std::shared_ptr<grpc::Channel>& channel, std::string* subject = nullptr) {
  grpc::ClientContext context;
  speech::Heard heard;
  const grpc::Status status =
      speech::Speech::NewStub(channel)->Say(&context, speech::Line(), &heard);
  if (subject != nullptr) *subject = heard.subject();
  return status;
}

TEST(GuardedServer, ChannelsBringWhatTheyWereToldAndNothingElse) {
  FakeIssuer issuer;
  TalkServer talk(issuer);
  GuardedServer& server = talk.server();
  EXPECT_THAT(Say(server.channel()).error_message(), HasSubstr("TOKEN_MISSING"));
  std::string subject;
  EXPECT_TRUE(Say(server.ChannelAs(issuer.Token("usr_alice")), &subject).ok());
  EXPECT_EQ(subject, "usr_alice");
  EXPECT_TRUE(Say(server.ChannelAs(issuer.Token("usr_bob")), &subject).ok());
  EXPECT_EQ(subject, "usr_bob");
  EXPECT_THAT(Say(server.channel()).error_message(), HasSubstr("TOKEN_MISSING"));
}

TEST(GuardedServer, WhatTheGuardSaysOfItsRulesComesBackFromStart) {
  class Unruled final : public speech::Speech::Service {};
  FakeIssuer issuer;
  GuardOptions options = issuer.MakeGuardOptions();
  options.rules["/tessera.test.conformance.Speech/Slip"] = AnyToken();
  const auto server = *GuardedServer::Create(options);
  server->Register(std::make_unique<Unruled>());
  const absl::Status status = server->Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("Speech/Slip"));
  server->Stop();  // nothing to stop
}

TEST(GuardedServer, WhatTheGuardSaysOfItsOptionsComesBack) {
  FakeIssuer issuer;
  GuardOptions options = issuer.MakeGuardOptions();
  options.audience = "";
  EXPECT_EQ(GuardedServer::Create(options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(GuardedServer, ListensOnAUnixSocketToo) {
  const TemporaryFolder folder;
  FakeIssuer issuer;
  ServerPlace place;
  place.address = "unix:" + folder.Path("socket");
  GuardOptions options = issuer.MakeGuardOptions();
  options.rules[kSay] = AnyToken();
  const auto server = *GuardedServer::Create(options, place);
  server->Register(std::make_unique<Talk>(server->guard()));
  ASSERT_TRUE(server->Start().ok());
  EXPECT_EQ(server->address(), place.address);
  EXPECT_THAT(Say(server->channel()).error_message(), HasSubstr("TOKEN_MISSING"));
  EXPECT_TRUE(Say(server->ChannelAs(issuer.Token("usr_alice"))).ok());
}

TEST(GuardedServer, StopsOnceAndForAll) {
  FakeIssuer issuer;
  TalkServer talk(issuer);
  const auto channel = talk.server().ChannelAs(issuer.Token("usr_alice"));
  EXPECT_TRUE(Say(channel).ok());
  talk.server().Stop();
  EXPECT_EQ(Say(channel).error_code(), grpc::StatusCode::UNAVAILABLE);
  talk.server().Stop();
}

// Holds its calls until they are cancelled.
class Stubborn final : public speech::Speech::Service {
 public:
  grpc::Status Say(grpc::ServerContext* context, const speech::Line*, speech::Heard*) override {
    entered_.set_value();
    Mutex mu;
    CondVar never;
    while (!context->IsCancelled()) {
      MutexLock lock(mu);
      never.WaitFor(mu, absl::Milliseconds(5));
    }
    return grpc::Status::OK;
  }
  std::promise<void>& entered() { return entered_; }

 private:
  std::promise<void> entered_;
};

TEST(GuardedServer, AHandlerThatDoesNotEndIsCancelledByStop) {
  FakeIssuer issuer;
  GuardOptions options = issuer.MakeGuardOptions();
  options.rules[kSay] = AnyToken();
  const auto server = *GuardedServer::Create(options);
  auto service = std::make_unique<Stubborn>();
  auto entered = service->entered().get_future();
  server->Register(std::move(service));
  ASSERT_TRUE(server->Start().ok());
  const auto channel = server->ChannelAs(issuer.Token("usr_alice"));
  auto call = std::async(std::launch::async, [&] { return Say(channel); });
  entered.get();
  server->Stop(absl::Milliseconds(1));
  EXPECT_FALSE(call.get().ok());
}

}  // namespace
}  // namespace tessera::testing
