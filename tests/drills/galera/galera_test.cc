// Two tesserads on a cluster of three nodes: one dies, one lags, one loses the others.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tessera/base/clock.h"
#include "tests/drills/database_user.h"
#include "tests/drills/galera/cluster.h"
#include "tests/drills/ledger_drill.h"
#include "tests/drills/servers.h"
#include "tests/e2e/tesserad.h"
#include "tests/mariadb/root_client.h"

namespace tessera::testing {
namespace {

constexpr int kClients = 6;
constexpr int kRenewals = 60;  // of all clients together, before something happens and afterwards
constexpr absl::Duration kBackWithin = absl::Seconds(5);
constexpr absl::Duration kSoon = absl::Minutes(1);

std::string Seconds(absl::Duration time) {
  return absl::FormatDuration(absl::Trunc(time, absl::Milliseconds(10)));
}

// A cluster that all tests share: each leaves it whole.
class Galera : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const absl::Duration began = SystemClock().Monotonic();
    cluster_ = new GaleraCluster;
    std::printf("galera: formed in %s\n", Seconds(SystemClock().Monotonic() - began).c_str());
    installation_ = new std::shared_ptr<const Installation>(std::make_shared<Installation>());
    (*installation_)->folder.Write("cluster-password", cluster_->password());
  }
  static void TearDownTestSuite() {
    delete installation_;
    delete cluster_;
  }
  void SetUp() override { cluster_->AwaitWhole(); }

  // How many of tesserad's connections a node serves.
  static std::string Connections(int node) {
    return cluster_->Sql(
        node, "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'drill'");
  }

  // A replica on that database.
  static std::unique_ptr<Tesserad> Replica(const std::string& url) {
    Tesserad::Options options;
    options.installation = *installation_;
    options.environment = {
        "TESSERA_STORAGE_URL=" + url,
        "TESSERA_STORAGE_PASSWORD_FILE=" + (*installation_)->folder.Path("cluster-password"),
        "TESSERA_TOKENS_ACCESS_TTL=4h"};
    auto replica = std::make_unique<Tesserad>(options);
    replica->Start();
    return replica;
  }

  static void ExpectNothingBroken(LedgerDrill& drill) {
    const std::vector<std::string> broken = drill.Broken();
    for (size_t i = 0; i < std::min<size_t>(broken.size(), 10); ++i) ADD_FAILURE() << broken[i];
    EXPECT_EQ(broken.size(), 0u);
  }

  static GaleraCluster* cluster_;
  static std::shared_ptr<const Installation>* installation_;
};

GaleraCluster* Galera::cluster_ = nullptr;
std::shared_ptr<const Installation>* Galera::installation_ = nullptr;

// No acknowledged write is lost, nobody who follows the rules is refused, and service is back soon:
// when the writing node dies, and when it comes back and takes over again.
TEST_F(Galera, TheWritingNodeIsKilledInTheMiddle) {
  const auto a = Replica(cluster_->url()), b = Replica(cluster_->url());
  const Servers servers({a.get(), b.get()});
  ASSERT_TRUE(LedgerClient::SetUpRole(*servers[0]));
  LedgerDrill drill("killed", servers, kClients);
  drill.StartWork();
  ASSERT_TRUE(drill.AwaitRenewals(kRenewals));
  EXPECT_NE(Connections(0), "0\n");
  EXPECT_EQ(Connections(1), "0\n") << "one node writes";
  drill.pulse().TakeLongest();
  cluster_->Kill(0);
  ASSERT_TRUE(drill.AwaitRenewals(kRenewals));
  const absl::Duration after_kill = drill.pulse().TakeLongest();

  const absl::Duration began = SystemClock().Monotonic();
  cluster_->Rejoin(0);
  cluster_->AwaitWhole();
  const absl::Duration rejoined = SystemClock().Monotonic() - began;
  ASSERT_TRUE(drill.AwaitRenewals(kRenewals));
  const absl::Duration after_rejoin = drill.pulse().TakeLongest();
  drill.StopWork();
  drill.Compare(Depth::kAll);

  std::printf(
      "galera: node killed, longest time without a renewal %s; joined again in %s, %s; %s\n",
      Seconds(after_kill).c_str(), Seconds(rejoined).c_str(), Seconds(after_rejoin).c_str(),
      drill.Summary().c_str());
  ExpectNothingBroken(drill);
  EXPECT_LT(after_kill, kBackWithin);
  EXPECT_LT(after_rejoin, kBackWithin);
}

// What a replica reads from a node that lags is not the truth of a while ago: it waits for the
// node, and in the end says that it does not know.
TEST_F(Galera, ALaggingNodeServesNoStaleTruth) {
  const auto ahead = Replica(cluster_->url(0)), behind = Replica(cluster_->url(1));
  const Calls here(ahead->NewChannel(), absl::Seconds(5));
  const Calls there(behind->NewChannel(), absl::Seconds(2));
  const v1::TokenGrant admin = ahead->LoginAdmin();
  v1::TokenGrant renewed = ahead->LoginAdmin(), ended = ahead->LoginAdmin(), none;

  std::string id;
  {
    // Its applier stands still, and nobody waits for it.
    RootClient lagging(cluster_->SocketOf(1), "");
    lagging.Run("SET GLOBAL wsrep_desync = ON; FLUSH TABLES WITH READ LOCK");
    ASSERT_TRUE(here.Renew(renewed.refresh_token(), renewed).done());
    ASSERT_TRUE(here.Revoke(ended.refresh_token()).done());
    ASSERT_TRUE(here.CreateUser(admin.access_token(), "newcomer", kDrillPassword, id).done());
    EXPECT_EQ(cluster_->Sql(1, "SELECT COUNT(*) FROM tessera.users WHERE username = 'newcomer'"),
              "0\n")
        << "it does not lag";

    // A token ahead of the row would say that the store went back, and end the session.
    const Answer answers[] = {there.Renew(renewed.refresh_token(), none),
                              there.Renew(ended.refresh_token(), none),
                              there.Login("newcomer", kDrillPassword, "", none)};
    for (const Answer& answer : answers) {
      EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::UNAVAILABLE) << answer.Text();
    }
    lagging.Run("UNLOCK TABLES; SET GLOBAL wsrep_desync = OFF");
  }
  cluster_->AwaitWhole();
  const absl::Duration began = SystemClock().Monotonic();
  Answer answer = AskUntilClear([&] { return there.Renew(renewed.refresh_token(), none); });
  EXPECT_TRUE(answer.done()) << answer.Text();
  answer = AskUntilClear([&] { return there.Renew(ended.refresh_token(), none); });
  EXPECT_EQ(answer.reason(), "SESSION_ENDED") << answer.Text();
  answer = AskUntilClear([&] { return there.Login("newcomer", kDrillPassword, "", none); });
  EXPECT_TRUE(answer.done()) << answer.Text();
  v1::ValidateTokenResponse known;
  known.set_active(true);
  while (known.active() && SystemClock().Monotonic() < began + kSoon) {
    EXPECT_TRUE(there.Validate(ended.access_token(), known).done());
  }
  EXPECT_EQ(known.reason(), v1::ERROR_REASON_TOKEN_REVOKED);
  std::printf("galera: node lagged, its replica served again after %s\n",
              Seconds(SystemClock().Monotonic() - began).c_str());
}

// A node that is frozen is left out by the others, and the client notices little.
TEST_F(Galera, AFrozenWritingNodeIsLeftOut) {
  const auto a = Replica(cluster_->url()), b = Replica(cluster_->url());
  const Servers servers({a.get(), b.get()});
  ASSERT_TRUE(LedgerClient::SetUpRole(*servers[0]));
  LedgerDrill drill("frozen", servers, kClients);
  drill.StartWork();
  ASSERT_TRUE(drill.AwaitRenewals(kRenewals));
  drill.pulse().TakeLongest();
  cluster_->Pause(0);
  ASSERT_TRUE(drill.AwaitRenewals(kRenewals));
  const absl::Duration longest = drill.pulse().TakeLongest();
  cluster_->Resume(0);
  cluster_->AwaitWhole();
  ASSERT_TRUE(drill.AwaitRenewals(kRenewals));
  drill.StopWork();
  drill.Compare(Depth::kAll);
  std::printf("galera: node frozen, longest time without a renewal %s; %s\n",
              Seconds(longest).c_str(), drill.Summary().c_str());
  ExpectNothingBroken(drill);
  EXPECT_LT(longest, kBackWithin);
}

// The two others are frozen: the one that is left must not go on alone.
TEST_F(Galera, ANodeWithoutAQuorumRefusesAndComesBack) {
  const auto a = Replica(cluster_->url()), b = Replica(cluster_->url(0));
  DatabaseUser user(*a), direct(*b, "direct");
  const Calls calls(b->NewChannel(), absl::Seconds(20));
  const std::string good = a->LoginAdmin().access_token();
  const std::string revoked = a->LoginAdmin().access_token();
  ASSERT_TRUE(calls.Revoke(revoked).done());
  cluster_->Pause(1);
  cluster_->Pause(2);
  // At first it waits for the others, and then it knows.
  for (int i = 0; i < 5; ++i) {
    user.ExpectUnavailable();
    direct.ExpectUnavailable();
  }
  EXPECT_NE(cluster_->Status(0, "wsrep_cluster_status"), "Primary");
  v1::ValidateTokenResponse known;
  EXPECT_TRUE(calls.Validate(good, known).done() && known.active());
  EXPECT_TRUE(calls.Validate(revoked, known).done());
  EXPECT_EQ(known.reason(), v1::ERROR_REASON_TOKEN_REVOKED);
  const absl::Duration began = SystemClock().Monotonic();
  cluster_->Resume(1);
  cluster_->Resume(2);
  user.ExpectServedSoon();
  direct.ExpectServedSoon();
  std::printf("galera: quorum lost, served again %s after it was back\n",
              Seconds(SystemClock().Monotonic() - began).c_str());
}

}  // namespace
}  // namespace tessera::testing
