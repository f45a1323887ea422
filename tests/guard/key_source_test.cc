#include "tessera/guard/key_source.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "tessera/base/reason.h"
#include "tests/guard/fake_auth_server.h"
#include "tests/guard/world.h"

namespace tessera::testing {
namespace {

absl::Status FetchNow(KeySource& keys) {
  std::promise<absl::Status> fetched;
  keys.Fetch([&](absl::Status status) { fetched.set_value(std::move(status)); });
  return fetched.get_future().get();
}

class KeysFromServerTest : public ::testing::Test {
 protected:
  KeysFromServerTest() { server_.SetJwks(SetOf({key_}).ToJson()); }

  FakeClock clock_;
  RecordingLog log_;
  const SigningKey key_ = NewKey();
  FakeAuthServer server_;
  std::shared_ptr<KeySource> keys_ = KeysFromServer(server_.channel(), {}, clock_, log_);
};

TEST_F(KeysFromServerTest, IsEmptyUntilTheFirstFetch) {
  EXPECT_TRUE(keys_->Current()->empty());
  ASSERT_TRUE(FetchNow(*keys_).ok());
  EXPECT_NE(keys_->Current()->Find(key_.kid()), nullptr);
}

TEST_F(KeysFromServerTest, AllWhoAskWhileAFetchRunsShareIt) {
  server_.HoldJwks(true);
  std::atomic<int> done{0};
  for (int i = 0; i < 50; ++i) {
    keys_->Fetch([&](const absl::Status& status) { done += status.ok() ? 1 : 100; });
  }
  server_.HoldJwks(false);
  EXPECT_TRUE(Eventually([&] { return done == 50; })) << done;
  EXPECT_EQ(server_.jwks_calls(), 1);
}

TEST_F(KeysFromServerTest, FetchesAtMostOncePerIntervalHoweverOftenAsked) {
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(FetchNow(*keys_).ok());
  EXPECT_EQ(server_.jwks_calls(), 1);
  clock_.Advance(absl::Milliseconds(999));
  ASSERT_TRUE(FetchNow(*keys_).ok());
  EXPECT_EQ(server_.jwks_calls(), 1);
  clock_.Advance(absl::Milliseconds(1));
  ASSERT_TRUE(FetchNow(*keys_).ok());
  EXPECT_EQ(server_.jwks_calls(), 2);
}

// Who asks in between is given the answer of before: it is as old as it is.
TEST_F(KeysFromServerTest, AnAnswerThatIsGivenAgainIsAsOldAsItsFetch) {
  EXPECT_EQ(keys_->SinceFetch(), absl::InfiniteDuration());
  ServerKeysOptions seldom;
  seldom.min_interval = absl::Seconds(10);
  keys_ = KeysFromServer(server_.channel(), seldom, clock_, log_);
  ASSERT_TRUE(FetchNow(*keys_).ok());
  EXPECT_EQ(keys_->SinceFetch(), absl::ZeroDuration());
  clock_.Advance(absl::Seconds(6));
  ASSERT_TRUE(FetchNow(*keys_).ok());
  EXPECT_EQ(keys_->SinceFetch(), absl::Seconds(6));
  server_.FailJwks();
  clock_.Advance(absl::Seconds(4));
  ASSERT_FALSE(FetchNow(*keys_).ok());
  EXPECT_EQ(keys_->SinceFetch(), absl::Seconds(10));
  server_.SetJwks(SetOf({key_}).ToJson());
  clock_.Advance(absl::Seconds(10));
  ASSERT_TRUE(FetchNow(*keys_).ok());
  EXPECT_EQ(keys_->SinceFetch(), absl::ZeroDuration());
}

TEST_F(KeysFromServerTest, TheSameKeysAreTheSamePointer) {
  ASSERT_TRUE(FetchNow(*keys_).ok());
  const auto before = keys_->Current();
  clock_.Advance(absl::Seconds(1));
  ASSERT_TRUE(FetchNow(*keys_).ok());
  EXPECT_EQ(keys_->Current(), before);
  server_.SetJwks(SetOf({key_, NewKey()}).ToJson());
  clock_.Advance(absl::Seconds(1));
  ASSERT_TRUE(FetchNow(*keys_).ok());
  EXPECT_NE(keys_->Current(), before);
}

TEST_F(KeysFromServerTest, KeepsItsKeysThroughFailuresForMaxAgeOnly) {
  ASSERT_TRUE(FetchNow(*keys_).ok());
  server_.FailJwks();
  clock_.Advance(absl::Hours(24));
  const absl::Status failed = FetchNow(*keys_);
  EXPECT_EQ(failed.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(failed), reason::kKeysUnavailable);
  EXPECT_FALSE(keys_->Current()->empty());
  clock_.Advance(absl::Nanoseconds(1));
  EXPECT_TRUE(keys_->Current()->empty());
  EXPECT_GE(log_.CountOf("keys.fetch_failed"), 1);
}

TEST_F(KeysFromServerTest, RefreshesByItselfFromHalfOfMaxAgeOn) {
  ASSERT_TRUE(FetchNow(*keys_).ok());
  clock_.Advance(absl::Hours(12));
  EXPECT_TRUE(Eventually([&] { return server_.jwks_calls() == 2; }));
  ASSERT_TRUE(FetchNow(*keys_).ok());  // that fetch has ended
  clock_.Advance(absl::Hours(24));
  EXPECT_FALSE(keys_->Current()->empty());
}

TEST_F(KeysFromServerTest, AnOfferMakesARefreshUnnecessary) {
  ASSERT_TRUE(FetchNow(*keys_).ok());
  for (int i = 0; i < 4; ++i) {
    clock_.Advance(absl::Hours(11));
    keys_->Offer(std::make_shared<const JwkSet>(SetOf({key_})));
  }
  EXPECT_FALSE(keys_->Current()->empty());
  EXPECT_EQ(server_.jwks_calls(), 1);
}

TEST_F(KeysFromServerTest, ARefreshThatFailedIsTriedAgain) {
  ASSERT_TRUE(FetchNow(*keys_).ok());
  server_.FailJwks();
  clock_.Advance(absl::Hours(12));
  ASSERT_TRUE(Eventually([&] { return log_.CountOf("keys.fetch_failed") == 1; }));
  server_.SetJwks(SetOf({key_}).ToJson());
  clock_.Advance(absl::Minutes(15));
  EXPECT_TRUE(Eventually([&] { return server_.jwks_calls() == 3; }));
}

TEST_F(KeysFromServerTest, WhatIsNoKeySetIsAFailureAndReplacesNothing) {
  ASSERT_TRUE(FetchNow(*keys_).ok());
  for (const char* json : {"", "{}", "[]", "{\"keys\":[]}", "{\"keys\":[],\"keys\":[]}"}) {
    server_.SetJwks(json);
    clock_.Advance(absl::Seconds(1));
    EXPECT_EQ(FetchNow(*keys_).code(), absl::StatusCode::kUnavailable) << json;
    EXPECT_NE(keys_->Current()->Find(key_.kid()), nullptr);
  }
}

TEST_F(KeysFromServerTest, AServerThatComesBackIsAskedAtOnceWhateverTheChannelsOwnPause) {
  const AwayServer away = MakeAwayServer();
  const auto keys = KeysFromServer(away.channel, {}, clock_, log_);
  EXPECT_FALSE(FetchNow(*keys).ok());
  FakeAuthServer back(away.port);
  back.SetJwks(SetOf({key_}).ToJson());
  EXPECT_TRUE(Eventually([&] {
    clock_.Advance(absl::Seconds(1));
    return FetchNow(*keys).ok();
  }));
}

TEST_F(KeysFromServerTest, TakesWhatTheFeedOffersButNothingEmpty) {
  EXPECT_TRUE(keys_->Offer(std::make_shared<const JwkSet>(SetOf({key_}))));
  EXPECT_NE(keys_->Current()->Find(key_.kid()), nullptr);
  EXPECT_FALSE(keys_->Offer(std::make_shared<const JwkSet>()));
  EXPECT_FALSE(keys_->Offer(nullptr));
  EXPECT_FALSE(keys_->Current()->empty());
}

TEST_F(KeysFromServerTest, DestroyedWhileAFetchRunsItAnswersAllAndReturnsPromptly) {
  server_.HoldJwks(true);
  std::atomic<int> failed{0};
  for (int i = 0; i < 3; ++i) {
    keys_->Fetch([&](const absl::Status& status) { failed += status.ok() ? 100 : 1; });
  }
  const absl::Duration start = SystemClock().Monotonic();
  keys_.reset();
  EXPECT_LT(SystemClock().Monotonic() - start, absl::Seconds(2));
  EXPECT_EQ(failed, 3);
}

TEST_F(KeysFromServerTest, ASharedKeyDoesNotComeThisWay) {
  const SigningKey shared = *SigningKey::Generate(Algorithm::kHs256);
  const std::string json = "{\"keys\":[" + std::string(shared.ToPrivateJwk().Reveal()) + "]}";
  server_.SetJwks(json);
  EXPECT_EQ(FetchNow(*keys_).code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(keys_->Offer(std::make_shared<const JwkSet>(*JwkSet::Parse(json))));
  EXPECT_TRUE(keys_->Current()->empty());
}

TEST_F(KeysFromServerTest, MayBeDestroyedFromItsOwnCallback) {
  std::promise<void> gone;
  keys_->Fetch([&](const absl::Status&) {
    keys_.reset();
    gone.set_value();
  });
  gone.get_future().get();
}

class KeysFromFileTest : public ::testing::Test {
 protected:
  KeysFromFileTest()
      : path_((std::filesystem::temp_directory_path() / RandomId("guard_keys_", FakeClock().Now()))
                  .string()) {}
  ~KeysFromFileTest() override { std::filesystem::remove(path_); }

  void Write(const std::string& text, mode_t mode = 0644) {
    std::ofstream(path_, std::ios::trunc) << text;
    chmod(path_.c_str(), mode);
  }

  RecordingLog log_;
  const std::string path_;
};

TEST_F(KeysFromFileTest, ReadsTheFileAtOnce) {
  const SigningKey key = NewKey();
  Write(SetOf({key}).ToJson());
  EXPECT_NE(KeysFromFile(path_, log_)->Current()->Find(key.kid()), nullptr);
}

TEST_F(KeysFromFileTest, ReadsAgainWhenAskedOnceASecond) {
  const SigningKey first = NewKey();
  const SigningKey second = NewKey();
  Write(SetOf({first}).ToJson());
  const auto keys = KeysFromFile(path_, log_);
  const auto before = keys->Current();
  Write(SetOf({first, second}).ToJson());
  EXPECT_TRUE(FetchNow(*keys).ok());
  EXPECT_EQ(keys->Current(), before);  // within the second
  EXPECT_TRUE(Eventually([&] {
    EXPECT_TRUE(FetchNow(*keys).ok());
    return keys->Current()->Find(second.kid()) != nullptr;
  }));
}

TEST_F(KeysFromFileTest, AMissingFileIsEmptyAndUnavailable) {
  const auto keys = KeysFromFile(path_, log_);
  EXPECT_TRUE(keys->Current()->empty());
  const absl::Status status = FetchNow(*keys);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(status), reason::kKeysUnavailable);
  EXPECT_EQ(log_.CountOf("keys.file_refused"), 1);
}

std::string SharedSetOf(const SigningKey& key) {
  return "{\"keys\":[" + std::string(key.ToPrivateJwk().Reveal()) + "]}";
}

TEST_F(KeysFromFileTest, ASharedKeyCountsOnlyWhereItIsAskedForAndNobodyElseReadsIt) {
  const SigningKey shared = *SigningKey::Generate(Algorithm::kHs256);
  Write(SharedSetOf(shared), 0600);
  EXPECT_TRUE(KeysFromFile(path_, log_)->Current()->empty());
  EXPECT_NE(KeysFromFileWithSharedKeys(path_, log_)->Current()->Find(shared.kid()), nullptr);
  for (const mode_t mode : {0640u, 0604u, 0620u}) {
    Write(SharedSetOf(shared), mode);
    EXPECT_TRUE(KeysFromFileWithSharedKeys(path_, log_)->Current()->empty()) << mode;
  }
}

TEST_F(KeysFromFileTest, AKeyThatIsTakenOutOfTheFileIsTrustedNoMoreThoughNobodyAsks) {
  const SigningKey first = *SigningKey::Generate(Algorithm::kHs256);
  const SigningKey second = *SigningKey::Generate(Algorithm::kHs256);
  Write(SharedSetOf(first), 0600);
  const auto keys = KeysFromFileWithSharedKeys(path_, log_);
  ASSERT_NE(keys->Current()->Find(first.kid()), nullptr);
  const std::string next = path_ + ".next";
  std::ofstream(next) << SharedSetOf(second);
  chmod(next.c_str(), 0600);
  std::filesystem::rename(next, path_);
  EXPECT_TRUE(Eventually([&] { return keys->Current()->Find(second.kid()) != nullptr; }));
  EXPECT_EQ(keys->Current()->Find(first.kid()), nullptr);
}

TEST_F(KeysFromFileTest, AFileThatIsSpoiledLaterChangesNothing) {
  const SigningKey key = NewKey();
  Write(SetOf({key}).ToJson());
  const auto keys = KeysFromFile(path_, log_);
  const auto before = keys->Current();
  Write("{");
  EXPECT_TRUE(Eventually([&] { return log_.CountOf("keys.file_refused") >= 1; }));
  EXPECT_EQ(keys->Current(), before);
}

TEST(KeysInHand, AreTheseForEver) {
  const SigningKey key = NewKey();
  const auto keys = KeysInHand(SetOf({key}));
  const auto before = keys->Current();
  EXPECT_TRUE(FetchNow(*keys).ok());
  EXPECT_FALSE(keys->Offer(std::make_shared<const JwkSet>(SetOf({NewKey()}))));
  EXPECT_EQ(keys->Current(), before);
}

}  // namespace
}  // namespace tessera::testing
