#include "tests/e2e/tesserad.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tessera/base/random.h"

namespace tessera::testing {
namespace {

// Long enough for a sanitised program on a busy machine.
constexpr absl::Duration kStartLimit = absl::Seconds(60);
constexpr absl::Duration kStopLimit = absl::Seconds(60);
constexpr absl::Duration kCallLimit = absl::Seconds(30);
// Tests move the clock; the database's stays.
constexpr char kClockMayBeOff[] = "3650d";

std::string AddressIn(const std::string& line) {
  const std::string key = "address=";
  const size_t begin = line.find(key);
  if (begin == std::string::npos) return "";
  const size_t from = begin + key.size();
  return line.substr(from, line.find_first_of(" \"", from) - from);
}

Tesserad::Options WithInstallation(Tesserad::Options options) {
  if (options.installation == nullptr) options.installation = std::make_shared<Installation>();
  return options;
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

Installation::Installation(MariaDbDatabase* on)
    : database(on), certificate(Certificate::Make(folder)) {
  folder.Write("master.key", absl::StrCat("m1:", absl::Base64Escape(RandomBytes(32)), "\n"));
  folder.Write("admin-password", Tesserad::kAdminPassword);
  if (database != nullptr) folder.Write("database-password", database->password());
}

Tesserad::Tesserad(Options options)
    : options_(WithInstallation(std::move(options))),
      clock_file_(options_.own_clock ? folder_.Path("clock") : options_.installation->ClockFile()),
      clock_(clock_file_) {
  if (options_.port != 0) address_ = absl::StrCat("127.0.0.1:", options_.port);
  WriteConfig();
}

std::string Tesserad::ServerConfig() const {
  const bool tls = options_.transport == Transport::kTls;
  const TemporaryFolder& shared = options_.installation->folder;
  std::string config =
      absl::StrCat("[server]\nlisten = \"127.0.0.1:", options_.port,
                   "\"\nplaintext = ", tls ? "false" : "true", "\nreflection = \"public\"\n");
  if (tls) {
    absl::StrAppend(&config, "[server.tls]\ncertificate = \"", shared.Path("tls.crt"),
                    "\"\nkey = \"", shared.Path("tls.key"), "\"\n");
  }
  return config;
}

std::string Tesserad::StorageConfig() const {
  const MariaDbDatabase* const database = options_.installation->database;
  if (database == nullptr) {
    return absl::StrCat("[storage]\nurl = \"sqlite:", folder_.Path("tessera.db"), "\"\n");
  }
  std::string config =
      absl::StrCat("[storage]\nurl = \"", database->url(), "\"\npassword_file = \"",
                   options_.installation->folder.Path("database-password"),
                   "\"\nmax_clock_difference = \"", kClockMayBeOff, "\"\n");
  const std::string ca = database->options().tls_ca;
  if (!ca.empty()) absl::StrAppend(&config, "tls_ca = \"", ca, "\"\n");
  return config;
}

void Tesserad::WriteConfig() const {
  const TemporaryFolder& shared = options_.installation->folder;
  folder_.Write("tessera.toml",
                absl::StrCat(ServerConfig(), StorageConfig(), "[keys]\nmaster_key_file = \"",
                             shared.Path("master.key"), "\"\n[tokens]\nissuer = \"", kIssuer,
                             "\"\naudiences = [\"orders\", \"billing\"]\n",
                             "[passwords]\nmemory_kib = 8192\npasses = 1\n",
                             "[bootstrap]\nadmin_password_file = \"", shared.Path("admin-password"),
                             "\"\n", options_.extra_config));
}

std::vector<std::string> Tesserad::command() const {
  return {TESSERAD_WITH_CLOCK, "--config", folder_.Path("tessera.toml")};
}

std::vector<std::string> Tesserad::environment() const {
  std::vector<std::string> environment = options_.environment;
  environment.push_back("TESSERA_TEST_CLOCK=" + clock_file_);
  return environment;
}

void Tesserad::Start() {
  ASSERT_NO_FATAL_FAILURE(Launch());
  AwaitReady();
}

void Tesserad::Launch() {
  std::vector<std::string> argv = options_.run_under;
  for (const std::string& word : command()) argv.push_back(word);
  program_ = Program::Start(argv, environment());
  ASSERT_NE(program_, nullptr);
}

void Tesserad::AwaitReady() {
  address_ = AddressIn(program_->WaitForLine("server.ready", kStartLimit));
  ASSERT_NE(address_, "") << program_->Output();
}

void Tesserad::Stop() {
  program_->Signal(SIGTERM);
  EXPECT_EQ(program_->Wait(kStopLimit), 0) << program_->Output();
  program_.reset();
}

void Tesserad::KillHard() {
  program_->Signal(SIGKILL);
  program_->Wait(absl::Seconds(10));
  program_.reset();
}

std::shared_ptr<grpc::ChannelCredentials> Tesserad::ChannelCredentials() const {
  if (options_.transport == Transport::kPlaintext) return grpc::InsecureChannelCredentials();
  return grpc::SslCredentials({certificate().certificate_pem, "", ""});
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

Tesserad::Service Tesserad::AddService(const NewService& service) {
  v1::CreateServiceAccountRequest request;
  v1::ServiceAccount& account = *request.mutable_service_account();
  account.set_name(service.name);
  account.mutable_roles()->Assign(service.roles.begin(), service.roles.end());
  account.mutable_audiences()->Assign(service.audiences.begin(), service.audiences.end());
  account.mutable_scopes()->Assign(service.scopes.begin(), service.scopes.end());
  v1::CreateServiceAccountResponse response;
  const grpc::Status status = Users()->CreateServiceAccount(
      ContextWith({LoginAdmin().access_token()}).get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return {response.service_account().id(), response.secret()};
}

std::string Tesserad::FeedSecret() {
  MutexLock lock(feed_mu_);
  if (feed_secret_.empty()) {
    // Replicas share their accounts.
    const std::string name = absl::StrCat("feed-", RandomBelow(1'000'000'000));
    feed_secret_ = AddService({name, {"tessera.guard"}, {"tessera"}}).secret;
  }
  return feed_secret_;
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
