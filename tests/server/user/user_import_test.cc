#include "server/user/user_import.h"

#include <gmock/gmock.h>

#include <string>
#include <utility>
#include <vector>

#include "server/user/group_facade.h"
#include "tests/server/user/user_room.h"

namespace tessera::server {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// 29,000 rounds over "correct horse battery".
constexpr char kPbkdf2[] =
    "$pbkdf2-sha256$29000$MDEyMzQ1Njc4OWFiY2RlZg$HwysB+Ke0YuzHEd/zzqZI6iTbuC8ephxy6jSfQdwV8M";
constexpr char kPbkdf2Password[] = "correct horse battery";

// A store that stops answering writes after some.
class FailingStore final : public storage::Store {
 public:
  explicit FailingStore(storage::Store& store) : store_(store) {}
  void FailAfter(int writes) { left_ = writes; }

  absl::Status Read(absl::Time deadline, Work work) override { return store_.Read(deadline, work); }
  absl::Status Write(storage::Repeat repeat, absl::Time deadline, Work work) override {
    if (left_-- <= 0) {
      return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kStorageUnavailable,
                              "the database is away", absl::Seconds(1));
    }
    return store_.Write(repeat, deadline, work);
  }
  absl::StatusOr<std::optional<absl::Time>> DatabaseTime(absl::Time deadline) override {
    return store_.DatabaseTime(deadline);
  }

 private:
  storage::Store& store_;
  int left_ = 1 << 20;
};

class UserImportTest : public UserRoom {
 protected:
  void SetUp() override {
    UserRoom::SetUp();
    Start();
    store_under_test_ = std::make_unique<FailingStore>(*store_);
    import_ = std::make_unique<UserImport>(
        UserFacade::Parts{*store_under_test_, *hasher_, *feed_, clock_, log_, audit_, *throttle_});
    groups_ =
        std::make_unique<GroupFacade>(GroupFacade::Parts{*store_, *feed_, clock_, log_, audit_});
  }

  static ImportedUser Row(const std::string& name, const std::string& hash = "") {
    ImportedUser user;
    user.fields.username = name;
    user.password_hash = hash;
    return user;
  }
  HashedImport Hashed(std::vector<ImportedUser> users) {
    auto hashed = import_->Hash(call_, std::move(users));
    EXPECT_TRUE(hashed.ok()) << hashed.status();
    return *std::move(hashed);
  }
  // The reasons, in order; empty for a user who was added.
  static std::vector<std::string> Reasons(const absl::StatusOr<std::vector<ImportOutcome>>& done) {
    EXPECT_TRUE(done.ok()) << done.status();
    std::vector<std::string> reasons;
    if (!done.ok()) return reasons;
    for (const ImportOutcome& outcome : *done) {
      EXPECT_EQ(outcome.id.empty(), !outcome.status.ok());
      reasons.push_back(ReasonOf(outcome.status));
    }
    return reasons;
  }
  std::vector<std::string> Import(std::vector<ImportedUser> users) {
    return Reasons(import_->Add(call_, admin_, Hashed(std::move(users))));
  }
  std::vector<std::string> DryRun(std::vector<ImportedUser> users) {
    return CheckedReasons(import_->Check(call_, Hashed(std::move(users))));
  }
  static std::vector<std::string> CheckedReasons(
      const absl::StatusOr<std::vector<ImportOutcome>>& checked) {
    EXPECT_TRUE(checked.ok()) << checked.status();
    std::vector<std::string> reasons;
    if (!checked.ok()) return reasons;
    for (const ImportOutcome& outcome : *checked) {
      EXPECT_TRUE(outcome.id.empty());
      reasons.push_back(ReasonOf(outcome.status));
    }
    return reasons;
  }
  bool Exists(const std::string& name) { return users_->Get(call_, UserKey(name)).ok(); }

  std::unique_ptr<FailingStore> store_under_test_;
  std::unique_ptr<UserImport> import_;
  std::unique_ptr<GroupFacade> groups_;
};

TEST_F(UserImportTest, AnImportedUserLogsInWithTheOldPasswordAndTheHashIsReplaced) {
  EXPECT_THAT(Import({Row("Ada", kPbkdf2)}), ElementsAre(""));
  const std::string before = Named("ada").password_hash;
  EXPECT_THAT(before, Not(HasSubstr("HwysB+Ke0YuzHEd")));  // wrapped: of no use alone
  EXPECT_EQ(ReasonOf(Login("ada", "wrong horse battery").status()), reason::kBadCredentials);
  EXPECT_EQ(Named("ada").password_hash, before);
  EXPECT_TRUE(Login("ada", kPbkdf2Password).ok());
  EXPECT_NE(Named("ada").password_hash, before);
  EXPECT_THAT(Named("ada").password_hash, HasSubstr("$argon2id$"));
  EXPECT_TRUE(Login("ada", kPbkdf2Password).ok());
}

TEST_F(UserImportTest, WithoutAHashNobodyLogsInUntilAPasswordIsSet) {
  EXPECT_THAT(Import({Row("ada")}), ElementsAre(""));
  for (const char* password : {"", "ada", kPassword}) {
    EXPECT_EQ(ReasonOf(Login("ada", password).status()), reason::kBadCredentials);
  }
}

TEST_F(UserImportTest, EachUserFailsAlone) {
  Add("taken");
  ImportedUser no_role = Row("no_role");
  no_role.roles = {"tessera.guard", "nobody-knows"};
  ImportedUser no_group = Row("no_group");
  no_group.groups = {"nobody-knows"};
  ImportedUser bad_email = Row("bad_email");
  bad_email.fields.email = "no address";
  EXPECT_THAT(Import({Row("ada"), Row("taken"), Row("a b"), Row("hash", "$1$md5$crypt"), no_role,
                      no_group, bad_email, Row("ADA"), Row("grace")}),
              ElementsAre("", reason::kUsernameTaken, reason::kFieldInvalid, reason::kFieldInvalid,
                          reason::kRoleNotFound, reason::kGroupNotFound, reason::kFieldInvalid,
                          reason::kUsernameTaken, ""));
  for (const char* name : {"hash", "no_role", "no_group", "bad_email"}) {
    EXPECT_FALSE(Exists(name)) << name;
  }
  EXPECT_TRUE(Exists("ada") && Exists("grace"));
}

TEST_F(UserImportTest, FieldsRolesAndGroupsComeAlong) {
  ASSERT_TRUE(roles_->Create(call_, admin_, {"reader", "", {}}).ok());
  ASSERT_TRUE(groups_->Create(call_, admin_, {"staff", ""}).ok());
  ImportedUser row = Row("ada");
  row.fields.email = "Ada@example.org";
  row.fields.display_name = "Countess";
  row.fields.state = storage::UserState::kDisabled;
  row.fields.attributes = {{"team", "a"}};
  row.roles = {"reader", "reader"};
  row.groups = {"staff"};
  audit_.Take();
  EXPECT_THAT(Import({row}), ElementsAre(""));
  const storage::User ada = Named("ada");
  const std::string by_whom = " " + admin_.str() + " " + ada.id.str();
  EXPECT_THAT(audit_.Take(),
              ElementsAre("user.imported" + by_whom, "role.granted" + by_whom + " role=reader",
                          "group.member_added" + by_whom + " group=staff"));
  EXPECT_EQ(ada.email, "Ada@example.org");
  EXPECT_EQ(ada.display_name, "Countess");
  EXPECT_EQ(ada.state, storage::UserState::kDisabled);
  EXPECT_EQ(ada.attributes, R"({"team":"a"})");
  const auto roles = users_->GetCurrent(call_, ada.id)->roles;
  ASSERT_EQ(roles.size(), 1u);
  EXPECT_EQ(roles[0].name, "reader");
  const auto members = groups_->ListMembers(call_, "staff", 0, "");
  ASSERT_TRUE(members.ok()) << members.status();
  ASSERT_EQ(members->users.size(), 1u);
  EXPECT_EQ(members->users[0].id.str(), ada.id.str());
}

TEST_F(UserImportTest, ADryRunFindsWhatAnImportWouldAndAddsNobody) {
  Add("taken");
  ImportedUser no_role = Row("no_role");
  no_role.roles = {"nobody-knows"};
  ImportedUser one = Row("one"), two = Row("two");
  one.fields.email = "a@example.org";
  two.fields.email = "A@example.org";
  EXPECT_THAT(
      DryRun({Row("ada", kPbkdf2), Row("taken"), Row("a b"), no_role, one, two, Row("ADA")}),
      ElementsAre("", reason::kUsernameTaken, reason::kFieldInvalid, reason::kRoleNotFound, "",
                  reason::kEmailTaken, reason::kUsernameTaken));
  EXPECT_FALSE(Exists("ada") || Exists("one"));
}

TEST_F(UserImportTest, ARequestHasOneToAHundredUsers) {
  const std::vector<ImportedUser> most(kMaxImportedUsers, Row("ada"));
  const std::vector<ImportedUser> too_many(kMaxImportedUsers + 1, Row("ada"));
  EXPECT_EQ(FieldOf(import_->Hash(call_, {}).status()), "users");
  EXPECT_TRUE(import_->Hash(call_, most).ok());
  EXPECT_EQ(FieldOf(import_->Hash(call_, too_many).status()), "users");
}

TEST_F(UserImportTest, WhoCannotBeReadFailsAlone) {
  ImportedUser unreadable = Row("ada");
  unreadable.unreadable = FieldInvalid("user.state", "active or disabled");
  EXPECT_THAT(DryRun({unreadable, Row("grace")}), ElementsAre(reason::kFieldInvalid, ""));
  EXPECT_THAT(Import({unreadable, Row("grace")}), ElementsAre(reason::kFieldInvalid, ""));
  EXPECT_FALSE(Exists("ada"));
  EXPECT_TRUE(Exists("grace"));
}

// Those whose hash is ready are added in the time that is left, so that one who asks again for the
// others comes to an end however slow hashing is.
TEST_F(UserImportTest, HashingEndsHalfwayToTheDeadline) {
  call_.deadline = clock_.Now() + absl::Seconds(10);
  int asked = 0;
  const CallerGone slow = [&] {
    clock_.Advance(absl::Seconds(2));  // what one hash takes
    ++asked;
    return false;
  };
  const auto hashed =
      import_->Hash(call_, {Row("ada"), Row("grace"), Row("joan"), Row("mary"), Row("a b")}, slow);
  ASSERT_TRUE(hashed.ok()) << hashed.status();
  EXPECT_EQ(asked, 3);
  const std::vector<std::string> two = {"", "", "OVERLOADED", "OVERLOADED", "OVERLOADED"};
  EXPECT_EQ(CheckedReasons(import_->Check(call_, *hashed)), two);
  EXPECT_EQ(Reasons(import_->Add(call_, admin_, *hashed)), two);
  EXPECT_TRUE(Exists("grace"));
  EXPECT_FALSE(Exists("joan"));
  EXPECT_THAT(Import({Row("joan")}), ElementsAre(""));
}

TEST_F(UserImportTest, NobodyIsAddedBehindTheDeadline) {
  const HashedImport hashed = Hashed({Row("ada"), Row("grace"), Row("joan")});
  call_.deadline = clock_.Now() + absl::Seconds(10);
  const CallerGone slow = [&] {
    clock_.Advance(absl::Seconds(4));
    return false;
  };
  EXPECT_THAT(CheckedReasons(import_->Check(call_, hashed, slow)),
              ElementsAre("", "", "OVERLOADED"));
  call_.deadline = clock_.Now() + absl::Seconds(10);
  const auto added = import_->Add(call_, admin_, hashed, slow);
  EXPECT_THAT(Reasons(added), ElementsAre("", "", "OVERLOADED"));
  EXPECT_EQ(RetryDelayOf(added->back().status), absl::Seconds(1));
  EXPECT_EQ(ReasonOf(import_->Add(call_, admin_, hashed).status()), reason::kOverloaded);
  call_.deadline = absl::InfiniteFuture();
  EXPECT_TRUE(Exists("grace"));
  EXPECT_FALSE(Exists("joan"));
}

TEST_F(UserImportTest, NothingIsDoneForACallerWhoHasGone) {
  int left = 1;
  const CallerGone gone = [&] { return left-- <= 0; };
  const auto hashed = import_->Hash(call_, {Row("ada"), Row("grace")}, gone);
  ASSERT_TRUE(hashed.ok()) << hashed.status();
  EXPECT_THAT(CheckedReasons(import_->Check(call_, *hashed)), ElementsAre("", "OVERLOADED"));
  left = 1;
  const auto added = import_->Add(call_, admin_, Hashed({Row("ada"), Row("grace")}), gone);
  EXPECT_THAT(Reasons(added), ElementsAre("", "OVERLOADED"));
  EXPECT_FALSE(Exists("grace"));
}

TEST_F(UserImportTest, WhoMayNotAdministerAddsNobody) {
  const UserId mallory = Add("mallory").id;
  const auto done = import_->Add(call_, mallory, Hashed({Row("ada"), Row("grace")}));
  EXPECT_EQ(ReasonOf(done.status()), reason::kRoleRequired);
  EXPECT_FALSE(Exists("ada") || Exists("grace"));
}

TEST_F(UserImportTest, WhenTheStoreFailsOnTheWayWhatWasAddedIsTold) {
  store_under_test_->FailAfter(2);
  EXPECT_THAT(Import({Row("ada"), Row("grace"), Row("joan"), Row("mary")}),
              ElementsAre("", "", reason::kStorageUnavailable, reason::kStorageUnavailable));
  EXPECT_TRUE(Exists("ada") && Exists("grace"));
  EXPECT_FALSE(Exists("joan") || Exists("mary"));
  const auto nothing = import_->Add(call_, admin_, Hashed({Row("joan"), Row("mary")}));
  EXPECT_EQ(ReasonOf(nothing.status()), reason::kStorageUnavailable);
}

// Disabling or demoting the one who can log in would leave nobody who can.
TEST_F(UserImportTest, AnAdministratorWithoutAPasswordIsNotTheOneWhoMustStay) {
  ImportedUser waiting = Row("waiting");
  waiting.roles = {std::string(kAdminRole)};
  EXPECT_THAT(Import({waiting}), ElementsAre(""));
  EXPECT_EQ(ReasonOf(SetState(admin_, storage::UserState::kDisabled).status()),
            reason::kLastAdministrator);
  EXPECT_EQ(ReasonOf(users_->Delete(call_, admin_, admin_, "")), reason::kLastAdministrator);
  EXPECT_EQ(ReasonOf(roles_->Revoke(call_, admin_, kAdminRole, admin_)),
            reason::kLastAdministrator);
  // It is not missed either.
  const UserId id = Named("waiting").id;
  EXPECT_TRUE(SetState(id, storage::UserState::kDisabled).ok());
  EXPECT_TRUE(SetState(id, storage::UserState::kActive).ok());
  EXPECT_TRUE(roles_->Revoke(call_, admin_, kAdminRole, id).ok());
  EXPECT_TRUE(users_->Delete(call_, admin_, id, "").ok());

  ImportedUser second = Row("second", kPbkdf2);
  second.roles = {std::string(kAdminRole)};
  EXPECT_THAT(Import({second}), ElementsAre(""));
  EXPECT_TRUE(SetState(admin_, storage::UserState::kDisabled).ok());
}

// The whole of it is an administrator's act, and every user is one event.
TEST_F(UserImportTest, EachAddedUserIsLoggedAndNoHashIs) {
  EXPECT_THAT(Import({Row("ada", kPbkdf2), Row("a b", kPbkdf2)}),
              ElementsAre("", reason::kFieldInvalid));
  EXPECT_THAT(log_.Text(), HasSubstr("user.imported " + Named("ada").id.str()));
  EXPECT_THAT(log_.Text(), Not(HasSubstr("pbkdf2")));
}

}  // namespace
}  // namespace tessera::server
