// A token keeper whose clock and source the test holds.
#ifndef TESSERA_TESTS_CALLER_KEEPER_ROOM_H_
#define TESSERA_TESTS_CALLER_KEEPER_ROOM_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tessera/base/mutex.h"
#include "tessera/base/reason.h"
#include "tessera/caller/caller.h"
#include "tessera/caller/token_keeper.h"
#include "tests/base/fake_clock.h"

namespace tessera {

inline constexpr absl::Duration kLife = absl::Minutes(15);
inline constexpr absl::Duration kSoon =
    absl::Seconds(10);  // real time; only a broken build waits it out

// A source whose requests the test answers.
class HandSource final : public GrantSource {
 public:
  struct Asked {
    std::string what;  // `login`, `renew refresh-1` ...
    GrantDone grant;
    Done done;
  };

  void Login(GrantDone done) override { Add({"login", std::move(done), nullptr}); }
  void Renew(const Grant& held, GrantDone done) override {
    Add({absl::StrCat("renew ", std::string(held.refresh_token.Reveal()), " ",
                      std::string(held.access_token.Reveal())),
         std::move(done), nullptr});
  }
  void Logout(const Secret& token, Done done) override {
    Add({"logout " + std::string(token.Reveal()), nullptr, std::move(done)});
  }
  void Close() override {}

  // The next request; `nothing` if none comes.
  Asked Next(absl::Duration limit = kSoon) {
    const absl::Duration end = SystemClock().Monotonic() + limit;
    MutexLock lock(mu_);
    while (asked_.empty()) {
      const absl::Duration left = end - SystemClock().Monotonic();
      if (left <= absl::ZeroDuration()) return {"nothing", nullptr, nullptr};
      changed_.WaitFor(mu_, left);
    }
    Asked asked = std::move(asked_.front());
    asked_.pop_front();
    return asked;
  }

 private:
  void Add(Asked asked) {
    MutexLock lock(mu_);
    asked_.push_back(std::move(asked));
    changed_.NotifyAll();
  }

  Mutex mu_;
  CondVar changed_;
  std::deque<Asked> asked_ ABSL_GUARDED_BY(mu_);
};

// A waiter that the test asks for its answer.
class HandWaiter final : public TokenWaiter {
 public:
  void Answer(TokenResult result) override {
    MutexLock lock(mu_);
    EXPECT_FALSE(result_.has_value()) << "answered twice";
    result_ = std::move(result);
  }
  std::string text() {
    MutexLock lock(mu_);
    if (!result_.has_value()) return "waiting";
    return result_->ok() ? std::string((**result_)->text.Reveal())
                         : std::string(result_->status().message());
  }

 private:
  Mutex mu_;
  std::optional<TokenResult> result_ ABSL_GUARDED_BY(mu_);
};

inline absl::Status Away() {
  return Refusal(absl::StatusCode::kUnavailable, reason::kAuthServerUnavailable, "away");
}
inline absl::Status Wrong() {
  return Refusal(absl::StatusCode::kUnauthenticated, reason::kBadCredentials, "wrong");
}
inline absl::Status Ended() {
  return Refusal(absl::StatusCode::kUnauthenticated, reason::kSessionEnded, "ended");
}

class KeeperRoom : public ::testing::Test {
 protected:
  KeeperRoom() {
    auto source = std::make_unique<HandSource>();
    source_ = source.get();
    TokenKeeperOptions options;
    options.clock = &clock_;
    options.request_timeout = kSoon;
    keeper_ = TokenKeeper::Start(std::move(source), options);
  }
  ~KeeperRoom() override { keeper_->Close(); }

  Grant GrantOf(int n) {
    Grant grant;
    grant.access_token = Secret(absl::StrCat("access-", n));
    grant.refresh_token = Secret(absl::StrCat("refresh-", n));
    grant.access_expires_at = clock_.Now() + kLife;
    return grant;
  }
  // What a call gets now, or `waiting`.
  std::string Now() {
    const auto now = keeper_->Current();
    if (!now.has_value()) return "waiting";
    return now->ok() ? std::string((**now)->text.Reveal()) : std::string(now->status().message());
  }
  uint64_t Serial() { return (*keeper_->Current().value())->serial; }
  std::shared_ptr<HandWaiter> Wait() {
    auto waiter = std::make_shared<HandWaiter>();
    EXPECT_FALSE(keeper_->CurrentOrWait(waiter).has_value());
    return waiter;
  }
  void LogIn() {
    Wait();
    auto login = source_->Next();
    ASSERT_EQ(login.what, "login");
    login.grant(GrantOf(1));
    ASSERT_EQ(Now(), "access-1");
  }
  // The fake clock goes on, and the keeper notices.
  void Advance(absl::Duration step) {
    clock_.Advance(step);
    keeper_->LookAgain();
  }
  // Nothing is asked: given long enough for a keeper that would ask.
  void ExpectQuiet() { EXPECT_EQ(source_->Next(absl::Milliseconds(50)).what, "nothing"); }

  testing::FakeClock clock_;
  HandSource* source_ = nullptr;
  std::shared_ptr<TokenKeeper> keeper_;
};

}  // namespace tessera

#endif  // TESSERA_TESTS_CALLER_KEEPER_ROOM_H_
