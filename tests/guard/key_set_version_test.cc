// An older key set does not come back, whichever road brings it.
#include "tessera/guard/key_set_version.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "tessera/base/reason.h"
#include "tessera/guard/key_source.h"
#include "tests/guard/fake_auth_server.h"
#include "tests/guard/world.h"

namespace tessera::testing {
namespace {

TEST(KeySetVersionText, ComesBackOutOfTheSetThatItWasPutInto) {
  const SigningKey key = NewKey();
  const std::string json = WithVersion(SetOf({key}).ToJson(), {"e1", 7});
  EXPECT_EQ(VersionIn(json).epoch, "e1");
  EXPECT_EQ(VersionIn(json).number, 7);
  EXPECT_NE(JwkSet::Parse(json)->Find(key.kid()), nullptr);
}

TEST(KeySetVersionText, WhatDoesNotSayItWholeIsNotKnown) {
  for (const char* json : {"", "[]", "{\"keys\":[]}", "{\"keys\":[],\"tessera_version\":7}",
                           "{\"keys\":[],\"tessera_epoch\":\"e1\"}",
                           "{\"keys\":[],\"tessera_epoch\":7,\"tessera_version\":7}",
                           "{\"keys\":[],\"tessera_epoch\":\"e1\",\"tessera_version\":\"7\"}"}) {
    EXPECT_EQ(VersionIn(json).epoch, "") << json;
  }
}

TEST(KeySetVersionText, OnlyVersionsOfOneEpochCompare) {
  EXPECT_TRUE(IsOlder({"e1", 6}, {"e1", 7}));
  EXPECT_FALSE(IsOlder({"e1", 7}, {"e1", 7}));
  EXPECT_FALSE(IsOlder({"e1", 8}, {"e1", 7}));
  EXPECT_FALSE(IsOlder({"e2", 6}, {"e1", 7}));
  EXPECT_FALSE(IsOlder({"", 6}, {"", 7}));
}

class KeySetVersions : public ::testing::Test {
 protected:
  static std::string Text(const SigningKey& key, const KeySetVersion& version) {
    return WithVersion(SetOf({key}).ToJson(), version);
  }
  bool Offer(const SigningKey& key, const KeySetVersion& version) {
    return keys_->OfferVersion(std::make_shared<const JwkSet>(SetOf({key})), version);
  }
  std::future<absl::Status> BeginFetch() {
    auto fetched = std::make_shared<std::promise<absl::Status>>();
    std::future<absl::Status> answer = fetched->get_future();
    keys_->Fetch([fetched](absl::Status status) { fetched->set_value(std::move(status)); });
    return answer;
  }
  // Beyond min_interval.
  absl::Status FetchAnew() {
    clock_.Advance(absl::Seconds(1));
    return BeginFetch().get();
  }
  // `key` is offered while the server keeps the answer to a fetch back.
  absl::Status OfferDuringAFetch(const SigningKey& key, const KeySetVersion& version) {
    server_.HoldJwks(true);
    std::future<absl::Status> answer = BeginFetch();
    EXPECT_TRUE(Eventually([&] { return server_.jwks_calls() == 1; }));
    EXPECT_TRUE(Offer(key, version));
    server_.HoldJwks(false);
    return answer.get();
  }
  bool Holds(const SigningKey& key) const { return keys_->Current()->Find(key.kid()) != nullptr; }

  FakeClock clock_;
  RecordingLog log_;
  const SigningKey old_ = NewKey();
  const SigningKey new_ = NewKey();
  FakeAuthServer server_;
  std::shared_ptr<KeySource> keys_ = KeysFromServer(server_.channel(), {}, clock_, log_);
};

TEST_F(KeySetVersions, ANewerSetThatIsOfferedDuringAFetchStays) {
  server_.SetJwks(Text(old_, {"e1", 1}));
  EXPECT_TRUE(OfferDuringAFetch(new_, {"e1", 2}).ok());
  EXPECT_TRUE(Holds(new_));
  EXPECT_FALSE(Holds(old_));
}

TEST_F(KeySetVersions, WhatIsOfferedDuringAFetchStaysWhereNobodySaysWhichIsNewer) {
  server_.SetJwks(SetOf({old_}).ToJson());
  EXPECT_TRUE(OfferDuringAFetch(new_, {}).ok());
  EXPECT_TRUE(Holds(new_));
  EXPECT_TRUE(FetchAnew().ok());  // one that began behind the offer counts
  EXPECT_TRUE(Holds(old_));
}

TEST_F(KeySetVersions, AnAnswerThatIsNewerThanWhatWasOfferedMeanwhileReplacesIt) {
  server_.SetJwks(Text(new_, {"e1", 2}));
  EXPECT_TRUE(OfferDuringAFetch(old_, {"e1", 1}).ok());
  EXPECT_TRUE(Holds(new_));
}

// A replica that lost its database is asked because of anyone's made-up kid.
TEST_F(KeySetVersions, AnOlderSetFromAFetchIsNotTakenAndSaysNothingOfWhatIsUnknown) {
  server_.SetJwks(Text(new_, {"e1", 2}));
  ASSERT_TRUE(FetchAnew().ok());
  server_.SetJwks(Text(old_, {"e1", 1}));
  const absl::Status stale = FetchAnew();
  EXPECT_EQ(stale.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(stale), reason::kKeysUnavailable);
  EXPECT_TRUE(Holds(new_));
  EXPECT_FALSE(Holds(old_));
  EXPECT_EQ(log_.CountOf("keys.fetch_failed"), 1);
}

TEST_F(KeySetVersions, AnOlderSetFromTheFeedIsNotTaken) {
  ASSERT_TRUE(Offer(new_, {"e1", 2}));
  EXPECT_FALSE(Offer(old_, {"e1", 1}));
  EXPECT_TRUE(Holds(new_));
  EXPECT_EQ(log_.CountOf("keys.offer_refused"), 1);
  EXPECT_TRUE(Offer(old_, {"e1", 2}));  // of the same version it is no older one
  EXPECT_TRUE(Holds(old_));
}

// What one road brought stands against the other.
TEST_F(KeySetVersions, EitherRoadKnowsWhatTheOtherBrought) {
  ASSERT_TRUE(Offer(new_, {"e1", 2}));
  server_.SetJwks(Text(old_, {"e1", 1}));
  EXPECT_FALSE(FetchAnew().ok());
  EXPECT_TRUE(Holds(new_));
  server_.SetJwks(Text(new_, {"e1", 3}));
  ASSERT_TRUE(FetchAnew().ok());
  EXPECT_FALSE(Offer(old_, {"e1", 2}));
  EXPECT_TRUE(Holds(new_));
}

TEST_F(KeySetVersions, ARestoredStoreHasANewEpochAndItsKeysAreTakenThoughTheirNumberIsLower) {
  ASSERT_TRUE(Offer(old_, {"e1", 9}));
  EXPECT_TRUE(Offer(new_, {"e2", 3}));
  EXPECT_TRUE(Holds(new_));
  server_.SetJwks(Text(old_, {"e3", 1}));
  EXPECT_TRUE(FetchAnew().ok());
  EXPECT_TRUE(Holds(old_));
}

TEST_F(KeySetVersions, ANewerSetThatIsTooOldToBeHeldStandsInNobodysWay) {
  ASSERT_TRUE(Offer(new_, {"e1", 2}));
  server_.FailJwks();
  clock_.Advance(ServerKeysOptions().max_age + absl::Seconds(1));
  ASSERT_TRUE(keys_->Current()->empty());
  EXPECT_TRUE(Offer(old_, {"e1", 1}));
  EXPECT_TRUE(Holds(old_));
}

}  // namespace
}  // namespace tessera::testing
