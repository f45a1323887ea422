#include "tessera/guard/guard.h"

#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tessera/base/mutex.h"
#include "tessera/base/status_macros.h"
#include "tessera/guard/core.h"
#include "tessera/guard/guarded_credentials.h"
#include "tessera/guard/interceptor.h"
#include "tessera/guard/rule_book.h"
#include "tessera/guard/server_survey.h"

namespace tessera {
namespace {

using Interceptors =
    std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>;

constexpr absl::Duration kMaxPark = absl::Minutes(1);
constexpr absl::Duration kReadyPoll = absl::Milliseconds(20);
constexpr absl::Duration kFetchRetry = absl::Milliseconds(200);

// RFC 6265's cookie-name, a token of RFC 9110.
bool IsCookieName(std::string_view name) {
  constexpr std::string_view kSymbols = "!#$%&'*+-.^_`|~";
  return std::all_of(name.begin(), name.end(), [&](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || kSymbols.find(c) != kSymbols.npos;
  });
}

// As a browser writes it: a scheme and a host, and no path. `*` and `null` are anybody's.
bool IsOrigin(const std::string& origin) {
  const size_t host = origin.find("://") + 3;
  return origin.find("://") != origin.npos && host > 3 && host < origin.size() &&
         origin.find_first_of("/*, ", host) == origin.npos;
}

absl::Status CheckCookie(const TokenCookie& cookie) {
  if (cookie.name.empty()) {
    if (cookie.allowed_origins.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError("cookie.allowed_origins are given, but no cookie.name");
  }
  if (!IsCookieName(cookie.name)) return absl::InvalidArgumentError("cookie.name is not one");
  if (cookie.allowed_origins.empty()) {
    return absl::InvalidArgumentError("cookie.allowed_origins are missing");
  }
  for (const std::string& origin : cookie.allowed_origins) {
    if (!IsOrigin(origin)) {
      return absl::InvalidArgumentError(
          absl::StrCat("cookie.allowed_origins: ", origin, " is not like https://shop.example"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckOptions(const GuardOptions& options) {
  if (options.issuer.empty()) return absl::InvalidArgumentError("issuer is missing");
  if (options.audience.empty()) return absl::InvalidArgumentError("audience is missing");
  if (options.keys == nullptr) return absl::InvalidArgumentError("keys are missing");
  if (options.revocations == nullptr) {
    return absl::InvalidArgumentError(
        "revocations are missing; WithoutRevocations() does without them");
  }
  TESSERA_RETURN_IF_ERROR(CheckCookie(options.cookie));
  if (options.leeway < absl::ZeroDuration() || options.leeway > kMaxLeeway) {
    return absl::InvalidArgumentError("leeway is outside 0 to 60 s");
  }
  if (options.max_park <= absl::ZeroDuration() || options.max_park > kMaxPark) {
    return absl::InvalidArgumentError("max_park is outside 0 to 60 s");
  }
  if (options.clock == nullptr) return absl::InvalidArgumentError("clock is missing");
  if (options.log == nullptr) return absl::InvalidArgumentError("log is missing");
  return absl::OkStatus();
}

// Keys are fetched while somebody waits for them; the callback may come after the wait.
class KeyWait {
 public:
  explicit KeyWait(KeySource& keys) : keys_(keys) {}

  void FetchIfIdle(absl::Duration now) {
    {
      MutexLock lock(state_->mu);
      if (state_->fetching || now < next_fetch_) return;
      state_->fetching = true;
    }
    next_fetch_ = now + kFetchRetry;
    keys_.Fetch([state = state_](const absl::Status&) {
      MutexLock lock(state->mu);
      state->fetching = false;
      state->changed.NotifyAll();
    });
  }
  void Pause(absl::Duration limit) {
    MutexLock lock(state_->mu);
    state_->changed.WaitFor(state_->mu, limit);
  }

 private:
  struct State {
    Mutex mu;
    CondVar changed;
    bool fetching ABSL_GUARDED_BY(mu) = false;
  };
  KeySource& keys_;
  absl::Duration next_fetch_ = -absl::InfiniteDuration();
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

class GuardImpl final : public Guard {
 public:
  GuardImpl(GuardOptions options, TokenVerifier verifier)
      : core_(std::make_shared<guard::Core>(std::move(options), std::move(verifier))) {}
  ~GuardImpl() override { core_->Close(); }

  absl::Status WaitUntilReady(absl::Duration limit) override;

  std::shared_ptr<grpc::ServerCredentials> Plaintext() override {
    return guard::MakePlaintext(core_);
  }
  std::shared_ptr<grpc::ServerCredentials> Local(grpc_local_connect_type type) override {
    return guard::MakeLocal(type, core_);
  }
  std::shared_ptr<grpc::ServerCredentials> Ssl(
      const grpc::SslServerCredentialsOptions& options) override {
    return guard::MakeSsl(options, core_);
  }
  absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> Tls(const TlsFiles& files) override {
    return guard::MakeTls(files, core_);
  }

  absl::Status Protect(const std::shared_ptr<grpc::ServerCredentials>& credentials,
                       ClientCertificates certificates) override {
    return guard::ProtectCredentials(credentials, certificates, core_);
  }

  absl::StatusOr<std::unique_ptr<grpc::Server>> Start(grpc::ServerBuilder& builder,
                                                      Interceptors interceptors) override;

  void Drain() override { core_->parking().Drain(); }

  std::shared_ptr<const Principal> PrincipalOf(
      const grpc::ServerContextBase& context) const override {
    auto principal = core_->principals().Find(&context);
    return principal != nullptr ? principal : guard::AnonymousPrincipal();
  }

  Explanation Explain(const ShownCall& call) const override { return core_->Explain(call); }
  GuardMetrics Metrics() const override { return core_->Metrics(); }

 private:
  absl::StatusOr<std::unique_ptr<guard::RuleBook>> Check(grpc::ServerBuilder& builder) const;
  bool IsGuarded(const guard::SurveyedPort& port) const;

  const std::shared_ptr<guard::Core> core_;
};

absl::Status GuardImpl::WaitUntilReady(absl::Duration limit) {
  const absl::Duration end = SystemClock().Monotonic() + limit;
  KeySource& keys = *core_->options().keys;
  KeyWait wait(keys);
  for (;;) {
    const bool has_keys = !keys.Current()->empty();
    const bool has_view = core_->view() == nullptr || core_->view()->loaded();
    if (has_keys && has_view) return absl::OkStatus();
    const absl::Duration now = SystemClock().Monotonic();
    if (now >= end) {
      return absl::DeadlineExceededError(absl::StrCat("not there yet:", has_keys ? "" : " keys",
                                                      has_view ? "" : " list of revocations"));
    }
    if (!has_keys) wait.FetchIfIdle(now);
    wait.Pause(std::min(kReadyPoll, end - now));
  }
}

bool GuardImpl::IsGuarded(const guard::SurveyedPort& port) const {
  const auto* guarded = dynamic_cast<guard::GuardedCredentials*>(port.credentials.get());
  if (guarded != nullptr) return guarded->BelongsTo(*core_);
  return core_->HasAdopted(port.credentials);
}

// A generic service serves what it has rules for, and nothing else: not gRPC's health service in
// its place either, which everybody may call.
void CloseToGenericService(guard::ServerSurvey& survey, std::map<std::string, Rule>& rules) {
  if (!grpc::DefaultHealthCheckServiceEnabled()) {
    for (const char* path : {"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"}) {
      const bool owned =
          std::find(survey.paths.begin(), survey.paths.end(), path) != survey.paths.end();
      if (!owned) rules.try_emplace(path);
    }
  }
  for (const auto& [path, rule] : rules) survey.paths.push_back(path);
}

absl::StatusOr<std::unique_ptr<guard::RuleBook>> GuardImpl::Check(
    grpc::ServerBuilder& builder) const {
  guard::ServerSurvey survey = guard::Survey(builder);
  std::map<std::string, Rule> rules = core_->options().rules;
  if (survey.generic_service) CloseToGenericService(survey, rules);
  std::vector<std::string> problems;
  if (survey.ports.empty()) problems.emplace_back("the server has no guarded port");
  for (const auto& port : survey.ports) {
    if (!IsGuarded(port)) {
      problems.push_back(absl::StrCat("port ", port.address, " is not guarded by this guard"));
    }
  }
  if (survey.acceptors > 0) {
    problems.push_back(
        absl::StrCat(survey.acceptors, " external connection acceptors cannot be guarded"));
  }
  if (survey.passive_listeners > 0) {
    problems.push_back(
        absl::StrCat(survey.passive_listeners, " passive listeners cannot be guarded"));
  }
  if (survey.nameless_methods > 0) {
    problems.push_back(absl::StrCat(survey.nameless_methods,
                                    " generic methods cannot be seen, so they cannot be ruled"));
  }
  auto book = guard::RuleBook::Make(survey.paths, rules, core_->options().reflection);
  if (!book.ok()) problems.emplace_back(book.status().message());
  if (problems.empty()) return book;
  return absl::FailedPreconditionError(absl::StrJoin(problems, "; "));
}

absl::StatusOr<std::unique_ptr<grpc::Server>> GuardImpl::Start(grpc::ServerBuilder& builder,
                                                               Interceptors interceptors) {
  TESSERA_ASSIGN_OR_RETURN(std::unique_ptr<guard::RuleBook> book, Check(builder));
  if (!core_->Open(std::move(book))) {
    return absl::FailedPreconditionError("this guard has started a server already");
  }
  // gRPC shows what a server receives to the last interceptor first.
  interceptors.push_back(std::make_unique<guard::InterceptorFactory>(core_));
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server != nullptr) return server;
  core_->TakeBack();
  std::vector<std::string> addresses;
  for (const auto& port : guard::Survey(builder).ports) addresses.push_back(port.address);
  return absl::UnavailableError(absl::StrCat("the server did not start: is another program on ",
                                             absl::StrJoin(addresses, ", "),
                                             ", or a certificate or key not usable?"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Guard>> Guard::Create(GuardOptions options) {
  TESSERA_RETURN_IF_ERROR(CheckOptions(options));
  Expected expected;
  expected.issuer = options.issuer;
  expected.audience = options.audience;
  expected.leeway = options.leeway;
  TESSERA_ASSIGN_OR_RETURN(TokenVerifier verifier, TokenVerifier::Create(std::move(expected)));
  return std::unique_ptr<Guard>(
      std::make_unique<GuardImpl>(std::move(options), std::move(verifier)));
}

absl::Status Guard::Protect(const std::shared_ptr<grpc::ServerCredentials>& credentials) {
  return Protect(credentials, ClientCertificates::kIgnored);
}

absl::StatusOr<std::unique_ptr<grpc::Server>> Guard::Start(grpc::ServerBuilder& builder) {
  return Start(builder, Interceptors());
}

}  // namespace tessera
