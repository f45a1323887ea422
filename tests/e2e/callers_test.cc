// The caller against a real tesserad: keys, devices, and servers that renew only what has expired.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tessera/base/random.h"
#include "tessera/caller/reason.h"
#include "tessera/token/key.h"
#include "tests/base/recording_log.h"
#include "tests/e2e/calls.h"
#include "tests/mariadb/mariadb.h"

namespace tessera::testing {
namespace {

namespace pb = orders::v1;
using ::testing::HasSubstr;
using ::testing::Not;

enum class On { kSqlite, kMariaDb };

constexpr char kPassword[] = "alices password";
constexpr absl::Duration kAccessLife = absl::Minutes(15);

class Callers : public ::testing::TestWithParam<On> {
 protected:
  void StartWith(const std::vector<std::string>& environment) {
    if (GetParam() == On::kMariaDb)
      database_ = std::make_unique<MariaDbDatabase>(MariaDb::Shared());
    Tesserad::Options options;
    options.installation = database_ == nullptr ? std::make_shared<Installation>()
                                                : std::make_shared<Installation>(*database_);
    options.environment = environment;
    tesserad_ = std::make_unique<Tesserad>(options);
    ASSERT_NO_FATAL_FAILURE(tesserad_->Start());
    alice_ = tesserad_->AddUser("alice", kPassword);
    orders_ = std::make_unique<GuardedOrders>(*tesserad_, Transport::kPlaintext, Api::kCallback);
    options_.auth_server = tesserad_->NewChannel();
    options_.allow_plaintext = true;
    options_.clock = &tesserad_->clock();
    options_.log = &log_;
  }
  void CallAsAlice(const std::string& device_id = "") {
    options_.login = {"alice", [] { return Secret(kPassword); }, "orders"};
    options_.login.device_id = Secret(device_id);
    MakeCaller();
  }
  void MakeCaller() {
    auto made = Caller::Create(options_);
    ASSERT_TRUE(made.ok()) << made.status();
    caller_ = *std::move(made);
    channel_ = caller_->CreateChannel(orders_->address(), grpc::InsecureChannelCredentials());
  }
  // Whom the handler saw, or the reason of the refusal.
  std::string Call() {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(SystemClock().Now() + kSoon));
    pb::ListMyOrdersResponse response;
    const grpc::Status status =
        pb::OrderService::NewStub(channel_)->ListMyOrders(&context, {}, &response);
    return status.ok() ? response.orders(0).item() : ReasonOf(status);
  }
  int Count(const std::string& text) const {
    const std::string all = log_.text();
    int count = 0;
    for (size_t at = all.find(text); at != all.npos; at = all.find(text, at + 1)) ++count;
    return count;
  }
  int Logins() const { return Count("caller.request.done request=login"); }
  int Renewals() const { return Count("caller.request.done request=renew"); }

  RecordingLog log_;
  TemporaryFolder folder_;
  std::unique_ptr<MariaDbDatabase> database_;  // null: SQLite
  std::unique_ptr<Tesserad> tesserad_;
  std::string alice_;
  std::unique_ptr<GuardedOrders> orders_;
  CallerOptions options_;
  std::shared_ptr<Caller> caller_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_P(Callers, AKeyOfTheAccountBringsTokensAgainAndAgain) {
  ASSERT_NO_FATAL_FAILURE(StartWith({}));
  const SigningKey key = *SigningKey::Generate(Algorithm::kEs256);
  v1::CreateServiceAccountRequest request;
  request.mutable_service_account()->set_name("billing");
  request.mutable_service_account()->add_audiences("orders");
  request.mutable_service_account()->set_public_jwks_json("{\"keys\":[" +
                                                          key.ToVerifyKey().ToPublicJwk() + "]}");
  request.set_without_secret(true);
  v1::CreateServiceAccountResponse created;
  const std::string admin = tesserad_->LoginAdmin().access_token();
  ASSERT_TRUE(
      tesserad_->Users()->CreateServiceAccount(ContextWith({admin}).get(), request, &created).ok());
  EXPECT_EQ(created.secret(), "");
  const std::string id = created.service_account().id();
  options_.service.emplace();
  options_.service->audience = "orders";
  options_.service->assertion = AssertionKey{
      id, folder_.Write("key.jwk", std::string(key.ToPrivateJwk().Reveal())), Tesserad::kIssuer};
  ASSERT_NO_FATAL_FAILURE(MakeCaller());
  EXPECT_EQ(Call(), id);
  tesserad_->clock().Advance(kAccessLife + absl::Minutes(1));
  EXPECT_EQ(Call(), id) << "with another assertion";
  // Another's key proves nothing.
  const SigningKey other = *SigningKey::Generate(Algorithm::kEs256);
  folder_.Write("key.jwk", std::string(other.ToPrivateJwk().Reveal()));
  tesserad_->clock().Advance(kAccessLife + absl::Minutes(1));
  EXPECT_EQ(Call(), "BAD_CREDENTIALS");
}

TEST_P(Callers, ASessionThatIsBoundToADeviceIsRenewedByIt) {
  ASSERT_NO_FATAL_FAILURE(StartWith({}));
  ASSERT_NO_FATAL_FAILURE(CallAsAlice("the-device-id-of-this-machine"));
  EXPECT_EQ(Call(), alice_);
  tesserad_->clock().Advance(kAccessLife + absl::Minutes(1));
  EXPECT_EQ(Call(), alice_);
  EXPECT_EQ(Logins(), 1);
  EXPECT_EQ(Renewals(), 1);
}

TEST_P(Callers, AServerThatAsksForTheAccessTokenAtRenewalGetsIt) {
  ASSERT_NO_FATAL_FAILURE(StartWith({"TESSERA_TOKENS_RENEWAL_NEEDS_ACCESS_TOKEN=true"}));
  ASSERT_NO_FATAL_FAILURE(CallAsAlice());
  EXPECT_EQ(Call(), alice_);
  for (int i = 1; i <= 3; ++i) {
    tesserad_->clock().Advance(kAccessLife + absl::Minutes(1));
    EXPECT_EQ(Call(), alice_);
    EXPECT_EQ(Renewals(), i);
  }
  EXPECT_EQ(Logins(), 1);
}

TEST_P(Callers, AServerThatRenewsOnlyWhatHasExpiredCostsNoCallAnything) {
  ASSERT_NO_FATAL_FAILURE(StartWith({"TESSERA_TOKENS_RENEWAL_ONLY_AFTER_EXPIRY=true"}));
  ASSERT_NO_FATAL_FAILURE(CallAsAlice());
  EXPECT_EQ(Call(), alice_);
  tesserad_->clock().Advance(kAccessLife * 0.9);
  EXPECT_EQ(Call(), alice_);
  EXPECT_TRUE(Within(
      kSoon, [&] { return Call() == alice_ && Count("reason=ACCESS_TOKEN_NOT_EXPIRED") == 1; }));
  tesserad_->clock().Advance(kAccessLife * 0.2);
  EXPECT_EQ(Call(), alice_);
  EXPECT_EQ(Renewals(), 1);
  tesserad_->clock().Advance(kAccessLife * 0.9);
  EXPECT_EQ(Call(), alice_);
  EXPECT_EQ(Count("reason=ACCESS_TOKEN_NOT_EXPIRED"), 1) << "asked too early once, and never again";
  EXPECT_EQ(Logins(), 1);
}

INSTANTIATE_TEST_SUITE_P(Engines, Callers, ::testing::Values(On::kSqlite, On::kMariaDb),
                         [](const auto& engine) {
                           return engine.param == On::kSqlite ? "Sqlite" : "MariaDb";
                         });

}  // namespace
}  // namespace tessera::testing
