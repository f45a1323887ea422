#include "tests/bench/processes.h"

#include <stdexcept>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tessera/base/clock.h"
#include "tessera/base/random.h"
#include "tessera/v1/user_service.grpc.pb.h"

namespace tessera::bench {
namespace {

using testing::Program;

constexpr absl::Duration kStartLimit = absl::Seconds(60);
constexpr absl::Duration kCallLimit = absl::Seconds(30);

std::string AddressIn(const std::string& line) {
  const std::string key = "address=";
  const size_t begin = line.find(key);
  if (begin == line.npos) return "";
  const size_t from = begin + key.size();
  return line.substr(from, line.find_first_of(" \"", from) - from);
}

// The log goes to a file: reading a pipe would cost this process what the server is measured by.
std::vector<std::string> LoggingTo(const std::string& log, std::vector<std::string> argv) {
  std::vector<std::string> shell = {"/bin/sh", "-c", "log=$1; shift; exec \"$@\" 2>\"$log\"", "sh",
                                    log};
  shell.insert(shell.end(), argv.begin(), argv.end());
  return shell;
}

std::string WaitForAddress(Program& program, const std::string& log) {
  const absl::Duration end = SystemClock().Monotonic() + kStartLimit;
  while (SystemClock().Monotonic() < end && program.Wait(absl::Milliseconds(5)) == -1) {
    const std::string text = testing::ReadFile(log);
    const size_t ready = text.find("server.ready");
    const size_t line_end = ready == text.npos ? text.npos : text.find('\n', ready);
    if (line_end != text.npos) return AddressIn(text.substr(ready, line_end - ready));
  }
  throw std::runtime_error("tesserad did not start: " + testing::ReadFile(log));
}

std::string ConfigFor(const TesseradFiles& files, const Database& database, HashCost cost) {
  return absl::StrCat(
      "[server]\nlisten = \"127.0.0.1:0\"\nplaintext = true\n", "[storage]\n", database.Config(),
      "[keys]\nmaster_key_file = \"", files.master_key(), "\"\n", "[tokens]\nissuer = \"", kIssuer,
      "\"\naudiences = [\"", kAudience, "\"]\n",
      cost == HashCost::kLeast ? "[passwords]\nmemory_kib = 8192\npasses = 1\n" : "",
      "[bootstrap]\nadmin_password_file = \"", files.admin_password(), "\"\n");
}

std::string NameOf(EchoServer::Processor processor) {
  switch (processor) {
    case EchoServer::Processor::kNone:
      return "none";
    case EchoServer::Processor::kAdmitAll:
      return "admit";
    case EchoServer::Processor::kIdle:
      return "idle";
  }
  return "none";
}

}  // namespace

TesseradFiles::TesseradFiles() {
  folder_.Write("master.key", absl::StrCat("m1:", absl::Base64Escape(RandomBytes(32)), "\n"));
  folder_.Write("admin-password", kAdminPassword);
}

Tesserad::Tesserad(const TesseradFiles& files, const Database& database, HashCost cost) {
  const std::string config = folder_.Write("tessera.toml", ConfigFor(files, database, cost));
  const std::string log = folder_.Path("log");
  program_ = Program::Start(LoggingTo(log, {TESSERAD, "--config", config}));
  if (program_ == nullptr) throw std::runtime_error("tesserad cannot be started");
  address_ = WaitForAddress(*program_, log);
}

std::shared_ptr<grpc::Channel> Tesserad::NewChannel() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address_, grpc::InsecureChannelCredentials(), arguments);
}

v1::TokenGrant Tesserad::Login(const std::string& username, const std::string& audience) const {
  v1::LoginRequest request;
  request.set_username(username);
  request.set_password(kAdminPassword);
  request.set_audience(audience);
  v1::LoginResponse response;
  Check(Auth()->Login(ContextWith("").get(), request, &response), "Login");
  return response.grant();
}

void Tesserad::AddUser(const std::string& username, const std::vector<std::string>& roles) const {
  const std::string admin = LoginAdmin("").access_token();
  const auto users = v1::UserService::NewStub(NewChannel());
  v1::CreateUserRequest create;
  create.mutable_user()->set_username(username);
  create.set_password(kAdminPassword);
  v1::CreateUserResponse created;
  Check(users->CreateUser(ContextWith(admin).get(), create, &created), "CreateUser");
  for (const std::string& role : roles) {
    v1::GrantRoleRequest grant;
    grant.set_role(role);
    grant.set_user_id(created.user().id());
    v1::GrantRoleResponse granted;
    Check(users->GrantRole(ContextWith(admin).get(), grant, &granted), "GrantRole");
  }
}

std::string Tesserad::AddFeedReader() const {
  v1::CreateServiceAccountRequest create;
  create.mutable_service_account()->set_name("feed");
  create.mutable_service_account()->add_roles("tessera.guard");
  create.mutable_service_account()->add_audiences("tessera");
  v1::CreateServiceAccountResponse created;
  const std::string admin = LoginAdmin("").access_token();
  Check(v1::UserService::NewStub(NewChannel())
            ->CreateServiceAccount(ContextWith(admin).get(), create, &created),
        "CreateServiceAccount");
  return created.secret();
}

EchoServer::EchoServer(Processor processor) { Start({"--processor", NameOf(processor)}); }

EchoServer::EchoServer(const std::string& feed_secret, const Tesserad& tesserad) {
  Start({"--processor", "guard", "--tesserad", tesserad.address(), "--issuer", kIssuer,
         "--audience", kAudience, "--feed-secret-file", folder_.Write("feed-secret", feed_secret)});
}

void EchoServer::Start(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), BENCH_ECHO);
  program_ = Program::Start(arguments);
  if (program_ == nullptr) throw std::runtime_error("bench_echo cannot be started");
  address_ = AddressIn(program_->WaitForLine("ready", kStartLimit));
  if (address_.empty()) throw std::runtime_error("bench_echo: " + program_->Output());
}

Loader::Loader(const LoadPlan& plan) {
  const std::string file = folder_.Write("plan", ToJson(plan));
  const double slices = plan.rounds * static_cast<double>(plan.targets.size());
  limit_ = absl::Seconds(slices * (plan.warm_up_seconds + plan.seconds)) + absl::Seconds(120);
  program_ = Program::Start({BENCH_LOAD, file, folder_.Path("results")});
  if (program_ == nullptr) throw std::runtime_error("bench_load cannot be started");
}

std::vector<LoadResult> Loader::Results() {
  if (program_->Wait(limit_) != 0) throw std::runtime_error("bench_load: " + program_->Output());
  return LoadResultsFrom(folder_.Read("results"));
}

std::unique_ptr<grpc::ClientContext> ContextWith(const std::string& token) {
  auto context = std::make_unique<grpc::ClientContext>();
  if (!token.empty()) context->AddMetadata("authorization", "Bearer " + token);
  context->set_deadline(absl::ToChronoTime(SystemClock().Now() + kCallLimit));
  return context;
}

void Check(const grpc::Status& status, const std::string& what) {
  if (!status.ok()) throw std::runtime_error(what + ": " + status.error_message());
}

}  // namespace tessera::bench
