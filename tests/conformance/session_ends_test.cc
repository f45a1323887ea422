// Sessions are listed, ended and removed.
#include <gmock/gmock.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/conformance/session_rules.h"

namespace tessera::storage {
namespace {

using SessionEndTest = SessionRules;

TEST_P(SessionEndTest, ListsAUsersOwnSessionsTheNewestFirstInPages) {
  const User ada = AddUser("ada");
  AddSession(AddUser("grace").id);
  std::vector<std::string> ids;
  for (int i = 0; i < 7; ++i) {
    clock_.Advance(absl::Milliseconds(2));
    ids.insert(ids.begin(), AddSession(ada.id).id.str());
  }
  std::vector<std::string> seen;
  SessionId before;
  for (std::vector<Session> page = Listed(ada.id, before, 3); !page.empty();
       page = Listed(ada.id, before, 3)) {
    for (const Session& session : page) seen.push_back(session.id.str());
    before = page.back().id;
    clock_.Advance(absl::Milliseconds(2));
    AddSession(ada.id);  // above the page: the next one does not shift
  }
  EXPECT_THAT(seen, ::testing::ElementsAreArray(ids));
  EXPECT_TRUE(Listed(ada.id, SessionId(), 0).empty());
  EXPECT_TRUE(Listed(UserId::Random(now()), SessionId(), 10).empty());
}

TEST_P(SessionEndTest, AListedSessionIsWholeAndNoRowLeavesAnythingInTheNext) {
  const User ada = AddUser("ada");
  Session plain = AddSession(ada.id);
  clock_.Advance(absl::Milliseconds(2));
  Session bound = NewSession(ada.id);
  bound.device_hash = "hash";
  bound.scopes = {"a", "b"};
  bound.certificate = "thumb";
  Write([&](Repositories& r) { return r.sessions.Insert(bound); });
  const std::vector<Session> listed = Listed(ada.id, SessionId(), 10);
  ASSERT_EQ(listed.size(), 2u);
  EXPECT_EQ(listed[0].user_id, ada.id);
  EXPECT_EQ(listed[0].device_hash, "hash");
  EXPECT_EQ(listed[0].scopes, bound.scopes);
  EXPECT_EQ(listed[0].certificate, "thumb");
  EXPECT_EQ(listed[1].id, plain.id);
  EXPECT_EQ(listed[1].device_hash + listed[1].certificate, "");
  EXPECT_TRUE(listed[1].scopes.empty());
  EXPECT_EQ(listed[1].expires_at, plain.expires_at);
}

TEST_P(SessionEndTest, ASessionIsNotListedFromItsEndOnThatInstantIncluded) {
  const User ada = AddUser("ada");
  const Session session = AddSession(ada.id);
  const Session revoked = AddSession(ada.id);
  Write([&](Repositories& r) {
    // By a replica whose clock is ahead: revoked is over, whatever the time.
    return r.sessions.Revoke(revoked.id, now() + absl::Seconds(4)).status();
  });
  clock_.SetWall(session.idle_expires_at - absl::Microseconds(1));
  ASSERT_EQ(Listed(ada.id, SessionId(), 10).size(), 1u);
  EXPECT_EQ(Listed(ada.id, SessionId(), 10)[0].id, session.id);
  clock_.SetWall(session.idle_expires_at);
  EXPECT_TRUE(Listed(ada.id, SessionId(), 10).empty());
}

TEST_P(SessionEndTest, RevokingEverybodysTakesNoMoreThanItIsAskedFor) {
  const UserId ada = AddUser("ada").id;
  for (int i = 0; i < 250; ++i) AddSession(ada);
  const auto revoke = [&](int limit) {
    int64_t count = -1;
    Write([&](Repositories& r) {
      count = Must(r.sessions.RevokeEverybodys(now(), limit));
      return absl::OkStatus();
    });
    return count;
  };
  EXPECT_EQ(revoke(120), 120);
  EXPECT_EQ(Listed(ada, SessionId(), 1000).size(), 130u);
  EXPECT_EQ(revoke(120), 120);
  EXPECT_EQ(revoke(120), 10);
  EXPECT_EQ(revoke(120), 0);
}

TEST_P(SessionEndTest, RevokingEverybodysSparesNobody) {
  const Session ada = AddSession(AddUser("ada").id);
  const Session grace = AddSession(AddUser("grace").id);
  const Session ended = AddSession(grace.user_id);
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.sessions.Revoke(ended.id, now() - absl::Minutes(1))));
    EXPECT_EQ(Must(r.sessions.RevokeEverybodys(now(), 1000)), 2);
    EXPECT_EQ(Must(r.sessions.RevokeEverybodys(now(), 1000)), 0);
    return absl::OkStatus();
  });
  EXPECT_EQ(Stored(ada.id).revoked_at, now());
  EXPECT_EQ(Stored(grace.id).revoked_at, now());
  EXPECT_EQ(Stored(ended.id).revoked_at, now() - absl::Minutes(1));
}

TEST_P(SessionEndTest, RevokingHappensOnceAndKeepsItsFirstTime) {
  const Session session = AddSession(AddUser("ada").id);
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.sessions.Revoke(session.id, now())));
    EXPECT_FALSE(Must(r.sessions.Revoke(session.id, now() + absl::Hours(1))));
    EXPECT_FALSE(Must(r.sessions.Revoke(SessionId::Random(now()), now())));
    return absl::OkStatus();
  });
  EXPECT_EQ(Stored(session.id).revoked_at, now());
}

TEST_P(SessionEndTest, RevokingAllOfAUserCountsTheLiveOnesAndSparesOthers) {
  const User ada = AddUser("ada");
  const Session first = AddSession(ada.id);
  const Session second = AddSession(ada.id);
  const Session ended = AddSession(ada.id);
  const Session other = AddSession(AddUser("grace").id);
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.sessions.Revoke(ended.id, now() - absl::Minutes(1))));
    EXPECT_EQ(Must(r.sessions.RevokeAllOf(ada.id, now())), 2);
    EXPECT_EQ(Must(r.sessions.RevokeAllOf(ada.id, now())), 0);
    return absl::OkStatus();
  });
  EXPECT_EQ(Stored(first.id).revoked_at, now());
  EXPECT_EQ(Stored(second.id).revoked_at, now());
  EXPECT_EQ(Stored(ended.id).revoked_at, now() - absl::Minutes(1));
  EXPECT_EQ(Stored(other.id).revoked_at, std::nullopt);
}

TEST_P(SessionEndTest, AnEndedSessionGoesOnlyStrictlyAfterItsEnd) {
  const User ada = AddUser("ada");
  const Session idle = AddSession(ada.id);
  Session absolute = NewSession(ada.id);
  absolute.idle_expires_at = now() + absl::Hours(5);
  const Session revoked = AddSession(ada.id);
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.sessions.Revoke(revoked.id, now())));
    return r.sessions.Insert(absolute);
  });
  EXPECT_EQ(DeleteEnded(now(), 10), 0);
  EXPECT_EQ(DeleteEnded(now() + absl::Microseconds(1), 10), 1);
  EXPECT_FALSE(Exists(revoked.id));
  EXPECT_EQ(DeleteEnded(idle.idle_expires_at, 10), 0);
  EXPECT_EQ(DeleteEnded(idle.idle_expires_at + absl::Microseconds(1), 10), 1);
  EXPECT_FALSE(Exists(idle.id));
  EXPECT_EQ(DeleteEnded(absolute.expires_at, 10), 0);
  EXPECT_EQ(DeleteEnded(absolute.expires_at + absl::Microseconds(1), 10), 1);
}

TEST_P(SessionEndTest, RotatingPutsTheIdleEndOffButNeverPastTheAbsoluteOne) {
  const User ada = AddUser("ada");
  const Session session = AddSession(ada.id);
  SessionRotation rotation = RotationOf(session);
  Write([&](Repositories& r) { return r.sessions.Rotate(rotation).status(); });
  EXPECT_EQ(DeleteEnded(session.idle_expires_at + absl::Microseconds(1), 10), 0);
  rotation.from_generation = 2;
  rotation.idle_expires_at = session.expires_at + absl::Hours(1);
  Write([&](Repositories& r) { return r.sessions.Rotate(rotation).status(); });
  EXPECT_EQ(DeleteEnded(session.expires_at, 10), 0);
  EXPECT_EQ(DeleteEnded(session.expires_at + absl::Microseconds(1), 10), 1);
}

TEST_P(SessionEndTest, AnEndedSessionRevokedAfterwardsStillGoesByItsFirstEnd) {
  const Session session = AddSession(AddUser("ada").id);
  Write([&](Repositories& r) {
    return r.sessions.Revoke(session.id, session.expires_at + absl::Hours(9)).status();
  });
  EXPECT_EQ(DeleteEnded(session.idle_expires_at + absl::Microseconds(1), 10), 1);
}

TEST_P(SessionEndTest, DeletingEndedOnesTakesAtMostTheLimitAndTheOldestFirst) {
  const User ada = AddUser("ada");
  std::vector<Session> sessions;
  Write([&](Repositories& r) {
    for (int i = 0; i < 1205; ++i) {
      Session session = NewSession(ada.id);
      session.expires_at = now() - absl::Seconds(5000 - i);
      sessions.push_back(session);
      const absl::Status status = r.sessions.Insert(session);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  });
  const Session live = AddSession(ada.id);
  EXPECT_EQ(DeleteEnded(now(), 0), 0);
  EXPECT_EQ(DeleteEnded(now(), 2), 2);
  EXPECT_FALSE(Exists(sessions[0].id));
  EXPECT_FALSE(Exists(sessions[1].id));
  EXPECT_TRUE(Exists(sessions[2].id));
  EXPECT_EQ(DeleteEnded(now(), 1200), 1200);  // more than one bounded statement
  EXPECT_EQ(DeleteEnded(now(), 1000), 3);
  EXPECT_EQ(DeleteEnded(now(), 1000), 0);
  EXPECT_TRUE(Exists(live.id));
}

TEST_P(SessionEndTest, WhetherALiveSessionIsOlderThanAMoment) {
  const User user = AddUser("ada");
  const auto any = [&](absl::Time began, absl::Time at) {
    bool found = false;
    Read([&](Repositories& r) {
      found = Must(r.sessions.AnyLiveBegunBefore(began, at));
      return absl::OkStatus();
    });
    return found;
  };
  EXPECT_FALSE(any(absl::InfiniteFuture(), now()));
  const Session session = AddSession(user.id);
  EXPECT_TRUE(any(session.created_at, now()));
  EXPECT_FALSE(any(session.created_at - absl::Microseconds(1), now()));
  EXPECT_FALSE(any(session.created_at, session.expires_at + absl::Hours(1)));
  Write([&](Repositories& r) { return r.sessions.Revoke(session.id, now()).status(); });
  EXPECT_FALSE(any(session.created_at, now()));
}

TESSERA_ON_ALL_ENGINES(SessionEndTest);

}  // namespace
}  // namespace tessera::storage
