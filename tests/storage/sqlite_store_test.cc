#include "storage/sql/sqlite_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "tessera/base/mutex.h"
#include "tessera/base/reason.h"
#include "tests/base/recording_log.h"
#include "tests/base/temporary_folder.h"
#include "tests/storage/child_process.h"
#include "tests/storage/raw_sqlite.h"

namespace tessera::storage {
namespace {

using testing::ChildProcess;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RawSqlite;

class SqliteStoreTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Store>> TryOpen(const std::string& path) {
    return OpenSqliteStore({.path = path, .readers = 2}, SystemClock(), log_);
  }
  std::unique_ptr<Store> Open() {
    auto store = TryOpen(path_);
    if (!store.ok()) throw std::runtime_error(store.status().ToString());
    return *std::move(store);
  }
  static User NewUser(const std::string& name) {
    User user;
    user.id = UserId::Random(SystemClock().Now());
    user.username = name;
    user.password_hash = "$argon2id$SECRETHASH";
    return user;
  }
  static absl::Status AddUser(Store& store, const std::string& name,
                              absl::Duration patience = absl::Seconds(20)) {
    return store.Write(Repeat::kOnce, SystemClock().Now() + patience,
                       [&](Repositories& r) { return r.users.Insert(NewUser(name)); });
  }
  static absl::StatusOr<bool> HasUser(Store& store, const std::string& name) {
    bool found = false;
    const absl::Status status =
        store.Read(absl::InfiniteFuture(), [&](Repositories& r) -> absl::Status {
          const auto user = r.users.FindByName(name);
          if (user.ok()) found = user->has_value();
          return user.status();
        });
    if (!status.ok()) return status;
    return found;
  }
  static mode_t ModeOf(const std::string& path) {
    struct stat info {};
    return stat(path.c_str(), &info) == 0 ? info.st_mode & 0777 : 0;
  }

  testing::TemporaryFolder folder_;
  const std::string path_ = folder_.Path("tessera.db");
  testing::RecordingLog log_;
};

TEST_F(SqliteStoreTest, AsManyReadAtTheSameTimeAsReadersWereAskedFor) {
  constexpr int kReaders = 100;
  auto store = OpenSqliteStore({.path = path_, .readers = kReaders}, SystemClock(), log_);
  ASSERT_TRUE(store.ok()) << store.status();
  const absl::Time deadline = SystemClock().Now() + absl::Seconds(30);
  std::atomic<int> failed{0};
  Mutex mu;
  CondVar arrived;
  int reading = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kReaders; ++i) {
    threads.emplace_back([&] {
      const absl::Status status = (*store)->Read(deadline, [&](Repositories&) {
        MutexLock lock(mu);
        if (++reading == kReaders) arrived.NotifyAll();
        while (reading < kReaders && arrived.WaitFor(mu, deadline - SystemClock().Now())) {
        }
        return absl::OkStatus();
      });
      if (!status.ok()) ++failed;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(reading, kReaders);
  EXPECT_EQ(failed, 0);
}

TEST_F(SqliteStoreTest, ASecondStoreOnTheSameFileIsRefusedUntilTheFirstIsGone) {
  auto first = Open();
  const auto second = TryOpen(path_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("in use"));
  EXPECT_TRUE(AddUser(*first, "ada").ok());
  first.reset();
  EXPECT_TRUE(TryOpen(path_).ok());
}

TEST_F(SqliteStoreTest, AnotherNameOfTheSameFileDoesNotGetRoundTheLock) {
  const auto first = Open();
  std::filesystem::create_symlink(path_, folder_.Path("link.db"));
  std::filesystem::create_directory_symlink(folder_.path(), folder_.Path("linked"));
  std::filesystem::create_directory(folder_.Path("sub"));
  for (const std::string& other : {folder_.Path("link.db"), folder_.Path("linked/tessera.db"),
                                   folder_.Path("./sub/../tessera.db")}) {
    EXPECT_EQ(TryOpen(other).status().code(), absl::StatusCode::kFailedPrecondition) << other;
  }
}

TEST_F(SqliteStoreTest, AnotherProcessIsRefusedUntilTheFirstIsKilled) {
  ChildProcess child([&](int out) -> int {
    const auto store = TryOpen(path_);
    dprintf(out, "%s\n", store.ok() ? "open" : "failed");
    while (true) pause();
  });
  ASSERT_EQ(child.ReadLine(), "open");
  EXPECT_EQ(TryOpen(path_).status().code(), absl::StatusCode::kFailedPrecondition);
  child.Kill();
  EXPECT_TRUE(TryOpen(path_).ok());
}

TEST_F(SqliteStoreTest, AllItsFilesAreReadableByTheOwnerOnlyWhateverTheUmask) {
  const mode_t before = umask(0);
  const auto store = Open();
  EXPECT_TRUE(AddUser(*store, "ada").ok());
  umask(before);
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) {
    EXPECT_EQ(ModeOf(path_ + suffix), 0600u) << suffix;
  }
}

TEST_F(SqliteStoreTest, AFileWithLooserPermissionsIsTightened) {
  std::ofstream(path_).close();
  chmod(path_.c_str(), 0666);
  const auto store = Open();
  EXPECT_TRUE(AddUser(*store, "ada").ok());
  for (const char* suffix : {"", "-wal", "-shm"}) EXPECT_EQ(ModeOf(path_ + suffix), 0600u);
}

TEST_F(SqliteStoreTest, WhatWasAcknowledgedSurvivesTheKillOfTheProcess) {
  ChildProcess child([&](int out) {
    auto store = Open();
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0;; ++i) {
          const std::string name = std::to_string(t) + "." + std::to_string(i);
          if (AddUser(*store, name).ok()) dprintf(out, "%s\n", name.c_str());
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    return 0;
  });
  std::vector<std::string> acknowledged;
  for (int i = 0; i < 200; ++i) acknowledged.push_back(child.ReadLine());
  child.Kill();
  for (std::string line = child.ReadLine(); !line.empty(); line = child.ReadLine()) {
    acknowledged.push_back(line);
  }
  const auto store = Open();
  for (const std::string& name : acknowledged) {
    const auto found = HasUser(*store, name);
    ASSERT_TRUE(found.ok() && *found) << name;
  }
}

// WAL with FULL is what lies behind the promise; so is ours being the connection that has it.
// Whoever notes what a hash costs waits, elsewhere than here, for all others who note the same.
TEST_F(SqliteStoreTest, OnlyAnotherHashIsNotedWithItsCost) {
  const auto store = Open();
  User user = NewUser("ada");
  user.password_hash = "$argon2id$v=19$m=8192,t=1,p=1$c2FsdA$dGFn";
  const auto write = [&](Store::Work work) {
    const absl::Status done = store->Write(Repeat::kOnce, absl::InfiniteFuture(), work);
    EXPECT_TRUE(done.ok()) << done;
  };
  const auto update = [&] {
    write([&](Repositories& r) { return r.users.Update(user, user.revision++).status(); });
  };
  const auto writes = [&] {
    return RawSqlite(path_).Run("SELECT SUM(writes) FROM password_costs");
  };
  write([&](Repositories& r) { return r.users.Insert(user); });
  EXPECT_EQ(writes(), "1");
  user.display_name = "Ada";
  update();
  EXPECT_EQ(writes(), "1");
  user.password_hash = "$argon2id$v=19$m=8192,t=1,p=1$c2FsdA$dGFo";
  update();
  EXPECT_EQ(writes(), "2");
}

TEST_F(SqliteStoreTest, TheFileIsInWalModeAndSoundAfterwards) {
  auto store = Open();
  EXPECT_TRUE(AddUser(*store, "ada").ok());
  store.reset();
  RawSqlite raw(path_);
  EXPECT_EQ(raw.Run("PRAGMA journal_mode"), "wal");
  EXPECT_EQ(raw.Run("PRAGMA integrity_check"), "ok");
  EXPECT_EQ(raw.Run("PRAGMA foreign_key_check"), "");
}

TEST_F(SqliteStoreTest, ASchemaThatANewerProgramMadeForItselfIsRefused) {
  Open().reset();
  RawSqlite(path_).Run("UPDATE schema_state SET version = 9000, min_compatible = 8000");
  const auto store = TryOpen(path_);
  EXPECT_EQ(store.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(store.status().message()), HasSubstr("newer"));
}

TEST_F(SqliteStoreTest, ANewerSchemaThatSaysItIsCompatibleIsServedAndLeftAlone) {
  Open().reset();
  RawSqlite(path_).Run("UPDATE schema_state SET version = 9000");
  EXPECT_TRUE(AddUser(*Open(), "ada").ok());
  EXPECT_EQ(RawSqlite(path_).Run("SELECT version FROM schema_state"), "9000");
}

TEST_F(SqliteStoreTest, AProcessKilledWhileItOpensANewFileHarmsNobody) {
  for (int round = 0; round < 30; ++round) {
    ChildProcess child([&](int) { return TryOpen(path_).ok() ? 0 : 1; });
    usleep(static_cast<useconds_t>(round * 500));
    child.Kill();
  }
  const auto store = Open();
  EXPECT_TRUE(AddUser(*store, "ada").ok());
}

TEST_F(SqliteStoreTest, AMissingFolderIsNamed) {
  const auto store = TryOpen(folder_.Path("missing/tessera.db"));
  EXPECT_EQ(store.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(store.status().message()), HasSubstr("missing/tessera.db"));
}

TEST_F(SqliteStoreTest, AFolderOrAnEmptyPathIsNoDatabase) {
  EXPECT_EQ(TryOpen(folder_.path()).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(TryOpen("").status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(SqliteStoreTest, PathsWithSpacesQuotesAndEqualsSignsWork) {
  for (const char* name : {"a b.db", "a=b.db", "a = b  c.db", "a'b.db", "a\"b.db", "a;b?c.db"}) {
    auto store = TryOpen(folder_.Path(name));
    ASSERT_TRUE(store.ok()) << name << store.status();
    EXPECT_TRUE(AddUser(**store, "ada").ok());
    EXPECT_TRUE(std::filesystem::file_size(folder_.Path(name)) > 0) << name;
  }
}

TEST_F(SqliteStoreTest, AFileThatIsNoDatabaseIsRefusedAndLeftAlone) {
  const std::string text(8192, 'x');
  std::ofstream(path_) << text;
  EXPECT_EQ(TryOpen(path_).status().code(), absl::StatusCode::kFailedPrecondition);
  std::ifstream in(path_);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), text);
}

TEST_F(SqliteStoreTest, AnotherProgramsDatabaseIsRefused) {
  RawSqlite(path_).Run("CREATE TABLE users (name TEXT)");
  const auto store = TryOpen(path_);
  EXPECT_EQ(store.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(RawSqlite(path_).Run("SELECT COUNT(*) FROM sqlite_master"), "1");
}

TEST_F(SqliteStoreTest, AFileThatMayNotBeWrittenIsRefused) {
  Open().reset();
  chmod(folder_.path().c_str(), 0555);
  chmod(path_.c_str(), 0444);
  ChildProcess child([&](int) {
    if (geteuid() == 0 && setuid(65534) != 0) return 2;
    return absl::IsFailedPrecondition(TryOpen(path_).status()) ? 0 : 1;
  });
  EXPECT_EQ(child.Wait(), 0);
  chmod(folder_.path().c_str(), 0700);
}

TEST_F(SqliteStoreTest, DamagedPagesAreAnInternalErrorAndTheCauseIsInTheLog) {
  auto store = Open();
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(AddUser(*store, "user" + std::to_string(i)).ok());
  store.reset();
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4096 * 3);
  const auto rest = std::filesystem::file_size(path_) - 4096 * 3;
  file << std::string(rest, '\xa5') << std::flush;
  auto damaged = TryOpen(path_);
  const absl::Status status =
      damaged.ok() ? HasUser(**damaged, "user7").status() : damaged.status();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(status.code(),
              ::testing::AnyOf(absl::StatusCode::kInternal, absl::StatusCode::kFailedPrecondition));
}

TEST_F(SqliteStoreTest, WithoutSpaceWritesAreRefusedAndComeBackWithIt) {
  ChildProcess child([&](int) {
    signal(SIGXFSZ, SIG_IGN);
    auto store = Open();
    if (!AddUser(*store, "before").ok()) return 1;
    rlimit limit{};
    getrlimit(RLIMIT_FSIZE, &limit);
    rlimit tight = limit;
    tight.rlim_cur = std::filesystem::file_size(path_ + "-wal") + 10'000;
    setrlimit(RLIMIT_FSIZE, &tight);
    const absl::Status full =
        store->Write(Repeat::kOnce, absl::InfiniteFuture(), [&](Repositories& r) {
          User user = NewUser("big");
          user.display_name = std::string(1'000'000, 'x');
          return r.users.Insert(user);
        });
    if (ReasonOf(full) != reason::kStorageUnavailable) return 2;
    if (HasUser(*store, "big").value_or(true)) return 3;
    if (!HasUser(*store, "before").value_or(false)) return 4;
    setrlimit(RLIMIT_FSIZE, &limit);
    if (!AddUser(*store, "after").ok()) return 5;
    return HasUser(*store, "after").value_or(false) ? 0 : 6;
  });
  EXPECT_EQ(child.Wait(), 0);
  EXPECT_TRUE(HasUser(*Open(), "after").value_or(false));
}

TEST_F(SqliteStoreTest, NothingIsAcknowledgedOnceTheFileHasLeftItsPath) {
  const std::string folder = folder_.Path("data");
  std::filesystem::create_directory(folder);
  auto store = *TryOpen(folder + "/tessera.db");
  EXPECT_TRUE(AddUser(*store, "ada").ok());
  std::filesystem::rename(folder, folder_.Path("elsewhere"));
  const absl::Status status = AddUser(*store, "grace");
  EXPECT_EQ(ReasonOf(status), reason::kStorageUnavailable);
  EXPECT_THAT(log_.text(), HasSubstr("gone from its path"));
  std::filesystem::rename(folder_.Path("elsewhere"), folder);
  EXPECT_TRUE(AddUser(*store, "grace").ok());
}

TEST_F(SqliteStoreTest, ALockHeldByAnotherProgramIsWaitedForUntilTheDeadlineAndNoLonger) {
  auto store = Open();
  RawSqlite other(path_);
  other.Run("BEGIN IMMEDIATE");
  const absl::Duration start = SystemClock().Monotonic();
  const absl::Status status = AddUser(*store, "ada", absl::Milliseconds(150));
  EXPECT_EQ(ReasonOf(status), reason::kStorageUnavailable);
  EXPECT_LT(SystemClock().Monotonic() - start, absl::Seconds(4));
  EXPECT_FALSE(HasUser(*store, "ada").value_or(true));
  other.Run("COMMIT");
  EXPECT_TRUE(AddUser(*store, "ada").ok());
}

TEST_F(SqliteStoreTest, ReadersAreLentUntilTheDeadlineOnly) {
  auto store = Open();
  const auto read = [&](Store::Work work) {
    return store->Read(SystemClock().Now() + absl::Milliseconds(100), work);
  };
  absl::Status third;
  EXPECT_TRUE(read([&](Repositories&) {
                return read([&](Repositories&) {  // both connections are out now
                  third = read([](Repositories&) { return absl::OkStatus(); });
                  return absl::OkStatus();
                });
              }).ok());
  EXPECT_EQ(ReasonOf(third), reason::kStorageUnavailable);
  EXPECT_TRUE(read([](Repositories&) { return absl::OkStatus(); }).ok());
}

TEST_F(SqliteStoreTest, AFailureTellsTheCallerNothingAndTheLogNoValues) {
  auto store = Open();
  RawSqlite(path_).Run("DROP TABLE users");
  const absl::Status status = AddUser(*store, "SECRETNAME");
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("users")));
  EXPECT_THAT(log_.text(), HasSubstr("storage.failed engine=sqlite statement=users.insert"));
  EXPECT_THAT(log_.text(), HasSubstr("no such table"));
  EXPECT_THAT(log_.text(), Not(HasSubstr("SECRET")));
}

// The work below hides that its statement failed.
TEST_F(SqliteStoreTest, AWorkThatOverlooksAFailureIsNotCommitted) {
  auto store = Open();
  RawSqlite(path_).Run("DROP TABLE revocations");
  const absl::Status status =
      store->Write(Repeat::kOnce, absl::InfiniteFuture(), [&](Repositories& r) {
        EXPECT_TRUE(r.users.Insert(NewUser("ada")).ok());
        Revocation entry;
        entry.id_hash = std::string(16, 'x');
        EXPECT_FALSE(r.revocations.Append({entry}).ok());
        EXPECT_FALSE(r.users.Insert(NewUser("grace")).ok());
        return absl::OkStatus();
      });
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_FALSE(HasUser(*store, "ada").value_or(true));
}

TEST_F(SqliteStoreTest, EveryTableHasAPrimaryKeyAndEveryQueryAnIndex) {
  auto store = Open();
  RawSqlite raw(path_);
  EXPECT_EQ(raw.Run("SELECT COUNT(*) FROM sqlite_master WHERE type = 'table'"
                    " AND sql NOT LIKE '%PRIMARY KEY%'"),
            "0");
  for (const char* query :
       {"SELECT id FROM users WHERE username = 'a'", "SELECT id FROM users WHERE id > 'a' LIMIT 1",
        "SELECT id FROM roles WHERE name > 'a' ORDER BY name LIMIT 1",
        "SELECT id FROM roles WHERE deleted_at > 0 ORDER BY deleted_at, id LIMIT 1",
        "SELECT id FROM sessions WHERE user_id = 'a' ORDER BY id LIMIT 1",
        "SELECT id FROM sessions WHERE ends_at < 1 ORDER BY ends_at, id LIMIT 1",
        "SELECT seq FROM revocations WHERE expires_at < 1 ORDER BY expires_at, seq LIMIT 1",
        "SELECT seq FROM revocations WHERE seq > 1 ORDER BY seq LIMIT 1",
        "SELECT user_id FROM user_roles WHERE role_id = 'a' ORDER BY user_id LIMIT 1",
        "SELECT role_id FROM user_roles WHERE user_id = 'a' ORDER BY role_id LIMIT 1"}) {
    const std::string plan = raw.Plan(query);
    EXPECT_THAT(plan, HasSubstr("SEARCH")) << query;
    EXPECT_THAT(plan, Not(HasSubstr("SCAN"))) << query;
    EXPECT_THAT(plan, Not(HasSubstr("TEMP B-TREE"))) << query;
  }
}

}  // namespace
}  // namespace tessera::storage
