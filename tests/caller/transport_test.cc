// What travels over which connection, and through which of gRPC's client interfaces.
#include <gmock/gmock.h>
#include <grpcpp/completion_queue.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "tessera/caller/reason.h"
#include "tests/caller/caller_fixture.h"

namespace tessera {
namespace {

using grpc::StatusCode;
using testing::CallerTest;
using testing::Counter;
using ::testing::ElementsAre;
using testing::RunningServer;
using testing::TestCertificate;

class TransportTest : public CallerTest {
 protected:
  TransportTest() {
    grpc::SslServerCredentialsOptions server;
    server.pem_key_cert_pairs.push_back({own_.key, own_.certificate});
    tls_auth_ = std::make_unique<RunningServer>(std::vector<grpc::Service*>{&auth_},
                                                SslServerCredentials(server));
    tls_target_ = std::make_unique<RunningServer>(std::vector<grpc::Service*>{&unary_, &stream_},
                                                  SslServerCredentials(server));
    grpc::SslCredentialsOptions client;
    client.pem_root_certs = own_.certificate;
    tls_ = grpc::SslCredentials(client);
    options_.auth_server = grpc::CreateChannel(tls_auth_->address(), tls_);
    options_.allow_plaintext = false;
  }
  // A channel that the caller did not make.
  std::shared_ptr<grpc::Channel> Intercepted(
      const std::string& address, const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> factories;
    factories.push_back(caller_->Interceptor());
    return grpc::experimental::CreateCustomChannelWithInterceptors(
        address, credentials, grpc::ChannelArguments(), std::move(factories));
  }

  TestCertificate own_ = TestCertificate::Make();
  std::shared_ptr<grpc::ChannelCredentials> tls_;
  std::unique_ptr<RunningServer> tls_auth_, tls_target_;
};

TEST_F(TransportTest, TlsCarriesTheToken) {
  Start();
  channel_ = caller_->CreateChannel(tls_target_->address(), tls_);
  EXPECT_TRUE(Call().ok());
  EXPECT_TRUE(Call().ok());
  EXPECT_THAT(calls_.tokens(), ElementsAre("Bearer access-1", "Bearer access-1"));
}

TEST_F(TransportTest, TheTokenOnATlsChannelIsRenewedToo) {
  Start();
  channel_ = caller_->CreateChannel(tls_target_->address(), tls_);
  ASSERT_TRUE(Call().ok());
  clock_.Advance(absl::Minutes(15));
  EXPECT_TRUE(Call().ok());
  EXPECT_THAT(calls_.tokens(), ElementsAre("Bearer access-1", "Bearer access-2"));
}

TEST_F(TransportTest, CallCredentialsOfTheCallsOwnTravelBesideTheToken) {
  class Extra final : public grpc::MetadataCredentialsPlugin {
    bool IsBlocking() const override { return false; }
    grpc::Status GetMetadata(grpc::string_ref, grpc::string_ref, const grpc::AuthContext&,
                             std::multimap<std::string, std::string>* metadata) override {
      metadata->emplace("x-extra", "1");
      return grpc::Status::OK;
    }
  };
  Start();
  channel_ = caller_->CreateChannel(tls_target_->address(), tls_);
  grpc::ClientContext context;
  context.set_credentials(grpc::MetadataCredentialsFromPlugin(std::make_unique<Extra>()));
  EXPECT_TRUE(CallWith(context).ok());
  EXPECT_EQ(LastToken(), "Bearer access-1");
}

TEST_F(TransportTest, AnInsecureChannelIsRefusedAtOnce) {
  Start();  // makes one
  const grpc::Status status = Call();
  EXPECT_EQ(status.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(status), "PLAINTEXT_CHANNEL");
  EXPECT_EQ(calls_.calls(), 0);
  EXPECT_EQ(auth_.logins.value(), 0);
}

TEST_F(TransportTest, ABareInterceptorKeepsTheTokenOffAPlaintextConnection) {
  Start();
  channel_ = Intercepted(target_.address(), grpc::InsecureChannelCredentials());
  const grpc::Status status = Call();
  EXPECT_EQ(status.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(status), "PLAINTEXT_CHANNEL");
  EXPECT_EQ(calls_.calls(), 0);
}

TEST_F(TransportTest, CredentialsThatBringNoTlsAreFoundOutOnTheConnection) {
  testing::RunningServer local({&unary_}, grpc::experimental::LocalServerCredentials(LOCAL_TCP));
  Start();
  channel_ =
      caller_->CreateChannel(local.address(), grpc::experimental::LocalCredentials(LOCAL_TCP));
  EXPECT_EQ(ReasonOf(Call()), "PLAINTEXT_CHANNEL");
  EXPECT_EQ(calls_.calls(), 0);
}

TEST_F(TransportTest, ABareInterceptorWorksOverTls) {
  Start();
  channel_ = Intercepted(tls_target_->address(), tls_);
  EXPECT_TRUE(Call().ok());
  EXPECT_EQ(LastToken(), "Bearer access-1");
}

TEST_F(TransportTest, ThePasswordDoesNotGoToAPlaintextAuthServer) {
  options_.auth_server =
      grpc::CreateChannel(auth_server_.address(), grpc::InsecureChannelCredentials());
  Start();
  channel_ = caller_->CreateChannel(tls_target_->address(), tls_);
  const grpc::Status status = Call();
  EXPECT_EQ(status.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(status), "PLAINTEXT_CHANNEL");
  EXPECT_EQ(auth_.logins.value(), 0);
}

TEST_F(TransportTest, AServerThatIsNotTrustedGetsNoPassword) {
  options_.auth_server = grpc::CreateChannel(tls_auth_->address(), grpc::SslCredentials({}));
  options_.wait_limit = absl::Milliseconds(300);
  Start();
  channel_ = caller_->CreateChannel(tls_target_->address(), tls_);
  EXPECT_EQ(Call().error_code(), StatusCode::UNAVAILABLE);
  EXPECT_EQ(auth_.logins.value(), 0);
}

// Each of gRPC's client interfaces: a call that waits and is admitted, and one that is refused.
class InterfaceTest : public CallerTest {
 protected:
  void RefuseLogins() {
    auth_.JudgeLogins(
        [] { return grpc::Status(StatusCode::UNAUTHENTICATED, "BAD_CREDENTIALS: x"); });
  }
  void ExpectRefused(const grpc::Status& status) {
    EXPECT_EQ(status.error_code(), StatusCode::UNAUTHENTICATED);
    EXPECT_EQ(ReasonOf(status), "BAD_CREDENTIALS");
    EXPECT_EQ(calls_.calls(), 0);
  }
  std::unique_ptr<v1::AuthService::Stub> Streams() { return v1::AuthService::NewStub(channel_); }
};

TEST_F(InterfaceTest, SyncStream) {
  Start();
  grpc::ClientContext context;
  const auto stream = Streams()->WatchRevocations(&context);
  v1::WatchRevocationsResponse response;
  EXPECT_TRUE(stream->Write({}));
  EXPECT_TRUE(stream->Read(&response));
  EXPECT_TRUE(stream->WritesDone());
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(LastToken(), "Bearer access-1");
}

TEST_F(InterfaceTest, SyncStreamRefused) {
  RefuseLogins();
  Start();
  grpc::ClientContext context;
  const auto stream = Streams()->WatchRevocations(&context);
  v1::WatchRevocationsResponse response;
  EXPECT_FALSE(stream->Write({}));
  EXPECT_FALSE(stream->Read(&response));
  ExpectRefused(stream->Finish());
}

grpc::Status AsyncUnary(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  v1::GetCurrentUserResponse response;
  grpc::Status status;
  const auto stub = v1::UserService::NewStub(channel);
  const auto reader = stub->AsyncGetCurrentUser(&context, {}, &queue);
  reader->Finish(&response, &status, &response);
  void* tag = nullptr;
  bool ok = false;
  EXPECT_TRUE(queue.Next(&tag, &ok));
  EXPECT_EQ(tag, &response);
  queue.Shutdown();
  EXPECT_FALSE(queue.Next(&tag, &ok));
  return status;
}

TEST_F(InterfaceTest, AsyncUnary) {
  Start();
  EXPECT_TRUE(AsyncUnary(channel_).ok());
  EXPECT_EQ(LastToken(), "Bearer access-1");
}

TEST_F(InterfaceTest, AsyncUnaryRefused) {
  RefuseLogins();
  Start();
  ExpectRefused(AsyncUnary(channel_));
}

// One event of a completion queue.
bool Next(grpc::CompletionQueue& queue) {
  void* tag = nullptr;
  bool ok = false;
  return queue.Next(&tag, &ok) && ok;
}

TEST_F(InterfaceTest, AsyncStreamRefused) {
  RefuseLogins();
  Start();
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  const auto stub = Streams();
  const auto stream = stub->AsyncWatchRevocations(&context, &queue, nullptr);
  Next(queue);
  v1::WatchRevocationsResponse response;
  stream->Read(&response, nullptr);
  EXPECT_FALSE(Next(queue));
  grpc::Status status;
  stream->Finish(&status, nullptr);
  EXPECT_TRUE(Next(queue));
  ExpectRefused(status);
}

// Starts its read and write with the call, before the token is decided on.
class EagerStream final
    : public grpc::ClientBidiReactor<v1::WatchRevocationsRequest, v1::WatchRevocationsResponse> {
 public:
  explicit EagerStream(v1::AuthService::Stub& stub, absl::Time deadline = absl::InfiniteFuture()) {
    context_.set_deadline(absl::ToChronoTime(deadline));
    stub.async()->WatchRevocations(&context_, this);
    StartRead(&response_);
    StartWriteLast(&request_, grpc::WriteOptions());
    StartCall();
  }
  void OnReadDone(bool ok) override {
    if (ok) StartRead(&response_);
    reads_ += ok ? 1 : 0;
  }
  void OnDone(const grpc::Status& status) override {
    status_ = status;
    done_.Add();
  }
  grpc::Status Wait() {
    EXPECT_TRUE(done_.WaitFor(1));
    return status_;
  }
  grpc::ClientContext& context() { return context_; }
  int reads() const { return reads_; }

 private:
  grpc::ClientContext context_;
  v1::WatchRevocationsRequest request_;
  v1::WatchRevocationsResponse response_;
  int reads_ = 0;
  grpc::Status status_;
  Counter done_;
};

TEST_F(InterfaceTest, CallbackStream) {
  Start();
  const auto stub = Streams();
  EagerStream stream(*stub);
  EXPECT_TRUE(stream.Wait().ok());
  EXPECT_EQ(stream.reads(), 1);
  EXPECT_EQ(LastToken(), "Bearer access-1");
}

TEST_F(InterfaceTest, CallbackStreamRefused) {
  RefuseLogins();
  Start();
  const auto stub = Streams();
  EagerStream stream(*stub);
  ExpectRefused(stream.Wait());
}

TEST_F(InterfaceTest, CallbackStreamThatWaitsInVain) {
  auth_.gate.Shut();
  options_.wait_limit = absl::Milliseconds(100);
  Start();
  const auto stub = Streams();
  EagerStream stream(*stub);
  const grpc::Status status = stream.Wait();
  EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(status), "AUTH_SERVER_UNAVAILABLE");
}

TEST_F(InterfaceTest, CallbackStreamWhoseDeadlineEndsItsWait) {
  auth_.gate.Shut();
  Start();
  const auto stub = Streams();
  const absl::Time deadline = SystemClock().Now() + absl::Milliseconds(100);
  EagerStream stream(*stub, deadline);
  const grpc::Status status = stream.Wait();
  EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(status), "AUTH_SERVER_UNAVAILABLE");
}

TEST_F(InterfaceTest, CallbackStreamCancelledWhileItWaits) {
  auth_.gate.Shut();
  Start();
  const auto stub = Streams();
  EagerStream stream(*stub);
  ASSERT_TRUE(auth_.logins.WaitFor(1));
  stream.context().TryCancel();
  EXPECT_EQ(stream.Wait().error_code(), StatusCode::CANCELLED);
  EXPECT_EQ(calls_.calls(), 0);
}

TEST_F(InterfaceTest, AStreamRefusedForItsTokenDropsIt) {
  Start();
  ASSERT_TRUE(Call().ok());
  calls_.Refuse("Bearer access-1", "TOKEN_REVOKED: x");
  const auto stub = Streams();
  EagerStream refused(*stub);
  EXPECT_EQ(ReasonOf(refused.Wait()), "TOKEN_REVOKED");
  EagerStream admitted(*stub);
  EXPECT_TRUE(admitted.Wait().ok());
  EXPECT_EQ(LastToken(), "Bearer access-2");
}

}  // namespace
}  // namespace tessera
