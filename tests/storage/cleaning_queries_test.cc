// How the rows are found that a cleaner removes: by an index on each engine, in its order, however
// large the table is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "storage/sql/mysql_store.h"
#include "storage/sql/sqlite_store.h"
#include "tessera/base/status_macros.h"
#include "tests/base/fake_clock.h"
#include "tests/base/temporary_folder.h"
#include "tests/mariadb/mariadb.h"
#include "tests/storage/raw_sqlite.h"

namespace tessera::storage {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kRows = 2000;    // of each kind, and that all stay
constexpr int kOver = 10;      // that go
constexpr int kLookedAt = 60;  // what a batch may read besides the rows that go: pages' edges

struct Query {
  std::string table;
  std::string pick;   // as the repository has it
  std::string index;  // that leads to the rows
};

const std::vector<Query>& Queries() {
  static const std::vector<Query> queries = {
      {"sessions", "SELECT id FROM sessions WHERE ends_at < 1 ORDER BY ends_at, id LIMIT 1000",
       "sessions_by_end"},
      {"revocations",
       "SELECT seq FROM revocations WHERE expires_at < 1 ORDER BY expires_at, seq LIMIT 1000",
       "revocations_by_expiry"},
      {"service_secrets",
       "SELECT id FROM service_secrets WHERE expires_at < 1 ORDER BY expires_at, id LIMIT 1000",
       "service_secrets_by_expiry"},
      {"used_assertions",
       "SELECT assertion_hash FROM used_assertions WHERE expires_at < 1"
       " ORDER BY expires_at, assertion_hash LIMIT 1000",
       "used_assertions_by_expiry"},
      {"answered_requests",
       "SELECT request_hash FROM answered_requests WHERE expires_at < 1"
       " ORDER BY expires_at, request_hash LIMIT 1000",
       "answered_requests_by_expiry"},
      {"replicas",
       "SELECT id FROM replicas WHERE reported_at < 1 ORDER BY reported_at, id"
       " LIMIT 1000",
       "replicas_by_report"},
      {"throttle",
       "SELECT id FROM throttle WHERE expires_at < 1 ORDER BY expires_at, id LIMIT 1000",
       "throttle_by_expiry"},
      {"password_resets",
       "SELECT user_id FROM password_resets WHERE expires_at < 1"
       " ORDER BY expires_at, user_id LIMIT 1000",
       "password_resets_by_expiry"},
  };
  return queries;
}

absl::Status InsertOne(Repositories& r, const UserId& user, const ServiceId& service, int number,
                       absl::Time now, absl::Time end) {
  Session session;
  session.id = SessionId(absl::StrCat("ses_", number));
  session.user_id = user;
  session.created_at = session.auth_time = session.rotated_at = session.access_until = now;
  session.idle_expires_at = session.expires_at = end;
  TESSERA_RETURN_IF_ERROR(r.sessions.Insert(session));
  ServiceSecret secret;
  secret.id = SecretId(absl::StrCat("sec_", number));
  secret.service_id = service;
  secret.created_at = now;
  secret.expires_at = end;
  TESSERA_RETURN_IF_ERROR(r.services.InsertSecret(secret));
  TESSERA_RETURN_IF_ERROR(
      r.services.ConsumeAssertion(absl::StrCat("hash", number), "use", end).status());
  TESSERA_RETURN_IF_ERROR(
      r.requests.Keep({absl::StrCat("hash", number), "content", "usr_1", end}, now).status());
  TESSERA_RETURN_IF_ERROR(r.replicas.Report({absl::StrCat("rep_", number), end, 1, 1}));
  const std::string counter = absl::StrCat("counter ", 1'000'000 + number, "#");
  TESSERA_RETURN_IF_ERROR(r.throttle.Swap(std::nullopt, {counter, 1, now, end}).status());
  User resetting;
  resetting.id = UserId(absl::StrCat("usr_reset_", number));
  resetting.username = absl::StrCat("reset_", number);
  TESSERA_RETURN_IF_ERROR(r.users.Insert(resetting));
  TESSERA_RETURN_IF_ERROR(r.passwords.PutReset({resetting.id, 1, "hash", "key", end}));
  Revocation entry;
  entry.kind = RevocationKind::kSession;
  entry.id_hash = std::string(16, 'x');
  entry.expires_at = end;
  return r.revocations.Append({entry});
}

// kRows of each kind that end in an hour, and kOver that have ended.
absl::Status Fill(Store& store, absl::Time now) {
  return store.Write(Repeat::kOnce, absl::InfiniteFuture(), [&](Repositories& r) -> absl::Status {
    User user;
    user.id = UserId("usr_1");
    user.username = "ada";
    TESSERA_RETURN_IF_ERROR(r.users.Insert(user));
    ServiceAccount service;
    service.id = ServiceId("svc_1");
    service.name = "mail";
    TESSERA_RETURN_IF_ERROR(r.services.Insert(service));
    for (int i = 0; i < kRows + kOver; ++i) {
      const absl::Time end = i < kOver ? now - absl::Hours(1) : now + absl::Hours(1);
      TESSERA_RETURN_IF_ERROR(InsertOne(r, user.id, service.id, i, now, end));
    }
    return absl::OkStatus();
  });
}

// What a cleaner does; how many rows went.
absl::StatusOr<int64_t> Clean(Store& store, absl::Time now) {
  int64_t removed = 0;
  TESSERA_RETURN_IF_ERROR(
      store.Write(Repeat::kOnce, absl::InfiniteFuture(), [&](Repositories& r) -> absl::Status {
        for (const absl::StatusOr<int64_t>& count :
             {r.sessions.DeleteEnded(now, 1000), r.revocations.DeleteExpired(now, 1000),
              r.services.DeleteExpiredSecrets(now, 1000),
              r.services.DeleteExpiredAssertions(now, 1000), r.replicas.DeleteOld(now, 1000),
              r.throttle.DeleteExpired(now, 1000), r.requests.DeleteExpired(now, 1000),
              r.passwords.DeleteExpiredResets(now, 1000)}) {
          if (!count.ok()) return count.status();
          removed += *count;
        }
        return absl::OkStatus();
      }));
  return removed;
}

TEST(CleaningQueries, HaveAnIndexOnSqlite) {
  const testing::FakeClock clock;
  const testing::TemporaryFolder folder;
  const auto store = OpenSqliteStore({.path = folder.Path("t.db")}, clock, NoLog());
  ASSERT_TRUE(store.ok()) << store.status();
  testing::RawSqlite raw(folder.Path("t.db"));
  for (const Query& query : Queries()) {
    const std::string plan = raw.Plan(query.pick);
    EXPECT_THAT(plan, HasSubstr(query.index)) << query.pick;
    EXPECT_THAT(plan, Not(HasSubstr("SCAN"))) << query.pick;
    EXPECT_THAT(plan, Not(HasSubstr("TEMP B-TREE"))) << query.pick;
  }
}

class CleaningOnMariaDb : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store = OpenMysqlStore(database_.options(), clock_, NoLog());
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    const absl::Status filled = Fill(*store_, clock_.Now());
    ASSERT_TRUE(filled.ok()) << filled;
    for (const Query& query : Queries()) database_.Sql("ANALYZE TABLE " + query.table);
  }
  // Of all connections since the count began.
  int64_t RowsRead(const std::string& table) {
    const std::string rows = database_.server().Sql(absl::StrCat(
        "SELECT rows_read FROM information_schema.table_statistics WHERE table_schema = '",
        database_.name(), "' AND table_name = '", table, "'"));
    return rows.empty() ? 0 : std::stoll(rows);
  }

  const testing::FakeClock clock_;
  testing::MariaDbDatabase database_{testing::MariaDb::Shared()};
  std::unique_ptr<Store> store_;
};

TEST_F(CleaningOnMariaDb, QueriesHaveAnIndex) {
  for (const Query& query : Queries()) {
    const std::vector<std::string> plan =
        absl::StrSplit(database_.Sql("EXPLAIN " + query.pick), '\t');
    ASSERT_GE(plan.size(), 10u) << query.pick;
    EXPECT_EQ(plan[3], "range") << query.pick;
    EXPECT_EQ(plan[5], query.index) << query.pick;
    EXPECT_THAT(plan[9], Not(HasSubstr("filesort"))) << query.pick;
  }
}

TEST_F(CleaningOnMariaDb, ABatchReadsWhatItRemovesAndNotTheTable) {
  database_.server().Sql("SET GLOBAL userstat = 1");
  std::vector<int64_t> before;
  for (const Query& query : Queries()) before.push_back(RowsRead(query.table));
  const absl::StatusOr<int64_t> removed = Clean(*store_, clock_.Now());
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(*removed, kOver * static_cast<int64_t>(Queries().size()));
  for (size_t i = 0; i < Queries().size(); ++i) {
    const int64_t read = RowsRead(Queries()[i].table) - before[i];
    EXPECT_GE(read, kOver) << Queries()[i].table;
    EXPECT_LE(read, 2 * kOver + kLookedAt) << Queries()[i].table;
  }
}

}  // namespace
}  // namespace tessera::storage
