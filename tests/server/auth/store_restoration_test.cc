#include "server/auth/store_restoration.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/auth/refresh_token.h"
#include "server/auth/revocations.h"
#include "tessera/base/status_macros.h"
#include "tests/server/auth/key_world.h"

namespace tessera::server {
namespace {

using storage::KeyState;
using storage::KeyUse;

class StoreRestorationTest : public ::testing::Test {
 protected:
  absl::StatusOr<int64_t> Restore(storage::Store& store) {
    return MarkStoreRestored(
        {store, replica_.sealer, replica_.options.policy, ground_.clock, ground_.log},
        absl::InfiniteFuture());
  }
  SessionId AddSession() { return AddSessions(AddUser(), 1).front(); }
  UserId AddUser() {
    storage::User user;
    user.id = UserId::Random(ground_.clock.Now());
    user.username = user.id.str();
    user.created_at = user.updated_at = ground_.clock.Now();
    ground_.Change([&](storage::Repositories& in) { return in.users.Insert(user); });
    return user.id;
  }
  std::vector<SessionId> AddSessions(const UserId& user, int count) {
    std::vector<SessionId> ids;
    for (int i = 0; i < count; ++i) ids.push_back(SessionId::Random(ground_.clock.Now()));
    storage::Session session;
    session.user_id = user;
    session.created_at = session.auth_time = session.rotated_at = ground_.clock.Now();
    session.access_until = ground_.clock.Now();
    session.expires_at = session.idle_expires_at = ground_.clock.Now() + absl::Hours(24);
    ground_.Change([&](storage::Repositories& in) -> absl::Status {
      for (const SessionId& id : ids) {
        session.id = id;
        TESSERA_RETURN_IF_ERROR(in.sessions.Insert(session));
      }
      return absl::OkStatus();
    });
    return ids;
  }
  size_t LiveOf(const UserId& user) {
    size_t count = 0;
    Require(ground_.Store()->Read(absl::InfiniteFuture(), [&](storage::Repositories& in) {
      TESSERA_ASSIGN_OR_RETURN(
          const auto live, in.sessions.ListLive(user, ground_.clock.Now(), SessionId(), 10'000));
      count = live.size();
      return absl::OkStatus();
    }));
    return count;
  }
  int64_t VersionOf(const UserId& id) {
    int64_t version = -1;
    Require(ground_.Store()->Read(absl::InfiniteFuture(), [&](storage::Repositories& in) {
      TESSERA_ASSIGN_OR_RETURN(const auto user, in.users.Find(id));
      version = user->version;
      return absl::OkStatus();
    }));
    return version;
  }

  KeyGround ground_;
  KeyReplica replica_{ground_};
};

TEST_F(StoreRestorationTest, EverySessionEndsAndEveryKeyThatSignsIsReplaced) {
  AddSession();
  AddSession();
  Require(replica_.facade->Rotate(replica_.call, "usr_admin"));
  const auto before = replica_.Keys();
  EXPECT_EQ(Require(replica_.facade->MarkRestored(replica_.call, "usr_admin")), 2);
  const auto after = replica_.Keys();
  EXPECT_NE(after->store_epoch, before->store_epoch);
  EXPECT_NE(after->signing->kid(), before->signing->kid());
  EXPECT_NE(after->mac_kid, before->mac_kid);
  EXPECT_EQ(after->verify->keys().size(), 1u);
  EXPECT_EQ(after->macs.size(), 1u);
  EXPECT_EQ(after->secret_hashes, before->secret_hashes);
  EXPECT_EQ(after->seals, before->seals);
  EXPECT_EQ(after->audits, before->audits);
  EXPECT_EQ(ground_.Count(KeyUse::kSign, KeyState::kRevoked), 2);
  EXPECT_EQ(ground_.Feed().size(), 2u);
  EXPECT_EQ(ground_.log.Count("store.restored", "ended_sessions", "2"), 1);
}

TEST_F(StoreRestorationTest, RefreshTokensFromBeforeAreOfSessionsThatHaveEnded) {
  const RefreshClaim claim{AddSession(), 1};
  const auto before = replica_.Keys();
  const Secret token = Require(MintRefreshToken(claim, before->mac_kid, *before));
  Require(Restore(*ground_.Store()));
  replica_.Turn();
  EXPECT_EQ(Reason(ParseRefreshToken(token, *replica_.Keys())), "SESSION_ENDED");
}

TEST_F(StoreRestorationTest, ALostAnswerIsNoSecondLife) {
  replica_.store.LoseNextAnswer();
  Require(Restore(replica_.store));
  EXPECT_EQ(ground_.Count(KeyUse::kSign, KeyState::kActive), 1);
  EXPECT_EQ(ground_.Count(KeyUse::kSign, KeyState::kRevoked), 1);
}

TEST_F(StoreRestorationTest, ItMayBeRepeated) {
  Require(Restore(*ground_.Store()));
  const std::string first = ground_.Rows().store_epoch;
  Require(Restore(*ground_.Store()));
  EXPECT_NE(ground_.Rows().store_epoch, first);
  EXPECT_EQ(ground_.Count(KeyUse::kSign, KeyState::kActive), 1);
  EXPECT_EQ(ground_.Count(KeyUse::kMac, KeyState::kActive), 1);
}

TEST_F(StoreRestorationTest, MoreSessionsThanABatchAreAllEnded) {
  const UserId user = AddUser();
  AddSessions(user, 2 * kRestorationBatch + 1);
  EXPECT_EQ(Require(Restore(*ground_.Store())), 2 * kRestorationBatch + 1);
  EXPECT_EQ(LiveOf(user), 0u);
}

// Millions of sessions take a while. Whatever cuts that off, the keys are replaced before it.
TEST_F(StoreRestorationTest, AFailureWhileSessionsEndLeavesTheNewKeysAndItIsRunAgain) {
  const UserId user = AddUser();
  AddSessions(user, kRestorationBatch + 1);
  const StoredKeySet before = ground_.Rows();
  const int64_t version = VersionOf(user);
  replica_.store.BeforeNextWrite([&] {                                       // the keys'
    replica_.store.BeforeNextWrite([&] { replica_.store.set_away(true); });  // the first batch
  });
  EXPECT_EQ(Reason(Restore(replica_.store)), "STORAGE_UNAVAILABLE");
  EXPECT_NE(ground_.Rows().store_epoch, before.store_epoch);
  EXPECT_EQ(ground_.Count(KeyUse::kSign, KeyState::kRevoked), 1);
  EXPECT_EQ(ground_.Count(KeyUse::kSign, KeyState::kActive), 1);
  EXPECT_EQ(ground_.Feed().size(), 1u);
  EXPECT_EQ(LiveOf(user), 1u);
  EXPECT_EQ(VersionOf(user), version);
  EXPECT_EQ(ground_.log.Count("store.keys_replaced"), 1);
  EXPECT_EQ(ground_.log.Count("store.restored"), 0);

  replica_.store.set_away(false);
  EXPECT_EQ(Require(Restore(replica_.store)), 1);
  EXPECT_EQ(LiveOf(user), 0u);
  EXPECT_EQ(VersionOf(user), version + kRestoredVersionStep);
}

TEST_F(StoreRestorationTest, MoreUsersThanABatchAreAllRaised) {
  std::vector<UserId> ids;
  for (int i = 0; i < kRestorationBatch + 1; ++i)
    ids.push_back(UserId::Random(ground_.clock.Now()));
  ground_.Change([&](storage::Repositories& in) -> absl::Status {
    storage::User user;
    user.created_at = user.updated_at = ground_.clock.Now();
    for (const UserId& id : ids) {
      user.id = id;
      user.username = id.str();
      TESSERA_RETURN_IF_ERROR(in.users.Insert(user));
    }
    return absl::OkStatus();
  });
  Require(Restore(*ground_.Store()));
  std::vector<storage::User> users;
  Require(ground_.Store()->Read(absl::InfiniteFuture(), [&](storage::Repositories& in) {
    TESSERA_ASSIGN_OR_RETURN(users, in.users.List(UserId(), 10'000));
    return absl::OkStatus();
  }));
  EXPECT_EQ(users.size(), ids.size());
  for (const storage::User& user : users) {
    EXPECT_EQ(user.version, storage::User().version + kRestoredVersionStep);
  }
}

// Guards and replicas that kept running never forget that a user's tokens below version 5 are
// revoked; the backup, which is older, has the user at version 4.
TEST(StoreRestoration, AUserWhoWasRaisedAfterTheBackupIsNotLockedOut) {
  AuthWorld world;
  const UserId ada = world.AddUser("ada").id;
  const auto set_version = [&](int64_t version) {
    world.ChangeUser(ada, [&](storage::User& user) { user.version = version; });
  };
  set_version(5);
  world.Write([&](storage::Repositories& in) {
    return in.revocations.Append({RevokeUserEntry(ada, 5, world.clock.Now())});
  });
  Require(world.feed->CatchUp(absl::InfiniteFuture()));
  set_version(4);  // the backup
  world.Write([](storage::Repositories& in) {
    return in.revocations.DeleteExpired(absl::InfiniteFuture(), 1000).status();
  });
  EXPECT_EQ(world.WhyInactive(world.Login("ada").access_token), "TOKEN_REVOKED");

  const Sealer sealer = Require(Sealer::Create(MasterKeysOf(WorldOptions().master_seed)));
  Require(MarkStoreRestored({*world.direct, sealer, KeyReplica::AtOnce(), world.clock, world.log},
                            absl::InfiniteFuture()));
  Require(world.feed->CatchUp(absl::InfiniteFuture()));
  EXPECT_EQ(world.WhyInactive(world.Login("ada").access_token), "active");
}

// Likewise their accounts.
TEST_F(StoreRestorationTest, ServiceAccountsAreRaisedToo) {
  storage::ServiceAccount account;
  account.id = ServiceId::Random(ground_.clock.Now());
  account.name = "billing";
  account.created_at = account.updated_at = ground_.clock.Now();
  ground_.Change([&](storage::Repositories& in) { return in.services.Insert(account); });
  Require(Restore(*ground_.Store()));
  ground_.Change([&](storage::Repositories& in) -> absl::Status {
    TESSERA_ASSIGN_OR_RETURN(const auto found, in.services.Find(account.id));
    EXPECT_EQ(found->version, account.version + kRestoredVersionStep);
    return absl::OkStatus();
  });
}

TEST_F(StoreRestorationTest, NothingHasHappenedWhileTheStoreIsAway) {
  const std::string epoch = ground_.Rows().store_epoch;
  replica_.store.set_away(true);
  EXPECT_EQ(Reason(Restore(replica_.store)), "STORAGE_UNAVAILABLE");
  EXPECT_EQ(ground_.Rows().store_epoch, epoch);
}

}  // namespace
}  // namespace tessera::server
