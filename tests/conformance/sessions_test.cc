#include <gmock/gmock.h>

#include <atomic>

#include "tessera/base/reason.h"
#include "tests/conformance/conformance.h"

namespace tessera::storage {
namespace {

class SessionRepositoryTest : public Conformance {
 protected:
  Session Stored(const SessionId& id) {
    std::optional<Session> found;
    Read([&](Repositories& r) {
      found = Must(r.sessions.Find(id));
      return absl::OkStatus();
    });
    EXPECT_TRUE(found.has_value());
    return found.value_or(Session());
  }
  bool Exists(const SessionId& id) {
    bool exists = false;
    Read([&](Repositories& r) {
      exists = Must(r.sessions.Find(id)).has_value();
      return absl::OkStatus();
    });
    return exists;
  }
  std::vector<Session> Listed(const UserId& user, const SessionId& before, int limit) {
    std::vector<Session> sessions;
    Read([&](Repositories& r) {
      sessions = Must(r.sessions.ListLive(user, now(), before, limit));
      return absl::OkStatus();
    });
    return sessions;
  }
  int64_t DeleteEnded(absl::Time before, int limit) {
    int64_t deleted = 0;
    Write([&](Repositories& r) {
      deleted = Must(r.sessions.DeleteEnded(before, limit));
      return absl::OkStatus();
    });
    return deleted;
  }
  // From the first generation, a minute later.
  SessionRotation RotationOf(const Session& session) {
    return {.id = session.id,
            .from_generation = session.generation,
            .mac_kid = "mac-2",
            .rotated_at = now() + absl::Minutes(1),
            .access_until = now() + absl::Minutes(16),
            .idle_expires_at = now() + absl::Minutes(61),
            .address = "10.0.0.8"};
  }
};

TEST_P(SessionRepositoryTest, FindsWhatWasInserted) {
  Session session = NewSession(AddUser("ada").id);
  session.revoked_at = now() + absl::Microseconds(1);
  Write([&](Repositories& r) { return r.sessions.Insert(session); });
  const Session found = Stored(session.id);
  EXPECT_EQ(found.id.str(), session.id.str());
  EXPECT_EQ(found.user_id.str(), session.user_id.str());
  EXPECT_EQ(found.user_version, session.user_version);
  EXPECT_EQ(found.generation, session.generation);
  EXPECT_EQ(found.mac_kid, session.mac_kid);
  EXPECT_EQ(found.audience, session.audience);
  EXPECT_EQ(found.created_at, session.created_at);
  EXPECT_EQ(found.auth_time, session.auth_time);
  EXPECT_EQ(found.rotated_at, session.rotated_at);
  EXPECT_EQ(found.access_until, session.access_until);
  EXPECT_EQ(found.idle_expires_at, session.idle_expires_at);
  EXPECT_EQ(found.expires_at, session.expires_at);
  EXPECT_EQ(found.revoked_at, session.revoked_at);
}

TEST_P(SessionRepositoryTest, KeepsWhatASessionIsBoundToAndHowItBegan) {
  Session session = NewSession(AddUser("ada").id);
  session.scopes = {"orders.read", "orders.write"};
  session.amr = {"pwd", "otp"};
  session.acr = "urn:tessera:1";
  session.device_hash = "LCrrPIHyA1lRcgsAGOg8Gg";
  session.device_label = std::string(126, 'x') + "\xc3\xa5";
  session.certificate = "bDBqGAaBCdeFGhIjKlMnOpQrStUvWxYz0123456789-";
  session.address = "2001:db8::1";
  session.claims = std::string(16 * 300, 'c');
  Write([&](Repositories& r) { return r.sessions.Insert(session); });
  const Session found = Stored(session.id);
  EXPECT_EQ(found.scopes, session.scopes);
  EXPECT_EQ(found.amr, session.amr);
  EXPECT_EQ(found.acr, session.acr);
  EXPECT_EQ(found.device_hash, session.device_hash);
  EXPECT_EQ(found.device_label, session.device_label);
  EXPECT_EQ(found.certificate, session.certificate);
  EXPECT_EQ(found.address, session.address);
  EXPECT_EQ(found.claims, session.claims);
}

TEST_P(SessionRepositoryTest, WhatASessionIsNotBoundToStaysEmpty) {
  const Session found = Stored(AddSession(AddUser("ada").id).id);
  EXPECT_TRUE(found.scopes.empty());
  EXPECT_TRUE(found.amr.empty());
  EXPECT_EQ(found.acr + found.device_hash + found.device_label + found.certificate, "");
  EXPECT_EQ(found.address + found.claims, "");
}

TEST_P(SessionRepositoryTest, AnExtensionMovesTheIdleEndOnlyIfItSaysSo) {
  const Session session = AddSession(AddUser("ada").id);
  const absl::Time later = session.idle_expires_at + absl::Minutes(1);
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.sessions.ExtendAccess({session.id, 1, session.access_until})));
    return absl::OkStatus();
  });
  EXPECT_EQ(Stored(session.id).idle_expires_at, session.idle_expires_at);
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.sessions.ExtendAccess({session.id, 1, session.access_until, later})));
    return absl::OkStatus();
  });
  EXPECT_EQ(Stored(session.id).idle_expires_at, later);
  EXPECT_EQ(DeleteEnded(session.idle_expires_at + absl::Seconds(1), 10), 0);
  EXPECT_EQ(DeleteEnded(later + absl::Seconds(1), 10), 1);
}

TEST_P(SessionRepositoryTest, AnExtensionSaysWhenTheSessionWasUsedAndLeavesTheGraceAlone) {
  const Session session = AddSession(AddUser("ada").id);
  EXPECT_EQ(Stored(session.id).last_used_at, std::nullopt);
  const absl::Time used = session.rotated_at + absl::Minutes(3);
  const storage::AccessExtension extension{session.id, 1, session.access_until, std::nullopt, used};
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.sessions.ExtendAccess(extension)));
    EXPECT_TRUE(Must(r.sessions.ExtendAccess({session.id, 1, session.access_until})));
    return absl::OkStatus();
  });
  EXPECT_EQ(Stored(session.id).last_used_at, used);
  EXPECT_EQ(Stored(session.id).rotated_at, session.rotated_at);
}

TEST_P(SessionRepositoryTest, AStandingIsTheSessionItsUserAndTheRolesHeld) {
  User ada = AddUser("ada");
  const Session session = AddSession(ada.id);
  Role writer = NewRole("writer");
  writer.audiences = {"orders", "billing"};
  const Role reader = NewRole("reader");
  const Role other = NewRole("other");
  Write([&](Repositories& r) {
    for (const Role& role : {writer, reader, other}) {
      EXPECT_TRUE(r.roles.Insert(role).ok());
      if (role.name == "other") continue;
      EXPECT_TRUE(r.roles.Grant(role.id, ada.id, now()).ok());
    }
    ada.attributes = "{}";
    ada.state = UserState::kDisabled;
    ada.version = 7;
    ada.revision = 2;
    return r.users.Update(ada, 1).status();
  });
  std::optional<SessionStanding> found;
  Read([&](Repositories& r) {
    found = Must(r.sessions.FindStanding(session.id));
    return absl::OkStatus();
  });
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->session.id.str(), session.id.str());
  EXPECT_EQ(found->session.user_id.str(), ada.id.str());
  EXPECT_EQ(found->session.mac_kid, session.mac_kid);
  EXPECT_EQ(found->user_state, UserState::kDisabled);
  EXPECT_EQ(found->user_version, 7);
  EXPECT_EQ(found->attributes, "{}");
  ASSERT_EQ(found->roles.size(), 2u);
  EXPECT_EQ(found->roles[0].name, "reader");
  EXPECT_TRUE(found->roles[0].audiences.empty());
  EXPECT_EQ(found->roles[1].name, "writer");
  EXPECT_EQ(found->roles[1].audiences, writer.audiences);
}

TEST_P(SessionRepositoryTest, AStandingOfAUserWithoutRolesAndOfNoSession) {
  const Session session = AddSession(AddUser("ada").id);
  Read([&](Repositories& r) {
    const auto found = Must(r.sessions.FindStanding(session.id));
    EXPECT_TRUE(found.has_value() && found->roles.empty());
    EXPECT_TRUE(found.has_value() && found->user_state == UserState::kActive);
    EXPECT_FALSE(Must(r.sessions.FindStanding(SessionId::Random(now()))).has_value());
    return absl::OkStatus();
  });
}

TEST_P(SessionRepositoryTest, ASessionThatNeverEndsKeepsThat) {
  Session session = NewSession(AddUser("ada").id);
  session.idle_expires_at = absl::InfiniteFuture();
  session.expires_at = absl::InfiniteFuture();
  Write([&](Repositories& r) { return r.sessions.Insert(session); });
  EXPECT_EQ(Stored(session.id).expires_at, absl::InfiniteFuture());
  EXPECT_EQ(Stored(session.id).revoked_at, std::nullopt);
  EXPECT_EQ(DeleteEnded(now() + absl::Hours(1'000'000), 10), 0);
}

TEST_P(SessionRepositoryTest, ASessionOfNobodyIsRefused) {
  const absl::Status status = TryWrite(
      [&](Repositories& r) { return r.sessions.Insert(NewSession(UserId::Random(now()))); });
  EXPECT_EQ(ReasonOf(status), reason::kUserNotFound);
}

TEST_P(SessionRepositoryTest, RotatingIsACompareAndSwapOnTheGeneration) {
  const Session session = AddSession(AddUser("ada").id);
  SessionRotation rotation = RotationOf(session);
  Write([&](Repositories& r) {
    rotation.from_generation = 2;
    EXPECT_FALSE(Must(r.sessions.Rotate(rotation)));
    rotation.from_generation = 0;
    EXPECT_FALSE(Must(r.sessions.Rotate(rotation)));
    rotation.from_generation = 1;
    EXPECT_TRUE(Must(r.sessions.Rotate(rotation)));
    EXPECT_FALSE(Must(r.sessions.Rotate(rotation)));
    return absl::OkStatus();
  });
  const Session found = Stored(session.id);
  EXPECT_EQ(found.generation, 2);
  EXPECT_EQ(found.mac_kid, "mac-2");
  EXPECT_EQ(found.rotated_at, rotation.rotated_at);
  EXPECT_EQ(found.access_until, rotation.access_until);
  EXPECT_EQ(found.idle_expires_at, rotation.idle_expires_at);
  EXPECT_EQ(found.expires_at, session.expires_at);
  EXPECT_EQ(found.address, "10.0.0.8");
}

// An access token that ends later than the newest one still has to be found when the session is
// revoked.
TEST_P(SessionRepositoryTest, RotatingNeverMovesAccessUntilBack) {
  const Session session = AddSession(AddUser("ada").id);
  SessionRotation rotation = RotationOf(session);
  rotation.access_until = session.access_until - absl::Minutes(5);
  Write([&](Repositories& r) { return r.sessions.Rotate(rotation).status(); });
  EXPECT_EQ(Stored(session.id).access_until, session.access_until);
}

TEST_P(SessionRepositoryTest, ARevokedSessionDoesNotRotate) {
  const Session session = AddSession(AddUser("ada").id);
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.sessions.Revoke(session.id, now())));
    EXPECT_FALSE(Must(r.sessions.Rotate(RotationOf(session))));
    return absl::OkStatus();
  });
  EXPECT_EQ(Stored(session.id).generation, 1);
}

TEST_P(SessionRepositoryTest, SixtyFourThreadsRotatingOneSessionMakeOneStep) {
  const Session session = AddSession(AddUser("ada").id);
  const SessionRotation rotation = RotationOf(session);
  std::atomic<int> winners = 0;
  std::atomic<int> failures = 0;
  OnThreads(64, [&](int) {
    bool won = false;
    const absl::Status status = TryWrite([&](Repositories& r) {
      const auto rotated = r.sessions.Rotate(rotation);
      won = rotated.ok() && *rotated;
      return rotated.status();
    });
    if (!status.ok()) ++failures;
    if (won) ++winners;
  });
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(winners, 1);
  EXPECT_EQ(Stored(session.id).generation, 2);
}

TEST_P(SessionRepositoryTest, ExtendingAccessOnlyMovesItForwardAndOnlyForALiveSession) {
  const Session session = AddSession(AddUser("ada").id);
  const absl::Time later = session.access_until + absl::Minutes(1);
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.sessions.ExtendAccess({session.id, 1, later})));
    EXPECT_TRUE(Must(r.sessions.ExtendAccess({session.id, 1, session.access_until})));
    EXPECT_EQ(Must(r.sessions.Find(session.id))->access_until, later);
    EXPECT_TRUE(Must(r.sessions.Revoke(session.id, now())));
    EXPECT_FALSE(Must(r.sessions.ExtendAccess({session.id, 1, later + absl::Minutes(1)})));
    EXPECT_FALSE(Must(r.sessions.ExtendAccess({SessionId::Random(now()), 1, later})));
    return absl::OkStatus();
  });
  EXPECT_EQ(Stored(session.id).access_until, later);
}

// An answer for a generation that has been replaced is not given out: so nothing may lengthen what
// its revocation has to cover.
TEST_P(SessionRepositoryTest, ExtendingAccessIsACompareAndSwapOnTheGeneration) {
  const Session session = AddSession(AddUser("ada").id);
  const absl::Time later = session.access_until + absl::Hours(1);
  Write([&](Repositories& r) {
    EXPECT_FALSE(Must(r.sessions.ExtendAccess({session.id, 0, later})));
    EXPECT_FALSE(Must(r.sessions.ExtendAccess({session.id, 2, later})));
    EXPECT_TRUE(Must(r.sessions.Rotate(RotationOf(session))));
    EXPECT_FALSE(Must(r.sessions.ExtendAccess({session.id, 1, later})));
    EXPECT_LT(Must(r.sessions.Find(session.id))->access_until, later);
    EXPECT_TRUE(Must(r.sessions.ExtendAccess({session.id, 2, later})));
    return absl::OkStatus();
  });
  EXPECT_EQ(Stored(session.id).access_until, later);
}

TEST_P(SessionRepositoryTest, ListsAUsersOwnSessionsTheNewestFirstInPages) {
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

TEST_P(SessionRepositoryTest, AListedSessionIsWholeAndNoRowLeavesAnythingInTheNext) {
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

TEST_P(SessionRepositoryTest, ASessionIsNotListedFromItsEndOnThatInstantIncluded) {
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

TEST_P(SessionRepositoryTest, RevokingEverybodysTakesNoMoreThanItIsAskedFor) {
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

TEST_P(SessionRepositoryTest, RevokingEverybodysSparesNobody) {
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

TEST_P(SessionRepositoryTest, RevokingHappensOnceAndKeepsItsFirstTime) {
  const Session session = AddSession(AddUser("ada").id);
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.sessions.Revoke(session.id, now())));
    EXPECT_FALSE(Must(r.sessions.Revoke(session.id, now() + absl::Hours(1))));
    EXPECT_FALSE(Must(r.sessions.Revoke(SessionId::Random(now()), now())));
    return absl::OkStatus();
  });
  EXPECT_EQ(Stored(session.id).revoked_at, now());
}

TEST_P(SessionRepositoryTest, RevokingAllOfAUserCountsTheLiveOnesAndSparesOthers) {
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

TEST_P(SessionRepositoryTest, AnEndedSessionGoesOnlyStrictlyAfterItsEnd) {
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

TEST_P(SessionRepositoryTest, RotatingPutsTheIdleEndOffButNeverPastTheAbsoluteOne) {
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

TEST_P(SessionRepositoryTest, AnEndedSessionRevokedAfterwardsStillGoesByItsFirstEnd) {
  const Session session = AddSession(AddUser("ada").id);
  Write([&](Repositories& r) {
    return r.sessions.Revoke(session.id, session.expires_at + absl::Hours(9)).status();
  });
  EXPECT_EQ(DeleteEnded(session.idle_expires_at + absl::Microseconds(1), 10), 1);
}

TEST_P(SessionRepositoryTest, DeletingEndedOnesTakesAtMostTheLimitAndTheOldestFirst) {
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

TEST_P(SessionRepositoryTest, WhetherALiveSessionIsOlderThanAMoment) {
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

TESSERA_ON_ALL_ENGINES(SessionRepositoryTest);

}  // namespace
}  // namespace tessera::storage
