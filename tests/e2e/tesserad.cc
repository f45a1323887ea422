#include "tests/e2e/tesserad.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tessera/base/random.h"

namespace tessera::testing {
namespace {

// Long enough for a sanitised program on a busy machine.
constexpr absl::Duration kStartLimit = absl::Seconds(60);
constexpr absl::Duration kCallLimit = absl::Seconds(30);

std::string AddressIn(const std::string& line) {
  const std::string key = "address=";
  const size_t begin = line.find(key);
  if (begin == std::string::npos) return "";
  const size_t from = begin + key.size();
  return line.substr(from, line.find_first_of(" \"", from) - from);
}

}  // namespace

Certificate Certificate::Make(const TemporaryFolder& folder) {
  const std::string key = folder.Path("tls.key"), certificate = folder.Path("tls.crt");
  const std::string command = absl::StrCat(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "
      "/CN=tessera-test ",
      "-addext subjectAltName=IP:127.0.0.1,DNS:localhost -keyout ", key, " -out ", certificate,
      " 2>/dev/null");
  EXPECT_EQ(std::system(command.c_str()), 0);
  return {ReadFile(certificate), ReadFile(key)};
}

Tesserad::Tesserad(Options options)
    : options_(std::move(options)),
      certificate_(Certificate::Make(folder_)),
      clock_(folder_.Path("clock")) {
  WriteFile(folder_.Path("master.key"),
            absl::StrCat("m1:", absl::Base64Escape(RandomBytes(32)), "\n"));
  WriteFile(folder_.Path("admin-password"), kAdminPassword);
  WriteConfig(options_);
}

void Tesserad::WriteConfig(const Options& options) const {
  const bool tls = options.transport == Transport::kTls;
  WriteFile(
      folder_.Path("tessera.toml"),
      absl::StrCat("[server]\nlisten = \"127.0.0.1:0\"\nplaintext = ", tls ? "false" : "true",
                   "\nreflection = \"public\"\n",
                   tls ? absl::StrCat("[server.tls]\ncertificate = \"", folder_.Path("tls.crt"),
                                      "\"\nkey = \"", folder_.Path("tls.key"), "\"\n")
                       : "",
                   "[storage]\nurl = \"sqlite:", folder_.Path("tessera.db"), "\"\n",
                   "[keys]\nmaster_key_file = \"", folder_.Path("master.key"), "\"\n",
                   "[tokens]\nissuer = \"", kIssuer, "\"\naudiences = [\"orders\", \"billing\"]\n",
                   "[passwords]\nmemory_kib = 8192\npasses = 1\n",
                   "[bootstrap]\nadmin_password_file = \"", folder_.Path("admin-password"), "\"\n",
                   options.extra_config));
}

void Tesserad::Start() {
  std::vector<std::string> argv = options_.run_under;
  argv.insert(argv.end(), {TESSERAD_WITH_CLOCK, "--config", folder_.Path("tessera.toml")});
  program_ = Program::Start(argv, {"TESSERA_TEST_CLOCK=" + folder_.Path("clock")});
  ASSERT_NE(program_, nullptr);
  address_ = AddressIn(program_->WaitForLine("server.ready", kStartLimit));
  ASSERT_NE(address_, "") << program_->Output();
}

void Tesserad::KillHard() {
  program_->Signal(SIGKILL);
  program_->Wait(absl::Seconds(10));
  program_.reset();
}

std::shared_ptr<grpc::ChannelCredentials> Tesserad::ChannelCredentials() const {
  if (options_.transport == Transport::kPlaintext) return grpc::InsecureChannelCredentials();
  return grpc::SslCredentials({certificate_.certificate_pem, "", ""});
}

std::shared_ptr<grpc::Channel> Tesserad::NewChannel() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address_, ChannelCredentials(), arguments);
}

v1::TokenGrant Tesserad::Login(const std::string& username, const std::string& password,
                               const std::string& audience) {
  v1::LoginRequest request;
  request.set_username(username);
  request.set_password(password);
  request.set_audience(audience);
  v1::LoginResponse response;
  const grpc::Status status = Auth()->Login(ContextWith({}).get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response.grant();
}

std::string Tesserad::AddUser(const std::string& username, const std::string& password,
                              const std::vector<std::string>& roles) {
  const std::string admin = LoginAdmin().access_token();
  v1::CreateUserRequest create;
  create.mutable_user()->set_username(username);
  create.set_password(password);
  v1::CreateUserResponse created;
  grpc::Status status = Users()->CreateUser(ContextWith({admin}).get(), create, &created);
  EXPECT_TRUE(status.ok()) << status.error_message();
  for (const std::string& role : roles) {
    v1::GrantRoleRequest grant;
    grant.set_role(role);
    grant.set_user_id(created.user().id());
    v1::GrantRoleResponse granted;
    status = Users()->GrantRole(ContextWith({admin}).get(), grant, &granted);
    EXPECT_TRUE(status.ok()) << status.error_message();
  }
  return created.user().id();
}

void Tesserad::AddRole(const std::string& name, const std::vector<std::string>& audiences) {
  v1::CreateRoleRequest request;
  request.mutable_role()->set_name(name);
  for (const std::string& audience : audiences) request.mutable_role()->add_audiences(audience);
  v1::CreateRoleResponse response;
  const grpc::Status status =
      Users()->CreateRole(ContextWith({LoginAdmin().access_token()}).get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
}

std::unique_ptr<grpc::ClientContext> ContextWith(const std::vector<std::string>& tokens) {
  auto context = std::make_unique<grpc::ClientContext>();
  for (const std::string& token : tokens) context->AddMetadata("authorization", "Bearer " + token);
  context->set_deadline(absl::ToChronoTime(SystemClock().Now() + kCallLimit));
  return context;
}

}  // namespace tessera::testing
