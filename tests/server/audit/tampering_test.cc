// The attacker can write to the database, and has no key.
#include <gmock/gmock.h>

#include "tests/server/audit/audit_world.h"

namespace tessera::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TamperingTest : public AuditTest {
 protected:
  // audit.began is 1, these are 2 to 6.
  void SetUp() override {
    AuditTest::SetUp();
    for (int i = 2; i <= 6; ++i) {
      ASSERT_TRUE(replica_->Do({"role.granted", "usr_1", "usr_" + std::to_string(i)}).ok());
    }
    ASSERT_THAT(replica_->Faults(), IsEmpty());
  }
  void AddAnother() { ASSERT_TRUE(replica_->Do({"role.revoked", "usr_1", "usr_9"}).ok()); }
  static std::string Events(const std::string& rest) { return "audit_events" + rest; }
};

TEST_F(TamperingTest, EveryEventIsCounted) { EXPECT_EQ(replica_->Verify().count, 6); }

TEST_F(TamperingTest, AChangeOfAnyColumnShows) {
  for (const char* change :
       {"actor = 'usr_8'", "target = 'usr_8'", "event_name = 'role.revoked'", "done = 0",
        "event_time = event_time + 1", "asked_from = '10.0.0.1'", "reason = 'x'",
        "correlation = 'call-2'", "details = '{}'", "times = 2", "kid = ''"}) {
    Sql("CREATE TABLE saved AS SELECT * FROM audit_events");
    Sql(std::string("UPDATE audit_events SET ") + change + " WHERE place = 4");
    EXPECT_THAT(replica_->Faults(), ElementsAre("rep_a 4")) << change;
    Sql("DELETE FROM audit_events");
    Sql("INSERT INTO audit_events SELECT * FROM saved");
    Sql("DROP TABLE saved");
    EXPECT_THAT(replica_->Faults(), IsEmpty());
  }
}

TEST_F(TamperingTest, ARemovedEventShows) {
  Sql("DELETE FROM audit_events WHERE place = 3");
  EXPECT_THAT(replica_->Faults(), ElementsAre("rep_a 3"));
}

TEST_F(TamperingTest, TwoEventsThatWereSwappedShow) {
  Sql("UPDATE audit_events SET place = 100 WHERE place = 3");
  Sql("UPDATE audit_events SET place = 3 WHERE place = 4");
  Sql("UPDATE audit_events SET place = 4 WHERE place = 100");
  EXPECT_THAT(replica_->Faults(), ElementsAre("rep_a 3"));
}

TEST_F(TamperingTest, ATailThatWasCutShows) {
  Sql("DELETE FROM audit_events WHERE place > 4");
  EXPECT_THAT(replica_->Faults(), ElementsAre("rep_a 5"));
}

TEST_F(TamperingTest, ATailThatWasCutTogetherWithTheHeadShows) {
  Sql("DELETE FROM audit_events WHERE place > 4");
  Sql("UPDATE audit_chains SET place = 4, mac = (SELECT mac FROM audit_events WHERE place = 4)");
  EXPECT_THAT(replica_->Faults(), ElementsAre("rep_a 5"));
}

// The server does not go on with a chain whose end is not its own: that would cover it up.
TEST_F(TamperingTest, WritingOnDoesNotCoverUpACutTail) {
  Sql("DELETE FROM audit_events WHERE place > 4");
  Sql("UPDATE audit_chains SET place = 4, mac = (SELECT mac FROM audit_events WHERE place = 4)");
  AddAnother();
  EXPECT_THAT(replica_->Faults(), ElementsAre("rep_a 5"));
  const std::vector<storage::AuditEvent> notices = replica_->Events(Of("audit.chain_replaced"));
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_EQ(notices[0].target, "rep_a");
  EXPECT_EQ(notices[0].reason, "chain_broken");
  EXPECT_NE(notices[0].replica_id, "rep_a");
  EXPECT_EQ(replica_->Events(Of("role.revoked")).size(), 1u);
}

// Whoever has saved the head of before can put it back: the server that wrote on tells of it.
TEST_F(TamperingTest, ARunningServerNoticesThatItsChainWentBack) {
  replica_->log.Info("login.admitted", {{"user", "usr_1"}});
  ASSERT_TRUE(replica_->trail->Settle(kInTime));
  Sql("CREATE TABLE saved AS SELECT * FROM audit_chains");
  replica_->log.Info("login.admitted", {{"user", "usr_2"}});
  ASSERT_TRUE(replica_->trail->Settle(kInTime));
  Sql("DELETE FROM audit_events WHERE place > 7");
  Sql("DELETE FROM audit_chains");
  Sql("INSERT INTO audit_chains SELECT * FROM saved");
  Sql("DROP TABLE saved");
  EXPECT_THAT(replica_->Faults(), IsEmpty());  // the trail itself cannot know
  replica_->log.Info("login.admitted", {{"user", "usr_3"}});
  ASSERT_TRUE(replica_->trail->Settle(kInTime));
  EXPECT_THAT(replica_->plain_log.text(), HasSubstr("audit.went_back replica=rep_a kept=8"));
  ASSERT_TRUE(replica_->trail->Settle(kInTime));
  EXPECT_THAT(replica_->Names(Of("audit.went_back")), ElementsAre("audit.went_back"));
}

TEST_F(TamperingTest, AChainReplayedOnAnotherReplicasIdShows) {
  for (const char* table : {"audit_events", "audit_chains"}) {
    Sql(std::string("CREATE TABLE copied AS SELECT * FROM ") + table);
    Sql("UPDATE copied SET replica_id = 'rep_b'");
    Sql(std::string("INSERT INTO ") + table + " SELECT * FROM copied");
    Sql("DROP TABLE copied");
  }
  EXPECT_THAT(replica_->Faults(), ElementsAre(" 0", "rep_b 1"));
}

TEST_F(TamperingTest, AWholeChainThatWasTakenOutShows) {
  replica_.reset();
  replica_ = NewReplica("rep_b");
  EXPECT_THAT(replica_->Faults(), IsEmpty());
  Sql("DELETE FROM audit_events WHERE replica_id = 'rep_a'");
  Sql("DELETE FROM audit_chains WHERE replica_id = 'rep_a'");
  EXPECT_THAT(replica_->Faults(), ElementsAre(" 0"));
  replica_.reset();
  replica_ = NewReplica("rep_c");  // a chain more does not mend it
  EXPECT_THAT(replica_->Faults(), ElementsAre(" 0"));
}

TEST_F(TamperingTest, ARegisterThatWasForgedShows) {
  Sql("UPDATE audit_register SET config = 'x'");
  EXPECT_THAT(replica_->Faults(), ElementsAre(" 0"));
  Sql("UPDATE audit_register SET chains = '', kid = '', tag = ''");
  EXPECT_THAT(replica_->Faults(), ElementsAre(" 0"));
}

// All is taken out and the register blanked: no start takes it for the first ever.
TEST_F(TamperingTest, ARegisterThatWasBlankedIsNotBegunAnew) {
  replica_.reset();
  Sql("DELETE FROM audit_events");
  Sql("DELETE FROM audit_chains");
  Sql("UPDATE audit_register SET chains = '', kid = '', tag = '', config = NULL");
  replica_ = NewReplica("rep_b", "[tokens]\naccess_ttl = \"1h\"\n");
  EXPECT_THAT(replica_->Faults(), ElementsAre(" 0"));
  EXPECT_THAT(replica_->plain_log.text(), HasSubstr("audit.register_forged replica=rep_b"));
  ASSERT_TRUE(replica_->trail->Settle(kInTime));
  EXPECT_EQ(replica_->Events(Of("audit.register_forged")).size(), 1u);
  replica_.reset();
  replica_ = NewReplica("rep_c");
  EXPECT_THAT(replica_->Faults(), ElementsAre(" 0"));
}

TEST_F(TamperingTest, ARegisterThatHoldsIsNotToldOf) {
  EXPECT_EQ(replica_->plain_log.text().find("audit.register_forged"), std::string::npos);
}

// Also where what was cut was an administrative event, whose COMMIT nobody tells the trail of: it
// is known as soon as the trail has looked.
TEST_F(TamperingTest, ACutAdministrativeEventIsNoticed) {
  Sql("CREATE TABLE saved AS SELECT * FROM audit_chains");
  AddAnother();
  AddAnother();
  ASSERT_TRUE(replica_->trail->Settle(kInTime));
  Sql("DELETE FROM audit_events WHERE place > 6");
  Sql("DELETE FROM audit_chains");
  Sql("INSERT INTO audit_chains SELECT * FROM saved");
  Sql("DROP TABLE saved");
  EXPECT_THAT(replica_->Faults(), IsEmpty());  // the trail itself cannot know
  AddAnother();
  EXPECT_THAT(replica_->plain_log.text(), HasSubstr("audit.went_back replica=rep_a"));
  ASSERT_TRUE(replica_->trail->Settle(kInTime));
  EXPECT_THAT(replica_->Names(Of("audit.went_back")), ElementsAre("audit.went_back"));
}

// Whoever has saved the head of a chain whose server has stopped cuts nothing that another noted.
TEST_F(TamperingTest, ACutBehindASavedHeadShowsByTheNoteOfAnother) {
  Sql("CREATE TABLE saved AS SELECT * FROM audit_chains");
  AddAnother();
  replica_.reset();
  replica_ = NewReplica("rep_b");
  EXPECT_THAT(replica_->Faults(), IsEmpty());
  const auto notes = replica_->Events(Of("audit.head_noted", "", "rep_a"));
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0].replica_id, "rep_b");
  Sql("DELETE FROM audit_events WHERE replica_id = 'rep_a' AND place > 6");
  Sql("DELETE FROM audit_chains WHERE replica_id = 'rep_a'");
  Sql("INSERT INTO audit_chains SELECT * FROM saved");
  Sql("DROP TABLE saved");
  EXPECT_THAT(replica_->Faults(), ElementsAre("rep_a 7"));
}

// Nor does it help that the chain went on behind the cut.
TEST_F(TamperingTest, AnotherEventInTheNotedPlaceShows) {
  AddAnother();
  replica_.reset();
  Sql("CREATE TABLE events AS SELECT * FROM audit_events WHERE place < 7");
  replica_ = NewReplica("rep_b");
  Sql("UPDATE audit_events SET mac = (SELECT mac FROM events WHERE place = 6)"
      " WHERE replica_id = 'rep_a' AND place = 7");
  Sql("DROP TABLE events");
  EXPECT_THAT(replica_->Faults(), ElementsAre("rep_a 7"));
}

// One note of each end is enough.
TEST_F(TamperingTest, AnEndIsNotedOnce) {
  replica_.reset();
  NewReplica("rep_b").reset();
  replica_ = NewReplica("rep_c");
  EXPECT_EQ(replica_->Events(Of("audit.head_noted", "", "rep_a")).size(), 1u);
  EXPECT_EQ(replica_->Events(Of("audit.head_noted", "", "rep_b")).size(), 1u);
  EXPECT_THAT(replica_->Faults(), IsEmpty());
}

// A transaction that came to nothing has taken nothing away.
TEST_F(TamperingTest, WhatWasRolledBackIsNotMissed) {
  EXPECT_FALSE(replica_->Do({"role.deleted", "usr_1", "r"}, absl::AbortedError("no")).ok());
  AddAnother();
  AddAnother();
  EXPECT_EQ(replica_->plain_log.text().find("audit.went_back"), std::string::npos);
}

TEST_F(TamperingTest, EventsThatNobodyWroteShow) {
  const std::string columns =
      "event_time, event_name, actor, target, asked_from, done, reason, correlation, details,"
      " times, kid, mac FROM audit_events WHERE place = 2";
  Sql("INSERT INTO audit_events SELECT 'rep_z', 1, " + columns);
  Sql("INSERT INTO audit_events SELECT 'rep_a', 0, " + columns);
  Sql("INSERT INTO audit_events SELECT 'rep_a', 8, " + columns);
  EXPECT_THAT(replica_->Faults(), ElementsAre("rep_a 0", "rep_z 1"));
  Sql("DELETE FROM audit_events WHERE place = 0");
  EXPECT_THAT(replica_->Faults(), ElementsAre("rep_a 7", "rep_z 1"));
}

// Also where a part ends and the next begins.
TEST_F(TamperingTest, AFaultBeyondTheFirstPartIsFound) {
  std::vector<storage::AuditEvent> many;
  const int added = AuditFacade::kCheckedAtOnce;
  ASSERT_TRUE(
      replica_->store
          .Write(storage::Repeat::kOnce, absl::InfiniteFuture(),
                 [&](storage::Repositories& in) -> absl::Status {
                   storage::AuditEvent event;
                   event.event = "login.admitted";
                   event.at = clock_.Now();
                   many.assign(static_cast<size_t>(added), event);
                   return AppendToChain(in, *replica_->keys->Current(), "rep_a", many).status();
                 })
          .ok());
  EXPECT_EQ(replica_->Verify().count, 6 + added);
  EXPECT_THAT(replica_->Faults(), IsEmpty());
  Sql("UPDATE audit_events SET actor = 'x' WHERE place = 2003");
  EXPECT_THAT(replica_->Faults(), ElementsAre("rep_a 2003"));
}

}  // namespace
}  // namespace tessera::server
