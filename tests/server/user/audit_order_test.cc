// Where in a transaction an event is taken down: behind the change, so that whoever waits for the
// chain holds the user's row already, and before the feed, whose lock comes last.
#include <gmock/gmock.h>

#include "server/user/group_facade.h"
#include "server/user/password_reset.h"
#include "tests/server/user/user_room.h"

namespace tessera::server {
namespace {

using ::testing::ElementsAre;

// Looks at what the transaction has done so far.
class LookingTrail final : public AuditTrail {
 public:
  explicit LookingTrail(UserId user) : user_(std::move(user)) {}

  absl::Status AppendIn(storage::Repositories& in, const CallInfo&, const AuditEntry&) override {
    const auto user = in.users.Find(user_);
    const auto head = in.revocations.Head();
    if (!user.ok() || !head.ok()) return absl::InternalError("no look");
    seen_.push_back(std::to_string((*user)->version) + " at " + std::to_string(*head));
    return absl::OkStatus();
  }
  // `VERSION at HEAD` of each event, and forgets them.
  std::vector<std::string> Take() { return std::move(seen_); }

 private:
  const UserId user_;
  std::vector<std::string> seen_;
};

class AuditOrder : public UserRoom {
 protected:
  void SetUp() override {
    UserRoom::SetUp();
    Start();
    ada_ = Add("ada");
    trail_.emplace(ada_.id);
    watched_ = std::make_unique<UserFacade>(
        UserFacade::Parts{*store_, *hasher_, *feed_, clock_, log_, *trail_, *throttle_});
  }
  std::string Head() { return std::to_string(feed_->Now().head_seq); }

  storage::User ada_;
  std::optional<LookingTrail> trail_;
  std::unique_ptr<UserFacade> watched_;
};

TEST_F(AuditOrder, OfADisabledUser) {
  const std::string before = Head();
  UserChange change;
  change.id = ada_.id;
  change.state = storage::UserState::kDisabled;
  ASSERT_TRUE(watched_->Update(call_, admin_, change).ok());
  EXPECT_THAT(trail_->Take(), ElementsAre("2 at " + before));
  EXPECT_NE(Head(), before);
}

TEST_F(AuditOrder, OfAChangedPassword) {
  const std::string before = Head();
  auto checked = watched_->CheckPasswordChange(
      call_, ada_, {ada_.id, Secret::CopyOf(kPassword), Secret::CopyOf("another long password")});
  ASSERT_TRUE(checked.ok()) << checked.status();
  ASSERT_TRUE(watched_->StorePassword(call_, *checked).ok());
  EXPECT_THAT(trail_->Take(), ElementsAre("2 at " + before));
  EXPECT_NE(Head(), before);
}

TEST_F(AuditOrder, OfAResetPassword) {
  const PasswordResets resets(
      absl::Hours(1), PasswordPolicy(),
      PasswordResets::Parts{*store_, *keys_, *hasher_, *throttle_, *feed_, *trail_, clock_, log_});
  const auto issued = resets.Issue(call_, admin_, ada_.id);
  ASSERT_TRUE(issued.ok()) << issued.status();
  trail_->Take();
  const std::string before = Head();
  auto screened = resets.Screen(call_, {issued->token, Secret::CopyOf("another long password")});
  ASSERT_TRUE(screened.ok()) << screened.status();
  auto checked = resets.Check(call_, *std::move(screened));
  ASSERT_TRUE(checked.ok()) << checked.status();
  auto hashed = resets.Hash(call_, *std::move(checked));
  ASSERT_TRUE(hashed.ok()) << hashed.status();
  ASSERT_TRUE(resets.Store(call_, *hashed).ok());
  EXPECT_THAT(trail_->Take(), ElementsAre("2 at " + before));
  EXPECT_NE(Head(), before);
}

TEST_F(AuditOrder, OfARoleAndAMembershipThatAreTaken) {
  const RoleFacade roles({"orders", "tessera"},
                         RoleFacade::Parts{*store_, *feed_, clock_, log_, *trail_});
  ASSERT_TRUE(roles_->Grant(call_, admin_, "tessera.audit", ada_.id).ok());
  std::string before = Head();
  ASSERT_TRUE(roles.Revoke(call_, admin_, "tessera.audit", ada_.id).ok());
  EXPECT_THAT(trail_->Take(), ElementsAre("2 at " + before));

  const GroupFacade groups(GroupFacade::Parts{*store_, *feed_, clock_, log_, *trail_});
  ASSERT_TRUE(groups.Create(call_, admin_, {"auditors", ""}).ok());
  ASSERT_TRUE(groups.GrantRole(call_, admin_, {"auditors", "tessera.audit"}).ok());
  ASSERT_TRUE(groups.AddMember(call_, admin_, {"auditors", ada_.id}).ok());
  trail_->Take();
  before = Head();
  ASSERT_TRUE(groups.RemoveMember(call_, admin_, {"auditors", ada_.id}).ok());
  EXPECT_THAT(trail_->Take(), ElementsAre("3 at " + before));
}

}  // namespace
}  // namespace tessera::server
