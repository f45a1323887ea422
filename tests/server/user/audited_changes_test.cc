// Every administrative change is taken down in its own transaction: no change without its event,
// and no event without its change.
#include <gmock/gmock.h>

#include "server/user/session_facade.h"
#include "tests/server/user/service_room.h"

namespace tessera::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class AuditedChanges : public ServiceRoom {
 protected:
  void SetUp() override {
    ServiceRoom::SetUp();
    ada_ = Add("ada");
    audit_.Take();
  }
  std::string By(const std::string& event, const std::string& target) {
    return event + " " + admin_.str() + " " + target;
  }
  void Fail() { audit_.Answer(absl::UnavailableError("no")); }

  storage::User ada_;
};

TEST_F(AuditedChanges, OfAUser) {
  UserChange change;
  change.id = ada_.id;
  change.display_name = "Ada";
  change.state = storage::UserState::kDisabled;
  ASSERT_TRUE(users_->Update(call_, admin_, change).ok());
  EXPECT_THAT(audit_.Take(), ElementsAre(By("user.updated", ada_.id.str()) +
                                         " fields=display_name state state=disabled"));
  ASSERT_TRUE(users_->Delete(call_, admin_, ada_.id, "").ok());
  EXPECT_THAT(audit_.Take(), ElementsAre(By("user.deleted", ada_.id.str())));
  EXPECT_FALSE(users_->Delete(call_, admin_, ada_.id, "").ok());
  EXPECT_THAT(audit_.Take(), IsEmpty());
}

TEST_F(AuditedChanges, OfAPassword) {
  auto checked = users_->CheckPasswordChange(
      call_, ada_, {ada_.id, Secret::CopyOf(kPassword), Secret::CopyOf("another long password")});
  ASSERT_TRUE(checked.ok()) << checked.status();
  ASSERT_TRUE(users_->StorePassword(call_, *checked).ok());
  EXPECT_THAT(audit_.Take(),
              ElementsAre("password.changed " + ada_.id.str() + " " + ada_.id.str()));
}

TEST_F(AuditedChanges, OfSessions) {
  SessionFacade sessions({*store_, *feed_, clock_, log_, audit_});
  const auto first = Login("ada");
  const auto second = Login("ada");
  ASSERT_TRUE(first.ok() && second.ok());
  Principal ada;
  ada.kind = PrincipalKind::kUser;
  ada.claims = *(*auth_->Validate(second->access_token)).claims;
  ASSERT_TRUE(sessions.Revoke(call_, ada, first->session_id).ok());
  ASSERT_TRUE(sessions.Revoke(call_, ada, first->session_id).ok());  // it had ended
  EXPECT_THAT(audit_.Take(),
              ElementsAre("session.revoked " + ada_.id.str() + " " + first->session_id.str()));
  ASSERT_TRUE(Login("ada").ok());
  ASSERT_TRUE(sessions.RevokeAll(call_, ada, {{}, true}).ok());
  ASSERT_TRUE(sessions.RevokeAll(call_, ada, {}).ok());
  const std::string all = "sessions.ended " + ada_.id.str() + " " + ada_.id.str();
  EXPECT_THAT(audit_.Take(), ElementsAre(all, all));
}

// Asking again and again fills no trail.
TEST_F(AuditedChanges, WhereNoOtherSessionEndsNothingIsTakenDown) {
  SessionFacade sessions({*store_, *feed_, clock_, log_, audit_});
  const auto only = Login("ada");
  ASSERT_TRUE(only.ok());
  Principal ada;
  ada.kind = PrincipalKind::kUser;
  ada.claims = *(*auth_->Validate(only->access_token)).claims;
  EXPECT_EQ(*sessions.RevokeAll(call_, ada, {{}, true}), 0);
  EXPECT_THAT(audit_.Take(), IsEmpty());
}

// No role is had without a trace, whichever way it was given.
TEST_F(AuditedChanges, OfAServiceAccountsRoles) {
  ASSERT_TRUE(roles_->Create(call_, admin_, {"first", "", {}}).ok());
  ASSERT_TRUE(roles_->Create(call_, admin_, {"second", "", {}}).ok());
  audit_.Take();
  NewServiceAccount account;
  account.name = "billing";
  account.fields.roles = std::vector<std::string>{"first"};
  const auto created = services_->Create(call_, admin_, account);
  ASSERT_TRUE(created.ok()) << created.status();
  const ServiceId id = created->view.account.id;
  EXPECT_THAT(audit_.Take(), ElementsAre(By("service_account.created", id.str()) + " name=billing",
                                         By("role.granted", id.str()) + " role=first"));
  ServiceAccountChange change;
  change.id = id;
  change.fields.roles = std::vector<std::string>{"second"};
  ASSERT_TRUE(services_->Update(call_, admin_, change).ok());
  EXPECT_THAT(audit_.Take(), ElementsAre(By("service_account.updated", id.str()) + " fields=roles",
                                         By("role.granted", id.str()) + " role=second",
                                         By("role.revoked", id.str()) + " role=first"));
}

TEST_F(AuditedChanges, OfAServiceAccount) {
  const CreatedServiceAccount created = AddService("billing");
  const std::string id = created.view.account.id.str();
  EXPECT_THAT(audit_.Take(), ElementsAre(By("service_account.created", id) + " name=billing",
                                         By("role.granted", id) + " role=orders.admin",
                                         By("role.granted", id) + " role=reader"));
  ASSERT_TRUE(
      SetServiceState(created.view.account.id, storage::ServiceAccountState::kDisabled).ok());
  EXPECT_THAT(audit_.Take(),
              ElementsAre(By("service_account.updated", id) + " fields=state state=disabled"));
  const auto rotated = Rotate(created.view.account.id, absl::Hours(1));
  ASSERT_TRUE(rotated.ok());
  EXPECT_THAT(audit_.Take(), ElementsAre(By("service_account.secret_rotated", id) +
                                         " secret=" + rotated->info.id.str()));
  ASSERT_TRUE(services_->Delete(call_, admin_, created.view.account.id, "").ok());
  EXPECT_THAT(audit_.Take(), ElementsAre(By("service_account.deleted", id)));
}

// What cannot be taken down is not done.
TEST_F(AuditedChanges, WithoutItsEventNothingIsChanged) {
  const CreatedServiceAccount service = AddService("billing");
  Fail();
  UserChange change;
  change.id = ada_.id;
  change.display_name = "Ada";
  EXPECT_FALSE(users_->Update(call_, admin_, change).ok());
  EXPECT_FALSE(users_->Delete(call_, admin_, ada_.id, "").ok());
  EXPECT_FALSE(
      SetServiceState(service.view.account.id, storage::ServiceAccountState::kDisabled).ok());
  EXPECT_FALSE(services_->Delete(call_, admin_, service.view.account.id, "").ok());
  EXPECT_FALSE(roles_->Create(call_, admin_, {"another", "", {}}).ok());
  EXPECT_FALSE(roles_->Grant(call_, admin_, "reader", ada_.id).ok());
  audit_.Answer(absl::OkStatus());
  EXPECT_EQ(Named("ada").display_name, "");
  EXPECT_EQ(Try(service.secret), "issued");
  EXPECT_TRUE(roles_->Create(call_, admin_, {"another", "", {}}).ok());
}

}  // namespace
}  // namespace tessera::server
