// A caller against a real server in this process, and a service that it calls.
#ifndef TESSERA_TESTS_CALLER_CALLER_FIXTURE_H_
#define TESSERA_TESTS_CALLER_CALLER_FIXTURE_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tessera/caller/caller.h"
#include "tests/base/fake_clock.h"
#include "tests/caller/fake_auth_server.h"
#include "tests/caller/test_certificate.h"

namespace tessera::testing {

inline constexpr char kPassword[] = "correct horse battery staple";

// Keeps every field of every event.
class KeptLog final : public LogSink {
 public:
  void Write(const LogEvent& event) override {
    MutexLock lock(mu_);
    text_ += std::string(event.name);
    for (const auto& [key, value] : event.fields) text_ += " " + std::string(key) + "=" + value;
    text_ += "\n";
  }
  std::string text() {
    MutexLock lock(mu_);
    return text_;
  }

 private:
  Mutex mu_;
  std::string text_ ABSL_GUARDED_BY(mu_);
};

class CallerTest : public ::testing::Test {
 protected:
  CallerTest()
      : auth_server_({&auth_}, grpc::InsecureServerCredentials()),
        target_({&unary_, &stream_}, grpc::InsecureServerCredentials()) {
    options_.auth_server =
        grpc::CreateChannel(auth_server_.address(), grpc::InsecureChannelCredentials());
    options_.login = {"alice", [] { return Secret(kPassword); }, "orders"};
    options_.allow_plaintext = true;
    options_.clock = &clock_;
    options_.log = &log_;
  }
  ~CallerTest() override {
    caller_.reset();
    auth_.gate.Open();  // a server with a call in a handler does not stop
  }

  void Start() {
    auto made = Caller::Create(options_);
    ASSERT_TRUE(made.ok()) << made.status();
    caller_ = *std::move(made);
    channel_ = caller_->CreateChannel(target_.address(), grpc::InsecureChannelCredentials());
  }
  grpc::Status Call(absl::Duration limit = absl::Seconds(20)) {
    grpc::ClientContext context;
    return CallWith(context, limit);
  }
  grpc::Status CallWith(grpc::ClientContext& context, absl::Duration limit = absl::Seconds(20)) {
    context.set_deadline(absl::ToChronoTime(SystemClock().Now() + limit));
    v1::GetCurrentUserResponse response;
    return v1::UserService::NewStub(channel_)->GetCurrentUser(&context, {}, &response);
  }
  std::string LastToken() { return calls_.tokens().empty() ? "none" : calls_.tokens().back(); }

  FakeClock clock_;
  KeptLog log_;
  TokenLog calls_;  // what the service saw
  FakeAuthService auth_{clock_};
  UnaryTarget unary_{calls_};
  StreamTarget stream_{calls_};
  RunningServer auth_server_;
  RunningServer target_;
  CallerOptions options_;
  std::shared_ptr<Caller> caller_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_CALLER_CALLER_FIXTURE_H_
