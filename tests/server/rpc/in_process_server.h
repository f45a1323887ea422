// A whole tesserad in this process: on the engine under test, a random loopback port, a clock that
// the test moves.
#ifndef TESSERA_TESTS_SERVER_RPC_IN_PROCESS_SERVER_H_
#define TESSERA_TESTS_SERVER_RPC_IN_PROCESS_SERVER_H_

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "server/server.h"
#include "tessera/base/random.h"
#include "tessera/caller/reason.h"
#include "tessera/v1/auth_service.grpc.pb.h"
#include "tessera/v1/user_service.grpc.pb.h"
#include "tests/base/fake_clock.h"
#include "tests/base/temporary_folder.h"
#include "tests/mariadb/database_under_test.h"

namespace tessera::server {

enum class Transport { kPlaintext, kTls };

inline constexpr char kAdminPassword[] = "correct horse battery";

class InProcessServer {
 public:
  explicit InProcessServer(Transport transport = Transport::kPlaintext) : transport_(transport) {
    config_.server.listen = "127.0.0.1:0";
    config_.server.reflection = Reflection::kPublic;
    config_.server.plaintext = transport == Transport::kPlaintext;
    if (transport == Transport::kTls) MakeCertificate();
    config_.storage.url = database_.url();
    config_.storage.password_file = database_.password_file();
    config_.storage.max_clock_difference = absl::InfiniteDuration();  // the test's clock is its own
    config_.keys.master_key_file =
        folder_.Write("master", "m1:" + absl::Base64Escape(RandomBytes(32)) + "\n");
    config_.tokens.issuer = "https://tessera.test";
    config_.tokens.audiences = {"orders"};
    config_.passwords.memory_kib = 8192;
    config_.passwords.passes = 1;
    config_.bootstrap.admin_password_file = folder_.Write("pw", kAdminPassword);
  }

  // Change it before Start.
  Config& config() { return config_; }

  absl::Status TryStart() {
    auto server = Server::Create(config_, clock_, NoLog());
    if (!server.ok()) return server.status();
    server_ = *std::move(server);
    return absl::OkStatus();
  }
  void Start() {
    const absl::Status started = TryStart();
    ASSERT_TRUE(started.ok()) << started;
  }

  // As the program's restart: the same files, another port.
  void Restart() {
    server_.reset();
    Start();
  }

  Server& server() { return *server_; }
  testing::FakeClock& clock() { return clock_; }

  std::shared_ptr<grpc::Channel> Channel() const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    auto credentials = transport_ == Transport::kTls
                           ? grpc::SslCredentials({folder_.Read("tls.crt"), "", ""})
                           : grpc::InsecureChannelCredentials();
    return grpc::CreateCustomChannel(server_->address(), credentials, arguments);
  }
  std::unique_ptr<v1::AuthService::Stub> Auth() const {
    return v1::AuthService::NewStub(Channel());
  }
  std::unique_ptr<v1::UserService::Stub> Users() const {
    return v1::UserService::NewStub(Channel());
  }

  v1::TokenGrant Login(const std::string& username, const std::string& password,
                       const std::string& audience = "") {
    v1::LoginRequest request;
    request.set_username(username);
    request.set_password(password);
    request.set_audience(audience);
    v1::LoginResponse response;
    grpc::ClientContext context;
    const grpc::Status status = Auth()->Login(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.grant();
  }
  v1::TokenGrant LoginAdmin(const std::string& audience = "") {
    return Login("admin", kAdminPassword, audience);
  }
  // A user with the role, if one is given; the id.
  std::string AddUser(const std::string& name, const std::string& password,
                      const std::string& role = "");
  // A service account that may ask for tokens for tesserad itself; its secret.
  std::string AddService(const std::string& name, const std::vector<std::string>& roles = {});
  // A service account's token for tesserad itself.
  std::string IssueToken(const std::string& secret);

 private:
  void MakeCertificate() {
    const std::string command =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "
        "/CN=tessera-test -addext subjectAltName=IP:127.0.0.1 -keyout " +
        folder_.Path("tls.key") + " -out " + folder_.Path("tls.crt") + " 2>/dev/null";
    EXPECT_EQ(std::system(command.c_str()), 0);
    config_.server.tls = {folder_.Path("tls.crt"), folder_.Path("tls.key"), ""};
  }

  const Transport transport_;
  testing::TemporaryFolder folder_;
  testing::DatabaseUnderTest database_;
  testing::FakeClock clock_;
  Config config_;
  std::unique_ptr<Server> server_;
};

// A context with the token, if there is one.
inline std::unique_ptr<grpc::ClientContext> With(const std::string& token) {
  auto context = std::make_unique<grpc::ClientContext>();
  if (!token.empty()) context->AddMetadata("authorization", "Bearer " + token);
  return context;
}

inline std::string InProcessServer::AddUser(const std::string& name, const std::string& password,
                                            const std::string& role) {
  const std::string admin = LoginAdmin().access_token();
  v1::CreateUserRequest create;
  create.mutable_user()->set_username(name);
  create.set_password(password);
  v1::CreateUserResponse created;
  grpc::Status status = Users()->CreateUser(With(admin).get(), create, &created);
  EXPECT_TRUE(status.ok()) << status.error_message();
  if (role.empty()) return created.user().id();
  v1::GrantRoleRequest grant;
  grant.set_role(role);
  grant.set_user_id(created.user().id());
  v1::GrantRoleResponse granted;
  status = Users()->GrantRole(With(admin).get(), grant, &granted);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return created.user().id();
}

inline std::string InProcessServer::AddService(const std::string& name,
                                               const std::vector<std::string>& roles) {
  v1::CreateServiceAccountRequest create;
  create.mutable_service_account()->set_name(name);
  create.mutable_service_account()->add_audiences("tessera");
  for (const std::string& role : roles) create.mutable_service_account()->add_roles(role);
  v1::CreateServiceAccountResponse created;
  const grpc::Status status =
      Users()->CreateServiceAccount(With(LoginAdmin().access_token()).get(), create, &created);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return created.secret();
}

inline std::string InProcessServer::IssueToken(const std::string& secret) {
  v1::IssueTokenRequest request;
  request.set_secret(secret);
  v1::IssueTokenResponse response;
  const grpc::Status status = Auth()->IssueToken(With("").get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response.access_token();
}

}  // namespace tessera::server

#endif  // TESSERA_TESTS_SERVER_RPC_IN_PROCESS_SERVER_H_
