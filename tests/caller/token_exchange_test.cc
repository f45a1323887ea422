// The keeping of exchanged tokens, with a source whose answers the test gives.
#include "tessera/caller/token_exchange.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tessera/base/reason.h"
#include "tests/base/fake_clock.h"

namespace tessera {
namespace {

constexpr absl::Duration kLife = absl::Minutes(15);

struct Asked {
  std::string subject;
  ExchangeSource::Done done;
};

class HandSource final : public ExchangeSource {
 public:
  explicit HandSource(std::deque<Asked>& asked) : asked_(asked) {}
  void Ask(const ExchangeWish& wish, Done done) override {
    asked_.push_back({std::string(wish.subject->access_token.Reveal()), std::move(done)});
  }
  absl::Status LastFailure() const override { return absl::OkStatus(); }
  void Close() override { asked_.clear(); }

 private:
  std::deque<Asked>& asked_;
};

class Waiter final : public TokenWaiter {
 public:
  void Answer(TokenResult result) override {
    EXPECT_EQ(text, "waiting") << "answered twice";
    text = TextOf(result);
  }
  static std::string TextOf(const TokenResult& result) {
    return result.ok() ? std::string((*result)->text.Reveal()) : ReasonOf(result.status());
  }
  std::string text = "waiting";
};

class TokenExchangeTest : public ::testing::Test {
 protected:
  ~TokenExchangeTest() override { exchange_->Close(); }

  std::shared_ptr<TokenSupply> SupplyOf(const std::string& subject,
                                        absl::Duration life = absl::Hours(1)) {
    return exchange_->SupplyFor(
        {std::make_shared<const KeptToken>(KeptToken{Secret(subject), clock_.Now() + life}),
         {"billing"}});
  }
  // What a call would have now: a token, a reason, or `waiting`.
  std::string Get(const std::string& subject) {
    waiter_ = std::make_shared<Waiter>();
    const auto now = SupplyOf(subject)->CurrentOrWait(waiter_);
    return now.has_value() ? Waiter::TextOf(*now) : waiter_->text;
  }
  // Answers the request for this subject's token.
  void Grant(const std::string& subject) {
    tessera::Grant grant;
    grant.access_token = Secret("for-" + subject);
    grant.access_expires_at = clock_.Now() + kLife;
    Answer(subject, std::move(grant));
  }
  void Answer(const std::string& subject, absl::StatusOr<tessera::Grant> result) {
    const auto found = std::find_if(asked_.begin(), asked_.end(),
                                    [&](const Asked& asked) { return asked.subject == subject; });
    ASSERT_NE(found, asked_.end());
    const ExchangeSource::Done done = std::move(found->done);
    asked_.erase(found);
    done(std::move(result));
  }
  void Exchange(const std::string& subject) {
    ASSERT_EQ(Get(subject), "waiting");
    Grant(subject);
    ASSERT_EQ(waiter_->text, "for-" + subject);
  }

  testing::FakeClock clock_;
  std::deque<Asked> asked_;
  std::shared_ptr<TokenExchange> exchange_ = std::make_shared<TokenExchange>(
      std::make_unique<HandSource>(asked_), TokenExchange::Limits{4, 3}, clock_, NoLog());
  std::shared_ptr<Waiter> waiter_;
};

TEST_F(TokenExchangeTest, AllWhoWantTheSameTokenShareOneRequest) {
  std::vector<std::shared_ptr<Waiter>> waiters;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(Get("alice"), "waiting");
    waiters.push_back(waiter_);
  }
  ASSERT_EQ(asked_.size(), 1U);
  Grant("alice");
  for (const auto& waiter : waiters) EXPECT_EQ(waiter->text, "for-alice");
  EXPECT_EQ(Get("alice"), "for-alice");
  EXPECT_TRUE(asked_.empty());
}

TEST_F(TokenExchangeTest, OneSubjectNeverGetsAnothersToken) {
  Exchange("alice");
  EXPECT_EQ(Get("alice2"), "waiting");
  EXPECT_EQ(Get("alic"), "waiting");
  ASSERT_EQ(asked_.size(), 2U);
  EXPECT_EQ(asked_[0].subject, "alice2");
  EXPECT_EQ(asked_[1].subject, "alic");
}

// `a` and `bc` are not `ab` and `c`.
TEST_F(TokenExchangeTest, AudienceAndScopesAreNotConfused) {
  const auto kept =
      std::make_shared<const KeptToken>(KeptToken{Secret("alice"), clock_.Now() + absl::Hours(1)});
  std::vector<tessera::Exchange> exchanges = {
      {"ab", {"c"}}, {"a", {"bc"}}, {"abc", {}}, {"ab1:c", {}}};
  exchanges.resize(3);  // as many as may be under way
  for (const tessera::Exchange& exchange : exchanges) {
    EXPECT_FALSE(exchange_->SupplyFor({kept, exchange})
                     ->CurrentOrWait(std::make_shared<Waiter>())
                     .has_value());
  }
  EXPECT_EQ(asked_.size(), exchanges.size());
}

TEST_F(TokenExchangeTest, TheTokenUsedLongestAgoMakesRoom) {
  for (const char* subject : {"a", "b", "c", "d"}) Exchange(subject);
  EXPECT_EQ(Get("a"), "for-a");  // used again
  Exchange("e");
  EXPECT_EQ(Get("a"), "for-a");
  EXPECT_EQ(Get("b"), "waiting");
}

TEST_F(TokenExchangeTest, WhatIsUnderWayIsBoundedAndIsNotPushedOut) {
  for (const char* subject : {"a", "b", "c"}) EXPECT_EQ(Get(subject), "waiting");
  const auto last = waiter_;
  EXPECT_EQ(Get("d"), "OVERLOADED");
  EXPECT_EQ(asked_.size(), 3U);
  EXPECT_EQ(Get("c"), "waiting") << "joins what is under way";
  Grant("a");
  Exchange("d");
  Exchange("e");  // makes a, the only one that is not under way but d, go
  Grant("b");
  Grant("c");
  EXPECT_EQ(last->text, "for-c");
}

TEST_F(TokenExchangeTest, ATokenEndsWithItsLifeAndWithItsSubjects) {
  ASSERT_EQ(Get("alice"), "waiting");
  Grant("alice");
  const auto briefly = SupplyOf("bob", absl::Minutes(5));
  waiter_ = std::make_shared<Waiter>();
  ASSERT_FALSE(briefly->CurrentOrWait(waiter_).has_value());
  Grant("bob");
  ASSERT_EQ(Waiter::TextOf(*briefly->Current()), "for-bob");
  clock_.Advance(absl::Minutes(5) - absl::Nanoseconds(1));
  EXPECT_EQ(Waiter::TextOf(*briefly->Current()), "for-bob");
  clock_.Advance(absl::Nanoseconds(1));
  EXPECT_EQ(Waiter::TextOf(*briefly->Current()), "TOKEN_EXPIRED");
  EXPECT_EQ(Get("alice"), "for-alice");
  clock_.Advance(kLife - absl::Minutes(5));
  EXPECT_EQ(Get("alice"), "waiting");
}

TEST_F(TokenExchangeTest, ARefusalIsRememberedForASecondAndAnOutageNotAtAll) {
  ASSERT_EQ(Get("alice"), "waiting");
  Answer("alice", Refusal(absl::StatusCode::kFailedPrecondition, reason::kNotAllowed, "no"));
  EXPECT_EQ(waiter_->text, "NOT_ALLOWED");
  EXPECT_EQ(Get("alice"), "NOT_ALLOWED");
  clock_.Advance(TokenExchange::kRefusalPause);
  ASSERT_EQ(Get("alice"), "waiting");
  Answer("alice", Refusal(absl::StatusCode::kUnavailable, reason::kStorageUnavailable, "away"));
  EXPECT_EQ(waiter_->text, "STORAGE_UNAVAILABLE");
  EXPECT_EQ(Get("alice"), "waiting");
}

TEST_F(TokenExchangeTest, ATokenThatIsRefusedAgainAndAgainIsReplacedOnceASecond) {
  Exchange("alice");
  SupplyOf("alice")->Refused(99);  // an older or another one
  EXPECT_EQ(Get("alice"), "for-alice");
  SupplyOf("alice")->Refused(1);
  Exchange("alice");
  SupplyOf("alice")->Refused(2);
  EXPECT_EQ(Get("alice"), "for-alice");
  clock_.Advance(TokenExchange::kDropPause);
  SupplyOf("alice")->Refused(2);
  EXPECT_EQ(Get("alice"), "waiting");
}

TEST_F(TokenExchangeTest, AForgottenWaiterIsNotAnsweredAndTheTokenIsKept) {
  ASSERT_EQ(Get("alice"), "waiting");
  SupplyOf("alice")->Forget(*waiter_);
  Grant("alice");
  EXPECT_EQ(waiter_->text, "waiting");
  EXPECT_EQ(Get("alice"), "for-alice");
}

TEST_F(TokenExchangeTest, ClosingAnswersAllWhoWaitAndAllWhoComeLater) {
  ASSERT_EQ(Get("alice"), "waiting");
  const auto supply = SupplyOf("alice");
  exchange_->Close();
  EXPECT_EQ(waiter_->text, "CALLER_CLOSED");
  EXPECT_EQ(Waiter::TextOf(*supply->Current()), "CALLER_CLOSED");
  EXPECT_EQ(Get("bob"), "CALLER_CLOSED");
}

}  // namespace
}  // namespace tessera
