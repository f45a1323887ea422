// What a transaction adds is known to the trail when it is committed, and not before: else what
// comes to nothing, or is read too early, would look as if somebody had cut the chain.
#include <gmock/gmock.h>

#include <optional>
#include <string>
#include <thread>

#include "server/user/bootstrap.h"
#include "server/user/group_facade.h"
#include "server/user/user_import.h"
#include "tests/base/temporary_folder.h"
#include "tests/server/audit/audit_world.h"

namespace tessera::server {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// The trail looks at the store behind each event, while the transaction is under way.
class SlowTrail final : public AuditTrail {
 public:
  explicit SlowTrail(AuditReplica& replica) : replica_(replica) {}

  absl::Status AppendIn(storage::Repositories& in, const CallInfo& call,
                        const AuditEntry& entry) override {
    const absl::Status appended = replica_.trail->AppendIn(in, call, entry);
    if (appended.ok()) AwaitLook();
    return appended;
  }

 private:
  // The second that begins from now on: then the first has ended.
  void AwaitLook() {
    const int enough = replica_.store.reads() + 2;
    const absl::Duration end = SystemClock().Monotonic() + kInTime;
    Mutex mu;
    CondVar never;
    MutexLock lock(mu);
    while (replica_.store.reads() < enough && SystemClock().Monotonic() < end) {
      never.WaitFor(mu, absl::Milliseconds(1));
    }
  }

  AuditReplica& replica_;
};

class CommittedEndsTest : public AuditTest {
 protected:
  void SetUp() override {
    AuditTest::SetUp();
    slow_.emplace(*replica_);
  }
  // `count` events in one transaction, which ends with `end`.
  absl::Status DoAll(int count, const absl::Status& end = absl::OkStatus()) {
    return DoAllBy(*slow_, count, end);
  }
  absl::Status DoAllBy(AuditTrail& trail, int count, const absl::Status& end) {
    const AuditEntry entry{"role.granted", "usr_1", "usr_2"};
    return replica_->store.Write(storage::Repeat::kOnce, absl::InfiniteFuture(),
                                 [&](storage::Repositories& in) -> absl::Status {
                                   absl::Status appended;
                                   for (int i = 0; i < count && appended.ok(); ++i) {
                                     appended = trail.AppendIn(in, replica_->call, entry);
                                   }
                                   return appended.ok() ? end : appended;
                                 });
  }
  void ExpectNoAlarm() {
    ASSERT_TRUE(replica_->Do({"role.created", "usr_1", "r"}).ok());
    ASSERT_TRUE(replica_->trail->Settle(kInTime));
    EXPECT_THAT(replica_->plain_log.text(), Not(HasSubstr("audit.went_back")));
    EXPECT_THAT(replica_->Names(Of("audit.went_back")), IsEmpty());
    EXPECT_THAT(replica_->Faults(), IsEmpty());
  }

  std::optional<SlowTrail> slow_;
};

TEST_F(CommittedEndsTest, SeveralEventsOfOneTransactionAreNotMissedWhileItIsUnderWay) {
  ASSERT_TRUE(DoAll(3).ok());
  EXPECT_THAT(replica_->Names(Of("role.granted")), SizeIs(3));
  ExpectNoAlarm();
}

TEST_F(CommittedEndsTest, SeveralEventsThatAreRolledBackAreNotMissed) {
  EXPECT_FALSE(DoAll(3, absl::AbortedError("no")).ok());
  EXPECT_THAT(replica_->Names(Of("role.granted")), IsEmpty());
  ExpectNoAlarm();
}

TEST_F(CommittedEndsTest, WhatIsCommittedBehindARollbackIsNotMissed) {
  ASSERT_TRUE(DoAll(2).ok());
  EXPECT_FALSE(DoAll(2, absl::AbortedError("no")).ok());
  ASSERT_TRUE(DoAll(1).ok());
  EXPECT_THAT(replica_->Names(Of("role.granted")), SizeIs(3));
  ExpectNoAlarm();
}

// On SQLite the writes of two administrators that come together are one COMMIT.
TEST_F(CommittedEndsTest, WhatAnotherHasAddedToTheSameCommitIsNotMissed) {
  absl::Status second;
  std::thread other;
  const absl::Status first = replica_->store.Write(
      storage::Repeat::kOnce, absl::InfiniteFuture(),
      [&](storage::Repositories& in) -> absl::Status {
        if (!other.joinable()) other = std::thread([&] { second = DoAll(1); });
        return slow_->AppendIn(in, replica_->call, {"role.granted", "usr_3", "usr_4"});
      });
  other.join();
  EXPECT_TRUE(first.ok()) << first;
  EXPECT_TRUE(second.ok()) << second;
  EXPECT_THAT(replica_->Names(Of("role.granted")), SizeIs(2));
  ExpectNoAlarm();
}

// Nor is anything learnt of a transaction that could hide a cut: that one is still told, and once.
TEST_F(CommittedEndsTest, ACutIsToldByATransactionOfSeveralEvents) {
  Sql("CREATE TABLE saved AS SELECT * FROM audit_chains");
  ASSERT_TRUE(DoAll(2).ok());
  ASSERT_TRUE(replica_->trail->Settle(kInTime));
  Sql("DELETE FROM audit_events WHERE place > 1");
  Sql("DELETE FROM audit_chains");
  Sql("INSERT INTO audit_chains SELECT * FROM saved");
  Sql("DROP TABLE saved");
  ASSERT_TRUE(DoAllBy(*replica_->trail, 3, absl::OkStatus()).ok());
  ASSERT_TRUE(replica_->trail->Settle(kInTime));
  EXPECT_EQ(replica_->plain_log.CountOf("audit.went_back replica=rep_a kept=3 found=1"), 1);
  EXPECT_EQ(replica_->plain_log.CountOf("audit.went_back"), 1);
}

// An import tells of each role and group besides, in the transaction of its user.
class ImportedWithRoles : public CommittedEndsTest {
 protected:
  void SetUp() override {
    CommittedEndsTest::SetUp();
    storage::Store& store = *replica_->direct;  // the looks alone are counted
    hasher_.emplace(Require(PasswordHasher::Create(kLowCost)));
    feed_ = Require(RevocationFeed::Open(store, *replica_->keys, {}, clock_, replica_->log));
    throttle_.emplace(ThrottlePolicy(),
                      LoginThrottle::Parts{store, *replica_->keys, clock_, replica_->log});
    BootstrapOptions options{"tessera", "admin", folder_.Write("pw", std::string(kPassword)),
                             nullptr, ""};
    Require(Bootstrap(options, store, *hasher_, clock_, replica_->log));
    Require(store.Read(absl::InfiniteFuture(), [&](storage::Repositories& in) -> absl::Status {
      const auto admin = in.users.FindByName("admin");
      if (admin.ok()) admin_ = (*admin)->id;
      return admin.status();
    }));
  }

  testing::TemporaryFolder folder_;
  std::optional<PasswordHasher> hasher_;
  std::unique_ptr<RevocationFeed> feed_;
  std::optional<LoginThrottle> throttle_;
  UserId admin_;
};

TEST_F(ImportedWithRoles, AreNoAlarm) {
  const CallInfo& call = replica_->call;
  const GroupFacade groups(
      GroupFacade::Parts{replica_->store, *feed_, clock_, replica_->log, *replica_->trail});
  Require(groups.Create(call, admin_, {"auditors", ""}).status());
  ASSERT_TRUE(replica_->trail->Settle(kInTime));
  const UserImport import(UserFacade::Parts{replica_->store, *hasher_, *feed_, clock_,
                                            replica_->log, *slow_, *throttle_});
  std::vector<ImportedUser> users(2);
  for (size_t i = 0; i < users.size(); ++i) {
    users[i].fields.username = "user" + std::to_string(i);
    users[i].roles = {"tessera.audit", "tessera.introspect"};
    users[i].groups = {"auditors"};
  }
  const HashedImport hashed = Require(import.Hash(call, std::move(users)));
  for (const ImportOutcome& outcome : Require(import.Add(call, admin_, hashed))) {
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  }
  EXPECT_THAT(replica_->Names(Of("role.granted")), SizeIs(4));
  EXPECT_THAT(replica_->Names(Of("group.member_added")), SizeIs(2));
  ExpectNoAlarm();
}

}  // namespace
}  // namespace tessera::server
