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
