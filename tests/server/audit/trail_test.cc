// What comes into the audit trail, and when.
#include <gmock/gmock.h>

#include "server/audit/call_scope.h"
#include "tests/server/audit/audit_world.h"

namespace tessera::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

TEST_F(AuditTest, AnAdministrativeEventStandsWithAllThatIsKnownOfIt) {
  ASSERT_TRUE(
      replica_->Do({"role.granted", "usr_1", "usr_2", true, "", {{"role", "orders.admin"}}}).ok());
  const std::vector<storage::AuditEvent> events = replica_->Events(Of("role.granted"));
  ASSERT_THAT(events, SizeIs(1));
  const storage::AuditEvent& event = events.front();
  EXPECT_EQ(event.replica_id, "rep_a");
  EXPECT_EQ(event.sequence, 2);  // behind audit.began
  EXPECT_EQ(event.at, clock_.Now());
  EXPECT_EQ(event.actor, "usr_1");
  EXPECT_EQ(event.target, "usr_2");
  EXPECT_EQ(event.source, "192.0.2.0");
  EXPECT_EQ(event.correlation_id, "call-1");
  EXPECT_TRUE(event.done);
  EXPECT_EQ(event.count, 1);
  EXPECT_THAT(event.details, HasSubstr("orders.admin"));
  EXPECT_THAT(replica_->Faults(), IsEmpty());
}

// It is committed with its change, or not at all.
TEST_F(AuditTest, AChangeThatIsRolledBackLeavesNoEvent) {
  EXPECT_FALSE(replica_->Do({"role.deleted", "usr_1", "r"}, absl::AbortedError("no")).ok());
  ASSERT_TRUE(replica_->Do({"role.created", "usr_1", "r"}).ok());
  EXPECT_THAT(replica_->Names(), ElementsAre("audit.began", "role.created"));
  EXPECT_THAT(replica_->Faults(), IsEmpty());
}

TEST_F(AuditTest, ADecisionThatIsLoggedIsKeptWithItsCall) {
  {
    const CallScope scope(replica_->call);
    replica_->log.Warning("login.refused", {{"reason", "bad_password"},
                                            {"user", "usr_1"},
                                            {"audience", "orders"},
                                            {"peer", "192.0.2.7"}});
  }
  replica_->log.Info("store.cleaned");  // no decision
  ASSERT_TRUE(replica_->trail->Settle(kInTime));
  const std::vector<storage::AuditEvent> events = replica_->Events(Of("login."));
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_FALSE(events[0].done);
  EXPECT_EQ(events[0].reason, "bad_password");
  EXPECT_EQ(events[0].actor, "");  // a stranger, for all that is known
  EXPECT_EQ(events[0].target, "usr_1");
  EXPECT_EQ(events[0].source, "192.0.2.0");
  EXPECT_EQ(events[0].correlation_id, "call-1");
  EXPECT_THAT(events[0].details, HasSubstr("orders"));
  EXPECT_THAT(replica_->Names(Of("store.")), IsEmpty());
  EXPECT_THAT(replica_->plain_log.text(),
              HasSubstr("login.refused reason=bad_password user=usr_1 audience=orders"
                        " peer=192.0.2.7 correlation=call-1"));
}

TEST_F(AuditTest, WhatWaitsIsWrittenWhenTheServerStops) {
  replica_->log.Info("login.admitted", {{"user", "usr_1"}});
  replica_.reset();
  replica_ = NewReplica("rep_b");
  EXPECT_THAT(replica_->Names(Of("login.")), ElementsAre("login.admitted"));
}

// Ten thousand refusals of one kind are a row with a number.
TEST_F(AuditTest, AFloodOfOneKindIsCountedInFewRows) {
  for (int i = 0; i < 10'000; ++i) {
    replica_->log.Warning("login.refused", {{"reason", "unknown_user"}, {"peer", "192.0.2.7"}});
  }
  ASSERT_TRUE(replica_->trail->Settle(kInTime));
  int64_t count = 0;
  const std::vector<storage::AuditEvent> events = replica_->Events(Of("login."));
  for (const storage::AuditEvent& event : events) count += event.count;
  EXPECT_EQ(count, 10'000);
  EXPECT_LT(events.size(), 1000u);
  EXPECT_THAT(replica_->Faults(), IsEmpty());
}

// From ten thousand sources: beyond the allowance none is told by its source, and none is lost.
TEST_F(AuditTest, AFloodFromManySourcesFillsNoTable) {
  for (int i = 0; i < 10'000; ++i) {
    replica_->log.Warning("login.refused", {{"reason", "unknown_user"},
                                            {"peer", "2001:db8:" + std::to_string(i) + "::"}});
  }
  ASSERT_TRUE(replica_->trail->Settle(kInTime));
  int64_t count = 0;
  size_t together = 0;
  const std::vector<storage::AuditEvent> events = replica_->Events(Of("login."));
  for (const storage::AuditEvent& event : events) {
    count += event.count;
    if (event.source.empty()) ++together;
  }
  EXPECT_EQ(count, 10'000);
  EXPECT_GE(together, 1u);
  EXPECT_LE(events.size(), static_cast<size_t>(DecisionQueue::Allowance().at_once) + together);
}

// A store that is away holds up nobody; what there was no room for is told when it is back.
TEST_F(AuditTest, AStoreThatIsAwayDelaysAndBoundsTheTrail) {
  replica_->store.set_away(true);
  for (int i = 0; i < 5'000; ++i) {
    replica_->log.Info("login.admitted", {{"user", "usr_" + std::to_string(i)}});
  }
  EXPECT_FALSE(replica_->trail->Settle(absl::Milliseconds(200)));
  replica_->store.set_away(false);
  ASSERT_TRUE(replica_->trail->Settle(kInTime));
  int64_t count = 0;
  for (const storage::AuditEvent& event : replica_->Events(Of("login."))) count += event.count;
  EXPECT_EQ(count, 5'000);
  EXPECT_THAT(replica_->plain_log.text(), HasSubstr("audit.write_failed"));
  EXPECT_THAT(replica_->plain_log.text(), HasSubstr("audit.write_recovered"));
  EXPECT_THAT(replica_->Faults(), IsEmpty());
}

TEST(DecisionQueueTest, WhatThereIsNoRoomForIsCounted) {
  testing::FakeClock clock;
  DecisionQueue queue(clock);
  const size_t kinds = 2 * (DecisionQueue::kMost + DecisionQueue::kMostTogether);
  for (size_t i = 0; i < kinds; ++i) {
    storage::AuditEvent event;
    event.event = "e" + std::to_string(i);
    queue.Add(event);
  }
  const DecisionQueue::Batch batch = queue.Take();
  EXPECT_EQ(batch.events.size(), DecisionQueue::kMost + DecisionQueue::kMostTogether);
  EXPECT_EQ(static_cast<size_t>(batch.dropped), kinds - batch.events.size());
  EXPECT_EQ(static_cast<size_t>(batch.through), kinds);
  EXPECT_THAT(queue.Take().events, IsEmpty());
}

storage::AuditEvent Refused(const std::string& event, int source) {
  storage::AuditEvent refused;
  refused.event = event;
  refused.done = false;
  refused.source = std::to_string(source);
  return refused;
}

// Whoever floods with calls that cost nothing takes no detail from the refusals of others.
TEST(DecisionQueueTest, AFloodOfOneRefusalTakesNothingFromAnother) {
  testing::FakeClock clock;
  DecisionQueue queue(clock);
  for (int i = 0; i < 100'000; ++i) queue.Add(Refused("guard.refused", i));
  for (int i = 0; i < 500; ++i) queue.Add(Refused("login.refused", i));
  size_t logins = 0;
  for (const storage::AuditEvent& event : queue.Take().events) {
    if (event.event == "login.refused" && !event.source.empty()) ++logins;
  }
  EXPECT_EQ(logins, 500u);
}

TEST(DecisionQueueTest, WhatNobodyMakesAtWillIsToldThoughTheQueueIsFull) {
  testing::FakeClock clock;
  DecisionQueue queue(clock);
  for (int i = 0; i < 5'000; ++i) {
    storage::AuditEvent admitted = Refused("login.admitted", i);
    admitted.done = true;
    queue.Add(admitted);
  }
  queue.Add(Refused("renewal.reuse", 1));
  queue.Add(Refused("renewal.reuse", 2));
  const DecisionQueue::Batch batch = queue.Take();
  ASSERT_GE(batch.events.size(), 2u);
  EXPECT_EQ(batch.events[batch.events.size() - 2].source, "1");
  EXPECT_EQ(batch.events.back().source, "2");
  EXPECT_EQ(batch.dropped, 0);
}

// Two of one user differ in what they say besides.
TEST(DecisionQueueTest, WhatWasAdmittedIsNotPutTogether) {
  testing::FakeClock clock;
  DecisionQueue queue(clock);
  for (const char* details : {"{\"session\":\"ses_1\"}", "{\"session\":\"ses_2\"}"}) {
    storage::AuditEvent admitted;
    admitted.event = "login.admitted";
    admitted.actor = "usr_1";
    admitted.details = details;
    queue.Add(admitted);
  }
  EXPECT_THAT(queue.Take().events, SizeIs(2));
}

// A COMMIT without an answer: the decisions are there once.
TEST_F(AuditTest, ADecisionWhoseCommitGotNoAnswerIsNotKeptTwice) {
  replica_->log.Info("login.admitted", {{"user", "usr_1"}});
  replica_->store.LoseNextAnswer();
  ASSERT_TRUE(replica_->trail->Settle(kInTime));
  replica_->log.Info("login.admitted", {{"user", "usr_2"}});
  ASSERT_TRUE(replica_->trail->Settle(kInTime));
  EXPECT_THAT(replica_->Names(Of("login.")), ElementsAre("login.admitted", "login.admitted"));
  EXPECT_THAT(replica_->Faults(), IsEmpty());
}

TEST_F(AuditTest, AnotherConfigurationIsTold) {
  replica_.reset();
  NewReplica("rep_b", "[tokens]\naccess_ttl = \"15m\"\nleeway = \"5s\"\n").reset();
  NewReplica("rep_c", "[tokens]\naccess_ttl = \"15m\"\nleeway = \"5s\"\n").reset();
  replica_ = NewReplica("rep_d", "[tokens]\naccess_ttl = \"1h\"\nleeway = \"5s\"\n");
  const std::vector<storage::AuditEvent> events = replica_->Events(Of("config.changed"));
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].replica_id, "rep_d");
  EXPECT_THAT(events[0].details, HasSubstr("tokens.access_ttl"));
  EXPECT_THAT(events[0].details, Not(HasSubstr("leeway")));
  EXPECT_THAT(replica_->Faults(), IsEmpty());
}

// No text breaks out of its column, its line or the statement.
TEST_F(AuditTest, ForeignTextIsCutAndMadeHarmless) {
  ASSERT_TRUE(replica_
                  ->Do({"role.created",
                        std::string(1000, 'x'),
                        "a'; DROP TABLE audit_events; --\n\xff",
                        true,
                        "",
                        {{"text", std::string("n\0l", 3)}}})
                  .ok());
  const std::vector<storage::AuditEvent> events = replica_->Events(Of("role.created"));
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].actor.size(), storage::kMaxAuditName);
  EXPECT_EQ(events[0].target, "a'; DROP TABLE audit_events; --??");
  EXPECT_THAT(replica_->Faults(), IsEmpty());
}

}  // namespace
}  // namespace tessera::server
