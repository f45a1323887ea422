#include <gmock/gmock.h>

#include "tessera/base/reason.h"
#include "tests/conformance/conformance.h"

namespace tessera::storage {
namespace {

using UserRepositoryTest = Conformance;

void ExpectSame(const User& a, const User& b) {
  EXPECT_EQ(a.id.str(), b.id.str());
  EXPECT_EQ(a.username, b.username);
  EXPECT_EQ(a.display_name, b.display_name);
  EXPECT_EQ(a.state, b.state);
  EXPECT_EQ(a.version, b.version);
  EXPECT_EQ(a.revision, b.revision);
  EXPECT_EQ(a.password_hash, b.password_hash);
  EXPECT_EQ(a.created_at, b.created_at);
  EXPECT_EQ(a.updated_at, b.updated_at);
  EXPECT_EQ(a.last_login_at, b.last_login_at);
  EXPECT_EQ(a.attributes, b.attributes);
  EXPECT_EQ(a.email, b.email);
  EXPECT_EQ(a.email_key, b.email_key);
}

TEST_P(UserRepositoryTest, FindsWhatWasInsertedByIdAndByNameToTheMicrosecond) {
  User user = NewUser("ada");
  user.version = 5'000'000'000;  // beyond 32 bits
  user.created_at = now() + absl::Microseconds(123456);
  user.last_login_at = now() - absl::Microseconds(1);
  user.attributes = std::string(70'000, 'a');
  Write([&](Repositories& r) { return r.users.Insert(user); });
  Read([&](Repositories& r) {
    const auto by_id = Must(r.users.Find(user.id));
    const auto by_name = Must(r.users.FindByName("ada"));
    EXPECT_TRUE(by_id.has_value() && by_name.has_value());
    if (by_id && by_name) {
      ExpectSame(*by_id, user);
      ExpectSame(*by_name, user);
    }
    return absl::OkStatus();
  });
}

TEST_P(UserRepositoryTest, AnUnknownUserIsAbsentAndNoError) {
  Read([&](Repositories& r) {
    EXPECT_FALSE(Must(r.users.Find(UserId::Random(now()))).has_value());
    EXPECT_FALSE(Must(r.users.FindByName("nobody")).has_value());
    EXPECT_FALSE(Must(r.users.FindByName("")).has_value());
    return absl::OkStatus();
  });
}

TEST_P(UserRepositoryTest, ASecondUserOfTheSameNameIsRefused) {
  AddUser("ada");
  const absl::Status status =
      TryWrite([&](Repositories& r) { return r.users.Insert(NewUser("ada")); });
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReasonOf(status), reason::kUsernameTaken);
}

TEST_P(UserRepositoryTest, ARefusedNameLeavesTheTransactionUsable) {
  AddUser("ada");
  Write([&](Repositories& r) {
    EXPECT_TRUE(absl::IsAlreadyExists(r.users.Insert(NewUser("ada"))));
    return r.users.Insert(NewUser("grace"));
  });
  Read([&](Repositories& r) {
    EXPECT_TRUE(Must(r.users.FindByName("grace")).has_value());
    return absl::OkStatus();
  });
}

TEST_P(UserRepositoryTest, NamesDifferByCaseByTrailingSpaceAndByWhatLooksLikeANumber) {
  for (const char* name : {"ada", "ADA", "ada ", "1", "01", "1.0", "1e0"}) AddUser(name);
  Read([&](Repositories& r) {
    for (const char* name : {"ada", "ADA", "ada ", "1", "01", "1.0", "1e0"}) {
      const auto user = Must(r.users.FindByName(name));
      EXPECT_TRUE(user.has_value() && user->username == name) << name;
    }
    return absl::OkStatus();
  });
}

TEST_P(UserRepositoryTest, NoValueIsReadAsSql) {
  const std::string evil = "x'; DELETE FROM users; -- \\' :id \" ` %_";
  User user = NewUser(evil);
  user.display_name = evil;
  Write([&](Repositories& r) { return r.users.Insert(user); });
  Read([&](Repositories& r) {
    const auto found = Must(r.users.FindByName(evil));
    EXPECT_TRUE(found.has_value() && found->display_name == evil);
    return absl::OkStatus();
  });
}

TEST_P(UserRepositoryTest, UpdateIsACompareAndSwapOnTheRevision) {
  User user = AddUser("ada");
  user.display_name = "Countess";
  user.state = UserState::kDisabled;
  user.version = 2;
  user.revision = 2;
  user.updated_at = now() + absl::Seconds(1);
  user.attributes = R"({"team":"räknare"})";
  Write([&](Repositories& r) {
    EXPECT_FALSE(Must(r.users.Update(user, 7)));
    EXPECT_TRUE(Must(r.users.Update(user, 1)));
    EXPECT_FALSE(Must(r.users.Update(user, 1)));
    return absl::OkStatus();
  });
  Read([&](Repositories& r) {
    ExpectSame(*Must(r.users.Find(user.id)), user);
    return absl::OkStatus();
  });
}

TEST_P(UserRepositoryTest, UpdatingToATakenNameIsRefused) {
  AddUser("ada");
  User grace = AddUser("grace");
  grace.username = "ada";
  const absl::Status status =
      TryWrite([&](Repositories& r) { return r.users.Update(grace, 1).status(); });
  EXPECT_EQ(ReasonOf(status), reason::kUsernameTaken);
}

TEST_P(UserRepositoryTest, UpdatingToTheSameValuesCountsAsDone) {
  const User user = AddUser("ada");
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.users.Update(user, 1)));
    return absl::OkStatus();
  });
}

TEST_P(UserRepositoryTest, ALoginIsRecordedOnlyForAnActiveUserAtThatVersion) {
  User user = AddUser("ada");
  Write([&](Repositories& r) {
    EXPECT_FALSE(Must(r.users.RecordLogin(user.id, 2, now())));
    EXPECT_FALSE(Must(r.users.RecordLogin(UserId::Random(now()), 1, now())));
    EXPECT_TRUE(Must(r.users.RecordLogin(user.id, 1, now())));
    EXPECT_TRUE(Must(r.users.RecordLogin(user.id, 1, now())));  // the same instant again
    const auto found = Must(r.users.Find(user.id));
    EXPECT_EQ(found->last_login_at, now());
    EXPECT_EQ(found->revision, 1);
    user.state = UserState::kDisabled;
    EXPECT_TRUE(Must(r.users.Update(user, 1)));
    EXPECT_FALSE(Must(r.users.RecordLogin(user.id, 1, now())));
    return absl::OkStatus();
  });
}

TEST_P(UserRepositoryTest, AHashIsReplacedOnlyAtThatVersionAndRaisesNothing) {
  const User user = AddUser("ada");
  Write([&](Repositories& r) {
    EXPECT_FALSE(Must(r.users.ReplaceHash(user.id, 2, "$new")));
    EXPECT_TRUE(Must(r.users.ReplaceHash(user.id, 1, "$new")));
    const auto found = Must(r.users.Find(user.id));
    EXPECT_EQ(found->password_hash, "$new");
    EXPECT_EQ(found->version, 1);
    EXPECT_EQ(found->revision, 1);
    return absl::OkStatus();
  });
}

TEST_P(UserRepositoryTest, DeletingTakesGrantsAndSessionsAlongHoweverMany) {
  const User user = AddUser("ada");
  const User other = AddUser("grace");
  const Role role = AddRole("reader");
  const Session kept = AddSession(other.id);
  std::vector<Session> sessions;
  Write([&](Repositories& r) {
    for (int i = 0; i < 2005; ++i) {  // more than two bounded statements
      sessions.push_back(NewSession(user.id));
      const absl::Status status = r.sessions.Insert(sessions.back());
      if (!status.ok()) return status;
    }
    return r.roles.Grant(role.id, user.id, now());
  });
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.users.Delete(user.id)));
    EXPECT_FALSE(Must(r.users.Delete(user.id)));
    return absl::OkStatus();
  });
  Read([&](Repositories& r) {
    EXPECT_FALSE(Must(r.users.Find(user.id)).has_value());
    EXPECT_FALSE(Must(r.sessions.Find(sessions.front().id)).has_value());
    EXPECT_FALSE(Must(r.sessions.Find(sessions.back().id)).has_value());
    EXPECT_TRUE(Must(r.sessions.Find(kept.id)).has_value());
    EXPECT_TRUE(Must(r.roles.HeldBy(user.id)).empty());
    return absl::OkStatus();
  });
}

TEST_P(UserRepositoryTest, ADeletedUsersNameIsFree) {
  const User user = AddUser("ada");
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.users.Delete(user.id)));
    return r.users.Insert(NewUser("ada"));
  });
}

TEST_P(UserRepositoryTest, PagesAreInTheOrderOfIdsAndStableUnderInserts) {
  std::vector<std::string> ids;
  for (int i = 0; i < 10; ++i) {
    ids.push_back(AddUser("user" + std::to_string(i)).id.str());
    clock_.Advance(absl::Milliseconds(2));
  }
  std::vector<std::string> seen;
  UserId after;
  while (true) {
    std::vector<User> page;
    Read([&](Repositories& r) {
      page = Must(r.users.List(after, 3));
      return absl::OkStatus();
    });
    if (page.empty()) break;
    for (const User& user : page) seen.push_back(user.id.str());
    after = page.back().id;
    User early = NewUser("early" + std::to_string(seen.size()));
    early.id = UserId("usr_" + std::string(22, '0') + std::to_string(1000 + seen.size()));
    Write([&](Repositories& r) { return r.users.Insert(early); });
  }
  EXPECT_THAT(seen, ::testing::ElementsAreArray(ids));
}

User WithEmail(User user, const std::string& email, const std::string& key) {
  user.email = email;
  user.email_key = key;
  return user;
}

TEST_P(UserRepositoryTest, AnEmailAddressIsFoundByItsKeyAlone) {
  const User ada = WithEmail(NewUser("ada"), "Ada@Example.org", "ada@example.org");
  Write([&](Repositories& r) {
    EXPECT_TRUE(r.users.Insert(NewUser("grace")).ok());
    return r.users.Insert(ada);
  });
  Read([&](Repositories& r) {
    const auto found = Must(r.users.FindByEmail("ada@example.org"));
    EXPECT_TRUE(found.has_value());
    if (found.has_value()) ExpectSame(*found, ada);
    EXPECT_FALSE(Must(r.users.FindByEmail("Ada@Example.org")).has_value());
    EXPECT_FALSE(Must(r.users.FindByEmail("")).has_value());
    return absl::OkStatus();
  });
}

TEST_P(UserRepositoryTest, ATakenEmailAddressIsRefusedAndToldFromATakenName) {
  Write([&](Repositories& r) { return r.users.Insert(WithEmail(NewUser("ada"), "a@b", "a@b")); });
  EXPECT_EQ(ReasonOf(TryWrite([&](Repositories& r) {
              return r.users.Insert(WithEmail(NewUser("grace"), "A@b", "a@b"));
            })),
            reason::kEmailTaken);
  EXPECT_EQ(ReasonOf(TryWrite([&](Repositories& r) {
              return r.users.Insert(WithEmail(NewUser("ada"), "c@d", "c@d"));
            })),
            reason::kUsernameTaken);
  const User grace = AddUser("grace");
  EXPECT_EQ(ReasonOf(TryWrite([&](Repositories& r) {
              return r.users.Update(WithEmail(grace, "a@b", "a@b"), 1).status();
            })),
            reason::kEmailTaken);
  Read([&](Repositories& r) {
    EXPECT_EQ(Must(r.users.Find(grace.id))->email, "");
    return absl::OkStatus();
  });
}

TEST_P(UserRepositoryTest, ManyMayHaveNoEmailAddressAndAFreedOneCanBeTaken) {
  User ada = WithEmail(NewUser("ada"), "a@b", "a@b");
  const User grace = AddUser("grace");
  AddUser("joan");
  Write([&](Repositories& r) { return r.users.Insert(ada); });
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.users.Update(WithEmail(ada, "A@B", "a@b"), 1)));  // the same key stays
    ada.revision = 2;
    EXPECT_TRUE(Must(r.users.Update(WithEmail(ada, "", ""), 1)));
    EXPECT_FALSE(Must(r.users.FindByEmail("a@b")).has_value());
    EXPECT_TRUE(Must(r.users.Update(WithEmail(grace, "a@b", "a@b"), 1)));
    EXPECT_TRUE(Must(r.users.Delete(grace.id)));
    EXPECT_TRUE(Must(r.users.Update(WithEmail(ada, "a@b", "a@b"), 2)));
    EXPECT_EQ(Must(r.users.FindByEmail("a@b"))->id.str(), ada.id.str());
    return absl::OkStatus();
  });
}

TEST_P(UserRepositoryTest, AFilterAdmitsByPrefixRoleAndState) {
  const Role role = AddRole("reader");
  std::vector<User> users;
  for (const char* name : {"ada", "adam", "ad", "b", "\u00e5sa", "ad_x", "ad%"}) {
    users.push_back(AddUser(name));
    clock_.Advance(absl::Milliseconds(2));
  }
  User disabled = users[1];
  disabled.state = UserState::kDisabled;
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.users.Update(disabled, 1)));
    EXPECT_TRUE(r.roles.Grant(role.id, users[0].id, now()).ok());
    return r.roles.Grant(role.id, users[3].id, now());
  });
  const auto names = [&](const UserFilter& filter) {
    std::vector<std::string> found;
    Read([&](Repositories& r) {
      for (const User& user : Must(r.users.List(filter, UserId(), 100))) {
        found.push_back(user.username);
      }
      return absl::OkStatus();
    });
    return found;
  };
  using ::testing::ElementsAre;
  UserFilter filter;
  filter.username_prefix = "ad";
  EXPECT_THAT(names(filter), ElementsAre("ada", "adam", "ad", "ad_x", "ad%"));
  filter.state = UserState::kActive;
  EXPECT_THAT(names(filter), ElementsAre("ada", "ad", "ad_x", "ad%"));
  filter.role = role.id;
  EXPECT_THAT(names(filter), ElementsAre("ada"));
  filter = UserFilter();
  filter.role = role.id;
  EXPECT_THAT(names(filter), ElementsAre("ada", "b"));
  filter = UserFilter();
  filter.state = UserState::kDisabled;
  EXPECT_THAT(names(filter), ElementsAre("adam"));
  filter = UserFilter();
  filter.username_prefix = "ad_";
  EXPECT_THAT(names(filter), ElementsAre("ad_x"));
  filter.username_prefix = "\u00e5";
  EXPECT_THAT(names(filter), ElementsAre("\u00e5sa"));
  filter.username_prefix = "zz";
  EXPECT_THAT(names(filter), ElementsAre());
}

TEST_P(UserRepositoryTest, APageOfNoneIsEmpty) {
  AddUser("ada");
  Read([&](Repositories& r) {
    EXPECT_TRUE(Must(r.users.List(UserId(), 0)).empty());
    return absl::OkStatus();
  });
}

TEST_P(UserRepositoryTest, VersionsAreRaisedInPagesByIdEachOnce) {
  std::vector<User> users;
  for (int i = 0; i < 5; ++i) {
    users.push_back(AddUser("user" + std::to_string(i)));
    clock_.Advance(absl::Milliseconds(2));
  }
  std::vector<std::string> lasts;
  UserId after;
  do {
    Write([&](Repositories& r) {
      after = Must(r.users.RaiseVersions(after, 100, 2));
      return absl::OkStatus();
    });
    lasts.push_back(after.str());
  } while (!after.empty());
  EXPECT_THAT(lasts,
              ::testing::ElementsAre(users[1].id.str(), users[3].id.str(), users[4].id.str(), ""));
  Read([&](Repositories& r) {
    for (const User& user : users) {
      const User raised = *Must(r.users.Find(user.id));
      EXPECT_EQ(raised.version, user.version + 100);
      EXPECT_EQ(raised.revision, user.revision + 1);
    }
    return absl::OkStatus();
  });
}

// A change that was read before would put the old version back.
TEST_P(UserRepositoryTest, AChangeReadBeforeVersionsWereRaisedIsNotWritten) {
  const User user = AddUser("ada");
  Write([&](Repositories& r) {
    EXPECT_EQ(Must(r.users.RaiseVersions(UserId(), 100, 10)).str(), user.id.str());
    EXPECT_FALSE(Must(r.users.Update(user, user.revision)));
    return absl::OkStatus();
  });
}

TESSERA_ON_ALL_ENGINES(UserRepositoryTest);

}  // namespace
}  // namespace tessera::storage
