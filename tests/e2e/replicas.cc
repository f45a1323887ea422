#include "tests/e2e/replicas.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "tests/base/free_port.h"

namespace tessera::testing {
namespace {

// Ports that stay over a restart, so that clients find the server again.
Tesserad::Options ReplicaOf(const std::shared_ptr<Installation>& installation) {
  Tesserad::Options options;
  options.installation = installation;
  options.port = FreePort();
  return options;
}

}  // namespace

Replicas::Replicas()
    : database_(MariaDb::Shared()),
      installation_(std::make_shared<Installation>(database_)),
      a_(ReplicaOf(installation_)),
      b_(ReplicaOf(installation_)) {}

void Replicas::SetUp() {
  for (Tesserad* server : {&a_, &b_}) ASSERT_NO_FATAL_FAILURE(server->Launch());
  for (Tesserad* server : {&a_, &b_}) ASSERT_NO_FATAL_FAILURE(server->AwaitReady());
  auth_a_ = a_.Auth();
  auth_b_ = b_.Auth();
  alice_ = a_.AddUser("alice", kPassword);
}

std::vector<std::string> Replicas::AliceTokens(int count) {
  std::vector<std::string> tokens;
  for (int i = 0; i < count; ++i) tokens.push_back(AliceToken());
  return tokens;
}

GuardedOrders& Replicas::Orders(std::unique_ptr<GuardedOrders>& orders, Tesserad& server) {
  if (orders == nullptr) {
    orders = std::make_unique<GuardedOrders>(server, Transport::kPlaintext, Api::kCallback);
  }
  return *orders;
}

bool Replicas::AllSay(const std::string& verdict, const std::string& token) {
  return Within(kSoon, [&] {
    return Verdict(*auth_a_, token) == verdict && Verdict(*auth_b_, token) == verdict &&
           Verdict(OrdersAtA(), token) == verdict && Verdict(OrdersAtB(), token) == verdict;
  });
}

void Replicas::ExpectAllSay(const std::string& verdict, const std::vector<std::string>& tokens) {
  for (const std::string& token : tokens) {
    EXPECT_EQ(Verdict(*auth_a_, token), verdict);
    EXPECT_EQ(Verdict(*auth_b_, token), verdict);
    EXPECT_EQ(Verdict(OrdersAtA(), token), verdict);
    EXPECT_EQ(Verdict(OrdersAtB(), token), verdict);
  }
}

void Replicas::ExpectNoGap() {
  const std::vector<std::string> row = absl::StrSplit(
      database_.Sql("SELECT COUNT(*), MAX(seq), (SELECT seq FROM feed), MIN(seq) FROM revocations"),
      absl::ByAnyChar("\t\n"));
  ASSERT_GE(row.size(), 4u);
  EXPECT_EQ(row[0], row[1]) << "as many entries as the last one's number";
  EXPECT_EQ(row[1], row[2]) << "the feed's row has the last one's number";
  EXPECT_EQ(row[3], "1");
}

}  // namespace tessera::testing
