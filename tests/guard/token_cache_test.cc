#include "tessera/guard/token_cache.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tests/guard/world.h"

namespace tessera::guard {
namespace {

using namespace tessera::testing;  // NOLINT: a test of one room

class TokenCacheTest : public ::testing::Test {
 protected:
  std::string NewToken() {
    Claims claims = ClaimsFor("usr_" + std::to_string(made_++), now_);
    claims.roles = {"echo.admin", "echo.user"};
    return Sign(claims, key_);
  }
  std::shared_ptr<const KnownToken> Know(const std::string& token) const {
    auto verified = verifier_.Verify(token, *keys_, now_);
    return std::make_shared<const KnownToken>(*std::move(verified), keys_);
  }
  // Admitted and claimed: only the cache keeps it.
  std::string Put(TokenCache& cache) {
    std::string token = NewToken();
    cache.Admit(token, Know(token), &method_);
    EXPECT_NE(cache.TakeAdmitted(token, &method_), nullptr);
    return token;
  }
  size_t BytesWith(const std::string& token) const {
    TokenCache cache(1 << 20);
    cache.Keep(token, Know(token));
    return cache.totals().bytes;
  }

  const absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  const int method_ = 0;
  const int other_method_ = 0;
  // The fastest to sign: nothing here depends on the algorithm.
  const SigningKey key_ = *SigningKey::Generate(Algorithm::kHs256);
  const std::shared_ptr<const JwkSet> keys_ = std::make_shared<const JwkSet>(SetOf({key_}));
  const TokenVerifier verifier_ =
      *TokenVerifier::Create({kIssuer, std::string(kAudience), absl::Seconds(5)});
  int made_ = 0;
};

TEST_F(TokenCacheTest, FindsTheWholeTokenOnly) {
  TokenCache cache(1 << 20);
  const std::string token = Put(cache);
  ASSERT_NE(cache.Find(token), nullptr);
  EXPECT_EQ(cache.Find(token)->token.claims().subject, "usr_0");
  EXPECT_EQ(cache.Find(token.substr(0, token.size() - 1)), nullptr);
  EXPECT_EQ(cache.Find("x" + token.substr(1)), nullptr);  // same signature, another header
  EXPECT_EQ(cache.Find(""), nullptr);
}

TEST_F(TokenCacheTest, WhatIsKeptIsFoundButAdmittedNowhere) {
  TokenCache cache(1 << 20);
  const std::string token = NewToken();
  const auto first = Know(token), second = Know(token);
  cache.Keep(token, first);
  EXPECT_EQ(cache.Find(token), first);
  EXPECT_EQ(cache.TakeAdmitted(token, &method_), nullptr);
  cache.Keep(token, second);
  EXPECT_EQ(cache.Find(token), second);
  EXPECT_EQ(cache.totals().tokens, 1u);
}

TEST_F(TokenCacheTest, WhatIsKeptStaysWithinTheBytes) {
  constexpr size_t kBytes = 256 * 1024;
  TokenCache cache(kBytes);
  for (int i = 0; i < 2000; ++i) {
    const std::string token = NewToken();
    cache.Keep(token, Know(token));
  }
  EXPECT_LE(cache.totals().bytes, kBytes);
  EXPECT_GT(cache.totals().tokens, 20u);
}

TEST_F(TokenCacheTest, StaysWithinItsBytes) {
  constexpr size_t kBytes = 256 * 1024;
  TokenCache cache(kBytes);
  for (int i = 0; i < 2000; ++i) Put(cache);
  EXPECT_LE(cache.totals().bytes, kBytes);
  EXPECT_GT(cache.totals().tokens, 20u);
  EXPECT_LT(cache.totals().tokens, 500u);
}

// Else a few tokens with much in them would take many times the bytes that the cache may have.
TEST_F(TokenCacheTest, EverythingThatATokenSaysIsCounted) {
  const std::string text(100, 'x');
  const std::vector<std::function<void(Claims&)>> sayings = {
      [&](Claims& claims) { claims.extra["ext"] = text; },
      [&](Claims& claims) { claims.amr = {text}; },
      [&](Claims& claims) { claims.acr = text; },
      [&](Claims& claims) { claims.roles.push_back(text); },
      [&](Claims& claims) { claims.groups = {text}; },
      [&](Claims& claims) { claims.scopes = {text}; },
      [&](Claims& claims) {
        claims.actors.push_back({"svc_" + text, 1});
      },
      [&](Claims& claims) { claims.parent_tokens = {TokenId("tok_" + text)}; }};
  for (size_t i = 0; i < sayings.size(); ++i) {
    const Claims plain = ClaimsFor("usr_a", now_);
    Claims full = plain;
    sayings[i](full);
    const std::string shorter = Sign(plain, key_), longer = Sign(full, key_);
    // By what the token's own text adds, and twice by what it says: in the verified token and in
    // the principal.
    EXPECT_GE(BytesWith(longer),
              BytesWith(shorter) + longer.size() - shorter.size() + 2 * text.size())
        << i;
  }
}

TEST_F(TokenCacheTest, TheLeastRecentlyUsedGoFirst) {
  TokenCache cache(256 * 1024);
  const std::string kept = Put(cache);
  const std::string dropped = Put(cache);
  for (int i = 0; i < 2000; ++i) {
    Put(cache);
    ASSERT_NE(cache.Find(kept), nullptr);
  }
  EXPECT_EQ(cache.Find(dropped), nullptr);
}

TEST_F(TokenCacheTest, AnAdmissionOnItsWayOutlivesEviction) {
  TokenCache cache(0);
  const std::string token = NewToken();
  cache.Admit(token, Know(token), &method_);
  for (int i = 0; i < 200; ++i) Put(cache);
  EXPECT_EQ(cache.totals().tokens, 1u);
  ASSERT_NE(cache.TakeAdmitted(token, &method_), nullptr);
  EXPECT_EQ(cache.totals().tokens, 0u);
  EXPECT_EQ(cache.totals().bytes, 0u);
}

TEST_F(TokenCacheTest, AnAdmissionIsForItsMethodAndCountsOnce) {
  TokenCache cache(1 << 20);
  const std::string token = NewToken();
  cache.Admit(token, Know(token), &method_);
  cache.Admit(token, Know(token), &method_);
  EXPECT_EQ(cache.TakeAdmitted(token, &other_method_), nullptr);
  EXPECT_NE(cache.TakeAdmitted(token, &method_), nullptr);
  EXPECT_NE(cache.TakeAdmitted(token, &method_), nullptr);
  EXPECT_EQ(cache.TakeAdmitted(token, &method_), nullptr);
}

TEST_F(TokenCacheTest, ForgettingSparesWhatIsOnItsWay) {
  TokenCache cache(1 << 20);
  const std::string token = NewToken();
  cache.Admit(token, Know(token), &method_);
  cache.Forget(token);
  EXPECT_NE(cache.TakeAdmitted(token, &method_), nullptr);
  cache.Forget(token);
  EXPECT_EQ(cache.Find(token), nullptr);
}

TEST_F(TokenCacheTest, AnAdmissionStaysHoweverManyOthersComeAndGoMeanwhile) {
  TokenCache cache(0);
  std::vector<std::string> waiting;
  for (int i = 0; i < 100; ++i) {
    waiting.push_back(NewToken());
    cache.Admit(waiting.back(), Know(waiting.back()), &method_);
  }
  for (int i = 0; i < 1000; ++i) Put(cache);
  EXPECT_EQ(cache.totals().tokens, waiting.size());
  for (const std::string& token : waiting) EXPECT_NE(cache.TakeAdmitted(token, &method_), nullptr);
}

TEST_F(TokenCacheTest, AdmissionsThatNobodyTakesLeaveTheCacheItsBytes) {
  TokenCache cache(1 << 20);
  for (int i = 0; i < 1000; ++i) {
    const std::string token = NewToken();
    cache.Admit(token, Know(token), &method_);
  }
  const std::string kept = Put(cache);
  for (int i = 0; i < 5; ++i) Put(cache);
  EXPECT_NE(cache.Find(kept), nullptr);
}

TEST_F(TokenCacheTest, WhatIsOnItsWayIsBoundedToo) {
  TokenCache cache(0);
  Claims claims = ClaimsFor("usr", now_);
  for (int i = 0; i < 300; ++i) claims.roles.push_back("r" + std::to_string(i));
  size_t most = 0;
  for (int i = 0; i < 1500; ++i) {
    claims.subject = "usr_" + std::to_string(i);
    const std::string token = Sign(claims, key_);
    cache.Admit(token, Know(token), &method_);
    most = std::max(most, cache.totals().bytes);
  }
  EXPECT_LE(most, TokenCache::kOnTheWayBytes);
  EXPECT_GT(most, TokenCache::kOnTheWayBytes / 2);
}

TEST_F(TokenCacheTest, ManyThreadsLoseNoAdmission) {
  TokenCache cache(64 * 1024);
  std::vector<std::pair<std::string, std::shared_ptr<const KnownToken>>> tokens;
  for (int i = 0; i < 64; ++i) {
    const std::string token = NewToken();
    tokens.emplace_back(token, Know(token));
  }
  std::atomic<int> lost{0};
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < 2000; ++i) {
        const auto& [token, known] = tokens[(i * 7 + t) % tokens.size()];
        cache.Find(token);
        cache.Admit(token, known, &method_);
        const auto taken = cache.TakeAdmitted(token, &method_);
        if (taken == nullptr || taken->token.claims().subject != known->token.claims().subject) {
          ++lost;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(lost, 0);
}

}  // namespace
}  // namespace tessera::guard
