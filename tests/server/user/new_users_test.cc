// Adding users: email addresses, request ids, registration, initial roles; and listing them.
#include <gmock/gmock.h>

#include <set>
#include <string>
#include <vector>

#include "tests/server/user/user_room.h"

namespace tessera::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class NewUsersTest : public UserRoom {
 protected:
  void SetUp() override {
    UserRoom::SetUp();
    Start();
  }

  // Another facade, of a server that is configured so.
  UserFacade With(UserPolicy policy) {
    return UserFacade(UserFacade::Parts{*store_, *hasher_, *feed_, clock_, log_, audit_, *throttle_,
                                        PasswordPolicy(), std::move(policy)});
  }
  absl::StatusOr<storage::User> Create(const UserFacade& users, NewUser user,
                                       const std::string& password = kPassword) {
    auto hashed = users.HashNewUser(admin_, std::move(user), Secret::CopyOf(password));
    if (!hashed.ok()) return hashed.status();
    return users.Create(call_, admin_, *hashed);
  }
  absl::StatusOr<storage::User> Create(NewUser user, const std::string& password = kPassword) {
    return Create(*users_, std::move(user), password);
  }
  absl::StatusOr<storage::User> Register(const UserFacade& users, NewUser user,
                                         const std::string& password = kPassword) {
    auto hashed = users.HashRegistration(call_, std::move(user), Secret::CopyOf(password));
    if (!hashed.ok()) return hashed.status();
    return users.Register(call_, *hashed);
  }
  static NewUser Named(const std::string& name, const std::string& email = "",
                       const std::string& request_id = "") {
    NewUser user;
    user.username = name;
    user.email = email;
    user.request_id = request_id;
    return user;
  }
  absl::StatusOr<storage::User> SetEmail(const UserId& id, const std::string& email) {
    UserChange change;
    change.id = id;
    change.email = email;
    return users_->Update(call_, admin_, change);
  }
  void MakeRole(const std::string& name) {
    const auto made = roles_->Create(call_, admin_, {name, "", {}});
    ASSERT_TRUE(made.ok()) << made.status();
  }
  std::vector<std::string> RolesOf(const UserId& id) {
    std::vector<std::string> names;
    const auto current = users_->GetCurrent(call_, id);
    EXPECT_TRUE(current.ok()) << current.status();
    for (const storage::Role& role : current->roles) names.push_back(role.name);
    return names;
  }
  std::vector<std::string> Listed(const UserListing& listing, int size = 0) {
    std::vector<std::string> names;
    std::string token;
    do {
      const auto page = users_->List(call_, listing, size, token);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) break;
      for (const storage::User& user : page->users) names.push_back(user.username);
      token = page->next_page_token;
    } while (!token.empty());
    return names;
  }
  size_t Users() { return Listed({}).size(); }
};

TEST_F(NewUsersTest, ANameIsOneNameHoweverItIsWritten) {
  ASSERT_TRUE(Create(Named("\u00c5SA")).ok());
  for (const char* name : {"\u00e5sa", "a\u030asa", "A\u030aSA", "\uff21\u030asa"}) {
    EXPECT_EQ(ReasonOf(Create(Named(name)).status()), reason::kUsernameTaken) << name;
    EXPECT_TRUE(Login(name).ok()) << name;
  }
  EXPECT_EQ(ReasonOf(Login("asa").status()), reason::kBadCredentials);
  EXPECT_EQ(FieldOf(Create(Named("\u00e5sa\u202e")).status()), "user.username");
}

TEST_F(NewUsersTest, AnEmailAddressIsOneAddressWhateverItsCaseAndFindsItsUser) {
  const auto ada = Create(Named("ada", "Ada@Example.org"));
  ASSERT_TRUE(ada.ok()) << ada.status();
  EXPECT_EQ(ada->email, "Ada@Example.org");
  EXPECT_EQ(ReasonOf(Create(Named("grace", "ADA@example.ORG")).status()), reason::kEmailTaken);
  EXPECT_EQ(ReasonOf(users_->Get(call_, UserKey(std::string("grace"))).status()),
            reason::kUserNotFound);  // nothing of her stayed
  const auto found = users_->Get(call_, UserKey(ByEmail{"aDA@example.org"}));
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->id.str(), ada->id.str());
  for (const char* address : {"grace@example.org", "no address", ""}) {
    EXPECT_EQ(ReasonOf(users_->Get(call_, UserKey(ByEmail{address})).status()),
              reason::kUserNotFound);
  }
  EXPECT_EQ(roles_->Lookup(call_, UserKey(ByEmail{"ada@example.org"}))->user_id.str(),
            ada->id.str());
  EXPECT_EQ(FieldOf(Create(Named("joan", "no address")).status()), "user.email");
}

TEST_F(NewUsersTest, AnEmailAddressIsChangedAndTakenAway) {
  const UserId ada = Create(Named("ada", "ada@example.org"))->id;
  const UserId grace = Create(Named("grace"))->id;
  EXPECT_EQ(ReasonOf(SetEmail(grace, "Ada@example.org").status()), reason::kEmailTaken);
  EXPECT_EQ(SetEmail(ada, "")->email, "");
  EXPECT_EQ(SetEmail(grace, "Ada@example.org")->email, "Ada@example.org");
  EXPECT_EQ(ReasonOf(SetEmail(ada, "ada@example.org").status()), reason::kEmailTaken);
  EXPECT_EQ(SetEmail(grace, "ADA@example.org")->email, "ADA@example.org");
  EXPECT_EQ(FieldOf(SetEmail(ada, "ada").status()), "user.email");
  EXPECT_TRUE(users_->Delete(call_, admin_, grace, "").ok());
  EXPECT_TRUE(SetEmail(ada, "ada@example.org").ok());
}

TEST_F(NewUsersTest, ARequestThatComesAgainIsAnsweredWithTheSameUser) {
  const auto first = Create(Named("ada", "ada@example.org", "r-1"));
  ASSERT_TRUE(first.ok()) << first.status();
  const size_t users = Users();
  const auto again = Create(Named("ADA", "ada@example.org", "r-1"));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->id.str(), first->id.str());
  EXPECT_EQ(again->created_at, first->created_at);
  EXPECT_EQ(Users(), users);
}

TEST_F(NewUsersTest, AReplayShowsTheUserAsItIsNow) {
  const UserId id = Create(Named("ada", "", "r-1"))->id;
  ASSERT_TRUE(SetEmail(id, "ada@example.org").ok());
  EXPECT_EQ(Create(Named("ada", "", "r-1"))->email, "ada@example.org");
}

TEST_F(NewUsersTest, ARequestIdOfAnotherRequestIsRefusedAndAddsNobody) {
  ASSERT_TRUE(Create(Named("ada", "ada@example.org", "r-1")).ok());
  const size_t users = Users();
  NewUser other_state = Named("ada", "ada@example.org", "r-1");
  other_state.state = storage::UserState::kDisabled;
  NewUser other_attributes = Named("ada", "ada@example.org", "r-1");
  other_attributes.attributes = {{"team", "a"}};
  for (const NewUser& other : {Named("grace", "ada@example.org", "r-1"), Named("ada", "", "r-1"),
                               other_state, other_attributes}) {
    const absl::Status status = Create(other).status();
    EXPECT_EQ(ReasonOf(status), reason::kRequestIdReused) << status;
    EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  }
  EXPECT_EQ(Users(), users);
}

// Else the caller would believe in a password that nobody has.
TEST_F(NewUsersTest, AnotherPasswordIsAnotherRequest) {
  ASSERT_TRUE(Create(Named("ada", "", "r-1"), "the first password").ok());
  EXPECT_EQ(ReasonOf(Create(Named("ada", "", "r-1"), "the other password").status()),
            reason::kRequestIdReused);
  EXPECT_TRUE(Login("ada", "the first password").ok());
}

TEST_F(NewUsersTest, ARequestThatFailedMayBeMadeAgain) {
  ASSERT_TRUE(Create(Named("ada")).ok());
  EXPECT_EQ(ReasonOf(Create(Named("ada", "", "r-1")).status()), reason::kUsernameTaken);
  EXPECT_TRUE(Create(Named("grace", "", "r-1")).ok());
}

TEST_F(NewUsersTest, ARequestIdIsOneCallersOwn) {
  ASSERT_TRUE(Create(Named("ada", "", "r-1")).ok());
  UserFacade open = With({{}, true});
  EXPECT_TRUE(Register(open, Named("grace", "", "r-1")).ok());
}

TEST_F(NewUsersTest, ARequestIdEndsAfterAnHourAndWithItsUser) {
  const UserId ada = Create(Named("ada", "", "r-1"))->id;
  ASSERT_TRUE(users_->Delete(call_, admin_, ada, "").ok());
  EXPECT_EQ(ReasonOf(Create(Named("ada", "", "r-1")).status()), reason::kRequestIdReused);
  clock_.Advance(kRequestIdLife - absl::Microseconds(1));
  EXPECT_EQ(ReasonOf(Create(Named("ada", "", "r-1")).status()), reason::kRequestIdReused);
  clock_.Advance(absl::Microseconds(1));
  EXPECT_TRUE(Create(Named("ada", "", "r-1")).ok());
}

TEST_F(NewUsersTest, ARequestIdIsAtMost64PrintableCharacters) {
  EXPECT_TRUE(Create(Named("ada", "", std::string(64, '~'))).ok());
  for (const std::string& id : {std::string(65, 'a'), std::string("a\n"), std::string("\u00e5")}) {
    EXPECT_EQ(FieldOf(Create(Named("grace", "", id)).status()), "request_id") << id;
  }
}

TEST_F(NewUsersTest, NobodyRegistersUnlessTheServerLetsThem) {
  const absl::Status status = Register(*users_, Named("ada")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ReasonOf(status), reason::kRegistrationDisabled);
  // Not by a password that was hashed for another purpose either.
  auto hashed = users_->HashNewUser(Named("ada"), Secret::CopyOf(kPassword));
  EXPECT_EQ(ReasonOf(users_->Register(call_, *hashed).status()), reason::kRegistrationDisabled);
}

TEST_F(NewUsersTest, WhoRegistersCanLogInAndHoldsTheInitialRolesAlone) {
  MakeRole("member");
  UserFacade open = With({{"member"}, true});
  const auto ada = Register(open, Named("Ada"));
  ASSERT_TRUE(ada.ok()) << ada.status();
  EXPECT_TRUE(Login("ada").ok());
  EXPECT_THAT(RolesOf(ada->id), ElementsAre("member"));
  EXPECT_EQ(ReasonOf(Register(open, Named("ada")).status()), reason::kUsernameTaken);
  EXPECT_THAT(log_.Text(), HasSubstr("user.registered " + ada->id.str()));
}

// Who could say them could give themselves whatever tokens carry of attributes.
TEST_F(NewUsersTest, WhoRegistersSaysNoAttributesAndNoState) {
  UserFacade open = With({{}, true});
  NewUser user = Named("ada");
  user.attributes = {{"team", "boss"}};
  EXPECT_EQ(FieldOf(Register(open, user).status()), "user.attributes");
  user = Named("ada");
  user.state = storage::UserState::kDisabled;
  EXPECT_EQ(FieldOf(Register(open, user).status()), "user.state");
}

// Who could say another's would be found wherever that one is looked up by it.
TEST_F(NewUsersTest, WhoRegistersSaysNoEmailAddress) {
  UserFacade open = With({{}, true});
  const absl::Status status = Register(open, Named("mallory", "boss@example.org")).status();
  EXPECT_EQ(ReasonOf(status), reason::kFieldUnsupported);
  EXPECT_EQ(FieldOf(status), "user.email");
  const auto hashed =
      open.HashNewUser(Named("mallory", "boss@example.org"), Secret::CopyOf(kPassword));
  EXPECT_EQ(FieldOf(open.Register(call_, *hashed).status()), "user.email");
  const UserId mallory = Register(open, Named("mallory"))->id;
  const UserKey address(ByEmail{"boss@example.org"});
  EXPECT_EQ(ReasonOf(users_->Get(call_, address).status()), reason::kUserNotFound);
  EXPECT_TRUE(SetEmail(mallory, "boss@example.org").ok());  // an administrator may
  EXPECT_TRUE(users_->Get(call_, address).ok());
}

TEST_F(NewUsersTest, ARegistrationIsRepeatedByTheSamePersonAlone) {
  UserFacade open = With({{}, true});
  const auto first = Register(open, Named("ada", "", "r-1"), "my own password");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(Register(open, Named("ada", "", "r-1"), "my own password")->id.str(), first->id.str());
  EXPECT_EQ(Register(open, Named("ADA", "", "r-1"), "my own password")->id.str(), first->id.str());
  // The id alone shows nobody's account, nor that there was such a request.
  const absl::Status other = Register(open, Named("ada", "", "r-1"), "somebody's guess").status();
  EXPECT_EQ(ReasonOf(other), reason::kUsernameTaken);
  EXPECT_EQ(other, Register(open, Named("ada", "", "r-2"), "somebody's guess").status());
  NewUser renamed = Named("ada", "", "r-1");
  renamed.display_name = "Countess";
  EXPECT_EQ(ReasonOf(Register(open, renamed, "my own password").status()),
            reason::kRequestIdReused);
  EXPECT_EQ(Register(open, Named("ada", "", "r-1"), "my own password")->id.str(), first->id.str());
}

// Else whoever comes first with an id that another is going to use keeps that one out.
TEST_F(NewUsersTest, StrangersWhoRegisterShareNoRequestId) {
  UserFacade open = With({{}, true});
  const auto mallory = Register(open, Named("mallory", "", "1"));
  ASSERT_TRUE(mallory.ok()) << mallory.status();
  const auto ada = Register(open, Named("ada", "", "1"));
  ASSERT_TRUE(ada.ok()) << ada.status();
  EXPECT_NE(ada->id.str(), mallory->id.str());
  ASSERT_TRUE(users_->Delete(call_, admin_, mallory->id, "").ok());
  EXPECT_TRUE(Register(open, Named("mallory", "", "1"), "a stranger's password").ok());
  EXPECT_EQ(ReasonOf(Register(open, Named("mallory", "", "1")).status()),
            reason::kRequestIdReused);  // to the one who was
}

TEST_F(NewUsersTest, RegistrationsAreCountedBySource) {
  UserFacade open = With({{}, true});
  std::string refused;
  for (int i = 0; i < 50 && refused.empty(); ++i) {
    refused = ReasonOf(Register(open, Named("user" + std::to_string(i))).status());
  }
  EXPECT_EQ(refused, reason::kThrottled);
}

TEST_F(NewUsersTest, EveryNewUserHoldsTheInitialRoles) {
  MakeRole("member");
  MakeRole("reader");
  UserFacade users = With({{"reader", "member", "reader"}, false});
  const auto ada = Create(users, Named("ada"));
  ASSERT_TRUE(ada.ok()) << ada.status();
  EXPECT_THAT(RolesOf(ada->id), ElementsAre("member", "reader"));
}

TEST_F(NewUsersTest, WithoutAnInitialRoleNobodyIsAddedAndItIsNamed) {
  UserFacade users = With({{"member"}, false});
  const size_t before = Users();
  const absl::Status status = Create(users, Named("ada")).status();
  EXPECT_EQ(ReasonOf(status), reason::kRoleNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("member"));
  EXPECT_EQ(Users(), before);
}

TEST_F(NewUsersTest, TheStartMakesTheInitialRolesOnce) {
  BootstrapOptions options{"tessera", "admin", folder_.Write("pw", kPassword), nullptr, ""};
  options.initial_roles = {"member", "member"};
  for (int i = 0; i < 2; ++i) {
    const absl::Status started = Bootstrap(options, *store_, *hasher_, clock_, log_);
    ASSERT_TRUE(started.ok()) << started;
  }
  const auto listed = roles_->List(call_, 0, "");
  ASSERT_TRUE(listed.ok());
  std::vector<std::string> names;
  for (const storage::Role& role : listed->roles) {
    names.push_back(role.name);
    EXPECT_EQ(role.audiences.empty(), role.name == "member") << role.name;
  }
  EXPECT_THAT(names, ElementsAre("member", "tessera.admin", "tessera.audit", "tessera.guard",
                                 "tessera.introspect", "tessera.mesh"));
}

TEST_F(NewUsersTest, AHolderOfAnAdminRoleIsAnAdministratorToLookupAlone) {
  MakeRole("boss");
  const UserId ada = Add("ada").id;
  ASSERT_TRUE(roles_->Grant(call_, admin_, "boss", ada).ok());
  EXPECT_EQ(roles_->Lookup(call_, UserKey(ada))->kind, UserKind::kUser);
  const RoleFacade named({"orders", "tessera"},
                         RoleFacade::Parts{*store_, *feed_, clock_, log_, audit_, {"boss"}});
  EXPECT_EQ(named.Lookup(call_, UserKey(ada))->kind, UserKind::kAdmin);
  EXPECT_EQ(named.Lookup(call_, UserKey(Add("grace").id))->kind, UserKind::kUser);
  // It opens no method.
  EXPECT_EQ(ReasonOf(named.Grant(call_, ada, "boss", ada)), reason::kRoleRequired);
}

TEST_F(NewUsersTest, AListingHasFiltersAndPages) {
  for (const char* name : {"ada", "adam", "grace", "\u00e5sa"}) {
    clock_.Advance(absl::Milliseconds(2));  // ids are in the order of their milliseconds
    Add(name);
  }
  MakeRole("reader");
  const UserId adam = UserRoom::Named("adam").id;
  ASSERT_TRUE(roles_->Grant(call_, admin_, "reader", adam).ok());
  ASSERT_TRUE(SetState(UserRoom::Named("grace").id, storage::UserState::kDisabled).ok());
  EXPECT_THAT(Listed({"ADA"}, 1), ElementsAre("ada", "adam"));
  EXPECT_THAT(Listed({"A\u030a"}), ElementsAre("\u00e5sa"));
  EXPECT_THAT(Listed({"", "reader"}), ElementsAre("adam"));
  EXPECT_THAT(Listed({"", "tessera.admin"}), ElementsAre("admin"));
  EXPECT_THAT(Listed({"", "", storage::UserState::kDisabled}), ElementsAre("grace"));
  EXPECT_THAT(Listed({"", "", storage::UserState::kActive}, 2),
              ElementsAre("admin", "ada", "adam", "\u00e5sa"));
  EXPECT_THAT(Listed({"ada", "reader", storage::UserState::kDisabled}), IsEmpty());
  EXPECT_EQ(ReasonOf(users_->List(call_, {"", "nobody-knows"}, 0, "").status()),
            reason::kRoleNotFound);
  EXPECT_EQ(FieldOf(users_->List(call_, {"\xff"}, 0, "").status()), "username_prefix");
}

TEST_F(NewUsersTest, APageTokenIsOfItsOwnListing) {
  for (const char* name : {"ada", "adam", "adele"}) {
    Add(name);
    clock_.Advance(absl::Milliseconds(2));
  }
  const std::string token = users_->List(call_, {"ad"}, 1, "")->next_page_token;
  ASSERT_NE(token, "");
  EXPECT_TRUE(users_->List(call_, {"AD"}, 2, token).ok());
  for (const UserListing& other :
       {UserListing{}, UserListing{"a"}, UserListing{"ad", "tessera.admin"},
        UserListing{"ad", "", storage::UserState::kActive}}) {
    EXPECT_EQ(FieldOf(users_->List(call_, other, 1, token).status()), "page_token");
  }
}

TEST_F(NewUsersTest, AFilteredListingIsStableUnderInserts) {
  for (int i = 0; i < 6; ++i) {
    Add("user" + std::to_string(i));
    clock_.Advance(absl::Milliseconds(2));
  }
  std::vector<std::string> seen;
  std::string token;
  do {
    const auto page = users_->List(call_, {"user"}, 2, token);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const storage::User& user : page->users) seen.push_back(user.username);
    token = page->next_page_token;
    if (seen.size() <= 4) Add("other" + std::to_string(seen.size()));
  } while (!token.empty());
  EXPECT_THAT(seen, ElementsAre("user0", "user1", "user2", "user3", "user4", "user5"));
}

}  // namespace
}  // namespace tessera::server
