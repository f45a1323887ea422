// How the keys of a foreign issuer are kept.
#include "server/auth/refreshed_keys.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <string>
#include <vector>

#include "tessera/base/reason.h"
#include "tests/base/fake_clock.h"
#include "tests/base/recording_log.h"
#include "tests/token/token_fixture.h"

namespace tessera::server {
namespace {

using testing::KeyOf;
using testing::SetOf;

// An issuer that answers when it is let.
class Issuer {
 public:
  RefreshedKeys::Loader loader() {
    return [this](const RefreshedKeys::Stop& stop) { return Load(stop); };
  }
  void Publish(absl::StatusOr<std::string> answer) {
    MutexLock lock(mu_);
    answer_ = std::move(answer);
  }
  void Stall(bool stalled) {
    MutexLock lock(mu_);
    stalled_ = stalled;
    changed_.NotifyAll();
  }
  int loads() const {
    MutexLock lock(mu_);
    return loads_;
  }
  void AwaitLoads(int count) {
    MutexLock lock(mu_);
    while (loads_ < count) changed_.Wait(mu_);
  }

 private:
  absl::StatusOr<std::string> Load(const RefreshedKeys::Stop& stop) {
    MutexLock lock(mu_);
    ++loads_;
    changed_.NotifyAll();
    while (stalled_ && !stop()) changed_.WaitFor(mu_, absl::Milliseconds(20));
    return answer_;
  }

  mutable Mutex mu_;
  CondVar changed_;
  absl::StatusOr<std::string> answer_ ABSL_GUARDED_BY(mu_) =
      SetOf(KeyOf(Algorithm::kEs256)).ToJson();
  bool stalled_ ABSL_GUARDED_BY(mu_) = false;
  int loads_ ABSL_GUARDED_BY(mu_) = 0;
};

class RefreshedKeysTest : public ::testing::Test {
 protected:
  std::unique_ptr<RefreshedKeys> Open() {
    return std::make_unique<RefreshedKeys>(options_, issuer_.loader(), clock_, log_);
  }
  static absl::Status FetchAndWait(RefreshedKeys& keys) {
    std::promise<absl::Status> answer;
    keys.Fetch([&](absl::Status status) { answer.set_value(std::move(status)); });
    return answer.get_future().get();
  }
  static bool Has(const RefreshedKeys& keys, Algorithm algorithm) {
    return keys.Current()->Find(KeyOf(algorithm).kid()) != nullptr;
  }

  // By itself it loads only when a test moves the clock.
  RefreshedKeys::Options options_{absl::Hours(1), absl::Seconds(10), absl::Hours(24)};
  testing::FakeClock clock_;
  testing::RecordingLog log_;
  Issuer issuer_;
};

TEST_F(RefreshedKeysTest, LoadsAtOnceByItself) {
  const auto keys = Open();
  issuer_.AwaitLoads(1);
  EXPECT_TRUE(FetchAndWait(*keys).ok());
  EXPECT_TRUE(Has(*keys, Algorithm::kEs256));
}

TEST_F(RefreshedKeysTest, ADemandWithinTheIntervalGetsTheLastAnswer) {
  const auto keys = Open();
  ASSERT_TRUE(FetchAndWait(*keys).ok());
  issuer_.Publish(SetOf(KeyOf(Algorithm::kEdDsa)).ToJson());
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(FetchAndWait(*keys).ok());
  EXPECT_EQ(issuer_.loads(), 1);
  EXPECT_FALSE(Has(*keys, Algorithm::kEdDsa));
  clock_.Advance(options_.min_interval);
  EXPECT_TRUE(FetchAndWait(*keys).ok());
  EXPECT_EQ(issuer_.loads(), 2);
  EXPECT_TRUE(Has(*keys, Algorithm::kEdDsa));
}

TEST_F(RefreshedKeysTest, AllWhoWaitShareOneLoad) {
  issuer_.Stall(true);
  const auto keys = Open();
  std::vector<std::future<absl::Status>> answers;
  for (int i = 0; i < 200; ++i) {
    auto answer = std::make_shared<std::promise<absl::Status>>();
    answers.push_back(answer->get_future());
    keys->Fetch([answer](absl::Status status) { answer->set_value(std::move(status)); });
  }
  issuer_.Stall(false);
  for (auto& answer : answers) EXPECT_TRUE(answer.get().ok());
  EXPECT_EQ(issuer_.loads(), 1);
}

TEST_F(RefreshedKeysTest, AKeyThatTheIssuerTookBackEnds) {
  const auto keys = Open();
  ASSERT_TRUE(FetchAndWait(*keys).ok());
  issuer_.Publish(SetOf(KeyOf(Algorithm::kEdDsa)).ToJson());
  clock_.Advance(options_.min_interval);
  ASSERT_TRUE(FetchAndWait(*keys).ok());
  EXPECT_FALSE(Has(*keys, Algorithm::kEs256));
}

TEST_F(RefreshedKeysTest, KeysStayThroughFailuresForMaxAgeAndNoLonger) {
  const auto keys = Open();
  ASSERT_TRUE(FetchAndWait(*keys).ok());
  for (const auto& answer : std::vector<absl::StatusOr<std::string>>{
           absl::UnavailableError("away"), std::string("no JSON"), std::string("{\"keys\":[]}"),
           std::string("{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}")}) {
    issuer_.Publish(answer);
    clock_.Advance(absl::Hours(1));
    const absl::Status failed = FetchAndWait(*keys);
    EXPECT_EQ(ReasonOf(failed), reason::kKeysUnavailable);
    EXPECT_TRUE(Has(*keys, Algorithm::kEs256));
  }
  clock_.Advance(absl::Hours(20));
  EXPECT_TRUE(Has(*keys, Algorithm::kEs256));
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(keys->Current()->empty());
}

TEST_F(RefreshedKeysTest, RefreshesByItself) {
  const auto keys = Open();
  ASSERT_TRUE(FetchAndWait(*keys).ok());
  clock_.Advance(options_.refresh_every);
  issuer_.AwaitLoads(2);  // the thread looks at the clock once a second
}

TEST_F(RefreshedKeysTest, AFailureIsTriedAgainSoon) {
  issuer_.Publish(absl::UnavailableError("away"));
  const auto keys = Open();
  ASSERT_FALSE(FetchAndWait(*keys).ok());
  issuer_.Publish(SetOf(KeyOf(Algorithm::kEs256)).ToJson());
  clock_.Advance(options_.min_interval);
  issuer_.AwaitLoads(2);
}

TEST_F(RefreshedKeysTest, TheSamePointerWhileTheKeysAreTheSame) {
  const auto keys = Open();
  ASSERT_TRUE(FetchAndWait(*keys).ok());
  const auto before = keys->Current();
  clock_.Advance(options_.min_interval);
  ASSERT_TRUE(FetchAndWait(*keys).ok());
  EXPECT_EQ(keys->Current(), before);
}

TEST_F(RefreshedKeysTest, EndsWhileTheIssuerHangsAndAnswersWhoWaits) {
  issuer_.Stall(true);
  auto keys = Open();
  std::promise<absl::Status> answer;
  keys->Fetch([&](absl::Status status) { answer.set_value(std::move(status)); });
  issuer_.AwaitLoads(1);
  keys.reset();
  const absl::Status told = answer.get_future().get();
  EXPECT_TRUE(told.ok() || ReasonOf(told) == reason::kKeysUnavailable);
}

}  // namespace
}  // namespace tessera::server
