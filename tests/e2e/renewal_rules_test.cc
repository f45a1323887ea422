// The rules of renewal, and tokens in cookies, with real processes: on SQLite with one server, on
// MariaDB with two, of which the one logs in and the other renews.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tessera/caller/reason.h"
#include "tests/e2e/calls.h"
#include "tests/e2e/servers.h"

namespace tessera::testing {
namespace {

using ::testing::Contains;

constexpr char kPassword[] = "a password of ada's";
constexpr char kOrigin[] = "https://app.example.test";
constexpr char kAccess[] = "__Host-tessera-access";
constexpr char kRefresh[] = "__Host-tessera-refresh";

class RenewalRules : public Servers {
 protected:
  // All replicas with the same rules.
  void Start(const std::vector<std::string>& rules) {
    ASSERT_NO_FATAL_FAILURE(StartServers(rules));
    here().AddUser("ada", kPassword);
    here_auth_ = here().Auth();
    there_auth_ = there().Auth();
  }
  SharedClock& clock() { return here().clock(); }

  v1::TokenGrant Login() { return here().Login("ada", kPassword); }
  // At the other replica; the reason of the refusal, or empty.
  std::string Renew(const std::string& refresh, const std::string& access) {
    v1::RenewTokenRequest request;
    request.set_refresh_token(refresh);
    request.set_access_token(access);
    v1::RenewTokenResponse response;
    status_ = there_auth_->RenewToken(ContextWith({}).get(), request, &response);
    renewed_ = response.grant();
    return ReasonOf(status_);
  }

  std::unique_ptr<v1::AuthService::Stub> here_auth_, there_auth_;
  grpc::Status status_;
  v1::TokenGrant renewed_;
};

INSTANTIATE_TEST_SUITE_P(On, RenewalRules, BothEngines(), EngineName);

TEST_P(RenewalRules, TheAccessTokenOfTheSameGenerationIsAskedForExpiredOrNot) {
  ASSERT_NO_FATAL_FAILURE(Start({"TESSERA_TOKENS_RENEWAL_NEEDS_ACCESS_TOKEN=true"}));
  const v1::TokenGrant first = Login();
  clock().Advance(absl::Minutes(20));
  ASSERT_EQ(Renew(first.refresh_token(), first.access_token()), "");
  const v1::TokenGrant second = renewed_;
  ASSERT_EQ(Renew(first.refresh_token(), first.access_token()), "") << "the answer was lost";
  EXPECT_EQ(renewed_.refresh_token(), second.refresh_token());
  ASSERT_EQ(Renew(second.refresh_token(), second.access_token()), "");
}

// The attack: whoever stole the refresh token alone shows it alone.
TEST_P(RenewalRules, ARefreshTokenWithoutItsAccessTokenEndsTheSessionEverywhere) {
  ASSERT_NO_FATAL_FAILURE(Start({"TESSERA_TOKENS_RENEWAL_NEEDS_ACCESS_TOKEN=true"}));
  const v1::TokenGrant stolen = Login();
  EXPECT_EQ(Renew(stolen.refresh_token(), ""), "REFRESH_REUSED");
  EXPECT_EQ(Renew(stolen.refresh_token(), stolen.access_token()), "SESSION_ENDED");
  EXPECT_TRUE(Within(
      kSoon, [&] { return Verdict(*here_auth_, stolen.access_token()) == "TOKEN_REVOKED"; }));
}

// Or with an access token of his own.
TEST_P(RenewalRules, ARefreshTokenWithAnotherAccessTokenEndsTheSessionEverywhere) {
  ASSERT_NO_FATAL_FAILURE(Start({"TESSERA_TOKENS_RENEWAL_NEEDS_ACCESS_TOKEN=true"}));
  const v1::TokenGrant stolen = Login();
  const v1::TokenGrant thief = Login();
  EXPECT_EQ(Renew(stolen.refresh_token(), thief.access_token()), "REFRESH_REUSED");
  EXPECT_EQ(Renew(stolen.refresh_token(), stolen.access_token()), "SESSION_ENDED");
  EXPECT_TRUE(Within(kSoon, [&] {
    return Verdict(*here_auth_, stolen.access_token()) == "TOKEN_REVOKED" &&
           Verdict(*there_auth_, stolen.access_token()) == "TOKEN_REVOKED";
  }));
  EXPECT_EQ(Renew(thief.refresh_token(), thief.access_token()), "") << "its own session goes on";
}

TEST_P(RenewalRules, NothingIsRenewedBeforeItHasExpired) {
  ASSERT_NO_FATAL_FAILURE(Start({"TESSERA_TOKENS_RENEWAL_ONLY_AFTER_EXPIRY=true"}));
  const v1::TokenGrant first = Login();
  clock().Advance(absl::Minutes(5));
  EXPECT_EQ(Renew(first.refresh_token(), ""), "ACCESS_TOKEN_NOT_EXPIRED");
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  const std::optional<absl::Duration> wait = RetryDelayOf(status_);
  ASSERT_TRUE(wait.has_value());
  EXPECT_LE(*wait, absl::Minutes(10));
  clock().Advance(*wait);
  ASSERT_EQ(Renew(first.refresh_token(), ""), "");
  EXPECT_EQ(Renew(renewed_.refresh_token(), ""), "ACCESS_TOKEN_NOT_EXPIRED");
}

TEST_P(RenewalRules, ALiveAccessTokenRenewsByItselfAndTheListShowsWhen) {
  ASSERT_NO_FATAL_FAILURE(Start({"TESSERA_TOKENS_RENEWAL_BY_ACCESS_TOKEN=true"}));
  const v1::TokenGrant first = Login();
  clock().Advance(absl::Minutes(10));
  ASSERT_EQ(Renew("", first.access_token()), "");
  EXPECT_EQ(renewed_.refresh_token(), "");
  EXPECT_EQ(renewed_.session_id(), first.session_id());
  EXPECT_EQ(Verdict(*here_auth_, renewed_.access_token()), "ACTIVE");
  v1::ListSessionsResponse sessions;
  ASSERT_TRUE(
      here_auth_->ListSessions(ContextWith({renewed_.access_token()}).get(), {}, &sessions).ok());
  ASSERT_EQ(sessions.sessions_size(), 1);
  const v1::Session& session = sessions.sessions(0);
  EXPECT_GE(session.last_used_time().seconds() - session.create_time().seconds(), 600);
  clock().Advance(absl::Minutes(16));
  EXPECT_EQ(Renew("", renewed_.access_token()), "TOKEN_EXPIRED");
  EXPECT_EQ(Renew(first.refresh_token(), ""), "") << "the refresh token is good still";
}

TEST_P(RenewalRules, WithoutTheRuleAnAccessTokenRenewsNothing) {
  ASSERT_NO_FATAL_FAILURE(Start({}));
  EXPECT_EQ(Renew("", Login().access_token()), "FIELD_INVALID");
}

TEST_P(RenewalRules, AnotherLoginEndsTheSessionBeforeItAtEveryReplica) {
  ASSERT_NO_FATAL_FAILURE(Start({"TESSERA_TOKENS_ONE_SESSION_PER_USER=true"}));
  const v1::TokenGrant first = Login();
  const v1::TokenGrant second = Login();
  EXPECT_EQ(Renew(first.refresh_token(), ""), "SESSION_ENDED");
  EXPECT_TRUE(Within(
      kSoon, [&] { return Verdict(*there_auth_, first.access_token()) == "TOKEN_REVOKED"; }));
  EXPECT_EQ(Renew(second.refresh_token(), ""), "");
}

// What a browser holds, and sends with the calls of a page.
class InCookies : public RenewalRules {
 protected:
  void Start() {
    RenewalRules::Start({"TESSERA_COOKIES_ENABLED=true",
                         absl::StrCat("TESSERA_COOKIES_ALLOWED_ORIGINS=", kOrigin)});
  }
  std::unique_ptr<grpc::ClientContext> From(const std::string& origin) {
    auto context = std::make_unique<grpc::ClientContext>();
    context->AddMetadata("origin", origin);
    context->AddMetadata("x-grpc-web", "1");
    for (const auto& [name, value] : held_) {
      context->AddMetadata("cookie", absl::StrCat(name, "=", value));
    }
    return context;
  }
  void Hold(const grpc::ClientContext& context) {
    const auto [begin, end] = context.GetServerInitialMetadata().equal_range("set-cookie");
    for (auto field = begin; field != end; ++field) {
      const std::string text(field->second.data(), field->second.size());
      const std::vector<std::string> parts = absl::StrSplit(text, "; ");
      for (const char* flag : {"HttpOnly", "Secure", "SameSite=Strict", "Path=/"}) {
        EXPECT_THAT(parts, Contains(flag));
      }
      const std::vector<std::string> named = absl::StrSplit(parts[0], absl::MaxSplits('=', 1));
      held_[named[0]] = named[1];
    }
  }
  std::string LoginFrom(const std::string& origin) {
    v1::LoginRequest request;
    request.set_username("ada");
    request.set_password(kPassword);
    request.set_set_cookies(true);
    v1::LoginResponse response;
    const auto context = From(origin);
    const grpc::Status status = here_auth_->Login(context.get(), request, &response);
    EXPECT_EQ(response.grant().access_token() + response.grant().refresh_token(), "");
    Hold(*context);
    return ReasonOf(status);
  }
  std::string RenewFrom(const std::string& origin) {
    v1::RenewTokenRequest request;
    request.set_set_cookies(true);
    v1::RenewTokenResponse response;
    const auto context = From(origin);
    const grpc::Status status = there_auth_->RenewToken(context.get(), request, &response);
    EXPECT_EQ(response.grant().access_token() + response.grant().refresh_token(), "");
    Hold(*context);
    return ReasonOf(status);
  }
  std::string CallFrom(const std::string& origin) {
    v1::GetCurrentUserResponse response;
    const grpc::Status status = there().Users()->GetCurrentUser(From(origin).get(), {}, &response);
    return status.ok() ? response.user().username() : ReasonOf(status);
  }

  std::map<std::string, std::string> held_;
};

INSTANTIATE_TEST_SUITE_P(On, InCookies, BothEngines(), EngineName);

TEST_P(InCookies, APageLogsInCallsRenewsAndLogsOut) {
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_EQ(LoginFrom(kOrigin), "");
  EXPECT_EQ(CallFrom(kOrigin), "ada");
  const std::map<std::string, std::string> before = held_;
  ASSERT_EQ(RenewFrom(kOrigin), "");
  EXPECT_NE(held_[kRefresh], before.at(kRefresh));
  EXPECT_NE(held_[kAccess], before.at(kAccess));
  EXPECT_EQ(CallFrom(kOrigin), "ada");
  v1::LogoutResponse response;
  const std::string ended = held_[kAccess];
  const auto context = From(kOrigin);
  ASSERT_TRUE(here_auth_->Logout(context.get(), {}, &response).ok());
  Hold(*context);
  EXPECT_EQ(held_[kAccess] + held_[kRefresh], "") << "taken away";
  EXPECT_TRUE(Within(kSoon, [&] { return Verdict(*there_auth_, ended) == "TOKEN_REVOKED"; }));
}

TEST_P(InCookies, APageOfAnotherOriginGetsNothingOutOfThem) {
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_EQ(LoginFrom("https://evil.test"), "FIELD_INVALID");
  EXPECT_TRUE(held_.empty());
  ASSERT_EQ(LoginFrom(kOrigin), "");
  EXPECT_EQ(CallFrom("https://evil.test"), "TOKEN_MISSING");
  EXPECT_EQ(RenewFrom("https://evil.test"), "FIELD_INVALID");
  EXPECT_EQ(RenewFrom(kOrigin), "") << "nothing was used up";
}

}  // namespace
}  // namespace tessera::testing
