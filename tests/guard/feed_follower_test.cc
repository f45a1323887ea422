// The protocol of the revocation feed, message by message.
#include "tessera/guard/feed_follower.h"

#include <gtest/gtest.h>

#include "tests/guard/fake_auth_server.h"
#include "tests/guard/held_keys.h"
#include "tests/guard/world.h"

namespace tessera::guard {
namespace {

using namespace tessera::testing;  // NOLINT: a test of one room

// Keeps what is offered.
class OfferedKeys final : public KeySource {
 public:
  std::shared_ptr<const JwkSet> Current() const override { return keys_; }
  void Fetch(std::function<void(absl::Status)> done) override { done(absl::OkStatus()); }
  bool Offer(std::shared_ptr<const JwkSet> keys) override {
    keys_ = std::move(keys);
    return true;
  }

 private:
  std::shared_ptr<const JwkSet> keys_ = std::make_shared<const JwkSet>();
};

class FeedFollowerTest : public ::testing::Test {
 protected:
  bool IsRevoked(const std::string& token_id) const {
    Claims claims = ClaimsFor("usr_a", clock_.Now());
    claims.token_id = TokenId(token_id);
    const auto verifier =
        *TokenVerifier::Create({kIssuer, std::string(kAudience), absl::Seconds(5)});
    return view_->IsRevoked(*verifier.Verify(Sign(claims, key_), SetOf({key_}), clock_.Now()));
  }
  v1::RevocationEntry Entry(uint64_t seq, const std::string& id) const {
    return TokenEntry(seq, id, absl::ToUnixSeconds(clock_.Now()) + 3600);
  }
  void ExpectStartOver(const v1::WatchRevocationsResponse& message) {
    EXPECT_EQ(follower_.Take(message).code(), absl::StatusCode::kAborted);
    EXPECT_EQ(follower_.ResumePoint().store_epoch(), "");
    EXPECT_EQ(follower_.ResumePoint().seq(), 0u);
  }

  FakeClock clock_;
  RecordingLog log_;
  const SigningKey key_ = NewKey();
  const std::shared_ptr<RevocationView> view_ = std::make_shared<RevocationView>(clock_);
  const std::shared_ptr<OfferedKeys> keys_ = std::make_shared<OfferedKeys>();
  FeedFollower follower_{view_, keys_, log_};
};

TEST_F(FeedFollowerTest, IsLoadedWithTheHeartbeatBehindTheLastPartOfTheSnapshot) {
  ASSERT_TRUE(follower_.Take(Snapshot("e1", 7, {Entry(3, "a")}, false)).ok());
  ASSERT_TRUE(follower_.Take(Heartbeat("e1", 7)).ok());
  EXPECT_FALSE(view_->loaded());
  EXPECT_TRUE(IsRevoked("a"));
  EXPECT_EQ(follower_.ResumePoint().store_epoch(), "");
  ASSERT_TRUE(follower_.Take(Snapshot("e1", 7, {Entry(7, "b")})).ok());
  EXPECT_FALSE(view_->loaded());
  EXPECT_TRUE(IsRevoked("b"));
  ASSERT_TRUE(follower_.Take(Heartbeat("e1", 7)).ok());
  EXPECT_TRUE(view_->loaded());
  EXPECT_EQ(follower_.ResumePoint().store_epoch(), "e1");
  EXPECT_EQ(follower_.ResumePoint().seq(), 7u);
  EXPECT_EQ(follower_.Acknowledgement().seq(), 7u);
}

// A server that lost its database tells what it has all the same.
TEST_F(FeedFollowerTest, NeitherASnapshotNorChangesMakeTheViewYoungerThanTheServersRead) {
  ASSERT_TRUE(follower_.Take(Snapshot("e1", 7, {})).ok());
  EXPECT_EQ(view_->Age(), absl::InfiniteDuration());
  ASSERT_TRUE(follower_.Take(Heartbeat("e1", 7, 600)).ok());
  EXPECT_EQ(view_->Age(), absl::Minutes(10));
  ASSERT_TRUE(follower_.Take(Changes({Entry(8, "a")})).ok());
  EXPECT_EQ(view_->Age(), absl::Minutes(10));
  ASSERT_TRUE(follower_.Take(Snapshot("e1", 9, {Entry(9, "b")})).ok());
  EXPECT_EQ(view_->Age(), absl::Minutes(10));
}

TEST_F(FeedFollowerTest, ChangesFollowWithoutAGap) {
  ASSERT_TRUE(follower_.Take(Snapshot("e1", 7, {})).ok());
  ASSERT_TRUE(follower_.Take(Changes({Entry(8, "a"), Entry(9, "b")})).ok());
  EXPECT_EQ(follower_.ResumePoint().seq(), 9u);
  EXPECT_TRUE(IsRevoked("a"));
  EXPECT_TRUE(IsRevoked("b"));
  ASSERT_TRUE(follower_.Take(Changes({Entry(9, "b"), Entry(10, "c")})).ok());  // told again
  EXPECT_EQ(follower_.ResumePoint().seq(), 10u);
}

TEST_F(FeedFollowerTest, AGapStartsOverButWhatCameCounts) {
  ASSERT_TRUE(follower_.Take(Snapshot("e1", 7, {})).ok());
  ExpectStartOver(Changes({Entry(9, "a")}));
  EXPECT_TRUE(IsRevoked("a"));
}

TEST_F(FeedFollowerTest, ChangesBeforeASnapshotStartOver) {
  ExpectStartOver(Changes({Entry(1, "a")}));
}

TEST_F(FeedFollowerTest, ASnapshotOfAnotherEpochIsMergedAndNeverTakesBack) {
  ASSERT_TRUE(follower_.Take(Snapshot("e1", 7, {Entry(7, "a")})).ok());
  ASSERT_TRUE(follower_.Take(Snapshot("e2", 2, {Entry(2, "b")})).ok());
  EXPECT_TRUE(IsRevoked("a"));
  EXPECT_TRUE(IsRevoked("b"));
  EXPECT_EQ(follower_.ResumePoint().store_epoch(), "e2");
  EXPECT_EQ(follower_.ResumePoint().seq(), 2u);
}

TEST_F(FeedFollowerTest, AHeartbeatAtTheHeadMakesTheViewAsOldAsTheServersRead) {
  ASSERT_TRUE(follower_.Take(Snapshot("e1", 7, {})).ok());
  ASSERT_TRUE(follower_.Take(Heartbeat("e1", 7)).ok());
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(view_->Age(), absl::Minutes(1));
  ASSERT_TRUE(follower_.Take(Heartbeat("e1", 7, 3)).ok());
  EXPECT_EQ(view_->Age(), absl::Seconds(3));
}

TEST_F(FeedFollowerTest, AHeartbeatAheadOfUsDoesNotMakeUsCurrentAndTwoStartOver) {
  ASSERT_TRUE(follower_.Take(Snapshot("e1", 7, {})).ok());
  ASSERT_TRUE(follower_.Take(Heartbeat("e1", 7)).ok());
  clock_.Advance(absl::Minutes(1));
  ASSERT_TRUE(follower_.Take(Heartbeat("e1", 8)).ok());
  EXPECT_EQ(view_->Age(), absl::Minutes(1));
  ExpectStartOver(Heartbeat("e1", 8));
}

TEST_F(FeedFollowerTest, AnotherEpochOrALowerHeadStartsOver) {
  ASSERT_TRUE(follower_.Take(Snapshot("e1", 7, {})).ok());
  ExpectStartOver(Heartbeat("e2", 7));
  ASSERT_TRUE(follower_.Take(Snapshot("e1", 7, {})).ok());
  ExpectStartOver(Heartbeat("e1", 6));
}

TEST_F(FeedFollowerTest, AHeartbeatBeforeTheSnapshotDoesNotLoadTheView) {
  ASSERT_TRUE(follower_.Take(Heartbeat("e1", 0)).ok());
  EXPECT_FALSE(view_->loaded());
}

TEST_F(FeedFollowerTest, EntriesThatItCannotReadAreToldToTheLogAndTheRestIsTaken) {
  v1::RevocationEntry unknown = Entry(8, "a");
  unknown.set_kind(static_cast<v1::RevocationKind>(99));
  v1::RevocationEntry unspecified = Entry(9, "b");
  unspecified.set_kind(v1::REVOCATION_KIND_UNSPECIFIED);
  v1::RevocationEntry cut = Entry(10, "c");
  cut.set_id_hash(cut.id_hash().substr(1));
  ASSERT_TRUE(follower_.Take(Snapshot("e1", 7, {})).ok());
  ASSERT_TRUE(follower_.Take(Changes({unknown, unspecified, cut, Entry(11, "d")})).ok());
  EXPECT_EQ(log_.CountOf("revocations.entry_refused"), 3);
  EXPECT_EQ(view_->size(), 1u);
  EXPECT_TRUE(IsRevoked("d"));
}

TEST_F(FeedFollowerTest, EveryKindHasItsMeaning) {
  std::vector<v1::RevocationEntry> entries;
  const std::vector<std::pair<v1::RevocationKind, std::string>> kinds = {
      {v1::REVOCATION_KIND_SESSION, "ses_s"},
      {v1::REVOCATION_KIND_USER, "usr_u"},
      {v1::REVOCATION_KIND_KEY, "a kid"}};
  for (const auto& [kind, id] : kinds) {
    entries.push_back(Entry(entries.size() + 1, id));
    entries.back().set_kind(kind);
    entries.back().set_min_user_version(2);
  }
  ASSERT_TRUE(follower_.Take(Snapshot("e1", 3, entries)).ok());
  const auto verifier = *TokenVerifier::Create({kIssuer, std::string(kAudience), absl::Seconds(5)});
  for (const char* subject : {"s", "usr_u"}) {
    const std::string token = Sign(ClaimsFor(subject, clock_.Now()), key_);
    EXPECT_TRUE(view_->IsRevoked(*verifier.Verify(token, SetOf({key_}), clock_.Now()))) << subject;
  }
  EXPECT_TRUE(view_->IsKeyRevoked(IdHashOf("a kid")));
  EXPECT_FALSE(view_->IsKeyRevoked(IdHashOf("usr_u")));
}

TEST_F(FeedFollowerTest, KeySetsAreOfferedAndAcknowledged) {
  ASSERT_TRUE(follower_.Take(KeySet(4, SetOf({key_}).ToJson())).ok());
  EXPECT_NE(keys_->Current()->Find(key_.kid()), nullptr);
  EXPECT_EQ(follower_.Acknowledgement().key_set_version(), 4u);
  for (const char* json : {"", "[]", "nonsense"}) {
    ASSERT_TRUE(follower_.Take(KeySet(5, json)).ok());
    EXPECT_NE(keys_->Current()->Find(key_.kid()), nullptr);
    EXPECT_EQ(follower_.Acknowledgement().key_set_version(), 4u);
  }
  EXPECT_EQ(log_.CountOf("revocations.key_set_refused"), 3);
}

// By a replica that lost its database, or whose store went back.
TEST_F(FeedFollowerTest, AnOlderKeySetIsNeitherTakenNorAcknowledgedAndOneOfANewEpochIs) {
  FakeAuthServer server;
  const auto keys = KeysFromServer(server.channel(), {}, clock_, log_);
  FeedFollower follower(view_, keys, log_);
  const SigningKey newer = NewKey();
  const std::string now = SetOf({key_, newer}).ToJson();
  const std::string before = SetOf({key_}).ToJson();
  ASSERT_TRUE(follower.Take(KeySet(5, WithVersion(now, {"e1", 5}))).ok());
  EXPECT_EQ(follower.Acknowledgement().key_set_version(), 5u);
  ASSERT_TRUE(follower.Take(KeySet(4, WithVersion(before, {"e1", 4}))).ok());
  EXPECT_NE(keys->Current()->Find(newer.kid()), nullptr);
  EXPECT_EQ(follower.Acknowledgement().key_set_version(), 0u);
  ASSERT_TRUE(follower.Take(KeySet(4, WithVersion(before, {"e2", 4}))).ok());
  EXPECT_EQ(keys->Current()->Find(newer.kid()), nullptr);
  EXPECT_EQ(follower.Acknowledgement().key_set_version(), 4u);
}

TEST_F(FeedFollowerTest, AKeySetThatNobodyHoldsIsNotAcknowledged) {
  const auto message = KeySet(4, SetOf({key_}).ToJson());
  FeedFollower without_keys(view_, nullptr, log_);
  ASSERT_TRUE(without_keys.Take(message).ok());
  EXPECT_EQ(without_keys.Acknowledgement().key_set_version(), 0u);
  FeedFollower other_road(view_, KeysInHand(SetOf({NewKey()})), log_);
  ASSERT_TRUE(other_road.Take(message).ok());
  EXPECT_EQ(other_road.Acknowledgement().key_set_version(), 0u);
}

TEST_F(FeedFollowerTest, AKeySetWithoutPublicKeysIsTakenInButReplacesNothing) {
  ASSERT_TRUE(follower_.Take(KeySet(4, SetOf({key_}).ToJson())).ok());
  ASSERT_TRUE(follower_.Take(KeySet(5, "{\"keys\":[]}")).ok());
  EXPECT_NE(keys_->Current()->Find(key_.kid()), nullptr);
  EXPECT_EQ(follower_.Acknowledgement().key_set_version(), 5u);
  EXPECT_EQ(log_.CountOf("revocations.key_set_refused"), 0);
}

}  // namespace
}  // namespace tessera::guard
