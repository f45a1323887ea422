// Sessions are kept, renewed and used.
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <string>

#include "tessera/base/reason.h"
#include "tests/conformance/session_rules.h"

namespace tessera::storage {
namespace {

using SessionRepositoryTest = SessionRules;

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

TESSERA_ON_ALL_ENGINES(SessionRepositoryTest);

}  // namespace
}  // namespace tessera::storage
