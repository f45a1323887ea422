#include "storage/sql/statement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "storage/sql/sqlite_engine.h"
#include "tests/base/temporary_folder.h"

namespace tessera::storage::sql {
namespace {

class StatementTest : public ::testing::Test {
 protected:
  StatementTest() : session_(Connect()) {
    Statement(*session_, "CREATE TABLE t (id BIGINT PRIMARY KEY, word TEXT, n BIGINT)").Run();
  }
  std::unique_ptr<soci::session> Connect() {
    return SqliteEngine::Connect(folder_.Path("test.db"), Access::kWrite);
  }
  void Insert(int64_t id, std::string_view word) {
    Statement(*session_, "INSERT INTO t (id, word) VALUES (:id, :word)")
        .Bind("id", id)
        .Bind("word", word)
        .Run();
  }

  testing::TemporaryFolder folder_;
  std::unique_ptr<soci::session> session_;
};

TEST_F(StatementTest, ABoundTemporaryIsKeptUntilTheStatementRuns) {
  Statement insert(*session_, "INSERT INTO t (id, word) VALUES (:id, :word)");
  insert.Bind("id", int64_t{1}).Bind("word", std::string(1000, 'w'));
  const std::string noise(1000, 'n');
  insert.Run();
  std::string word;
  Statement(*session_, "SELECT word FROM t").Into(word).One();
  EXPECT_EQ(word, std::string(1000, 'w'));
}

TEST_F(StatementTest, NumbersKeepSixtyFourBits) {
  for (const int64_t n : {std::numeric_limits<int64_t>::min(), int64_t{-1}, int64_t{1} << 31,
                          int64_t{5'000'000'000}, std::numeric_limits<int64_t>::max()}) {
    Statement(*session_, "DELETE FROM t").Run();
    Statement(*session_, "INSERT INTO t (id, n) VALUES (1, :n)").Bind("n", n).Run();
    int64_t read = 0;
    EXPECT_TRUE(Statement(*session_, "SELECT n FROM t").Into(read).One());
    EXPECT_EQ(read, n);
  }
}

TEST_F(StatementTest, TimesKeepMicrosecondsAndTheInfinities) {
  for (const absl::Time time :
       {absl::UnixEpoch(), absl::FromUnixMicros(-1), absl::FromUnixMicros(1'800'000'000'123'456),
        absl::InfiniteFuture(), absl::InfinitePast()}) {
    EXPECT_EQ(FromMicros(ToMicros(time)), time);
  }
  EXPECT_EQ(FromMicros(ToMicros(absl::FromUnixNanos(1999))), absl::FromUnixMicros(1));
}

TEST_F(StatementTest, NullIsAbsentOrAnError) {
  Insert(1, "one");
  std::optional<absl::Time> time = absl::UnixEpoch();
  EXPECT_TRUE(Statement(*session_, "SELECT n FROM t").Into(time).One());
  EXPECT_EQ(time, std::nullopt);
  int64_t number = 0;
  EXPECT_THROW(Statement(*session_, "SELECT n FROM t").Into(number).One(), soci::soci_error);
}

TEST_F(StatementTest, NoRowLeavesTheTargetsAlone) {
  std::string word = "before";
  EXPECT_FALSE(Statement(*session_, "SELECT word FROM t").Into(word).One());
  EXPECT_EQ(word, "before");
}

TEST_F(StatementTest, EachVisitsEveryRowInOrder) {
  for (int64_t i = 0; i < 5; ++i) Insert(i, std::to_string(i));
  std::string word;
  std::vector<std::string> words;
  Statement(*session_, "SELECT word FROM t ORDER BY id DESC").Into(word).Each([&] {
    words.push_back(word);
  });
  EXPECT_THAT(words, ::testing::ElementsAre("4", "3", "2", "1", "0"));
}

TEST_F(StatementTest, RunTellsHowManyRowsMatchedEvenIfNothingChanges) {
  for (int64_t i = 0; i < 3; ++i) Insert(i, "same");
  EXPECT_EQ(Statement(*session_, "UPDATE t SET word = 'same' WHERE id < 2").Run(), 2);
  EXPECT_EQ(Statement(*session_, "UPDATE t SET word = 'same' WHERE id > 9").Run(), 0);
  EXPECT_EQ(Statement(*session_, "DELETE FROM t").Run(), 3);
}

// The trap: a look-up that is not read to its end holds its view of the database.
TEST_F(StatementTest, ALookUpOfOneRowOfManyKeepsNoSnapshotOpen) {
  Insert(1, "one");
  Insert(2, "two");
  std::string word;
  Statement look_up(*session_, "SELECT word FROM t ORDER BY id");
  EXPECT_TRUE(look_up.Into(word).One());
  auto other = Connect();
  Statement(*other, "INSERT INTO t (id, word) VALUES (3, 'three')").Run();
  Insert(4, "four");
  int64_t count = 0;
  Statement(*session_, "SELECT COUNT(*) FROM t").Into(count).One();
  EXPECT_EQ(count, 4);
}

TEST_F(StatementTest, ErrorsAreToldApartByTheirCodes) {
  Statement(*session_, "CREATE UNIQUE INDEX words ON t (word)").Run();
  Insert(1, "one");
  const SqliteEngine engine;
  const auto failure = [&](const std::string& text) {
    try {
      Statement(*session_, text).Run();
    } catch (const soci::soci_error& e) {
      return engine.Classify(e);
    }
    ADD_FAILURE() << text;
    return Failure::kOther;
  };
  Statement(*session_,
            "CREATE TABLE c (id BIGINT NOT NULL PRIMARY KEY, t BIGINT,"
            " FOREIGN KEY (t) REFERENCES t (id)) WITHOUT ROWID")
      .Run();
  EXPECT_EQ(failure("INSERT INTO t (id, word) VALUES (2, 'one')"), Failure::kDuplicateKey);
  EXPECT_EQ(failure("INSERT INTO c (id, t) VALUES (1, 99)"), Failure::kOrphan);
  Statement(*session_, "INSERT INTO c (id, t) VALUES (1, 1)").Run();
  EXPECT_EQ(failure("INSERT INTO c (id, t) VALUES (1, 1)"), Failure::kDuplicatePrimary);
  EXPECT_EQ(failure("DELETE FROM t"), Failure::kOrphan);
  EXPECT_EQ(failure("SELECT nothing FROM t"), Failure::kOther);
}

TEST_F(StatementTest, AReadersConnectionRefusesToWrite) {
  auto reader = SqliteEngine::Connect(folder_.Path("test.db"), Access::kRead);
  EXPECT_THROW(Statement(*reader, "DELETE FROM t").Run(), soci::soci_error);
}

}  // namespace
}  // namespace tessera::storage::sql
