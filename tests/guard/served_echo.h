// A guarded echo server on credentials and an address of the test's choice.
#ifndef TESSERA_TESTS_GUARD_SERVED_ECHO_H_
#define TESSERA_TESTS_GUARD_SERVED_ECHO_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "tests/guard/world.h"

namespace tessera::testing {

// Make it, get credentials from `guard()`, then Serve.
class ServedEcho {
 public:
  explicit ServedEcho(std::shared_ptr<KeySource> keys = nullptr) {
    GuardOptions options;
    options.issuer = kIssuer;
    options.audience = kAudience;
    options.keys = keys != nullptr ? std::move(keys) : KeysInHand(SetOf({key}));
    options.revocations = WithoutRevocations();
    options.clock = &clock;
    options.log = &log;
    guard_ = *Guard::Create(std::move(options));
    record_ = std::make_unique<EchoRecord>(*guard_);
    service_ = MakeEcho(Api::kCallback, *record_);
  }
  ~ServedEcho() {
    guard_->Drain();
    if (server_ != nullptr) server_->Shutdown();
  }
  ServedEcho(const ServedEcho&) = delete;
  ServedEcho& operator=(const ServedEcho&) = delete;

  absl::Status Serve(const std::shared_ptr<grpc::ServerCredentials>& credentials,
                     const std::string& address = "127.0.0.1:0") {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(address, credentials, &port);
    builder.RegisterService(service_.get());
    auto server = guard_->Start(builder);
    if (!server.ok()) return server.status();
    server_ = *std::move(server);
    const bool is_socket = address.rfind("unix:", 0) == 0;
    address_ = is_socket ? address : "127.0.0.1:" + std::to_string(port);
    return absl::OkStatus();
  }

  // A connection of its own.
  std::unique_ptr<echo::Echo::Stub> Connect(
      const std::shared_ptr<grpc::ChannelCredentials>& credentials) const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return echo::Echo::NewStub(grpc::CreateCustomChannel(address_, credentials, arguments));
  }

  // The guard's whole behaviour in a few calls of every shape: no token, an expired one, a role
  // lacking, a good one.
  void ExpectGuarded(const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    const auto stub = Connect(credentials);
    Claims old = ClaimsFor("usr_a", clock.Now() - absl::Hours(1));
    const Headers expired = BearerOf(Sign(old, key));
    const Headers good = BearerOf(TokenOf("usr_a"));
    for (const Shape shape :
         {Shape::kUnary, Shape::kClientStream, Shape::kServerStream, Shape::kBidi}) {
      const int entered = record_->entered();
      EXPECT_EQ(ReasonIn(CallOver(*stub, shape, {}).status), "TOKEN_MISSING");
      EXPECT_EQ(ReasonIn(CallOver(*stub, shape, expired).status), "TOKEN_EXPIRED");
      EXPECT_EQ(ReasonIn(CallOver(*stub, shape, good, true).status), "ROLE_REQUIRED");
      EXPECT_EQ(record_->entered(), entered);
      const Outcome outcome = CallOver(*stub, shape, good);
      ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
      EXPECT_EQ(outcome.replies[0].subject(), "usr_a");
      EXPECT_FALSE(outcome.replies[0].saw_token());
    }
  }

  std::string TokenOf(const std::string& subject) const {
    return Sign(ClaimsFor(subject, clock.Now()), key);
  }
  Guard& guard() { return *guard_; }
  int entered() const { return record_->entered(); }

  FakeClock clock;
  RecordingLog log;
  const SigningKey key = NewKey();

 private:
  std::unique_ptr<Guard> guard_;
  std::unique_ptr<EchoRecord> record_;
  std::unique_ptr<grpc::Service> service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_GUARD_SERVED_ECHO_H_
