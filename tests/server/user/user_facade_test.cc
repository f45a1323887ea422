#include "server/user/user_facade.h"

#include <gmock/gmock.h>

#include <set>
#include <string>
#include <thread>

#include "tests/server/user/user_room.h"

namespace tessera::server {
namespace {

using storage::UserState;
using ::testing::HasSubstr;
using ::testing::Not;

class UserFacadeTest : public UserRoom {
 protected:
  void SetUp() override {
    UserRoom::SetUp();
    Start();
  }

  absl::Status HashStatus(const std::string& name, const std::string& display,
                          const std::string& password) {
    return users_->HashNewUser({name, display, UserState::kActive}, Secret::CopyOf(password))
        .status();
  }
  absl::Status ChangePassword(const UserId& id, const std::string& from, const std::string& to) {
    auto user = users_->FindForPasswordChange(call_, id);
    if (!user.ok()) return user.status();
    auto checked =
        users_->CheckPasswordChange(call_, *user, {id, Secret::CopyOf(from), Secret::CopyOf(to)});
    if (!checked.ok()) return checked.status();
    return users_->StorePassword(call_, *checked).status();
  }
};

TEST_F(UserFacadeTest, UserNamesAreFolded) {
  Add("Alice@Example.org");
  EXPECT_EQ(Named("alice@example.org").username, "alice@example.org");
  EXPECT_EQ(Named("ALICE@example.ORG").username, "alice@example.org");
}

TEST_F(UserFacadeTest, UserNamesAreOneTo64CharactersWithoutSpaces) {
  EXPECT_TRUE(HashStatus(std::string(64, 'a'), "", kPassword).ok());
  EXPECT_TRUE(HashStatus("\xc3\xa9t\xc3\xa9", "", kPassword).ok());
  for (const std::string& name : {std::string(), std::string(65, 'a'), std::string("a b"),
                                  std::string("\xc3"), std::string("a\0b", 3)}) {
    const absl::Status status = HashStatus(name, "", kPassword);
    EXPECT_EQ(ReasonOf(status), reason::kFieldInvalid) << name;
    EXPECT_EQ(FieldOf(status), "user.username") << name;
  }
}

TEST_F(UserFacadeTest, DisplayNameIsAtMost256BytesWithoutControls) {
  EXPECT_TRUE(HashStatus("a", std::string(256, 'x'), kPassword).ok());
  EXPECT_EQ(FieldOf(HashStatus("a", std::string(257, 'x'), kPassword)), "user.display_name");
  EXPECT_EQ(FieldOf(HashStatus("a", "two\nlines", kPassword)), "user.display_name");
}

TEST_F(UserFacadeTest, PasswordHasEightCharactersAtLeast) {
  EXPECT_TRUE(HashStatus("a", "", "8392017z").ok());
  EXPECT_EQ(FieldOf(HashStatus("a", "", "1234567")), "password");
}

TEST_F(UserFacadeTest, NameThatIsTakenIsRefusedInAnyCase) {
  Add("alice");
  auto hashed = users_->HashNewUser({"ALICE", "", UserState::kActive}, Secret::CopyOf(kPassword));
  ASSERT_TRUE(hashed.ok());
  const absl::Status status = users_->Create(call_, admin_, *hashed).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReasonOf(status), reason::kUsernameTaken);
}

TEST_F(UserFacadeTest, UnknownIdUnknownNameAndImpossibleNameAreNotFound) {
  for (const UserKey& key :
       {UserKey(UserId("usr_none")), UserKey(std::string("nobody")), UserKey(std::string("a b"))}) {
    EXPECT_EQ(ReasonOf(users_->Get(call_, key).status()), reason::kUserNotFound);
  }
}

TEST_F(UserFacadeTest, ListGoesThroughAllUsersOnce) {
  std::set<std::string> expected{admin_.str()};
  for (int i = 0; i < 7; ++i) expected.insert(Add("user" + std::to_string(i)).id.str());
  std::set<std::string> seen;
  std::string token;
  int pages = 0;
  do {
    auto page = users_->List(call_, 3, token);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const auto& user : page->users) EXPECT_TRUE(seen.insert(user.id.str()).second);
    token = page->next_page_token;
    ++pages;
  } while (!token.empty());
  EXPECT_EQ(seen, expected);
  EXPECT_EQ(pages, 3);
}

TEST_F(UserFacadeTest, LastPageThatIsExactlyFullHasNoNextPage) {
  Add("one");
  auto page = users_->List(call_, 2, "");
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->users.size(), 2u);
  EXPECT_EQ(page->next_page_token, "");
}

TEST_F(UserFacadeTest, UpdateChangesOnlyWhatIsGiven) {
  const storage::User before = Add("alice");
  UserChange change;
  change.id = before.id;
  change.display_name = "Alice";
  clock_.Advance(absl::Seconds(5));
  auto after = users_->Update(call_, admin_, change);
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ(after->username, "alice");
  EXPECT_EQ(after->display_name, "Alice");
  EXPECT_EQ(after->state, UserState::kActive);
  EXPECT_EQ(after->version, before.version);
  EXPECT_EQ(after->updated_at, before.created_at + absl::Seconds(5));
  EXPECT_NE(EtagOf(*after), EtagOf(before));
  EXPECT_EQ(EtagOf(Named("alice")), EtagOf(*after));
}

TEST_F(UserFacadeTest, AttributesAreStoredReplacedAsAWholeAndRemoved) {
  const auto hashed = users_->HashNewUser(
      {"alice", "", UserState::kActive, {{"department", "sales"}, {"grade", "7"}}},
      Secret::CopyOf(kPassword));
  ASSERT_TRUE(hashed.ok()) << hashed.status();
  const auto created = users_->Create(call_, admin_, *hashed);
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(*DecodeNamedTexts(Named("alice").attributes),
            (NamedTexts{{"department", "sales"}, {"grade", "7"}}));
  UserChange change;
  change.id = created->id;
  change.display_name = "Alice";
  ASSERT_TRUE(users_->Update(call_, admin_, change).ok());
  EXPECT_EQ(DecodeNamedTexts(Named("alice").attributes)->size(), 2u);  // not named, not touched
  change.attributes = NamedTexts{{"grade", "8"}};
  ASSERT_TRUE(users_->Update(call_, admin_, change).ok());
  EXPECT_EQ(*DecodeNamedTexts(Named("alice").attributes), (NamedTexts{{"grade", "8"}}));
  EXPECT_EQ(Named("alice").version, created->version);  // no session ends for it
  change.attributes = NamedTexts();
  ASSERT_TRUE(users_->Update(call_, admin_, change).ok());
  EXPECT_EQ(Named("alice").attributes, "");
}

TEST_F(UserFacadeTest, AttributesHaveLimits) {
  NamedTexts most;
  for (size_t i = 0; i < kMaxAttributes; ++i) most["a" + std::to_string(i)] = std::string(256, 'v');
  NamedTexts more = most;
  more["one-more"] = "";
  const auto hash = [this](const NamedTexts& attributes) {
    return users_
        ->HashNewUser({"alice", "", UserState::kActive, attributes}, Secret::CopyOf(kPassword))
        .status();
  };
  EXPECT_TRUE(hash(most).ok());
  UserChange change;
  change.id = Add("bob").id;
  for (const NamedTexts& bad :
       {more, NamedTexts{{"Name", "v"}}, NamedTexts{{"a", std::string(257, 'v')}}}) {
    EXPECT_EQ(FieldOf(hash(bad)), "user.attributes");
    change.attributes = bad;
    EXPECT_EQ(FieldOf(users_->Update(call_, admin_, change).status()), "user.attributes");
  }
  change.attributes = most;
  EXPECT_TRUE(users_->Update(call_, admin_, change).ok());
}

TEST_F(UserFacadeTest, StaleEtagIsRefusedAndChangesNothing) {
  const storage::User before = Add("alice");
  UserChange change;
  change.id = before.id;
  change.etag = EtagOf(before);
  change.display_name = "first";
  ASSERT_TRUE(users_->Update(call_, admin_, change).ok());
  change.display_name = "second";
  const absl::Status status = users_->Update(call_, admin_, change).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(status), reason::kEtagMismatch);
  EXPECT_EQ(Named("alice").display_name, "first");
  EXPECT_EQ(ReasonOf(users_->Delete(call_, admin_, before.id, change.etag)), reason::kEtagMismatch);
}

TEST_F(UserFacadeTest, LoginDoesNotMakeAnEtagStale) {
  const storage::User before = Add("alice");
  ASSERT_TRUE(Login("alice").ok());
  EXPECT_TRUE(Named("alice").last_login_at.has_value());
  EXPECT_EQ(EtagOf(Named("alice")), EtagOf(before));
}

TEST_F(UserFacadeTest, RenamingKeepsSessionsAndTokens) {
  const storage::User user = Add("alice");
  auto grant = Login("alice");
  ASSERT_TRUE(grant.ok());
  UserChange change;
  change.id = user.id;
  change.username = "Alicia";
  ASSERT_TRUE(users_->Update(call_, admin_, change).ok());
  EXPECT_EQ(WhyInactive(grant->access_token), "");
  EXPECT_TRUE(Login("alicia").ok());
  EXPECT_EQ(ReasonOf(Login("alice").status()), reason::kBadCredentials);
}

TEST_F(UserFacadeTest, RenamingToATakenNameIsRefused) {
  Add("alice");
  UserChange change;
  change.id = Add("bob").id;
  change.username = "ALICE";
  EXPECT_EQ(ReasonOf(users_->Update(call_, admin_, change).status()), reason::kUsernameTaken);
}

TEST_F(UserFacadeTest, DisablingEndsTokensAndSessionsBeforeTheAnswer) {
  const storage::User user = Add("alice");
  auto grant = Login("alice");
  ASSERT_TRUE(grant.ok());
  auto disabled = SetState(user.id, UserState::kDisabled);
  ASSERT_TRUE(disabled.ok()) << disabled.status();
  EXPECT_EQ(disabled->version, user.version + 1);
  EXPECT_EQ(WhyInactive(grant->access_token), reason::kTokenRevoked);
  EXPECT_EQ(ReasonOf(auth_->Renew(call_, grant->refresh_token).status()), reason::kSessionEnded);
  EXPECT_EQ(ReasonOf(Login("alice").status()), reason::kBadCredentials);
}

TEST_F(UserFacadeTest, EnablingAgainRevivesNoToken) {
  const storage::User user = Add("alice");
  auto grant = Login("alice");
  ASSERT_TRUE(grant.ok());
  ASSERT_TRUE(SetState(user.id, UserState::kDisabled).ok());
  ASSERT_TRUE(SetState(user.id, UserState::kActive).ok());
  EXPECT_EQ(WhyInactive(grant->access_token), reason::kTokenRevoked);
  EXPECT_EQ(ReasonOf(auth_->Renew(call_, grant->refresh_token).status()), reason::kSessionEnded);
  auto fresh = Login("alice");
  ASSERT_TRUE(fresh.ok()) << fresh.status();
  EXPECT_EQ(WhyInactive(fresh->access_token), "");
}

TEST_F(UserFacadeTest, DisablingTwiceRaisesTheVersionOnce) {
  const storage::User user = Add("alice");
  ASSERT_TRUE(SetState(user.id, UserState::kDisabled).ok());
  ASSERT_TRUE(SetState(user.id, UserState::kDisabled).ok());
  EXPECT_EQ(Named("alice").version, user.version + 1);
}

TEST_F(UserFacadeTest, LoginThatRacesADisableDoesNotSurviveIt) {
  const storage::User user = Add("alice");
  auto verified = CheckLogin("alice");
  ASSERT_TRUE(verified.ok());
  ASSERT_TRUE(SetState(user.id, UserState::kDisabled).ok());
  EXPECT_EQ(ReasonOf(auth_->OpenSession(call_, *verified).status()), reason::kBadCredentials);
}

TEST_F(UserFacadeTest, LoginThatRacesADisableAndEnableDoesNotSurviveIt) {
  const storage::User user = Add("alice");
  auto verified = CheckLogin("alice");
  ASSERT_TRUE(verified.ok());
  ASSERT_TRUE(SetState(user.id, UserState::kDisabled).ok());
  ASSERT_TRUE(SetState(user.id, UserState::kActive).ok());
  EXPECT_EQ(ReasonOf(auth_->OpenSession(call_, *verified).status()), reason::kBadCredentials);
}

TEST_F(UserFacadeTest, LoginThatRacesAPasswordChangeDoesNotSurviveIt) {
  const storage::User user = Add("alice");
  auto verified = CheckLogin("alice");
  ASSERT_TRUE(verified.ok());
  ASSERT_TRUE(ChangePassword(user.id, kPassword, "another password").ok());
  EXPECT_EQ(ReasonOf(auth_->OpenSession(call_, *verified).status()), reason::kBadCredentials);
}

TEST_F(UserFacadeTest, LoginsInParallelWithADisableLeaveNoLiveToken) {
  const storage::User user = Add("alice");
  std::vector<std::thread> threads;
  std::vector<absl::StatusOr<IssuedGrant>> grants(8, absl::UnknownError("not run"));
  threads.reserve(grants.size());
  for (auto& grant : grants) {
    threads.emplace_back([&] { grant = Login("alice"); });
  }
  ASSERT_TRUE(SetState(user.id, UserState::kDisabled).ok());
  for (std::thread& thread : threads) thread.join();
  for (const auto& grant : grants) {
    if (!grant.ok()) continue;  // refused: the disable was first
    EXPECT_EQ(WhyInactive(grant->access_token), reason::kTokenRevoked);
  }
}

TEST_F(UserFacadeTest, DeletingEndsTokensFreesTheNameAndTheIdIsNeverUsedAgain) {
  const storage::User user = Add("alice");
  auto grant = Login("alice");
  ASSERT_TRUE(grant.ok());
  ASSERT_TRUE(users_->Delete(call_, admin_, user.id, EtagOf(user)).ok());
  EXPECT_EQ(WhyInactive(grant->access_token), reason::kTokenRevoked);
  EXPECT_EQ(ReasonOf(auth_->Renew(call_, grant->refresh_token).status()), reason::kSessionEnded);
  EXPECT_EQ(ReasonOf(users_->Get(call_, user.id).status()), reason::kUserNotFound);
  const storage::User next = Add("alice");
  EXPECT_NE(next.id, user.id);
  EXPECT_TRUE(Login("alice").ok());
  EXPECT_EQ(WhyInactive(grant->access_token), reason::kTokenRevoked);
}

TEST_F(UserFacadeTest, DeletingTwiceIsNotFound) {
  const storage::User user = Add("alice");
  ASSERT_TRUE(users_->Delete(call_, admin_, user.id, "").ok());
  EXPECT_EQ(ReasonOf(users_->Delete(call_, admin_, user.id, "")), reason::kUserNotFound);
}

TEST_F(UserFacadeTest, LastAdministratorCanBeNeitherDisabledNorDeleted) {
  const absl::Status disabled = SetState(admin_, UserState::kDisabled).status();
  EXPECT_EQ(disabled.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(disabled), reason::kLastAdministrator);
  EXPECT_EQ(ReasonOf(users_->Delete(call_, admin_, admin_, "")), reason::kLastAdministrator);
  EXPECT_TRUE(Login("admin").ok());
}

TEST_F(UserFacadeTest, OneOfTwoAdministratorsMayGo) {
  AddAdministrator("second");
  EXPECT_TRUE(SetState(admin_, UserState::kDisabled).ok());
}

TEST_F(UserFacadeTest, DisabledAdministratorDoesNotCount) {
  const storage::User second = AddAdministrator("second");
  ASSERT_TRUE(SetState(second.id, UserState::kDisabled).ok());
  EXPECT_EQ(ReasonOf(users_->Delete(call_, admin_, admin_, "")), reason::kLastAdministrator);
  EXPECT_TRUE(users_->Delete(call_, admin_, second.id, "").ok());
}

TEST_F(UserFacadeTest, LastAdministratorMayBeRenamed) {
  UserChange change;
  change.id = admin_;
  change.username = "root";
  EXPECT_TRUE(users_->Update(call_, admin_, change).ok());
}

TEST_F(UserFacadeTest, ChangingThePasswordEndsEverySession) {
  const storage::User user = Add("alice");
  auto one = Login("alice");
  auto two = Login("alice");
  ASSERT_TRUE(one.ok() && two.ok());
  ASSERT_TRUE(ChangePassword(user.id, kPassword, "another password").ok());
  for (const auto* grant : {&*one, &*two}) {
    EXPECT_EQ(WhyInactive(grant->access_token), reason::kTokenRevoked);
    EXPECT_EQ(ReasonOf(auth_->Renew(call_, grant->refresh_token).status()), reason::kSessionEnded);
  }
  EXPECT_EQ(ReasonOf(Login("alice").status()), reason::kBadCredentials);
  EXPECT_TRUE(Login("alice", "another password").ok());
}

TEST_F(UserFacadeTest, WrongOldPasswordChangesNothing) {
  const storage::User user = Add("alice");
  const absl::Status status = ChangePassword(user.id, "not the password", "another password");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(ReasonOf(status), reason::kBadCredentials);
  EXPECT_TRUE(Login("alice").ok());
}

TEST_F(UserFacadeTest, UnacceptableNewPasswordNamesItsField) {
  const storage::User user = Add("alice");
  EXPECT_EQ(FieldOf(ChangePassword(user.id, kPassword, "short")), "new_password");
}

TEST_F(UserFacadeTest, OfTwoPasswordChangesAtOnceOneWins) {
  const storage::User user = Add("alice");
  auto found = users_->FindForPasswordChange(call_, user.id);
  ASSERT_TRUE(found.ok());
  const auto check = [&](const char* to) {
    return users_->CheckPasswordChange(call_, *found,
                                       {user.id, Secret::CopyOf(kPassword), Secret::CopyOf(to)});
  };
  auto first = check("first password");
  auto second = check("second password");
  ASSERT_TRUE(first.ok() && second.ok());
  const auto proof = users_->StorePassword(call_, *first);
  ASSERT_TRUE(proof.ok()) << proof.status();
  EXPECT_EQ(ReasonOf(users_->StorePassword(call_, *second).status()), reason::kBadCredentials);
  EXPECT_TRUE(throttle_->DeviceOf(*proof, {user.id, Named("alice").version}).has_value());
  EXPECT_FALSE(throttle_->DeviceOf(*proof, {user.id, user.version}).has_value());
  EXPECT_TRUE(Login("alice", "first password").ok());
}

TEST_F(UserFacadeTest, NoPasswordAndNoHashIsEverLogged) {
  const storage::User user = Add("alice");
  ASSERT_TRUE(Login("alice").ok());
  ASSERT_FALSE(ChangePassword(user.id, "a wrong password", "another password").ok());
  ASSERT_TRUE(ChangePassword(user.id, kPassword, "another password").ok());
  const std::string text = log_.Text();
  EXPECT_THAT(text, HasSubstr("password.changed"));
  for (const char* secret : {kPassword, "a wrong password", "another password", "argon2"}) {
    EXPECT_THAT(text, Not(HasSubstr(secret)));
  }
}

TEST_F(UserFacadeTest, CurrentUserComesWithTheRolesHeldNow) {
  auto current = users_->GetCurrent(call_, admin_);
  ASSERT_TRUE(current.ok());
  ASSERT_EQ(current->roles.size(), 1u);
  EXPECT_EQ(current->roles[0].name, kAdminRole);
  EXPECT_EQ(ReasonOf(users_->GetCurrent(call_, UserId("usr_gone")).status()),
            reason::kUserNotFound);
}

}  // namespace
}  // namespace tessera::server
