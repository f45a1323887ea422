#include "storage/sql/mysql_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <latch>
#include <thread>

#include "tessera/base/mutex.h"
#include "tessera/base/reason.h"
#include "tests/base/recording_log.h"
#include "tests/mariadb/cutting_proxy.h"
#include "tests/mariadb/mariadb.h"

namespace tessera::storage {
namespace {

using testing::CuttingProxy;
using ::testing::HasSubstr;
using testing::MariaDb;
using testing::MariaDbDatabase;
using ::testing::Not;

// Far more than a work that is cut off at its own deadline needs, far less than a time-out of the
// client library.
constexpr absl::Duration kSlowMachine = absl::Seconds(20);

// The query, not the isolation level's name.
constexpr char kCommit[] =
    "\x03"
    "COMMIT";

absl::Time Soon() { return SystemClock().Now() + absl::Seconds(30); }

class MysqlStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<Store> Open(MysqlOptions options) {
    auto store = OpenMysqlStore(std::move(options), SystemClock(), log_);
    if (!store.ok()) throw std::runtime_error(store.status().ToString());
    return *std::move(store);
  }
  std::unique_ptr<Store> Open() { return Open(database_.options()); }
  // Through the proxy.
  std::unique_ptr<Store> OpenThrough(const CuttingProxy& proxy) {
    MysqlOptions options = database_.options();
    options.port = proxy.port();
    return Open(std::move(options));
  }

  static absl::Status Advance(Store& store, int64_t from, Repeat repeat = Repeat::kOnce,
                              absl::Time deadline = Soon()) {
    return store.Write(repeat, deadline, [&](Repositories& r) {
      const auto advanced = r.keys.AdvanceVersion(from);
      if (!advanced.ok()) return advanced.status();
      return *advanced ? absl::OkStatus() : absl::AbortedError("moved on");
    });
  }
  static absl::StatusOr<int64_t> Version(Store& store, absl::Time deadline = Soon()) {
    int64_t version = -1;
    const absl::Status status = store.Read(deadline, [&](Repositories& r) {
      const auto read = r.keys.Version();
      if (read.ok()) version = *read;
      return read.status();
    });
    if (!status.ok()) return status;
    return version;
  }
  static void TakeSchemaRights(MariaDbDatabase& database) {
    // In a grant's name of a database an underscore stands for any character.
    database.server().Sql("REVOKE CREATE, ALTER, INDEX, REFERENCES ON `t\\_" +
                          database.name().substr(2) + "`.* FROM '" + database.user() +
                          "'@'127.0.0.1'");
  }
  std::string Account() const { return "'" + database_.user() + "'@'127.0.0.1'"; }
  int64_t StoredVersion() { return std::stoll(database_.Sql("SELECT version FROM key_set")); }

  testing::RecordingLog log_;
  MariaDbDatabase database_{MariaDb::Shared()};
};

TEST_F(MysqlStoreTest, OfManyThatStartAtOnceOneMakesTheSchemaAndAllServe) {
  constexpr int kReplicas = 6;
  std::latch start(kReplicas);
  std::atomic<int> served = 0;
  std::vector<std::thread> replicas;
  replicas.reserve(kReplicas);
  for (int i = 0; i < kReplicas; ++i) {
    replicas.emplace_back([&] {
      start.arrive_and_wait();
      auto store = OpenMysqlStore(database_.options(), SystemClock(), log_);
      if (store.ok() && Version(**store).ok()) ++served;
    });
  }
  for (std::thread& replica : replicas) replica.join();
  EXPECT_EQ(served, kReplicas) << log_.text();
  EXPECT_EQ(database_.Sql("SELECT COUNT(*) FROM schema_state WHERE holder = ''"), "1\n");
  EXPECT_EQ(database_.Sql("SELECT seq FROM feed"), "0\n");
}

TEST_F(MysqlStoreTest, AnAccountThatMayNotChangeTheSchemaServesOneThatIsThere) {
  MysqlOptions options = database_.options();
  options.migrate = false;
  const auto early = OpenMysqlStore(options, SystemClock(), log_);
  EXPECT_EQ(early.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(early.status().message()), HasSubstr("--migrate"));
  EXPECT_EQ(database_.Sql("SHOW TABLES"), "");
  MariaDbDatabase other(MariaDb::Shared());
  TakeSchemaRights(other);
  const auto refused = OpenMysqlStore(other.options(), SystemClock(), log_);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("1142"));
  Open();
  TakeSchemaRights(database_);
  EXPECT_TRUE(Version(*Open(options)).ok());
  EXPECT_TRUE(Version(*Open()).ok());
}

TEST_F(MysqlStoreTest, AWrongPasswordIsTheOperatorsErrorAndIsNotRepeated) {
  MysqlOptions options = database_.options();
  options.password = Secret("not-the-password");
  const auto store = OpenMysqlStore(options, SystemClock(), log_);
  EXPECT_EQ(store.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(store.status().message()), HasSubstr("1045"));
  EXPECT_THAT(std::string(store.status().message()) + log_.text(),
              Not(HasSubstr("not-the-password")));
}

TEST_F(MysqlStoreTest, ADatabaseThatIsNotThereIsUnavailable) {
  MysqlOptions options = database_.options();
  options.port = 1;
  const auto store = OpenMysqlStore(options, SystemClock(), log_);
  EXPECT_EQ(store.status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(MysqlStoreTest, ADatabaseThatMayLoseAcknowledgedWritesIsRefusedUnlessAskedFor) {
  MariaDb::Options relaxed;
  relaxed.arguments = {"--innodb-flush-log-at-trx-commit=2"};
  MariaDb server(relaxed);
  MariaDbDatabase database(server);
  MysqlOptions options = database.options();
  const auto store = OpenMysqlStore(options, SystemClock(), log_);
  EXPECT_EQ(store.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(store.status().message()), HasSubstr("innodb_flush_log_at_trx_commit"));
  options.relaxed_durability = true;
  EXPECT_TRUE(OpenMysqlStore(options, SystemClock(), log_).ok());
}

TEST_F(MysqlStoreTest, ItTellsTheDatabasesTime) {
  const auto store = Open();
  const absl::Time before = SystemClock().Now();
  const auto time = store->DatabaseTime(Soon());
  const absl::Time after = SystemClock().Now();
  ASSERT_TRUE(time.ok() && time->has_value());
  EXPECT_GE(**time, before - absl::Milliseconds(1));
  EXPECT_LE(**time, after + absl::Milliseconds(1));
}

// The connection breaks before the server has the COMMIT: nothing is there.
TEST_F(MysqlStoreTest, AWriteWhoseCommitWasLostOnTheWayIsUnknownOrRunAgain) {
  CuttingProxy proxy(database_.server().port());
  const auto store = OpenThrough(proxy);
  proxy.CutNext(kCommit, CuttingProxy::Cut::kBefore);
  const absl::Status once = Advance(*store, 0, Repeat::kOnce);
  EXPECT_EQ(once.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(once), reason::kOutcomeUnknown);
  EXPECT_EQ(StoredVersion(), 0);
  proxy.CutNext(kCommit, CuttingProxy::Cut::kBefore);
  EXPECT_TRUE(Advance(*store, 0, Repeat::kIdempotent).ok());
  EXPECT_EQ(StoredVersion(), 1);
  EXPECT_EQ(proxy.cuts(), 2);
}

// It breaks behind the COMMIT: all is there, and nobody was told.
TEST_F(MysqlStoreTest, AWriteWhoseCommitWasNotAnsweredIsUnknownOrRunAgain) {
  CuttingProxy proxy(database_.server().port());
  const auto store = OpenThrough(proxy);
  proxy.CutNext(kCommit, CuttingProxy::Cut::kAfter);
  EXPECT_EQ(ReasonOf(Advance(*store, 0, Repeat::kOnce)), reason::kOutcomeUnknown);
  EXPECT_EQ(StoredVersion(), 1);
  proxy.CutNext(kCommit, CuttingProxy::Cut::kAfter);
  int runs = 0;
  const absl::Status status = store->Write(Repeat::kIdempotent, Soon(), [&](Repositories& r) {
    ++runs;
    return r.keys.AdvanceVersion(1).status();
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(StoredVersion(), 2);
}

TEST_F(MysqlStoreTest, AnIdempotentWriteWithoutAnAnswerIsUnknownIfItCannotBeRunAgain) {
  CuttingProxy proxy(database_.server().port());
  const auto store = OpenThrough(proxy);
  proxy.CutNext(kCommit, CuttingProxy::Cut::kAfter);
  const absl::Status status = store->Write(Repeat::kIdempotent, Soon(), [&](Repositories& r) {
    const auto advanced = r.keys.AdvanceVersion(0);
    proxy.GoAwayAfterNextCut();
    return advanced.status();
  });
  EXPECT_EQ(ReasonOf(status), reason::kOutcomeUnknown) << status;
  EXPECT_EQ(StoredVersion(), 1);
}

TEST_F(MysqlStoreTest, AWorkWhoseConnectionBreaksIsRunAgain) {
  CuttingProxy proxy(database_.server().port());
  const auto store = OpenThrough(proxy);
  for (const char* word : {"START TRANSACTION", "UPDATE key_set"}) {
    proxy.CutNext(word, CuttingProxy::Cut::kAfter);
    const int64_t before = StoredVersion();
    EXPECT_TRUE(Advance(*store, before).ok());
    EXPECT_EQ(StoredVersion(), before + 1);
  }
  EXPECT_EQ(proxy.cuts(), 2);
}

TEST_F(MysqlStoreTest, ConnectionsKilledByTheServerAreReplacedUnnoticed) {
  const auto store = Open();
  ASSERT_TRUE(Advance(*store, 0).ok());
  database_.server().Sql("KILL USER " + Account());
  EXPECT_TRUE(Advance(*store, 1).ok());
  database_.server().Sql("KILL USER " + Account());
  EXPECT_EQ(*Version(*store), 2);
  EXPECT_THAT(log_.text(), HasSubstr("storage.failed"));
}

// Two works that take two rows in opposite order: the server undoes one, which is run again.
TEST_F(MysqlStoreTest, AWorkThatTheServerUndidInADeadlockIsRunAgain) {
  const auto store = Open();
  std::atomic<int> runs = 0;
  std::latch both_hold_one(2);
  const auto work = [&](bool feed_first) {
    return [&, feed_first](Repositories& r) {
      const bool first_run = ++runs <= 2;
      Revocation entry;
      entry.id_hash = std::string(16, 'x');
      entry.expires_at = absl::InfiniteFuture();
      absl::Status status =
          feed_first ? r.revocations.Append({entry}) : r.keys.AdvanceVersion(0).status();
      if (first_run) both_hold_one.arrive_and_wait();
      if (!status.ok()) return status;
      return feed_first ? r.keys.AdvanceVersion(0).status() : r.revocations.Append({entry});
    };
  };
  std::thread other([&] { EXPECT_TRUE(store->Write(Repeat::kOnce, Soon(), work(true)).ok()); });
  EXPECT_TRUE(store->Write(Repeat::kOnce, Soon(), work(false)).ok());
  other.join();
  EXPECT_EQ(runs, 3);
  EXPECT_EQ(database_.Sql("SELECT seq FROM feed"), "2\n");
  EXPECT_THAT(log_.text(), HasSubstr("1213"));
}

TEST_F(MysqlStoreTest, AReadOnlyDatabaseRefusesWritesAndServesReads) {
  MariaDb server;
  MariaDbDatabase database(server);
  const auto store = Open(database.options());
  server.Sql("SET GLOBAL read_only = 1");
  const absl::Status status = Advance(*store, 0);
  EXPECT_EQ(ReasonOf(status), reason::kStorageUnavailable) << status;
  EXPECT_EQ(*Version(*store), 0);
  server.Sql("SET GLOBAL read_only = 0");
  EXPECT_TRUE(Advance(*store, 0).ok());
}

TEST_F(MysqlStoreTest, WhileTheDatabaseIsStoppedItSaysSoAndComesBackByItself) {
  MariaDb server;
  MariaDbDatabase database(server);
  const auto store = Open(database.options());
  ASSERT_TRUE(Advance(*store, 0).ok());
  server.Stop();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(ReasonOf(Advance(*store, 1)), reason::kStorageUnavailable);
    EXPECT_EQ(ReasonOf(Version(*store).status()), reason::kStorageUnavailable);
  }
  server.Start();
  absl::Status status = Advance(*store, 1);
  const absl::Time give_up = Soon();
  while (!status.ok() && SystemClock().Now() < give_up) status = Advance(*store, 1);
  EXPECT_TRUE(status.ok()) << status;
  const std::string log = log_.text();
  EXPECT_EQ(log.find("database.away"), log.rfind("database.away")) << log;
  EXPECT_EQ(log.find("database.back"), log.rfind("database.back")) << log;
  EXPECT_THAT(log, HasSubstr("database.back"));
}

// A server that is there and says nothing: the work ends at its own deadline all the same.
TEST_F(MysqlStoreTest, WhileTheDatabaseIsPausedWorksEndAtTheirDeadline) {
  MariaDb server;
  MariaDbDatabase database(server);
  const auto store = Open(database.options());
  ASSERT_TRUE(Advance(*store, 0).ok());
  server.Pause();
  const absl::Duration began = SystemClock().Monotonic();
  const auto soon = [] { return SystemClock().Now() + absl::Milliseconds(300); };
  EXPECT_EQ(ReasonOf(Version(*store, soon()).status()), reason::kStorageUnavailable);
  EXPECT_EQ(ReasonOf(Advance(*store, 1, Repeat::kOnce, soon())), reason::kStorageUnavailable);
  EXPECT_EQ(ReasonOf(Version(*store, soon()).status()), reason::kStorageUnavailable);
  EXPECT_LT(SystemClock().Monotonic() - began, kSlowMachine);
  server.Resume();
  absl::Status status = Advance(*store, 1);
  const absl::Time give_up = Soon();
  while (!status.ok() && SystemClock().Now() < give_up) status = Advance(*store, 1);
  EXPECT_TRUE(status.ok()) << status;
}

// A server set to go its own way about character sets must not make the client escape for another.
TEST_F(MysqlStoreTest, TextStaysTextOnAServerThatIgnoresTheClientsCharacterSet) {
  MariaDb::Options options;
  options.arguments = {"--skip-character-set-client-handshake", "--character-set-server=gbk",
                       "--collation-server=gbk_bin", "--init-connect=SET NAMES gbk"};
  MariaDb server(options);
  MariaDbDatabase database(server);
  const auto store = Open(database.options());
  User user;
  user.id = UserId("usr_1");
  user.username = "ada";
  // In gbk the last byte of the sign and the backslash before the quote are one character.
  user.display_name = "\xE2\x82\xAC', 0x494e4a -- ";
  ASSERT_TRUE(
      store->Write(Repeat::kOnce, Soon(), [&](Repositories& r) { return r.users.Insert(user); })
          .ok());
  ASSERT_TRUE(store
                  ->Read(Soon(),
                         [&](Repositories& r) {
                           const auto found = r.users.FindByName("ada");
                           EXPECT_EQ((*found)->display_name, user.display_name);
                           return found.status();
                         })
                  .ok());
}

// What is cleaned away is found by an index: rows that others hold, or that live, are not touched.
TEST_F(MysqlStoreTest, CleaningUpWaitsForNobodysRow) {
  const auto store = Open();
  Session session;
  session.id = SessionId("ses_1");
  session.user_id = UserId("usr_1");
  session.idle_expires_at = session.expires_at = SystemClock().Now() + absl::Hours(1);
  ASSERT_TRUE(store
                  ->Write(Repeat::kOnce, Soon(),
                          [&](Repositories& r) {
                            User user;
                            user.id = session.user_id;
                            user.username = "ada";
                            const absl::Status made = r.users.Insert(user);
                            return made.ok() ? r.sessions.Insert(session) : made;
                          })
                  .ok());
  const absl::Status held = store->Write(Repeat::kOnce, Soon(), [&](Repositories& r) {
    const auto rotated = r.sessions.Rotate({session.id, 1, "mac", {}, {}, session.expires_at, ""});
    const absl::Status cleaned = store->Write(Repeat::kOnce, Soon(), [&](Repositories& other) {
      EXPECT_EQ(*other.sessions.DeleteEnded(SystemClock().Now(), 1000), 0);
      EXPECT_EQ(*other.revocations.DeleteExpired(SystemClock().Now(), 1000), 0);
      return absl::OkStatus();
    });
    EXPECT_TRUE(cleaned.ok()) << cleaned;
    return rotated.status();
  });
  EXPECT_TRUE(held.ok()) << held;
  EXPECT_THAT(log_.text(), Not(HasSubstr("1205")));
}

// An administrator renames a user while many register: their hashes all have one cost, whose row
// the first of them holds.
TEST_F(MysqlStoreTest, WhoChangesNoHashWaitsForNobodyWhoDoes) {
  const auto store = Open();
  User ada;
  ada.id = UserId("usr_1");
  ada.username = "ada";
  ada.password_hash = "$argon2id$v=19$m=8192,t=1,p=1$c2FsdA$dGFn";
  ASSERT_TRUE(
      store->Write(Repeat::kOnce, Soon(), [&](Repositories& r) { return r.users.Insert(ada); })
          .ok());
  const absl::Status registered = store->Write(Repeat::kOnce, Soon(), [&](Repositories& r) {
    User other = ada;
    other.id = UserId("usr_2");
    other.username = "grace";
    const absl::Status inserted = r.users.Insert(other);
    const absl::Status renamed = store->Write(Repeat::kOnce, Soon(), [&](Repositories& in) {
      ada.display_name = "Ada";
      return in.users.Update(ada, ada.revision).status();
    });
    EXPECT_TRUE(renamed.ok()) << renamed;
    return inserted;
  });
  EXPECT_TRUE(registered.ok()) << registered;
  EXPECT_THAT(log_.text(), Not(HasSubstr("1205")));
}

// Whoever sets short deadlines spoils the one connection that he uses.
TEST_F(MysqlStoreTest, AWorkThatRanOutOfTimeLeavesOthersTheirConnections) {
  const auto store = Open();
  const auto connections = [&] {
    return database_.server().Sql(
        "SELECT COUNT(*) FROM information_schema.processlist WHERE user = '" + database_.user() +
        "'");
  };
  // Three at once, each inside the other.
  const auto read = [&](const std::function<void()>& inside) {
    return store->Read(Soon(), [&](Repositories& r) {
      const auto version = r.keys.Version();
      inside();
      return version.status();
    });
  };
  EXPECT_TRUE(read([&] { EXPECT_TRUE(read([&] { EXPECT_TRUE(read([] {}).ok()); }).ok()); }).ok());
  ASSERT_EQ(connections(), "3\n");
  const absl::Time too_soon = SystemClock().Now() + absl::Milliseconds(1);
  EXPECT_EQ(ReasonOf(Version(*store, too_soon).status()), reason::kStorageUnavailable);
  EXPECT_EQ(connections(), "3\n");
  const absl::Status status =
      store->Read(SystemClock().Now() + absl::Milliseconds(200), [&](Repositories& r) {
        Mutex mutex;
        CondVar nobody;
        MutexLock lock(mutex);
        nobody.WaitFor(mutex, absl::Milliseconds(400));
        return r.keys.Version().status();
      });
  EXPECT_EQ(ReasonOf(status), reason::kStorageUnavailable);
  const absl::Time give_up = Soon();
  while (connections() != "2\n" && SystemClock().Now() < give_up) {
  }
  EXPECT_EQ(connections(), "2\n");
}

TEST_F(MysqlStoreTest, OneThatHoldsARowForLongMakesOthersWaitNotFail) {
  const auto store = Open();
  std::latch held(1);
  std::latch go_on(1);
  std::thread holder([&] {
    EXPECT_TRUE(store
                    ->Write(Repeat::kOnce, Soon(),
                            [&](Repositories& r) {
                              const auto advanced = r.keys.AdvanceVersion(0);
                              held.count_down();
                              go_on.wait();
                              return advanced.status();
                            })
                    .ok());
  });
  held.wait();
  const absl::Status impatient =
      Advance(*store, 0, Repeat::kOnce, SystemClock().Now() + absl::Milliseconds(300));
  EXPECT_EQ(ReasonOf(impatient), reason::kStorageUnavailable);
  go_on.count_down();
  EXPECT_TRUE(Advance(*store, 1).ok());
  holder.join();
}

}  // namespace
}  // namespace tessera::storage
