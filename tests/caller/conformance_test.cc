// Every client interface of gRPC's and every shape of method, over every kind of connection: the
// same token, the same errors, and nothing sent without a token.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tessera/caller/reason.h"
#include "tests/base/free_port.h"
#include "tests/base/temporary_folder.h"
#include "tests/caller/caller_fixture.h"
#include "tests/caller/echo_client.h"

namespace tessera {
namespace {

using grpc::StatusCode;
using testing::EchoClient;
using testing::kEveryShape;
using testing::Outcome;
using testing::RunningServer;
using testing::Shape;
using testing::TestCertificate;

namespace pb = test::guard;

enum class Over { kTls, kMutualTls, kPlaintext, kUnixSocket };

// Two messages of a stream, one of the others.
class EchoTarget final : public pb::Echo::Service {
 public:
  explicit EchoTarget(testing::TokenLog& log) : log_(log) {}
  grpc::Status Say(grpc::ServerContext* context, const pb::EchoRequest*,
                   pb::EchoResponse*) override {
    return log_.Take(*context);
  }
  grpc::Status Collect(grpc::ServerContext* context, grpc::ServerReader<pb::EchoRequest>* reader,
                       pb::EchoResponse*) override {
    pb::EchoRequest request;
    while (reader->Read(&request)) {
    }
    return log_.Take(*context);
  }
  grpc::Status Tail(grpc::ServerContext* context, const pb::EchoRequest*,
                    grpc::ServerWriter<pb::EchoResponse>* writer) override {
    for (int i = 0; i < ReceivedIn(Shape::kServerStream); ++i) writer->Write({});
    return log_.Take(*context);
  }
  grpc::Status Chat(grpc::ServerContext* context,
                    grpc::ServerReaderWriter<pb::EchoResponse, pb::EchoRequest>* stream) override {
    pb::EchoRequest request;
    while (stream->Read(&request)) stream->Write({});
    return log_.Take(*context);
  }

 private:
  testing::TokenLog& log_;
};

class Conformance : public testing::CallerTest, public ::testing::WithParamInterface<Over> {
 protected:
  Conformance() {
    address_ = GetParam() == Over::kUnixSocket ? "unix:" + folder_.Path("socket")
                                               : absl::StrCat("127.0.0.1:", testing::FreePort());
    auth_at_ =
        std::make_unique<RunningServer>(std::vector<grpc::Service*>{&auth_}, ServerCredentials());
    options_.auth_server = grpc::CreateChannel(auth_at_->address(), ChannelCredentials());
    options_.allow_plaintext = !IsTls();
    options_.login = {};
    options_.service.emplace();
    options_.service->audience = "orders";
    options_.service->secret = [] { return Secret("tss_secret"); };
  }
  ~Conformance() override {
    caller_.reset();
    auth_.gate.Open();  // a server with a call in a handler does not stop
  }
  void StartTarget() {
    target_at_ = std::make_unique<RunningServer>(std::vector<grpc::Service*>{&echo_},
                                                 ServerCredentials(), address_);
  }
  void StartCaller() {
    Start();
    channel_ = caller_->CreateChannel(address_, ChannelCredentials());
    clients_ = testing::EveryEchoClient(channel_);
  }
  std::shared_ptr<grpc::ServerCredentials> ServerCredentials() const {
    if (!IsTls()) return grpc::InsecureServerCredentials();
    grpc::SslServerCredentialsOptions options;
    if (GetParam() == Over::kMutualTls) {
      options.pem_root_certs = own_.certificate;
      options.client_certificate_request =
          GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
    }
    options.pem_key_cert_pairs.push_back({own_.key, own_.certificate});
    return grpc::SslServerCredentials(options);
  }
  std::shared_ptr<grpc::ChannelCredentials> ChannelCredentials() const {
    if (!IsTls()) return grpc::InsecureChannelCredentials();
    if (GetParam() == Over::kTls) return grpc::SslCredentials({own_.certificate, "", ""});
    return grpc::SslCredentials({own_.certificate, own_.key, own_.certificate});
  }
  bool IsTls() const { return GetParam() == Over::kTls || GetParam() == Over::kMutualTls; }

  // Every shape through every interface, one after the other.
  using Check = std::function<void(EchoClient&, Shape)>;
  void ForEach(const Check& check) {
    for (const auto& client : clients_) {
      for (const Shape shape : kEveryShape) {
        SCOPED_TRACE(::testing::Message() << client->name() << ", shape " << int(shape));
        check(*client, shape);
      }
    }
  }
  Outcome Call(EchoClient& client, Shape shape,
               const std::function<void(grpc::ClientContext&)>& prepare = nullptr) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(SystemClock().Now() + absl::Minutes(1)));
    if (prepare != nullptr) prepare(context);
    return client.Call(shape, context);
  }
  void ExpectAdmitted(const Outcome& outcome, Shape shape, const std::string& token) {
    EXPECT_TRUE(outcome.status.ok()) << outcome.status.error_message();
    EXPECT_EQ(outcome.messages, ReceivedIn(shape));
    EXPECT_EQ(LastToken(), "Bearer " + token);
  }
  void ExpectNotSent(const Outcome& outcome, StatusCode code, const std::string& reason) {
    EXPECT_EQ(outcome.status.error_code(), code) << outcome.status.error_message();
    EXPECT_EQ(ReasonOf(outcome.status), reason) << outcome.status.error_message();
    EXPECT_EQ(outcome.messages, 0);
    EXPECT_EQ(calls_.calls(), 0);
  }

  testing::TemporaryFolder folder_;
  TestCertificate own_ = TestCertificate::Make();
  std::string address_;  // of the service
  EchoTarget echo_{calls_};
  std::unique_ptr<RunningServer> auth_at_, target_at_;
  std::vector<std::unique_ptr<EchoClient>> clients_;
};

TEST_P(Conformance, EachCallThatHasToWaitForItsTokenCarriesIt) {
  StartTarget();
  StartCaller();
  int tokens = 0;
  ForEach([&](EchoClient& client, Shape shape) {
    ASSERT_TRUE(caller_->Logout().ok());  // drops the token
    const Outcome outcome = Call(client, shape);
    ExpectAdmitted(outcome, shape, absl::StrCat("access-", ++tokens));
    ExpectAdmitted(Call(client, shape), shape, absl::StrCat("access-", tokens));
  });
  EXPECT_EQ(auth_.issues.value(), tokens);
}

TEST_P(Conformance, WrongCredentialsAreUnauthenticatedAndNothingIsSent) {
  auth_.JudgeIssues([] { return grpc::Status(StatusCode::UNAUTHENTICATED, "BAD_CREDENTIALS: x"); });
  StartTarget();
  StartCaller();
  ForEach([&](EchoClient& client, Shape shape) {
    ExpectNotSent(Call(client, shape), StatusCode::UNAUTHENTICATED, "BAD_CREDENTIALS");
  });
}

TEST_P(Conformance, ADeadlineEndsTheWaitAndNothingIsSent) {
  auth_.gate.Shut();
  StartTarget();
  StartCaller();
  ForEach([&](EchoClient& client, Shape shape) {
    const Outcome outcome = Call(client, shape, [](grpc::ClientContext& context) {
      context.set_deadline(absl::ToChronoTime(SystemClock().Now() + absl::Milliseconds(20)));
    });
    ExpectNotSent(outcome, StatusCode::UNAVAILABLE, "AUTH_SERVER_UNAVAILABLE");
  });
}

TEST_P(Conformance, ACancellationEndsTheWaitAndNothingIsSent) {
  auth_.gate.Shut();
  StartTarget();
  StartCaller();
  int waiting = 0;
  for (size_t i = 0; i < clients_.size(); ++i) {
    for (const Shape shape : kEveryShape) {
      // A caller for each: what asks for a token is then this call. While a call is being made it
      // must not be cancelled: gRPC's own list of its interceptors is not ready for that.
      StartCaller();
      SCOPED_TRACE(::testing::Message() << clients_[i]->name() << ", shape " << int(shape));
      ++waiting;
      grpc::ClientContext context;  // outlives TryCancel, and not the call alone
      context.set_deadline(absl::ToChronoTime(SystemClock().Now() + absl::Minutes(1)));
      std::thread cancel([&] {
        EXPECT_TRUE(auth_.issues.WaitFor(waiting));
        context.TryCancel();
      });
      const Outcome outcome = clients_[i]->Call(shape, context);
      cancel.join();
      ExpectNotSent(outcome, StatusCode::CANCELLED, "");
    }
  }
}

TEST_P(Conformance, WaitForReadyWaitsForTheServiceWithItsToken) {
  StartCaller();
  std::vector<std::thread> calls;
  std::atomic<int> succeeded{0};
  ForEach([&](EchoClient& client, Shape shape) {
    calls.emplace_back([&, shape] {
      const Outcome outcome = Call(
          client, shape, [](grpc::ClientContext& context) { context.set_wait_for_ready(true); });
      if (outcome.status.ok() && outcome.messages == ReceivedIn(shape)) ++succeeded;
    });
  });
  ASSERT_TRUE(auth_.issues.WaitFor(1));
  StartTarget();
  for (std::thread& call : calls) call.join();
  EXPECT_EQ(succeeded, static_cast<int>(calls.size()));
  EXPECT_THAT(calls_.tokens(), ::testing::Each("Bearer access-1"));
  EXPECT_EQ(auth_.issues.value(), 1);
}

TEST_P(Conformance, AServiceThatIsAwayIsNotTakenForAnAuthServerThatIs) {
  StartCaller();
  ForEach([&](EchoClient& client, Shape shape) {
    ExpectNotSent(Call(client, shape), StatusCode::UNAVAILABLE, "");
    const Outcome late = Call(client, shape, [](grpc::ClientContext& context) {
      context.set_wait_for_ready(true);
      context.set_deadline(absl::ToChronoTime(SystemClock().Now() + absl::Milliseconds(20)));
    });
    // Whether the token or the service was what it last waited for depends on the machine's haste.
    if (late.status.error_code() == StatusCode::UNAVAILABLE) {
      EXPECT_EQ(ReasonOf(late.status), "AUTH_SERVER_UNAVAILABLE");
    } else {
      ExpectNotSent(late, StatusCode::DEADLINE_EXCEEDED, "");
    }
  });
}

TEST_P(Conformance, ACallOnBehalfCarriesTheOtherTokenAlone) {
  const auto kept = std::make_shared<const KeptToken>(
      KeptToken{Secret("kept-token"), clock_.Now() + absl::Minutes(5)});
  StartTarget();
  StartCaller();
  ForEach([&](EchoClient& client, Shape shape) {
    const auto with = [&](const Exchange& exchange) {
      return Call(client, shape, [&](grpc::ClientContext& context) {
        context.set_credentials(caller_->OnBehalfOf(kept, exchange));
      });
    };
    ExpectAdmitted(with({}), shape, "kept-token");
    ExpectAdmitted(with({"billing"}), shape, "exchanged-1");
  });
  EXPECT_EQ(calls_.calls(), static_cast<int>(calls_.tokens().size())) << "one token a call";
  EXPECT_EQ(auth_.exchanges.value(), 1);
  EXPECT_EQ(auth_.last_exchange().subject_token(), "kept-token");
}

INSTANTIATE_TEST_SUITE_P(Connections, Conformance,
                         ::testing::Values(Over::kTls, Over::kMutualTls, Over::kPlaintext,
                                           Over::kUnixSocket),
                         [](const auto& each) -> std::string {
                           switch (each.param) {
                             case Over::kTls:
                               return "Tls";
                             case Over::kMutualTls:
                               return "MutualTls";
                             case Over::kPlaintext:
                               return "Plaintext";
                             case Over::kUnixSocket:
                               return "UnixSocket";
                           }
                           return "Unknown";
                         });

}  // namespace
}  // namespace tessera
