// The ordered feed that replicas share: many writers, holes, a store that went back, a slow writer.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tessera/token/digest.h"
#include "tests/e2e/replicas.h"
#include "tests/mariadb/root_client.h"

namespace tessera::testing {
namespace {

using ::testing::AnyOf;

// Until a replica refuses what was revoked: what is promised, and once more the pause between two
// readings of the feed.
constexpr absl::Duration kPromised = absl::Milliseconds(100 + 50);
// What a busy machine may make of it, at best.
constexpr absl::Duration kAtOnce = absl::Milliseconds(500);
constexpr int kLeastHolds = 6, kMostHolds = 24;  // beside the long one

class ReplicasFeed : public Replicas {
 protected:
  // SQL that appends a revocation of `token` as a replica does, but `skipping` that many numbers,
  // its end `off` by the writer's clock.
  std::string AppendSql(const std::string& token, int skipping, absl::Duration off) {
    const IdHash hash = IdHashOf(TokenIdOf(*auth_a_, token));
    const absl::Time end = a_.clock().Now() + absl::Minutes(17) + off;
    return absl::StrCat("UPDATE feed SET seq = seq + 1 + ", skipping,
                        " WHERE id = 1; INSERT INTO revocations (seq, kind, id_hash,"
                        " min_user_version, expires_at) SELECT seq, 1, '",
                        absl::BytesToHexString(absl::string_view(
                            reinterpret_cast<const char*>(hash.data()), hash.size())),
                        "', 0, ", absl::ToUnixMicros(end), " FROM feed WHERE id = 1;");
  }

  void RevokeAll(const std::vector<std::string>& tokens) {
    for (const std::string& token : tokens) {
      ASSERT_TRUE(Revoke(*auth_a_, token).ok());
      ASSERT_TRUE(AllSay("TOKEN_REVOKED", token));
    }
  }
  // Holds the feed with a revocation of `token` in an open transaction, which stops nobody's
  // reading; how long behind the COMMIT both replicas refuse the token.
  absl::Duration HoldAndCommit(RootClient& writer, const std::string& token) {
    writer.Run("BEGIN;" + AppendSql(token, 0, -absl::Minutes(5)));
    ExpectAllSay("ACTIVE", {token});
    return Commit(writer, token);
  }
  absl::Duration Commit(RootClient& writer, const std::string& token) {
    writer.Run("COMMIT");
    const absl::Time committed = absl::Now();
    for (v1::AuthService::Stub* auth : {auth_a_.get(), auth_b_.get()}) {
      EXPECT_TRUE(Within(kSoon, [&] { return Verdict(*auth, token) == "TOKEN_REVOKED"; }));
    }
    return absl::Now() - committed;
  }
  static void ExpectToBeAskedAgain(const grpc::Status& status) {
    EXPECT_THAT(status.error_code(),
                AnyOf(grpc::StatusCode::UNAVAILABLE, grpc::StatusCode::DEADLINE_EXCEEDED,
                      grpc::StatusCode::RESOURCE_EXHAUSTED))
        << status.error_message();
  }
  void ExpectBothLog(const std::string& event) {
    EXPECT_NE(a_.program().WaitForLine(event, kSoon), "") << a_.program().Output();
    EXPECT_NE(b_.program().WaitForLine(event, kSoon), "") << b_.program().Output();
  }
};

TEST_F(ReplicasFeed, EveryReplicaAndGuardEndsWithAllRevocationsOfManyWriters) {
  constexpr size_t kWriters = 16, kEach = 20;
  std::vector<std::vector<std::string>> revoked(kWriters);
  std::vector<v1::TokenGrant> grants;
  for (size_t i = 0; i < kWriters; ++i) grants.push_back(LoginAlice());
  OrdersAtA(), OrdersAtB();  // the guards follow from the start
  std::vector<std::thread> writers;
  for (size_t w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      v1::TokenGrant grant = grants[w];
      for (size_t i = 0; i < kEach; ++i) {
        v1::AuthService::Stub& here = (w + i) % 2 == 0 ? *auth_a_ : *auth_b_;
        const grpc::Status status = Revoke(here, grant.access_token());
        EXPECT_TRUE(status.ok()) << status.error_message();
        revoked[w].push_back(grant.access_token());
        const Renewal renewal = Renew(here, grant.refresh_token());
        ASSERT_EQ(renewal.reason, "");
        grant = renewal.grant;
      }
      grants[w] = grant;
    });
  }
  for (std::thread& writer : writers) writer.join();
  for (size_t w = 0; w < kWriters; ++w) {
    EXPECT_EQ(revoked[w].size(), kEach);
    EXPECT_TRUE(AllSay("TOKEN_REVOKED", revoked[w].back()));
  }
  for (size_t w = 0; w < kWriters; ++w) {
    ExpectAllSay("TOKEN_REVOKED", revoked[w]);
    ExpectAllSay("ACTIVE", {grants[w].access_token()});
  }
  ExpectNoGap();
  EXPECT_EQ(database_.Sql("SELECT seq FROM feed"), absl::StrCat(kWriters * kEach, "\n"));
}

TEST_F(ReplicasFeed, AHoleMakesEveryReplicaTakeASnapshotThatBringsNothingBackToLife) {
  const std::vector<std::string> tokens = AliceTokens(5);
  const std::vector<std::string> revoked(tokens.begin(), tokens.begin() + 3);
  const std::string behind_the_hole = tokens[3], later = tokens[4];
  ASSERT_NO_FATAL_FAILURE(RevokeAll(revoked));
  database_.Sql("DELETE FROM revocations WHERE seq = 2");
  database_.Sql("BEGIN;" + AppendSql(behind_the_hole, 1, {}) + "COMMIT");

  ExpectBothLog("feed.hole");
  EXPECT_TRUE(AllSay("TOKEN_REVOKED", behind_the_hole));
  ExpectAllSay("TOKEN_REVOKED", revoked);
  EXPECT_TRUE(Revoke(*auth_b_, later).ok());
  EXPECT_TRUE(AllSay("TOKEN_REVOKED", later));
}

TEST_F(ReplicasFeed, AStoreThatWentBackUnrevokesNothing) {
  const std::vector<std::string> tokens = AliceTokens(5);
  const std::vector<std::string> revoked(tokens.begin(), tokens.begin() + 3);
  ASSERT_NO_FATAL_FAILURE(RevokeAll(revoked));
  database_.Sql(
      "BEGIN; DELETE FROM revocations WHERE seq > 1; UPDATE feed SET seq = 1 WHERE id = 1; COMMIT");

  ExpectBothLog("feed.store_went_back");
  ExpectAllSay("TOKEN_REVOKED", revoked);
  // The numbers are given again, and what they stand for now is heard everywhere.
  EXPECT_TRUE(Revoke(*auth_b_, tokens[3]).ok());
  EXPECT_TRUE(Revoke(*auth_a_, tokens[4]).ok());
  for (size_t i : {3u, 4u}) EXPECT_TRUE(AllSay("TOKEN_REVOKED", tokens[i]));
  ExpectAllSay("TOKEN_REVOKED", revoked);
  ExpectNoGap();
  // A guard that comes only now hears of what the store has lost, too.
  GuardedOrders late(b_, Transport::kPlaintext, Api::kCallback);
  for (const std::string& token : tokens) EXPECT_EQ(Verdict(late, token), "TOKEN_REVOKED");
}

TEST_F(ReplicasFeed, AWriterThatHoldsTheFeedLosesNobodysRevocation) {
  const std::vector<std::string> tokens = AliceTokens(8);
  const std::vector<std::string> more = AliceTokens(kMostHolds);
  const std::string held = AliceToken(), alive = AliceToken();
  ExpectAllSay("ACTIVE", {held, alive});
  RootClient writer(database_.server().socket_file(), database_.name());
  writer.Run("BEGIN;" + AppendSql(held, 0, -absl::Minutes(5)));

  std::atomic<size_t> refused = 0, acknowledged = 0;
  std::vector<std::thread> others;
  for (size_t i = 0; i < tokens.size(); ++i) {
    others.emplace_back([&, i] {
      v1::AuthService::Stub& here = i % 2 == 0 ? *auth_a_ : *auth_b_;
      // Half of them are in a hurry and ask again, the others wait.
      const absl::Duration limit = i < tokens.size() / 2 ? absl::Seconds(1) : 2 * kSoon;
      const bool done = Within(2 * kSoon, [&] {
        const grpc::Status status = Revoke(here, tokens[i], limit);
        if (!status.ok()) ++refused;
        if (!status.ok()) ExpectToBeAskedAgain(status);
        return status.ok();
      });
      if (done) ++acknowledged;
    });
  }
  EXPECT_TRUE(Within(kSoon, [&] { return refused > 0; }));
  if (std::getenv("TESSERA_LONG") != nullptr) absl::SleepFor(absl::Seconds(30));
  EXPECT_EQ(acknowledged, 0u) << "each needs the number after the one that is held";
  ExpectAllSay("ACTIVE", {held, alive});  // what needs no writing goes on
  absl::Duration best = Commit(writer, held);
  std::printf("refused by both replicas %.0f ms behind the COMMIT\n",
              absl::ToDoubleMilliseconds(best));

  for (std::thread& other : others) other.join();
  EXPECT_EQ(acknowledged, tokens.size());
  for (const std::string& token : tokens) EXPECT_TRUE(AllSay("TOKEN_REVOKED", token));
  EXPECT_TRUE(AllSay("TOKEN_REVOKED", held));
  ExpectAllSay("ACTIVE", {alive});
  // A busy machine may be late once, or a few times, but not always.
  for (size_t i = 0; i < more.size() && (i < size_t{kLeastHolds} || best > kPromised); ++i) {
    best = std::min(best, HoldAndCommit(writer, more[i]));
  }
  EXPECT_LE(best, kAtOnce) << "promised: " << kPromised;
  ExpectNoGap();
}

}  // namespace
}  // namespace tessera::testing
