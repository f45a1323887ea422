#include "tessera/guard/revocation_view.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/guard/world.h"

namespace tessera {
namespace {

using namespace tessera::testing;  // NOLINT: a test of one room

class RevocationViewTest : public ::testing::Test {
 protected:
  VerifiedToken TokenOf(const Claims& claims) const {
    const auto verifier =
        *TokenVerifier::Create({kIssuer, std::string(kAudience), absl::Seconds(5)});
    return *verifier.Verify(Sign(claims, key_), SetOf({key_}), clock_.Now());
  }
  Claims Good() const { return ClaimsFor("usr_a", clock_.Now()); }

  FakeClock clock_;
  const SigningKey key_ = NewKey();
  RevocationView view_{clock_};
};

TEST_F(RevocationViewTest, IsNotLoadedUntilMarkedAndAgesByTheMonotonicClock) {
  view_.Merge({Revoked(RevokedThing::kToken, "x", clock_.Now())});
  EXPECT_FALSE(view_.loaded());
  EXPECT_EQ(view_.Age(), absl::InfiniteDuration());
  view_.MarkCurrent();
  EXPECT_TRUE(view_.loaded());
  EXPECT_EQ(view_.Age(), absl::ZeroDuration());
  clock_.Advance(absl::Seconds(3));
  clock_.SetWall(clock_.Now() - absl::Hours(9));
  EXPECT_EQ(view_.Age(), absl::Seconds(3));
  view_.MarkCurrent(absl::Seconds(1));
  EXPECT_EQ(view_.Age(), absl::Seconds(1));
}

TEST_F(RevocationViewTest, AUserEntryHitsLowerVersionsOnly) {
  view_.Merge({Revoked(RevokedThing::kUser, "usr_a", clock_.Now(), 5)});
  Claims claims = Good();
  claims.user_version = 4;
  EXPECT_TRUE(view_.IsRevoked(TokenOf(claims)));
  claims.user_version = 5;
  EXPECT_FALSE(view_.IsRevoked(TokenOf(claims)));
}

TEST_F(RevocationViewTest, MergingNeverTakesBack) {
  view_.Merge({Revoked(RevokedThing::kUser, "usr_a", clock_.Now() + absl::Hours(1), 5)});
  view_.Merge({Revoked(RevokedThing::kUser, "usr_a", clock_.Now() - absl::Hours(9), 2)});
  Claims claims = Good();
  claims.user_version = 4;
  EXPECT_TRUE(view_.IsRevoked(TokenOf(claims)));
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(view_.Prune(clock_.Now()), 1u);  // the later end counts
}

TEST_F(RevocationViewTest, KindsDoNotHitEachOther) {
  const absl::Time now = clock_.Now();
  view_.Merge({Revoked(RevokedThing::kSession, "tok_usr_a", now),
               Revoked(RevokedThing::kToken, "ses_usr_a", now),
               Revoked(RevokedThing::kKey, "usr_a", now),
               Revoked(RevokedThing::kUser, key_.kid(), now, 99)});
  EXPECT_FALSE(view_.IsRevoked(TokenOf(Good())));
}

TEST_F(RevocationViewTest, PruneForgetsWhatExpiredBeforeAndNotWhatExpiresNow) {
  RevocationNotice notice = Revoked(RevokedThing::kToken, "a", clock_.Now());
  notice.expires_at = clock_.Now() + absl::Minutes(1);
  view_.Merge({notice});
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(view_.Prune(clock_.Now()), 1u);
  clock_.Advance(absl::Microseconds(1));
  EXPECT_EQ(view_.Prune(clock_.Now()), 0u);
}

TEST_F(RevocationViewTest, AWallClockThatJumpsAheadTakesNothingBack) {
  view_.Merge({Revoked(RevokedThing::kToken, "tok_usr_a", clock_.Now())});
  const VerifiedToken token = TokenOf(Good());
  clock_.SetWall(clock_.Now() + absl::Hours(48));
  EXPECT_EQ(view_.Prune(clock_.Now()), 1u);
  EXPECT_TRUE(view_.IsRevoked(token));
}

TEST_F(RevocationViewTest, AWallClockSetBackByMoreThanThirtySecondsIsToldOnce) {
  clock_.SetWall(clock_.Now() - RevocationView::kSetBack);
  EXPECT_FALSE(view_.WasSetBack(clock_.Now()));
  clock_.SetWall(clock_.Now() - absl::Nanoseconds(1));
  EXPECT_TRUE(view_.WasSetBack(clock_.Now()));
  EXPECT_FALSE(view_.WasSetBack(clock_.Now()));
  clock_.SetWall(clock_.Now() + absl::Hours(1));
  EXPECT_FALSE(view_.WasSetBack(clock_.Now()));
}

// Until what was forgotten too early is there again, nobody is let in.
TEST_F(RevocationViewTest, WhatWasForgottenByAClockThatWasAheadMakesTheViewNotLoaded) {
  const absl::Time right = clock_.Now() - absl::Hours(48);  // the view was made with a wrong one
  RevocationNotice live = Revoked(RevokedThing::kToken, "a", right);
  live.expires_at = right + absl::Hours(1);
  view_.Merge({live});
  view_.MarkCurrent();
  ASSERT_EQ(view_.Prune(clock_.Now()), 0u);
  clock_.SetWall(right);
  ASSERT_TRUE(view_.WasSetBack(clock_.Now()));
  EXPECT_FALSE(view_.loaded());
  EXPECT_TRUE(view_.has_holes());
  EXPECT_EQ(view_.Age(), absl::InfiniteDuration());
  view_.Merge({live});  // the snapshot
  view_.MarkCurrent();
  EXPECT_TRUE(view_.loaded());
  EXPECT_FALSE(view_.has_holes());
  clock_.SetWall(right - absl::Hours(1));  // nothing has been forgotten since
  ASSERT_TRUE(view_.WasSetBack(clock_.Now()));
  EXPECT_TRUE(view_.loaded());
}

TEST_F(RevocationViewTest, WhatHadExpiredByTheRightClockTooIsNotMissed) {
  const absl::Time right = clock_.Now() - absl::Minutes(1);
  RevocationNotice gone = Revoked(RevokedThing::kToken, "a", right);
  gone.expires_at = right - absl::Hours(2);
  view_.Merge({gone});
  view_.MarkCurrent();
  ASSERT_EQ(view_.Prune(right - absl::Hours(1)), 0u);
  clock_.SetWall(right);
  ASSERT_TRUE(view_.WasSetBack(clock_.Now()));
  EXPECT_TRUE(view_.loaded());
}

// Set back in two steps: the first leaves what was forgotten behind it, the second does not.
TEST_F(RevocationViewTest, WhatWasForgottenIsMissedByALaterStepBackToo) {
  const absl::Time ahead = clock_.Now();
  RevocationNotice live = Revoked(RevokedThing::kToken, "a", ahead);
  live.expires_at = ahead - absl::Minutes(1);
  view_.Merge({live});
  view_.MarkCurrent();
  ASSERT_EQ(view_.Prune(ahead), 0u);
  clock_.Advance(absl::Hours(3));
  clock_.SetWall(ahead + absl::Hours(1));
  ASSERT_TRUE(view_.WasSetBack(clock_.Now()));
  EXPECT_TRUE(view_.loaded());
  clock_.SetWall(ahead - absl::Hours(1));
  ASSERT_TRUE(view_.WasSetBack(clock_.Now()));
  EXPECT_FALSE(view_.loaded());
}

TEST_F(RevocationViewTest, PruningCountsFromWhereTheClockWasSetBackTo) {
  const absl::Time right = clock_.Now() - absl::Hours(48);  // the view was made with a wrong one
  clock_.SetWall(right);
  ASSERT_TRUE(view_.WasSetBack(clock_.Now()));
  RevocationNotice notice = Revoked(RevokedThing::kToken, "a", right);
  notice.expires_at = right + absl::Minutes(1);
  view_.Merge({notice});
  clock_.SetWall(right + absl::Hours(48));  // ahead again: takes nothing back
  EXPECT_EQ(view_.Prune(clock_.Now()), 1u);
}

// However small the pages are, and though the view grows and forgets behind the walker's back.
TEST_F(RevocationViewTest, AWalkMeetsEachEntryOnce) {
  constexpr int kCount = 5000;
  std::vector<RevocationNotice> notices;
  for (int i = 0; i < kCount; ++i) {
    notices.push_back(Revoked(RevokedThing::kSession, std::to_string(i), clock_.Now()));
  }
  notices.push_back(Revoked(RevokedThing::kUser, "7", clock_.Now(), 9));  // the hash of another
  view_.Merge(notices);
  for (const size_t limit : {size_t{1}, size_t{7}, size_t{4096}, size_t{100'000}}) {
    RevocationCursor cursor;
    std::map<std::pair<IdHash, RevokedThing>, int> met;
    for (auto page = view_.ListPage(cursor, limit); !page.empty();
         page = view_.ListPage(cursor, limit)) {
      EXPECT_LE(page.size(), limit);
      for (const RevocationNotice& notice : page) {
        ++met[{notice.id_hash, notice.thing}];
        EXPECT_EQ(notice.min_user_version, notice.thing == RevokedThing::kUser ? 9 : 0);
      }
      view_.Merge({Revoked(RevokedThing::kToken, std::to_string(met.size()), clock_.Now())});
    }
    int sessions = 0;
    for (const auto& [key, times] : met) {
      EXPECT_EQ(times, 1);
      if (key.second == RevokedThing::kSession) ++sessions;
    }
    EXPECT_EQ(sessions, kCount) << limit;
  }
}

TEST_F(RevocationViewTest, ListenersHearOnlyNews) {
  int heard = 0;
  const auto handle = view_.Subscribe([&] { ++heard; });
  const RevocationNotice notice = Revoked(RevokedThing::kUser, "usr_a", clock_.Now(), 2);
  view_.Merge({notice, Revoked(RevokedThing::kToken, "x", clock_.Now())});
  EXPECT_EQ(heard, 1);
  view_.Merge({notice});
  view_.Merge({});
  EXPECT_EQ(heard, 1);
  view_.Merge({Revoked(RevokedThing::kUser, "usr_a", clock_.Now(), 3)});
  EXPECT_EQ(heard, 2);
}

TEST_F(RevocationViewTest, NoListenerIsCalledAfterItsHandleIsGone) {
  for (int round = 0; round < 50; ++round) {
    std::atomic<bool> gone{false};
    std::atomic<int> late{0};
    auto handle = view_.Subscribe([&] {
      if (gone) ++late;
    });
    std::thread merging([&] {
      for (int i = 0; i < 20; ++i) {
        const std::string id = std::to_string(round) + "/" + std::to_string(i);
        view_.Merge({Revoked(RevokedThing::kToken, id, clock_.Now())});
      }
    });
    handle.reset();
    gone = true;
    merging.join();
    EXPECT_EQ(late, 0);
  }
}

TEST_F(RevocationViewTest, AHandleMayOutliveItsView) {
  auto view = std::make_unique<RevocationView>(clock_);
  auto handle = view->Subscribe([] {});
  view.reset();
  handle.reset();
}

TEST_F(RevocationViewTest, ReadersAndWritersAtOnce) {
  const VerifiedToken good = TokenOf(Good());
  Claims revoked_claims = ClaimsFor("usr_b", clock_.Now());
  const VerifiedToken revoked = TokenOf(revoked_claims);
  view_.Merge({Revoked(RevokedThing::kSession, "ses_usr_b", clock_.Now())});
  std::atomic<int> wrong{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        if (view_.IsRevoked(good) || !view_.IsRevoked(revoked)) ++wrong;
      }
    });
  }
  for (int i = 0; i < 2000; ++i) {
    view_.Merge({Revoked(RevokedThing::kToken, std::to_string(i), clock_.Now())});
    if (i % 500 == 0) view_.Prune(clock_.Now());
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(view_.size(), 2001u);
}

}  // namespace
}  // namespace tessera
