// A guard does not start what it cannot guard, and says what that is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/guard/held_keys.h"
#include "tests/guard/world.h"

namespace tessera::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class Forgetful final : public echo::Forgetful::Service {};

class StartTest : public ::testing::Test {
 protected:
  StartTest() : guard_(Make()), record_(*guard_), service_(MakeEcho(Api::kSync, record_)) {}

  GuardOptions Options() {
    GuardOptions options;
    options.issuer = kIssuer;
    options.audience = kAudience;
    options.keys = KeysInHand(SetOf({NewKey()}));
    options.revocations = WithoutRevocations();
    options.clock = &clock_;
    return options;
  }
  std::unique_ptr<Guard> Make() {
    auto guard = Guard::Create(Options());
    EXPECT_TRUE(guard.ok()) << guard.status();
    return *std::move(guard);
  }
  std::string Problem(grpc::ServerBuilder& builder) {
    const auto server = guard_->Start(builder);
    EXPECT_EQ(server.status().code(), absl::StatusCode::kFailedPrecondition);
    return std::string(server.status().message());
  }

  FakeClock clock_;
  std::unique_ptr<Guard> guard_;
  EchoRecord record_;
  std::unique_ptr<grpc::Service> service_;
};

TEST_F(StartTest, NamesEachUnguardedPort) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", guard_->Plaintext());
  builder.AddListeningPort("127.0.0.1:7001", grpc::InsecureServerCredentials());
  builder.AddListeningPort("127.0.0.1:7002", Make()->Plaintext());  // another guard's
  builder.RegisterService(service_.get());
  EXPECT_THAT(Problem(builder), AllOf(HasSubstr("127.0.0.1:7001"), HasSubstr("127.0.0.1:7002"),
                                      Not(HasSubstr("127.0.0.1:0"))));
}

TEST_F(StartTest, NamesEachMethodWithoutARule) {
  Forgetful forgetful;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", guard_->Plaintext());
  builder.RegisterService(service_.get());
  builder.RegisterService(&forgetful);
  EXPECT_THAT(Problem(builder), AllOf(HasSubstr("/tessera.test.guard.Forgetful/Forgotten"),
                                      Not(HasSubstr("Remembered")), Not(HasSubstr("Echo"))));
}

TEST_F(StartTest, NamesPortsAndMethodsTogether) {
  Forgetful forgetful;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:7001", grpc::InsecureServerCredentials());
  builder.RegisterService(&forgetful);
  EXPECT_THAT(Problem(builder), AllOf(HasSubstr("127.0.0.1:7001"), HasSubstr("Forgotten")));
}

TEST_F(StartTest, RefusesAServerWithoutPorts) {
  grpc::ServerBuilder builder;
  builder.RegisterService(service_.get());
  EXPECT_THAT(Problem(builder), HasSubstr("port"));
}

TEST_F(StartTest, RefusesExternalConnectionAcceptors) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", guard_->Plaintext());
  const auto acceptor = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      grpc::InsecureServerCredentials());
  builder.RegisterService(service_.get());
  EXPECT_THAT(Problem(builder), HasSubstr("acceptor"));
}

TEST_F(StartTest, RefusesMethodsWhoseNamesItCannotSee) {
  echo::Echo::WithGenericMethod_Say<echo::Echo::Service> generic;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", guard_->Plaintext());
  builder.RegisterService(&generic);
  EXPECT_THAT(Problem(builder), HasSubstr("generic"));
}

TEST_F(StartTest, StartsOneServerOnly) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", guard_->Plaintext());
  builder.RegisterService(service_.get());
  const auto server = guard_->Start(builder);
  ASSERT_TRUE(server.ok()) << server.status();
  grpc::ServerBuilder second;
  second.AddListeningPort("127.0.0.1:0", guard_->Plaintext());
  EXPECT_THAT(Problem(second), HasSubstr("started"));
}

TEST_F(StartTest, APortThatIsTakenIsUnavailableAndTheGuardMayTryAgain) {
  int port = 0;
  grpc::ServerBuilder taken;
  taken.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  taken.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  auto other = taken.BuildAndStart();
  const std::string address = "127.0.0.1:" + std::to_string(port);
  {
    grpc::ServerBuilder builder;
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddListeningPort(address, guard_->Plaintext());
    builder.RegisterService(service_.get());
    const auto server = guard_->Start(builder);
    EXPECT_EQ(server.status().code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(server.status().message()), HasSubstr(address));
  }
  // gRPC marks a service as registered for good: a new one.
  const auto service = MakeEcho(Api::kCallback, record_);
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", guard_->Plaintext());
  builder.RegisterService(service.get());
  EXPECT_TRUE(guard_->Start(builder).ok());
}

TEST_F(StartTest, AServerThatItsGuardDidNotStartRefusesEverything) {
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", guard_->Plaintext(), &port);
  builder.RegisterService(service_.get());
  const auto server = builder.BuildAndStart();
  const auto stub = echo::Echo::NewStub(
      grpc::CreateChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  echo::EchoResponse response;
  const grpc::Status status = stub->Open(&context, echo::EchoRequest(), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(ReasonIn(status), "METHOD_UNRULED");
  EXPECT_EQ(record_.entered(), 0);
}

// Counts the calls that it sees.
class Counting final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit Counting(std::atomic<int>& seen) : seen_(seen) {}
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo*) override {
    ++seen_;
    return nullptr;
  }

 private:
  std::atomic<int>& seen_;
};

TEST_F(StartTest, TheServicesOwnInterceptorsRunBesideTheGuards) {
  std::atomic<int> seen{0};
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> own;
  own.push_back(std::make_unique<Counting>(seen));
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", guard_->Plaintext(), &port);
  builder.RegisterService(service_.get());
  const auto server = guard_->Start(builder, std::move(own));
  ASSERT_TRUE(server.ok()) << server.status();
  const auto stub = echo::Echo::NewStub(
      grpc::CreateChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  echo::EchoResponse response;
  EXPECT_TRUE(stub->Open(&context, echo::EchoRequest(), &response).ok());
  EXPECT_EQ(seen, 1);
}

TEST_F(StartTest, AnUnguardedContextHasAnAnonymousPrincipal) {
  grpc::ServerContext context;
  EXPECT_EQ(guard_->PrincipalOf(context)->kind, PrincipalKind::kAnonymous);
}

TEST_F(StartTest, CreateNamesTheOptionThatIsMissingOrOutOfBounds) {
  const std::vector<std::pair<std::function<void(GuardOptions&)>, std::string>> cases = {
      {[](GuardOptions& options) { options.issuer = ""; }, "issuer"},
      {[](GuardOptions& options) { options.audience = ""; }, "audience"},
      {[](GuardOptions& options) { options.keys = nullptr; }, "keys"},
      {[](GuardOptions& options) { options.revocations = nullptr; }, "revocations"},
      {[](GuardOptions& options) { options.leeway = absl::Seconds(61); }, "leeway"},
      {[](GuardOptions& options) { options.leeway = -absl::Seconds(1); }, "leeway"},
      {[](GuardOptions& options) { options.max_park = absl::ZeroDuration(); }, "max_park"},
      {[](GuardOptions& options) { options.clock = nullptr; }, "clock"},
      {[](GuardOptions& options) { options.log = nullptr; }, "log"},
  };
  for (const auto& [change, word] : cases) {
    GuardOptions options = Options();
    change(options);
    const auto guard = Guard::Create(options);
    EXPECT_EQ(guard.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(guard.status().message()), HasSubstr(word));
  }
}

TEST_F(StartTest, WaitUntilReadyNamesWhatIsMissing) {
  GuardOptions options = Options();
  const auto keys = std::make_shared<HeldKeys>();
  const auto view = std::make_shared<RevocationView>(clock_);
  options.keys = keys;
  options.revocations = RevocationsFromView(view);
  const auto guard = *Guard::Create(options);
  absl::Status status = guard->WaitUntilReady(absl::Milliseconds(10));
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("keys"), HasSubstr("revocations")));
  EXPECT_EQ(keys->fetches(), 1);
  view->MarkCurrent();
  status = guard->WaitUntilReady(absl::Milliseconds(10));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("revocations")));
  keys->Set(SetOf({NewKey()}));
  EXPECT_TRUE(guard->WaitUntilReady(absl::Milliseconds(10)).ok());
}

TEST_F(StartTest, TlsNamesTheFileThatCannotBeRead) {
  const auto credentials = guard_->Tls({"/nowhere/certificate.pem", "/nowhere/key.pem", ""});
  EXPECT_EQ(credentials.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(credentials.status().message()), HasSubstr("/nowhere/certificate.pem"));
}

class TlsTest : public StartTest {
 protected:
  TlsTest()
      : folder_(std::filesystem::temp_directory_path() /
                ("guard_tls_" + RandomId("", clock_.Now()))) {
    std::filesystem::create_directory(folder_);
  }
  ~TlsTest() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = (folder_ / name).string();
    // Whole files only: another moment's half would be read as such.
    std::ofstream(path + ".new") << text;
    std::filesystem::rename(path + ".new", path);
    return path;
  }
  Guard::TlsFiles WriteAll(const TlsMaterial& material) {
    return {Write("certificate.pem", material.certificate), Write("key.pem", material.key), ""};
  }
  static grpc::Status CallWith(int port, const grpc::SslCredentialsOptions& options) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto stub = echo::Echo::NewStub(grpc::CreateCustomChannel(
        "127.0.0.1:" + std::to_string(port), grpc::SslCredentials(options), arguments));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
    echo::EchoResponse response;
    return stub->Open(&context, echo::EchoRequest(), &response);
  }
  static grpc::Status CallTrusting(int port, const std::string& certificate) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = certificate;
    return CallWith(port, options);
  }

  const std::filesystem::path folder_;
};

TEST_F(TlsTest, CertificatesAreReadAgainWhenTheFilesChange) {
  const TlsMaterial first = MakeTlsMaterial();
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", *guard_->Tls(WriteAll(first)), &port);
  builder.RegisterService(service_.get());
  const auto server = guard_->Start(builder);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_TRUE(CallTrusting(port, first.certificate).ok());
  const TlsMaterial second = MakeTlsMaterial();
  WriteAll(second);
  EXPECT_TRUE(Eventually([&] { return CallTrusting(port, second.certificate).ok(); }));
  EXPECT_FALSE(CallTrusting(port, first.certificate).ok());
}

class ClientCaTest : public TlsTest {
 protected:
  // On a port that asks for certificates of `client`.
  void Start(const TlsMaterial& client) {
    Guard::TlsFiles files = WriteAll(material_);
    files.client_ca = Write("client_ca.pem", client.certificate);
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", *guard_->Tls(files), &port_);
    builder.RegisterService(service_.get());
    auto server = guard_->Start(builder);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  grpc::Status CallShowing(const TlsMaterial& client) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = material_.certificate;
    options.pem_private_key = client.key;
    options.pem_cert_chain = client.certificate;
    return CallWith(port_, options);
  }

  const TlsMaterial material_ = MakeTlsMaterial();
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(ClientCaTest, OnlyItsCertificatesConnect) {
  const TlsMaterial client = MakeTlsMaterial();
  ASSERT_NO_FATAL_FAILURE(Start(client));
  EXPECT_FALSE(CallTrusting(port_, material_.certificate).ok());
  const grpc::Status status = CallShowing(client);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_FALSE(CallShowing(MakeTlsMaterial()).ok());
}

// The way to shut out whom an authority has signed for that is not to be trusted any more.
TEST_F(ClientCaTest, IsReadAgainWhenTheFileChanges) {
  const TlsMaterial first = MakeTlsMaterial();
  const TlsMaterial second = MakeTlsMaterial();
  ASSERT_NO_FATAL_FAILURE(Start(first));
  EXPECT_TRUE(CallShowing(first).ok());
  EXPECT_FALSE(CallShowing(second).ok());
  Write("client_ca.pem", second.certificate);
  EXPECT_TRUE(Eventually([&] { return CallShowing(second).ok(); }));
  EXPECT_FALSE(CallShowing(first).ok());
}

}  // namespace
}  // namespace tessera::testing
