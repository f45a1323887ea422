// Every way in which a tessera::Caller proves itself, against a real tesserad, over TLS and in the
// clear: the token that it brings is taken by a guarded service.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tessera/caller/caller.h"
#include "tessera/caller/reason.h"
#include "tessera/token/key.h"
#include "tests/e2e/assertion.h"
#include "tests/e2e/bound_world.h"
#include "tests/e2e/calls.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/guarded_orders.h"
#include "tests/e2e/tesserad.h"
#include "tests/mariadb/database_under_test.h"

namespace tessera::testing {
namespace {

namespace pb = orders::v1;

constexpr char kPassword[] = "alices password";
constexpr absl::Duration kAccessLife = absl::Minutes(15);

std::string NameOf(TestEngine engine) {
  return engine == TestEngine::kSqlite ? "Sqlite" : "MariaDb";
}

// Whom the handler saw, or the reason of the refusal.
std::string CallAt(const std::shared_ptr<grpc::Channel>& orders) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(SystemClock().Now() + kSoon));
  pb::ListMyOrdersResponse response;
  const grpc::Status status =
      pb::OrderService::NewStub(orders)->ListMyOrders(&context, {}, &response);
  return status.ok() ? response.orders(0).item() : ReasonOf(status);
}

class CallerCredentials : public ::testing::TestWithParam<std::tuple<Transport, TestEngine>> {
 public:
  // One way to prove oneself: who does, and how.
  struct Kind {
    const char* event;                                       // what tesserad logs of it
    std::function<std::string(CallerCredentials&)> prepare;  // sets the options; the subject's id
    std::function<void(CallerCredentials&, const std::string&)> remove;
  };
  static const Kind kKinds[];

  Tesserad& tesserad() { return *tesserad_; }
  CallerOptions& options() { return options_; }
  const TemporaryFolder& folder() const { return folder_; }
  const Cluster& cluster() const { return cluster_; }
  std::unique_ptr<grpc::ClientContext> AsAdmin() {
    return ContextWith({tesserad_->LoginAdmin().access_token()});
  }
  // For `orders`; its options are to be completed.
  v1::CreateServiceAccountResponse AddService(const std::function<void(v1::ServiceAccount&)>& set) {
    v1::CreateServiceAccountRequest request;
    request.mutable_service_account()->set_name(absl::StrCat("service", ++count_));
    request.mutable_service_account()->add_audiences("orders");
    set(*request.mutable_service_account());
    v1::CreateServiceAccountResponse response;
    const grpc::Status status =
        tesserad_->Users()->CreateServiceAccount(AsAdmin().get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    options_.service.emplace();
    options_.service->audience = "orders";
    return response;
  }
  void RemoveUser(const std::string& id) {
    v1::DeleteUserRequest request;
    request.set_user_id(id);
    v1::DeleteUserResponse response;
    EXPECT_TRUE(tesserad_->Users()->DeleteUser(AsAdmin().get(), request, &response).ok());
  }
  void RemoveService(const std::string& id) {
    v1::DeleteServiceAccountRequest request;
    request.set_service_account_id(id);
    v1::DeleteServiceAccountResponse response;
    EXPECT_TRUE(tesserad_->Users()->DeleteServiceAccount(AsAdmin().get(), request, &response).ok());
  }

 protected:
  Transport transport() const { return std::get<0>(GetParam()); }
  void SetUp() override {
    if (std::get<1>(GetParam()) == TestEngine::kMariaDb) database_.emplace(MariaDb::Shared());
    Tesserad::Options options;
    options.transport = transport();
    options.installation = database_.has_value() ? std::make_shared<Installation>(*database_)
                                                 : std::make_shared<Installation>();
    options.environment = cluster_.environment();
    tesserad_ = std::make_unique<Tesserad>(options);
    ASSERT_NO_FATAL_FAILURE(tesserad_->Start());
    orders_ = std::make_unique<GuardedOrders>(*tesserad_, transport(), Api::kCallback);
    StartOver();
  }
  // Options of a caller that is nobody yet.
  void StartOver() {
    options_ = {};
    options_.auth_server = tesserad_->NewChannel();
    options_.allow_plaintext = transport() == Transport::kPlaintext;
    options_.clock = &tesserad_->clock();
  }
  void MakeCaller() {
    auto made = Caller::Create(options_);
    ASSERT_TRUE(made.ok()) << made.status();
    caller_ = *std::move(made);
    channel_ = caller_->CreateChannel(orders_->address(), tesserad_->ChannelCredentials());
  }
  std::string Call() { return CallAt(channel_); }

  const TemporaryFolder folder_;
  const Cluster cluster_;
  std::optional<MariaDbDatabase> database_;
  std::unique_ptr<Tesserad> tesserad_;
  std::unique_ptr<GuardedOrders> orders_;
  CallerOptions options_;
  std::shared_ptr<Caller> caller_;
  std::shared_ptr<grpc::Channel> channel_;
  int count_ = 0;
};

std::string ByLogin(CallerCredentials& test) {
  const std::string id = test.tesserad().AddUser("alice", kPassword);
  test.options().login = {"alice", [] { return Secret(kPassword); }, "orders"};
  return id;
}

std::string BySecret(CallerCredentials& test) {
  const auto made = test.AddService([](v1::ServiceAccount&) {});
  test.options().service->secret =
      SecretFromFile(test.folder().Write("secret", made.secret() + "\n"));
  return made.service_account().id();
}

std::string ByKey(CallerCredentials& test) {
  const SigningKey key = SigningKey::Generate(Algorithm::kEs256).value();
  const auto made = test.AddService(
      [&](v1::ServiceAccount& account) { account.set_public_jwks_json(JwkSetOf(key)); });
  const std::string file = test.folder().Write("key.jwk", std::string(key.ToPrivateJwk().Reveal()));
  test.options().service->assertion =
      AssertionKey{made.service_account().id(), file, Tesserad::kIssuer};
  return made.service_account().id();
}

std::string ByCluster(CallerCredentials& test) {
  const auto made = test.AddService([](v1::ServiceAccount& account) {
    account.add_kubernetes_names(Cluster::FullName("billing"));
  });
  const std::string token = test.cluster().TokenOf("billing", test.tesserad().clock().Now());
  test.options().service->kubernetes_token_file = test.folder().Write("token", token);
  return made.service_account().id();
}

const CallerCredentials::Kind CallerCredentials::kKinds[] = {
    {"login.admitted", ByLogin, &CallerCredentials::RemoveUser},
    {"method=secret", BySecret, &CallerCredentials::RemoveService},
    {"method=private_key_jwt", ByKey, &CallerCredentials::RemoveService},
    {"method=kubernetes", ByCluster, &CallerCredentials::RemoveService},
};

INSTANTIATE_TEST_SUITE_P(
    On, CallerCredentials,
    ::testing::Combine(::testing::Values(Transport::kPlaintext, Transport::kTls),
                       ::testing::Values(TestEngine::kSqlite, TestEngine::kMariaDb)),
    [](const auto& test) {
      return NameOf(std::get<1>(test.param)) +
             (std::get<0>(test.param) == Transport::kTls ? "Tls" : "Plaintext");
    });

TEST_P(CallerCredentials, OfEveryKindBringTokensThatAGuardTakesAgainAndAgain) {
  for (const Kind& kind : kKinds) {
    SCOPED_TRACE(kind.event);
    StartOver();
    const std::string id = kind.prepare(*this);
    ASSERT_NO_FATAL_FAILURE(MakeCaller());
    EXPECT_EQ(Call(), id);
    EXPECT_NE(tesserad_->program().WaitForLine(kind.event, kSoon), "");
    tesserad_->clock().Advance(kAccessLife + absl::Minutes(1));
    EXPECT_EQ(Call(), id) << "with another token";
  }
}

TEST_P(CallerCredentials, OfEveryKindAreWorthNothingOnceWhoHasThemIsGone) {
  for (const Kind& kind : kKinds) {
    SCOPED_TRACE(kind.event);
    StartOver();
    const std::string id = kind.prepare(*this);
    ASSERT_NO_FATAL_FAILURE(MakeCaller());
    ASSERT_EQ(Call(), id);
    kind.remove(*this, id);
    // The token at hand is refused as soon as the guard knows, and no other is to be had.
    EXPECT_TRUE(Within(kSoon, [&] { return Call() == "BAD_CREDENTIALS"; })) << Call();
  }
}

TEST_P(CallerCredentials, AClustersTokenIsGoodUntilItsEndAndItsSuccessorIsTakenFromTheFile) {
  const std::string id = ByCluster(*this);
  ASSERT_NO_FATAL_FAILURE(MakeCaller());
  EXPECT_EQ(Call(), id);
  tesserad_->clock().Advance(absl::Hours(2));  // behind the end of both tokens
  EXPECT_EQ(Call(), "BAD_CREDENTIALS");
  folder_.Write("token", cluster_.TokenOf("billing", tesserad_->clock().Now()));
  EXPECT_TRUE(Within(kSoon, [&] { return Call() == id; })) << Call();
}

TEST_P(CallerCredentials, ATokenOfAnotherAccountOrAnotherClusterIsNone) {
  const std::string id = ByCluster(*this);
  const Cluster other;
  for (const std::string& token : {cluster_.TokenOf("mail", tesserad_->clock().Now()),
                                   other.TokenOf("billing", tesserad_->clock().Now())}) {
    folder_.Write("token", token);
    ASSERT_NO_FATAL_FAILURE(MakeCaller());
    EXPECT_EQ(Call(), "BAD_CREDENTIALS");
  }
  folder_.Write("token", cluster_.TokenOf("billing", tesserad_->clock().Now()));
  ASSERT_NO_FATAL_FAILURE(MakeCaller());
  EXPECT_EQ(Call(), id);
}

class CallerInTheClear : public CallerCredentials {};

INSTANTIATE_TEST_SUITE_P(Sqlite, CallerInTheClear,
                         ::testing::Values(std::tuple(Transport::kPlaintext, TestEngine::kSqlite)));

// The attack: somebody listens on the way.
TEST_P(CallerInTheClear, SendsNoCredentialOfAnyKindUnasked) {
  for (const Kind& kind : kKinds) {
    SCOPED_TRACE(kind.event);
    StartOver();
    const std::string id = kind.prepare(*this);
    options_.allow_plaintext = false;
    ASSERT_NO_FATAL_FAILURE(MakeCaller());
    EXPECT_EQ(Call(), "PLAINTEXT_CHANNEL");
    const std::string log = tesserad_->program().Output();
    for (const absl::string_view line : absl::StrSplit(log, '\n')) {
      const bool of_a_proof =
          absl::StrContains(line, "login.") || absl::StrContains(line, "token.");
      EXPECT_FALSE(of_a_proof && absl::StrContains(line, id)) << line;
    }
  }
}

TEST_P(CallerInTheClear, HasNoCertificateToShow) {
  AddService([](v1::ServiceAccount& account) { account.add_certificate_names("a.example"); });
  options_.service->certificate = true;
  ASSERT_NO_FATAL_FAILURE(MakeCaller());
  EXPECT_EQ(Call(), "CERTIFICATE_MISSING");
}

// Its identity is the certificate that its connections show.
class CallerByCertificate : public ::testing::TestWithParam<TestEngine> {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(world_.Start());
    v1::ServiceAccount account;
    account.set_name("billing");
    account.add_audiences("orders");
    account.add_certificate_names("billing.example");
    id_ = world_.AddService(account).id;
  }
  void MakeCaller(const std::string& certificate) {
    CallerOptions options;
    options.auth_server = world_.ChannelOf(certificate);
    options.service.emplace();
    options.service->certificate = true;
    options.service->audience = "orders";
    options.clock = &world_.clock();
    auto made = Caller::Create(options);
    ASSERT_TRUE(made.ok()) << made.status();
    caller_ = *std::move(made);
  }
  // Over a connection that shows this one.
  std::string CallShowing(const std::string& certificate) {
    return CallAt(
        caller_->CreateChannel(world_.orders_address(), world_.CredentialsOf(certificate)));
  }

  BoundWorld world_{GetParam()};
  std::string id_;
  std::shared_ptr<Caller> caller_;
};

INSTANTIATE_TEST_SUITE_P(On, CallerByCertificate,
                         ::testing::Values(TestEngine::kSqlite, TestEngine::kMariaDb),
                         [](const auto& test) { return NameOf(test.param); });

TEST_P(CallerByCertificate, BringsTokensThatAGuardTakesWithThatCertificate) {
  ASSERT_NO_FATAL_FAILURE(MakeCaller("billing"));
  EXPECT_EQ(CallShowing("billing"), id_);
  EXPECT_NE(world_.tesserad().program().WaitForLine("method=tls_client_auth", kSoon), "");
  world_.clock().Advance(kAccessLife + absl::Minutes(1));
  EXPECT_EQ(CallShowing("billing"), id_) << "with another token";
}

// The attack: the token is copied, the private key is not.
TEST_P(CallerByCertificate, BringsTokensThatAreOfNoUseWithAnotherCertificate) {
  ASSERT_NO_FATAL_FAILURE(MakeCaller("billing"));
  for (const char* other : {"copy", "mail", "mallory"}) {
    EXPECT_EQ(CallShowing(other), "CERTIFICATE_MISMATCH") << other;
  }
  EXPECT_EQ(CallShowing("billing"), id_);
}

TEST_P(CallerByCertificate, OfNoAccountBringsNothing) {
  for (const char* other : {"mail", "mallory"}) {
    ASSERT_NO_FATAL_FAILURE(MakeCaller(other));
    EXPECT_EQ(CallShowing(other), "BAD_CREDENTIALS") << other;
  }
}

TEST_P(CallerByCertificate, IsWorthNothingOnceTheAccountIsGone) {
  ASSERT_NO_FATAL_FAILURE(MakeCaller("billing"));
  ASSERT_EQ(CallShowing("billing"), id_);
  world_.DeleteService(id_);
  EXPECT_TRUE(Within(kSoon, [&] { return CallShowing("billing") == "BAD_CREDENTIALS"; }));
}

}  // namespace
}  // namespace tessera::testing
