#include "server/user/session_facade.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "server/auth/session_ender.h"
#include "tests/server/user/service_room.h"
#include "tests/server/user/user_room.h"

namespace tessera::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SessionFacadeTest : public UserRoom {
 protected:
  void SetUp() override {
    UserRoom::SetUp();
    Start();
    disturbed_ = std::make_unique<DisturbedStore>(*store_);
    sessions_ = std::make_unique<SessionFacade>(
        SessionFacade::Parts{*disturbed_, *feed_, clock_, log_, audit_});
    ada_ = Add("ada").id;
    grace_ = Add("grace").id;
  }

  // Each in a millisecond of its own, as ids sort by it.
  IssuedGrant LoginAs(const std::string& name) {
    clock_.Advance(absl::Milliseconds(2));
    auto grant = Login(name);
    EXPECT_TRUE(grant.ok()) << grant.status();
    return *std::move(grant);
  }
  Principal CallerWith(const IssuedGrant& grant) {
    auto known = auth_->Validate(grant.access_token);
    EXPECT_TRUE(known.ok() && known->claims != nullptr);
    Principal caller;
    caller.kind = PrincipalKind::kUser;
    caller.claims = *known->claims;
    return caller;
  }
  Principal LoggedIn(const std::string& name) { return CallerWith(LoginAs(name)); }
  Principal Service() {
    Principal caller;
    caller.kind = PrincipalKind::kService;
    caller.claims.subject = ServiceId::Random(clock_.Now()).str();
    return caller;
  }

  absl::StatusOr<SessionFacade::Page> List(const Principal& caller, const UserId& user = {},
                                           int size = 0, const std::string& token = "") {
    return sessions_->List(call_, caller, {user, size, token});
  }
  std::vector<std::string> Ids(const absl::StatusOr<SessionFacade::Page>& page) {
    std::vector<std::string> ids;
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) return ids;
    for (const storage::Session& session : page->sessions) ids.push_back(session.id.str());
    return ids;
  }
  absl::Status Revoke(const Principal& caller, const SessionId& id) {
    return sessions_->Revoke(call_, caller, id);
  }
  absl::StatusOr<int64_t> RevokeAll(const Principal& caller, bool keep_current = false,
                                    const UserId& user = {}) {
    return sessions_->RevokeAll(call_, caller, {user, keep_current});
  }
  absl::StatusOr<IssuedGrant> Renew(const IssuedGrant& grant) {
    return auth_->Renew(call_, grant.refresh_token);
  }
  // How many entries of this kind the feed holds.
  size_t Entries(storage::RevocationKind kind) {
    size_t count = 0;
    const std::vector<storage::Revocation> entries = *feed_->After(0, 10'000);
    for (const storage::Revocation& entry : entries) {
      count += entry.kind == kind ? 1 : 0;
    }
    return count;
  }
  void AddSessionsLike(const SessionId& id, int count) {
    const absl::Status added = store_->Write(storage::Repeat::kOnce, absl::InfiniteFuture(),
                                             [&](storage::Repositories& in) {
                                               storage::Session session = **in.sessions.Find(id);
                                               absl::Status status;
                                               for (int i = 0; i < count && status.ok(); ++i) {
                                                 session.id = SessionId::Random(clock_.Now());
                                                 status = in.sessions.Insert(session);
                                               }
                                               return status;
                                             });
    ASSERT_TRUE(added.ok()) << added;
  }

  // How often the log has told of it.
  size_t Told(const std::string& event) const {
    size_t count = 0;
    const std::string text = log_.Text();
    for (size_t at = text.find(event); at != text.npos; at = text.find(event, at + 1)) ++count;
    return count;
  }

  std::unique_ptr<DisturbedStore> disturbed_;
  std::unique_ptr<SessionFacade> sessions_;
  UserId ada_;
  UserId grace_;
};

TEST_F(SessionFacadeTest, UsersSeeTheirOwnTheNewestFirstAndWhichOneAsks) {
  const IssuedGrant first = LoginAs("ada");
  const IssuedGrant second = LoginAs("ada");
  LoginAs("grace");
  const auto page = List(CallerWith(first));
  EXPECT_THAT(Ids(page), ElementsAre(second.session_id.str(), first.session_id.str()));
  EXPECT_EQ(page->current, first.session_id);
  EXPECT_EQ(page->sessions[0].user_id, ada_);
  EXPECT_EQ(page->sessions[0].address, call_.peer);
  EXPECT_THAT(Ids(List(CallerWith(first), ada_)), SizeIs(2));  // by name, too
}

TEST_F(SessionFacadeTest, WhatHasEndedIsNotListed) {
  const IssuedGrant idle = LoginAs("ada");
  const IssuedGrant revoked = LoginAs("ada");
  const Principal caller = CallerWith(revoked);
  ASSERT_TRUE(Revoke(caller, revoked.session_id).ok());
  EXPECT_THAT(Ids(List(caller)), ElementsAre(idle.session_id.str()));
  clock_.SetWall(idle.refresh_expires_at);
  EXPECT_THAT(Ids(List(caller)), IsEmpty());
}

TEST_F(SessionFacadeTest, PagesFollowOneAnotherWhileSessionsBegin) {
  std::vector<std::string> expected;
  Principal caller;
  for (int i = 0; i < 5; ++i) {
    const IssuedGrant grant = LoginAs("ada");
    caller = CallerWith(grant);
    expected.insert(expected.begin(), grant.session_id.str());
  }
  std::vector<std::string> seen;
  std::string token;
  do {
    const auto page = List(caller, {}, 2, token);
    for (const std::string& id : Ids(page)) seen.push_back(id);
    token = page->next_page_token;
    LoginAs("ada");
  } while (!token.empty());
  EXPECT_EQ(seen, expected);
}

TEST_F(SessionFacadeTest, APageTokenOfAnotherListAndANegativeSizeAreRefused) {
  const Principal admin = LoggedIn("admin");
  const auto users = users_->List(call_, 1, "");
  ASSERT_TRUE(users.ok() && !users->next_page_token.empty());
  EXPECT_EQ(FieldOf(List(admin, {}, 0, users->next_page_token).status()), "page_token");
  EXPECT_EQ(FieldOf(List(admin, {}, 0, "nonsense").status()), "page_token");
  EXPECT_EQ(FieldOf(List(admin, {}, -1).status()), "page_size");
}

TEST_F(SessionFacadeTest, OnlyAnAdministratorSeesAnothersSessions) {
  const IssuedGrant of_grace = LoginAs("grace");
  EXPECT_THAT(Ids(List(LoggedIn("admin"), grace_)), ElementsAre(of_grace.session_id.str()));
  EXPECT_THAT(Ids(List(LoggedIn("admin"), UserId("usr_nobody"))), IsEmpty());
}

// The answer is the same whether there is such a user or not.
TEST_F(SessionFacadeTest, NobodyElseLearnsWhetherAUserIsThere) {
  const Principal ada = LoggedIn("ada");
  const absl::Status there = List(ada, grace_).status();
  EXPECT_EQ(there.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ReasonOf(there), reason::kRoleRequired);
  EXPECT_EQ(List(ada, UserId("usr_nobody")).status(), there);
  EXPECT_EQ(RevokeAll(ada, false, grace_).status(), there);
  EXPECT_EQ(RevokeAll(ada, false, UserId("usr_nobody")).status(), there);
  EXPECT_THAT(log_.Text(), HasSubstr("session.refused ROLE_REQUIRED " + ada_.str()));
}

TEST_F(SessionFacadeTest, UsersEndASessionOfTheirsAndItsTokensAtOnce) {
  const IssuedGrant lost = LoginAs("ada");
  const IssuedGrant kept = LoginAs("ada");
  const Principal caller = CallerWith(kept);
  ASSERT_TRUE(Revoke(caller, lost.session_id).ok());
  EXPECT_EQ(WhyInactive(lost.access_token), "TOKEN_REVOKED");
  EXPECT_EQ(ReasonOf(Renew(lost).status()), reason::kSessionEnded);
  EXPECT_EQ(WhyInactive(kept.access_token), "");
  EXPECT_TRUE(Renew(kept).ok());
  EXPECT_EQ(Entries(storage::RevocationKind::kSession), 1u);
  EXPECT_THAT(log_.Text(), HasSubstr("session.revoked " + lost.session_id.str()));
}

TEST_F(SessionFacadeTest, EndingTheSessionThatAsksAndOneThatHasEndedAreNoErrors) {
  const IssuedGrant grant = LoginAs("ada");
  const Principal caller = CallerWith(grant);
  EXPECT_TRUE(Revoke(caller, grant.session_id).ok());
  EXPECT_TRUE(Revoke(caller, grant.session_id).ok());
  EXPECT_EQ(WhyInactive(grant.access_token), "TOKEN_REVOKED");
  EXPECT_EQ(Entries(storage::RevocationKind::kSession), 1u);
}

// Neither by guessing nor with an id that was seen somewhere.
TEST_F(SessionFacadeTest, AForeignSessionAndOneThatNeverWasAreTheSameToAnybodyElse) {
  const IssuedGrant of_grace = LoginAs("grace");
  const Principal ada = LoggedIn("ada");
  const absl::Status foreign = Revoke(ada, of_grace.session_id);
  EXPECT_EQ(foreign.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(foreign), reason::kSessionNotFound);
  EXPECT_EQ(Revoke(ada, SessionId::Random(clock_.Now())), foreign);
  EXPECT_EQ(Revoke(ada, SessionId("x")), foreign);
  ASSERT_TRUE(Revoke(LoggedIn("admin"), of_grace.session_id).ok());
  EXPECT_EQ(Revoke(ada, of_grace.session_id), foreign);  // ended is no other answer
  EXPECT_THAT(log_.Text(), HasSubstr("session.refused SESSION_NOT_FOUND " + ada_.str()));
}

TEST_F(SessionFacadeTest, AForeignSessionLivesOn) {
  const IssuedGrant of_grace = LoginAs("grace");
  EXPECT_FALSE(Revoke(LoggedIn("ada"), of_grace.session_id).ok());
  EXPECT_EQ(WhyInactive(of_grace.access_token), "");
  EXPECT_TRUE(Renew(of_grace).ok());
}

// The token says administrator; the database does not any more.
TEST_F(SessionFacadeTest, AnAdministratorsPowerIsAskedForAgain) {
  const IssuedGrant of_grace = LoginAs("grace");
  AddAdministrator("hedy");
  const Principal hedy = LoggedIn("hedy");
  ASSERT_TRUE(roles_->Revoke(call_, admin_, kAdminRole, Named("hedy").id).ok());
  EXPECT_EQ(ReasonOf(Revoke(hedy, of_grace.session_id)), reason::kRoleRequired);
  EXPECT_EQ(ReasonOf(RevokeAll(hedy, false, grace_).status()), reason::kRoleRequired);
  EXPECT_EQ(WhyInactive(of_grace.access_token), "");
}

TEST_F(SessionFacadeTest, EndingAllRaisesTheUsersVersionWithOneEntry) {
  const IssuedGrant first = LoginAs("ada");
  const IssuedGrant second = LoginAs("ada");
  const IssuedGrant of_grace = LoginAs("grace");
  const auto count = RevokeAll(CallerWith(second));
  ASSERT_TRUE(count.ok()) << count.status();
  EXPECT_EQ(*count, 2);
  EXPECT_EQ(Named("ada").version, 2);
  EXPECT_EQ(Entries(storage::RevocationKind::kUser), 1u);
  EXPECT_EQ(Entries(storage::RevocationKind::kSession), 0u);
  for (const IssuedGrant* grant : {&first, &second}) {
    EXPECT_EQ(WhyInactive(grant->access_token), "TOKEN_REVOKED");
    EXPECT_EQ(ReasonOf(Renew(*grant).status()), reason::kSessionEnded);
  }
  EXPECT_EQ(WhyInactive(of_grace.access_token), "");
  EXPECT_EQ(WhyInactive(LoginAs("ada").access_token), "");
  EXPECT_THAT(log_.Text(), HasSubstr("sessions.ended " + ada_.str() + " 2"));
}

// The password was checked before; the session would begin behind.
TEST_F(SessionFacadeTest, ALoginThatEndingAllOvertakesIsRefused) {
  const auto login = CheckLogin("ada");
  ASSERT_TRUE(login.ok());
  ASSERT_TRUE(RevokeAll(LoggedIn("ada")).ok());
  EXPECT_EQ(ReasonOf(auth_->OpenSession(call_, *login).status()), reason::kBadCredentials);
}

TEST_F(SessionFacadeTest, AnAdministratorEndsAllOfAnybody) {
  const IssuedGrant of_grace = LoginAs("grace");
  const Principal admin = LoggedIn("admin");
  EXPECT_EQ(*RevokeAll(admin, false, grace_), 1);
  EXPECT_EQ(WhyInactive(of_grace.access_token), "TOKEN_REVOKED");
  EXPECT_EQ(*RevokeAll(admin, false, grace_), 0);
  EXPECT_EQ(ReasonOf(RevokeAll(admin, false, UserId("usr_nobody")).status()),
            reason::kUserNotFound);
}

TEST_F(SessionFacadeTest, SessionsThatEndedByThemselvesAreNotCounted) {
  LoginAs("ada");
  clock_.Advance(absl::Hours(24 * 8));  // idle
  EXPECT_EQ(*RevokeAll(LoggedIn("ada")), 1);
}

TEST_F(SessionFacadeTest, AllButThisOneWritesAnEntryForEachOther) {
  const IssuedGrant first = LoginAs("ada");
  const IssuedGrant second = LoginAs("ada");
  const IssuedGrant kept = LoginAs("ada");
  const IssuedGrant of_grace = LoginAs("grace");
  EXPECT_EQ(*RevokeAll(CallerWith(kept), true), 2);
  EXPECT_EQ(WhyInactive(first.access_token), "TOKEN_REVOKED");
  EXPECT_EQ(WhyInactive(second.access_token), "TOKEN_REVOKED");
  EXPECT_EQ(WhyInactive(kept.access_token), "");
  EXPECT_TRUE(Renew(kept).ok());
  EXPECT_EQ(WhyInactive(of_grace.access_token), "");
  EXPECT_EQ(Named("ada").version, 1);
  EXPECT_EQ(Entries(storage::RevocationKind::kSession), 2u);
  EXPECT_EQ(Entries(storage::RevocationKind::kUser), 0u);
  EXPECT_EQ(*RevokeAll(CallerWith(kept), true), 0);
}

TEST_F(SessionFacadeTest, AllButThisOneTakesMoreThanOneTransactionHolds) {
  const IssuedGrant oldest = LoginAs("ada");
  AddSessionsLike(oldest.session_id, 2 * kEndBatch + 3);
  const IssuedGrant kept = LoginAs("ada");
  AddSessionsLike(oldest.session_id, 3);
  EXPECT_EQ(*RevokeAll(CallerWith(kept), true), 2 * kEndBatch + 7);
  EXPECT_THAT(Ids(List(CallerWith(kept))), ElementsAre(kept.session_id.str()));
}

TEST_F(SessionFacadeTest, AllButThisOneIsOnlyForTheCallersOwn) {
  const Principal admin = LoggedIn("admin");
  EXPECT_EQ(FieldOf(RevokeAll(admin, true, grace_).status()), "keep_current");
  EXPECT_TRUE(RevokeAll(admin, true, admin_).ok());
}

// A service has none: an empty list is the truth; ending none would look like a success.
TEST_F(SessionFacadeTest, ServicesHaveNoSessions) {
  const IssuedGrant of_ada = LoginAs("ada");
  EXPECT_THAT(Ids(List(Service())), IsEmpty());
  const absl::Status all = RevokeAll(Service()).status();
  EXPECT_EQ(all.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ReasonOf(all), reason::kCallerKind);
  EXPECT_EQ(ReasonOf(Revoke(Service(), of_ada.session_id)), reason::kSessionNotFound);
  EXPECT_EQ(ReasonOf(RevokeAll(Service(), false, ada_).status()), reason::kRoleRequired);
  EXPECT_EQ(WhyInactive(of_ada.access_token), "");
}

// What its token says is not enough: there is no such account.
TEST_F(SessionFacadeTest, AServicesPowerIsAskedForAgainToo) {
  const IssuedGrant of_ada = LoginAs("ada");
  Principal service = Service();
  service.claims.roles = {std::string(kAdminRole)};
  EXPECT_THAT(Ids(List(service, ada_)), ElementsAre(of_ada.session_id.str()));
  EXPECT_EQ(ReasonOf(Revoke(service, of_ada.session_id)), reason::kTokenRevoked);
  EXPECT_EQ(ReasonOf(RevokeAll(service, false, ada_).status()), reason::kTokenRevoked);
  EXPECT_EQ(WhyInactive(of_ada.access_token), "");
}

// Whatever a renewal that is under way has got: from the answer on, nothing of the session is good.
TEST_F(SessionFacadeTest, ARenewalThatRacesTheEndLeavesNothingAlive) {
  for (int round = 0; round < 10; ++round) {
    const IssuedGrant kept = LoginAs("ada");
    IssuedGrant latest = LoginAs("ada");
    const SessionId id = latest.session_id;
    std::atomic<int> renewed = 0;
    std::thread renewing([&] {
      for (auto next = Renew(latest); next.ok(); next = Renew(latest)) {
        latest = *std::move(next);
        ++renewed;
      }
    });
    while (renewed == 0) std::this_thread::yield();
    const absl::Status revoked = Revoke(CallerWith(kept), id);
    renewing.join();
    ASSERT_TRUE(revoked.ok()) << revoked;
    EXPECT_EQ(WhyInactive(latest.access_token), "TOKEN_REVOKED");
    EXPECT_EQ(ReasonOf(Renew(latest).status()), reason::kSessionEnded);
  }
}

// A login is before it, and ended, or behind it, and whole, or was checked before it, and refused.
TEST_F(SessionFacadeTest, ALoginThatRacesEndingAllIsEndedOrRefusedOrLaterThanIt) {
  for (int round = 0; round < 10; ++round) {
    const Principal caller = LoggedIn("ada");
    const auto checked = CheckLogin("ada");
    ASSERT_TRUE(checked.ok());
    absl::StatusOr<IssuedGrant> grant = absl::UnknownError("not asked yet");
    std::thread login([&] { grant = auth_->OpenSession(call_, *checked); });
    const auto count = RevokeAll(caller);
    login.join();
    ASSERT_TRUE(count.ok()) << count.status();
    if (grant.ok()) {
      EXPECT_EQ(*count, 2);
      EXPECT_EQ(WhyInactive(grant->access_token), "TOKEN_REVOKED");
    } else {
      EXPECT_EQ(*count, 1);
      EXPECT_EQ(ReasonOf(grant.status()), reason::kBadCredentials);
    }
    EXPECT_THAT(Ids(List(caller)), IsEmpty());
  }
}

// Hundreds with one token, which the guard admitted together: the first of them ends it.
TEST_F(SessionFacadeTest, ATokenEndsAllOnceAndNoLoginMadeSince) {
  const Principal caller = LoggedIn("ada");
  ASSERT_EQ(*RevokeAll(caller), 1);
  const IssuedGrant since = LoginAs("ada");
  const auto version = Named("ada").version;
  for (int i = 0; i < 5; ++i) {
    const absl::Status late = RevokeAll(caller, i % 2 == 1).status();
    EXPECT_TRUE(absl::IsUnauthenticated(late));
    EXPECT_EQ(ReasonOf(late), reason::kTokenRevoked);
  }
  EXPECT_EQ(Named("ada").version, version);
  EXPECT_EQ(Entries(storage::RevocationKind::kUser), 1u);
  EXPECT_EQ(Entries(storage::RevocationKind::kSession), 0u);
  EXPECT_EQ(Told("sessions.ended"), 1u);
  EXPECT_EQ(WhyInactive(since.access_token), "");
  EXPECT_TRUE(Renew(since).ok());
  EXPECT_EQ(*RevokeAll(CallerWith(since)), 1);
}

TEST_F(SessionFacadeTest, OfManyAtOnceOneEndsAll) {
  constexpr int kCalls = 8;
  const Principal caller = LoggedIn("ada");
  std::atomic<int> ended = 0, refused = 0;
  std::vector<std::thread> calls;
  for (int i = 0; i < kCalls; ++i) {
    calls.emplace_back([&] {
      const auto count = RevokeAll(caller);
      if (count.ok()) ++ended;
      if (ReasonOf(count.status()) == reason::kTokenRevoked) ++refused;
    });
  }
  for (std::thread& call : calls) call.join();
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(refused, kCalls - 1);
  EXPECT_EQ(Named("ada").version, 2);
  EXPECT_EQ(Entries(storage::RevocationKind::kUser), 1u);
}

TEST_F(SessionFacadeTest, AnAnswerLostAtCommitEndsAllOnceAndCountsAll) {
  LoginAs("ada");
  const Principal caller = LoggedIn("ada");
  disturbed_->LoseNextAnswer();
  const auto count = RevokeAll(caller);
  ASSERT_TRUE(count.ok()) << count.status();
  EXPECT_EQ(*count, 2);
  EXPECT_EQ(Named("ada").version, 2);
  EXPECT_EQ(Entries(storage::RevocationKind::kUser), 1u);
  LoginAs("ada");
  const Principal admin = LoggedIn("admin");
  disturbed_->LoseNextAnswer();
  EXPECT_EQ(*RevokeAll(admin, false, ada_), 1);
  EXPECT_EQ(Named("ada").version, 3);
}

TEST_F(SessionFacadeTest, AnAnswerLostAtCommitCountsAllTheOthersOnce) {
  LoginAs("ada");
  LoginAs("ada");
  const Principal caller = LoggedIn("ada");
  disturbed_->LoseNextAnswer();
  EXPECT_EQ(*RevokeAll(caller, true), 2);
  EXPECT_EQ(Entries(storage::RevocationKind::kSession), 2u);
}

TEST_F(SessionFacadeTest, AnAnswerLostAtCommitIsToldOfAllTheSame) {
  const IssuedGrant lost = LoginAs("ada");
  const Principal caller = LoggedIn("ada");
  disturbed_->LoseNextAnswer();
  ASSERT_TRUE(Revoke(caller, lost.session_id).ok());
  EXPECT_EQ(Entries(storage::RevocationKind::kSession), 1u);
  EXPECT_EQ(Told("session.revoked " + lost.session_id.str()), 1u);
  ASSERT_TRUE(Revoke(caller, lost.session_id).ok());
  EXPECT_EQ(Told("session.revoked " + lost.session_id.str()), 1u);
}

}  // namespace
}  // namespace tessera::server
