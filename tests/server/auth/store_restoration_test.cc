#include "server/auth/store_restoration.h"

#include <gtest/gtest.h>

#include <string>

#include "server/auth/refresh_token.h"
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
  SessionId AddSession() {
    storage::User user;
    user.id = UserId::Random(ground_.clock.Now());
    user.username = user.id.str();
    user.created_at = user.updated_at = ground_.clock.Now();
    storage::Session session;
    session.id = SessionId::Random(ground_.clock.Now());
    session.user_id = user.id;
    session.created_at = session.auth_time = session.rotated_at = ground_.clock.Now();
    session.access_until = ground_.clock.Now();
    session.expires_at = session.idle_expires_at = ground_.clock.Now() + absl::Hours(24);
    ground_.Change([&](storage::Repositories& in) -> absl::Status {
      const absl::Status inserted = in.users.Insert(user);
      return inserted.ok() ? in.sessions.Insert(session) : inserted;
    });
    return session.id;
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

TEST_F(StoreRestorationTest, NothingHasHappenedWhileTheStoreIsAway) {
  const std::string epoch = ground_.Rows().store_epoch;
  replica_.store.set_away(true);
  EXPECT_EQ(Reason(Restore(replica_.store)), "STORAGE_UNAVAILABLE");
  EXPECT_EQ(ground_.Rows().store_epoch, epoch);
}

}  // namespace
}  // namespace tessera::server
