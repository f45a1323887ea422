#include "server/user/role_facade.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/server/user/user_room.h"

namespace tessera::server {
namespace {

class RoleFacadeTest : public UserRoom {
 protected:
  void SetUp() override {
    UserRoom::SetUp();
    Start();
  }
  absl::StatusOr<storage::Role> Create(const std::string& name,
                                       const std::vector<std::string>& audiences = {}) {
    return roles_->Create(call_, admin_, {name, "", audiences});
  }
  std::vector<std::string> Held(const UserId& user) {
    auto lookup = roles_->Lookup(call_, UserKey(user));
    EXPECT_TRUE(lookup.ok());
    std::vector<std::string> names;
    for (const auto& held : lookup->roles) names.push_back(held.role.name);
    return names;
  }
};

TEST_F(RoleFacadeTest, AudiencesAreStoredOnceAndInOrder) {
  auto role = Create("orders.admin", {"tessera", "orders", "orders"});
  ASSERT_TRUE(role.ok()) << role.status();
  EXPECT_EQ(role->audiences, (std::vector<std::string>{"orders", "tessera"}));
}

TEST_F(RoleFacadeTest, UnknownAudienceIsRefused) {
  const absl::Status status = Create("r", {"orders", "elsewhere"}).status();
  EXPECT_EQ(ReasonOf(status), reason::kFieldInvalid);
  EXPECT_EQ(FieldOf(status), "role.audiences");
}

TEST_F(RoleFacadeTest, NamesAreOneTo64OfTheAlphabet) {
  EXPECT_TRUE(Create(std::string(64, 'r')).ok());
  for (const std::string& name : {std::string(), std::string(65, 'r'), std::string("Upper"),
                                  std::string("a@b"), std::string("a b")}) {
    EXPECT_EQ(FieldOf(Create(name).status()), "role.name") << name;
  }
}

TEST_F(RoleFacadeTest, ReservedNamesCanBeNeitherMadeNorDeleted) {
  for (const char* name : {"tessera.admin", "tessera.new", "tessera."}) {
    EXPECT_EQ(ReasonOf(Create(name).status()), reason::kRoleReserved) << name;
    EXPECT_EQ(ReasonOf(roles_->Delete(call_, admin_, name)), reason::kRoleReserved) << name;
  }
  EXPECT_TRUE(Create("tesserax").ok());
}

TEST_F(RoleFacadeTest, NameThatIsTakenIsRefused) {
  ASSERT_TRUE(Create("editor").ok());
  EXPECT_EQ(ReasonOf(Create("editor").status()), reason::kRoleNameTaken);
}

TEST_F(RoleFacadeTest, GrantingAndRevokingMayBeRepeated) {
  const UserId user = Add("alice").id;
  ASSERT_TRUE(Create("editor").ok());
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(roles_->Grant(call_, admin_, "editor", user).ok());
  EXPECT_EQ(Held(user), std::vector<std::string>{"editor"});
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(roles_->Revoke(call_, admin_, "editor", user).ok());
  EXPECT_TRUE(Held(user).empty());
}

TEST_F(RoleFacadeTest, UnknownRoleAndUnknownUserAreNamed) {
  const UserId user = Add("alice").id;
  ASSERT_TRUE(Create("editor").ok());
  const UserId nobody("usr_nobody");
  EXPECT_EQ(ReasonOf(roles_->Grant(call_, admin_, "none", user)), reason::kRoleNotFound);
  EXPECT_EQ(ReasonOf(roles_->Grant(call_, admin_, "editor", nobody)), reason::kUserNotFound);
  EXPECT_EQ(ReasonOf(roles_->Revoke(call_, admin_, "none", user)), reason::kRoleNotFound);
  EXPECT_EQ(ReasonOf(roles_->Revoke(call_, admin_, "editor", nobody)), reason::kUserNotFound);
  EXPECT_EQ(ReasonOf(roles_->Delete(call_, admin_, "none")), reason::kRoleNotFound);
}

TEST_F(RoleFacadeTest, DeletedRoleIsHeldByNobody) {
  const UserId user = Add("alice").id;
  ASSERT_TRUE(Create("editor").ok());
  ASSERT_TRUE(roles_->Grant(call_, admin_, "editor", user).ok());
  ASSERT_TRUE(roles_->Delete(call_, admin_, "editor").ok());
  EXPECT_TRUE(Held(user).empty());
  ASSERT_TRUE(Create("editor").ok());
  EXPECT_TRUE(Held(user).empty());
}

TEST_F(RoleFacadeTest, LastAdministratorKeepsTheRole) {
  const absl::Status status = roles_->Revoke(call_, admin_, kAdminRole, admin_);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(status), reason::kLastAdministrator);
  EXPECT_EQ(Held(admin_), std::vector<std::string>{std::string(kAdminRole)});
}

TEST_F(RoleFacadeTest, SecondAdministratorMayLoseTheRoleAndTheLastMayNot) {
  const UserId second = AddAdministrator("second").id;
  EXPECT_TRUE(roles_->Revoke(call_, admin_, kAdminRole, admin_).ok());
  EXPECT_EQ(ReasonOf(roles_->Revoke(call_, second, kAdminRole, second)),
            reason::kLastAdministrator);
}

TEST_F(RoleFacadeTest, RevokingTheRoleFromOneWhoDoesNotHoldItIsNoLastAdministrator) {
  EXPECT_TRUE(roles_->Revoke(call_, admin_, kAdminRole, Add("alice").id).ok());
}

TEST_F(RoleFacadeTest, DisabledAdministratorMayLoseTheRole) {
  const UserId second = AddAdministrator("second").id;
  ASSERT_TRUE(SetState(second, storage::UserState::kDisabled).ok());
  EXPECT_TRUE(roles_->Revoke(call_, admin_, kAdminRole, second).ok());
}

TEST_F(RoleFacadeTest, RevokingAReservedRoleEndsTokensAndSessionsBeforeTheAnswer) {
  for (const std::string& role : ReservedRoles()) {
    const std::string name = "holder-of-" + role;
    const storage::User user = Add(name);
    ASSERT_TRUE(roles_->Grant(call_, admin_, role, user.id).ok());
    auto grant = Login(name);
    ASSERT_TRUE(grant.ok()) << grant.status();
    ASSERT_EQ(WhyInactive(grant->access_token), "");
    ASSERT_TRUE(roles_->Revoke(call_, admin_, role, user.id).ok());
    EXPECT_EQ(WhyInactive(grant->access_token), reason::kTokenRevoked) << role;
    EXPECT_EQ(ReasonOf(auth_->Renew(call_, grant->refresh_token).status()), reason::kSessionEnded);
    EXPECT_EQ(Named(name).version, user.version + 1);
    auto fresh = Login(name);
    ASSERT_TRUE(fresh.ok()) << fresh.status();
    EXPECT_EQ(WhyInactive(fresh->access_token), "");
  }
}

TEST_F(RoleFacadeTest, RevokingAReservedRoleAgainEndsNothing) {
  const storage::User user = AddAdministrator("second");
  ASSERT_TRUE(roles_->Revoke(call_, admin_, kAdminRole, user.id).ok());
  auto grant = Login("second");
  ASSERT_TRUE(grant.ok());
  ASSERT_TRUE(roles_->Revoke(call_, admin_, kAdminRole, user.id).ok());
  EXPECT_EQ(Named("second").version, user.version + 1);
  EXPECT_EQ(WhyInactive(grant->access_token), "");
}

TEST_F(RoleFacadeTest, RefusedRevokeOfTheLastAdministratorEndsNothing) {
  auto grant = Login("admin");
  ASSERT_TRUE(grant.ok());
  ASSERT_FALSE(roles_->Revoke(call_, admin_, kAdminRole, admin_).ok());
  EXPECT_EQ(WhyInactive(grant->access_token), "");
  EXPECT_TRUE(auth_->Renew(call_, grant->refresh_token).ok());
}

TEST_F(RoleFacadeTest, RevokingAnOrdinaryRoleKeepsSessionsAndTokens) {
  const storage::User user = Add("alice");
  ASSERT_TRUE(Create("editor").ok());
  ASSERT_TRUE(roles_->Grant(call_, admin_, "editor", user.id).ok());
  auto grant = Login("alice");
  ASSERT_TRUE(grant.ok());
  ASSERT_TRUE(roles_->Revoke(call_, admin_, "editor", user.id).ok());
  EXPECT_EQ(Named("alice").version, user.version);
  EXPECT_EQ(WhyInactive(grant->access_token), "");
  EXPECT_TRUE(auth_->Renew(call_, grant->refresh_token).ok());
}

TEST_F(RoleFacadeTest, LoginThatRacesTheLossOfAReservedRoleDoesNotSurviveIt) {
  const UserId second = AddAdministrator("second").id;
  auto verified = CheckLogin("second");
  ASSERT_TRUE(verified.ok());
  ASSERT_TRUE(roles_->Revoke(call_, admin_, kAdminRole, second).ok());
  EXPECT_EQ(ReasonOf(auth_->OpenSession(call_, *verified).status()), reason::kBadCredentials);
}

TEST_F(RoleFacadeTest, RenewalsInParallelWithTheLossOfAReservedRoleLeaveNoLiveToken) {
  const UserId second = AddAdministrator("second").id;
  std::vector<IssuedGrant> newest;
  for (int i = 0; i < 4; ++i) {
    auto grant = Login("second");
    ASSERT_TRUE(grant.ok());
    newest.push_back(*std::move(grant));
  }
  std::atomic<int> renewed{0}, ended{0};
  std::vector<std::thread> threads;
  for (IssuedGrant& grant : newest) {
    threads.emplace_back([&] {
      for (;;) {
        auto next = auth_->Renew(call_, grant.refresh_token);
        if (!next.ok()) break;  // the revoke was first
        grant = *std::move(next);
        ++renewed;
      }
      ++ended;
    });
  }
  while (renewed < 8 && ended == 0) std::this_thread::yield();
  EXPECT_TRUE(roles_->Revoke(call_, admin_, kAdminRole, second).ok());
  for (std::thread& thread : threads) thread.join();
  for (const IssuedGrant& grant : newest) {
    EXPECT_EQ(WhyInactive(grant.access_token), reason::kTokenRevoked);
  }
}

TEST_F(RoleFacadeTest, LookupTellsTheKind) {
  const UserId user = Add("alice").id;
  auto lookup = roles_->Lookup(call_, UserKey(std::string("ADMIN")));
  ASSERT_TRUE(lookup.ok());
  EXPECT_EQ(lookup->kind, UserKind::kAdmin);
  EXPECT_EQ(lookup->user_id, admin_);
  lookup = roles_->Lookup(call_, UserKey(user));
  ASSERT_TRUE(lookup.ok());
  EXPECT_EQ(lookup->kind, UserKind::kUser);
}

// Whoever admits by the kind must not admit one who is disabled; the grants are still there.
TEST_F(RoleFacadeTest, ADisabledAdministratorIsNoOne) {
  const UserId second = AddAdministrator("second").id;
  ASSERT_TRUE(SetState(second, storage::UserState::kDisabled).ok());
  const auto lookup = roles_->Lookup(call_, UserKey(second));
  ASSERT_TRUE(lookup.ok()) << lookup.status();
  EXPECT_EQ(lookup->kind, UserKind::kNoOne);
  EXPECT_EQ(lookup->user_id, second);
  ASSERT_EQ(lookup->roles.size(), 1u);
  EXPECT_EQ(lookup->roles[0].role.name, kAdminRole);
  auto check = roles_->Check(call_, UserKey(second), kAdminRole);
  ASSERT_TRUE(check.ok()) << check.status();
  EXPECT_EQ(check->kind, UserKind::kNoOne);
  EXPECT_FALSE(check->held);
  EXPECT_TRUE(check->direct);
  ASSERT_TRUE(SetState(second, storage::UserState::kActive).ok());
  EXPECT_EQ(roles_->Lookup(call_, UserKey(second))->kind, UserKind::kAdmin);
}

TEST_F(RoleFacadeTest, LookupOfNobodyIsAnAnswer) {
  for (const UserKey& key : {UserKey(UserId("usr_none")), UserKey(std::string("nobody")),
                             UserKey(std::string("not a name"))}) {
    auto lookup = roles_->Lookup(call_, key);
    ASSERT_TRUE(lookup.ok()) << lookup.status();
    EXPECT_EQ(lookup->kind, UserKind::kNoOne);
    EXPECT_TRUE(lookup->user_id.empty());
  }
}

TEST_F(RoleFacadeTest, ListIsInTheOrderOfNamesAPageAtATime) {
  ASSERT_TRUE(Create("a").ok());
  ASSERT_TRUE(Create("z").ok());
  std::vector<std::string> names;
  std::string token;
  do {
    auto page = roles_->List(call_, 4, token);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const auto& role : page->roles) names.push_back(role.name);
    token = page->next_page_token;
  } while (!token.empty());
  EXPECT_EQ(names, (std::vector<std::string>{"a", "tessera.admin", "tessera.audit", "tessera.guard",
                                             "tessera.introspect", "tessera.mesh", "z"}));
}

}  // namespace
}  // namespace tessera::server
