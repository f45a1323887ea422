// Old tokens that are bound to a certificate or a device, that a browser keeps in cookies, and
// those of a login that waits for its code: shown again, each is refused with the right reason,
// also by whoever holds what it is bound to. On both engines.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tessera/caller/reason.h"
#include "tests/base/program.h"
#include "tests/e2e/bound_world.h"
#include "tests/e2e/calls.h"

namespace tessera::testing {
namespace {

constexpr char kPhone[] = "the-device-id-of-the-phone";
constexpr char kLaptop[] = "the-device-id-of-the-laptop";
constexpr absl::Duration kBehindItsEnd = absl::Seconds(15 * 60 + 6);

void Require(const grpc::Status& status) { EXPECT_TRUE(status.ok()) << status.error_message(); }

class OldBoundTokens : public ::testing::TestWithParam<TestEngine> {
 protected:
  using What = std::string (BoundWorld::*)(const Shown&) const;

  void SetUp() override { ASSERT_NO_FATAL_FAILURE(world_.Start()); }

  // Of a new user.
  v1::LoginRequest LoginOf(const std::string& username, const std::string& audience) {
    world_.AddUser(username);
    v1::LoginRequest request;
    request.set_username(username);
    request.set_password(BoundWorld::kPassword);
    request.set_audience(audience);
    return request;
  }
  v1::TokenGrant Login(const v1::LoginRequest& request, const std::string& certificate) {
    v1::LoginResponse response;
    Require(world_.AuthOf(certificate)->Login(ContextWith({}).get(), request, &response));
    return response.grant();
  }
  // The reason of the refusal, or empty; the tokens that follow go to `grant`.
  std::string Renew(const Shown& shown, v1::TokenGrant& grant) {
    v1::RenewTokenRequest request;
    request.set_refresh_token(grant.refresh_token());
    v1::RenewTokenResponse response;
    const grpc::Status status =
        world_.AuthOf(shown.certificate)
            ->RenewToken(BoundWorld::ContextOf(shown).get(), request, &response);
    if (status.ok()) grant = response.grant();
    return ReasonOf(status);
  }
  void EndSession(const v1::TokenGrant& grant) {
    v1::RevokeSessionRequest request;
    request.set_session_id(grant.session_id());
    v1::RevokeSessionResponse response;
    Require(world_.AuthOf("operator")->RevokeSession(world_.AsAdmin().get(), request, &response));
  }
  // Soon, if it is a guard that has to hear of it.
  void ExpectSays(const std::string& word, What what, const Shown& shown) {
    std::string said;
    EXPECT_TRUE(Within(kSoon, [&] { return (said = (world_.*what)(shown)) == word; })) << said;
  }
  // By tesserad, asked about it, and by the service's guard.
  void ExpectBoth(const std::string& word, const Shown& shown) {
    ExpectSays(word, &BoundWorld::Validate, shown);
    ExpectSays(word, &BoundWorld::AtOrders, shown);
  }

  BoundWorld world_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(On, OldBoundTokens,
                         ::testing::Values(TestEngine::kSqlite, TestEngine::kMariaDb),
                         [](const auto& each) {
                           return each.param == TestEngine::kSqlite ? "Sqlite" : "MariaDb";
                         });

class OfACertificate : public OldBoundTokens {
 protected:
  v1::TokenGrant LoginBound(const std::string& username, const std::string& audience) {
    v1::LoginRequest request = LoginOf(username, audience);
    request.set_bind_certificate(true);
    return Login(request, "ada");
  }
  static Shown With(const std::string& certificate, const std::string& token) {
    return {.certificate = certificate, .token = token};
  }
};

INSTANTIATE_TEST_SUITE_P(On, OfACertificate,
                         ::testing::Values(TestEngine::kSqlite, TestEngine::kMariaDb),
                         [](const auto& each) {
                           return each.param == TestEngine::kSqlite ? "Sqlite" : "MariaDb";
                         });

TEST_P(OfACertificate, ARevokedTokenIsRefusedWithItsCertificateToo) {
  const v1::TokenGrant grant = LoginBound("ada", "orders");
  const Shown own = With("ada", grant.access_token());
  ExpectBoth("ACTIVE", own);
  ExpectBoth("CERTIFICATE_MISMATCH", With("mallory", grant.access_token()));
  EndSession(grant);
  ExpectBoth("TOKEN_REVOKED", own);
  const v1::TokenGrant for_tesserad = LoginBound("ida", "");
  const Shown there = With("ada", for_tesserad.access_token());
  EXPECT_EQ(world_.AtTesserad(there), "ACTIVE");
  EXPECT_EQ(world_.AtTesserad(With("mallory", for_tesserad.access_token())),
            "CERTIFICATE_MISMATCH");
  EndSession(for_tesserad);
  EXPECT_EQ(world_.AtTesserad(there), "TOKEN_REVOKED");
}

TEST_P(OfACertificate, AnExpiredTokenIsRefusedWithItsCertificateToo) {
  const Shown own = With("ada", LoginBound("ada", "orders").access_token());
  const Shown there = With("ada", LoginBound("ida", "").access_token());
  ExpectBoth("ACTIVE", own);
  world_.clock().Advance(kBehindItsEnd);
  ExpectBoth("TOKEN_EXPIRED", own);
  EXPECT_EQ(world_.AtTesserad(there), "TOKEN_EXPIRED");
}

TEST_P(OfACertificate, AnOldRefreshTokenEndsTheSessionAlsoForItsCertificate) {
  v1::TokenGrant latest = LoginBound("ada", "orders");
  v1::TokenGrant first = latest;
  const Shown own = With("ada", ""), other = With("mallory", "");
  EXPECT_EQ(Renew(other, latest), "CERTIFICATE_MISMATCH");
  for (int i = 0; i < 2; ++i) ASSERT_EQ(Renew(own, latest), "");
  EXPECT_EQ(Renew(own, first), "REFRESH_REUSED");
  EXPECT_EQ(Renew(own, latest), "SESSION_ENDED");
  ExpectBoth("TOKEN_REVOKED", With("ada", latest.access_token()));
}

TEST_P(OfACertificate, AServicesTokenEndsWithItsTimeAndItsAccount) {
  v1::ServiceAccount account;
  account.set_name("billing");
  account.add_audiences("orders");
  account.add_certificate_names("billing.example");
  const std::string id = world_.AddService(account).id;
  const auto issue = [&] {
    v1::IssueTokenRequest request;
    request.mutable_certificate();
    request.set_audience("orders");
    v1::IssueTokenResponse response;
    const grpc::Status status =
        world_.AuthOf("billing")->IssueToken(ContextWith({}).get(), request, &response);
    return status.ok() ? response.access_token() : ReasonOf(status);
  };
  const Shown expired = With("billing", issue());
  ExpectBoth("ACTIVE", expired);
  ExpectBoth("CERTIFICATE_MISMATCH", With("copy", expired.token));
  world_.clock().Advance(kBehindItsEnd);
  ExpectBoth("TOKEN_EXPIRED", expired);
  const Shown revoked = With("billing", issue());
  ExpectBoth("ACTIVE", revoked);
  world_.DeleteService(id);
  ExpectBoth("TOKEN_REVOKED", revoked);
  EXPECT_EQ(issue(), "BAD_CREDENTIALS");
}

TEST_P(OldBoundTokens, OfADeviceAreRefusedOnThatDeviceToo) {
  v1::LoginRequest request = LoginOf("ada", "orders");
  const Shown unbound = {.token = Login(request, "operator").access_token(), .device = kPhone};
  ExpectSays("DEVICE_REQUIRED", &BoundWorld::AtOrdersByDevice, unbound);
  request.set_device_id(kPhone);
  v1::TokenGrant latest = Login(request, "operator");
  v1::TokenGrant first = latest;
  const auto on = [&](const std::string& device) {
    return Shown{.token = latest.access_token(), .device = device};
  };
  for (const What what : {&BoundWorld::Validate, &BoundWorld::AtOrdersByDevice}) {
    ExpectSays("ACTIVE", what, on(kPhone));
    ExpectSays("DEVICE_MISMATCH", what, on(kLaptop));
    ExpectSays("DEVICE_MISMATCH", what, on(""));
  }
  EXPECT_EQ(Renew({.device = kLaptop}, latest), "DEVICE_MISMATCH");
  for (int i = 0; i < 2; ++i) ASSERT_EQ(Renew({.device = kPhone}, latest), "");
  ExpectSays("ACTIVE", &BoundWorld::AtOrdersByDevice, on(kPhone));
  EXPECT_EQ(Renew({.device = kPhone}, first), "REFRESH_REUSED");
  EXPECT_EQ(Renew({.device = kPhone}, latest), "SESSION_ENDED");
  for (const What what : {&BoundWorld::Validate, &BoundWorld::AtOrdersByDevice}) {
    ExpectSays("TOKEN_REVOKED", what, on(kPhone));
  }
}

TEST_P(OldBoundTokens, OfADeviceExpireOnThatDeviceToo) {
  v1::LoginRequest request = LoginOf("ada", "orders");
  request.set_device_id(kPhone);
  const Shown own = {.token = Login(request, "operator").access_token(), .device = kPhone};
  ExpectSays("ACTIVE", &BoundWorld::AtOrdersByDevice, own);
  world_.clock().Advance(kBehindItsEnd);
  ExpectSays("TOKEN_EXPIRED", &BoundWorld::AtOrdersByDevice, own);
  ExpectSays("TOKEN_EXPIRED", &BoundWorld::Validate, own);
}

// What a browser keeps.
class InOldCookies : public OldBoundTokens {
 protected:
  // From a new user's login at the page.
  Shown LoginFromPage(const std::string& username, const std::string& audience) {
    v1::LoginRequest request = LoginOf(username, audience);
    request.set_set_cookies(true);
    const auto context = FromPage({});
    v1::LoginResponse response;
    Require(world_.AuthOf("operator")->Login(context.get(), request, &response));
    EXPECT_EQ(response.grant().access_token() + response.grant().refresh_token(), "");
    return HeldBy(*context, {});
  }
  // The reason of the refusal, or empty; the page then holds the cookies that follow.
  std::string RenewFromPage(Shown& page) {
    v1::RenewTokenRequest request;
    request.set_set_cookies(true);
    v1::RenewTokenResponse response;
    const auto context = FromPage(page);
    const grpc::Status status =
        world_.AuthOf("operator")->RenewToken(context.get(), request, &response);
    if (status.ok()) page = HeldBy(*context, page);
    return ReasonOf(status);
  }
  void LogoutFromPage(const Shown& page) {
    v1::LogoutResponse response;
    Require(world_.AuthOf("operator")->Logout(FromPage(page).get(), {}, &response));
  }
  static std::unique_ptr<grpc::ClientContext> FromPage(const Shown& page) {
    auto context = BoundWorld::ContextOf(page);
    if (!page.access_cookie.empty() || !page.refresh_cookie.empty()) return context;
    context->AddMetadata("origin", BoundWorld::kOrigin);
    context->AddMetadata("x-grpc-web", "1");
    return context;
  }
  static Shown HeldBy(const grpc::ClientContext& context, Shown page) {
    const auto [begin, end] = context.GetServerInitialMetadata().equal_range("set-cookie");
    for (auto field = begin; field != end; ++field) {
      const std::string text(field->second.data(), field->second.size());
      const std::vector<std::string> named =
          absl::StrSplit(text.substr(0, text.find(';')), absl::MaxSplits('=', 1));
      (named[0] == BoundWorld::kAccessCookie ? page.access_cookie : page.refresh_cookie) = named[1];
    }
    return page;
  }
};

INSTANTIATE_TEST_SUITE_P(On, InOldCookies,
                         ::testing::Values(TestEngine::kSqlite, TestEngine::kMariaDb),
                         [](const auto& each) {
                           return each.param == TestEngine::kSqlite ? "Sqlite" : "MariaDb";
                         });

TEST_P(InOldCookies, TokensAreRefusedOnceThePageHasLoggedOut) {
  Shown at_server = LoginFromPage("ada", ""), at_orders = LoginFromPage("ida", "orders");
  EXPECT_EQ(world_.AtTesserad(at_server), "ACTIVE");
  ExpectSays("ACTIVE", &BoundWorld::AtOrders, at_orders);
  LogoutFromPage(at_server);
  LogoutFromPage(at_orders);
  EXPECT_EQ(world_.AtTesserad(at_server), "TOKEN_REVOKED");
  ExpectSays("TOKEN_REVOKED", &BoundWorld::AtOrders, at_orders);
  EXPECT_EQ(RenewFromPage(at_server), "SESSION_ENDED");
  EXPECT_EQ(RenewFromPage(at_orders), "SESSION_ENDED");
}

TEST_P(InOldCookies, TokensAreRefusedWhenTheirTimeIsOver) {
  const Shown at_server = LoginFromPage("ada", ""), at_orders = LoginFromPage("ida", "orders");
  ExpectSays("ACTIVE", &BoundWorld::AtOrders, at_orders);
  world_.clock().Advance(kBehindItsEnd);
  EXPECT_EQ(world_.AtTesserad(at_server), "TOKEN_EXPIRED");
  ExpectSays("TOKEN_EXPIRED", &BoundWorld::AtOrders, at_orders);
}

// The attack: the cookies of a page were copied a while ago.
TEST_P(InOldCookies, ARefreshTokenTwoGenerationsOldEndsTheSession) {
  Shown latest = LoginFromPage("ada", "");
  Shown copied = latest;
  for (int i = 0; i < 2; ++i) ASSERT_EQ(RenewFromPage(latest), "");
  EXPECT_EQ(world_.AtTesserad(latest), "ACTIVE");
  EXPECT_EQ(RenewFromPage(copied), "REFRESH_REUSED");
  EXPECT_EQ(RenewFromPage(latest), "SESSION_ENDED");
  EXPECT_EQ(world_.AtTesserad(latest), "TOKEN_REVOKED");
}

// Logins of users with a second factor; oathtool is their authenticator.
class OldChallenges : public OldBoundTokens {
 protected:
  static constexpr absl::Duration kStep = absl::Seconds(30);

  // A new user with a second factor; `secret_` is its.
  void Enroll(const std::string& username) {
    login_ = LoginOf(username, "");
    const std::string token = Login(login_, "operator").access_token();
    v1::EnrollTotpRequest request;
    request.set_password(BoundWorld::kPassword);
    v1::EnrollTotpResponse enrolled;
    const auto users = world_.UsersOf("operator");
    Require(users->EnrollTotp(ContextWith({token}).get(), request, &enrolled));
    secret_ = enrolled.secret();
    v1::ConfirmTotpRequest confirmation;
    confirmation.set_totp_code(NextCode());
    v1::ConfirmTotpResponse confirmed;
    Require(users->ConfirmTotp(ContextWith({token}).get(), confirmation, &confirmed));
  }
  // One that was not used yet.
  std::string NextCode() {
    world_.clock().Advance(kStep);
    const std::string now =
        absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", world_.clock().Now(), absl::UTCTimeZone());
    const auto oathtool =
        Program::Start({"oathtool", "--totp", "--base32", "--now", now, secret_}, {});
    EXPECT_EQ(oathtool->Wait(kSoon), 0) << oathtool->Output();
    return std::string(absl::StripAsciiWhitespace(oathtool->Output()));
  }
  std::string Challenge() {
    v1::LoginResponse response;
    Require(world_.AuthOf("operator")->Login(ContextWith({}).get(), login_, &response));
    EXPECT_TRUE(response.has_challenge());
    return response.challenge().challenge_token();
  }
  // Empty: there are tokens.
  std::string Complete(const std::string& challenge, const std::string& code,
                       v1::TokenGrant* grant = nullptr) {
    v1::CompleteLoginRequest request;
    request.set_challenge_token(challenge);
    request.set_totp_code(code);
    v1::CompleteLoginResponse response;
    const grpc::Status status =
        world_.AuthOf("operator")->CompleteLogin(ContextWith({}).get(), request, &response);
    EXPECT_EQ(status.ok(), response.has_grant());
    if (grant != nullptr) *grant = response.grant();
    return ReasonOf(status);
  }
  std::string UserId(const std::string& token) {
    v1::GetCurrentUserResponse response;
    Require(world_.UsersOf("operator")->GetCurrentUser(ContextWith({token}).get(), {}, &response));
    return response.user().id();
  }

  v1::LoginRequest login_;
  std::string secret_;
};

INSTANTIATE_TEST_SUITE_P(On, OldChallenges,
                         ::testing::Values(TestEngine::kSqlite, TestEngine::kMariaDb),
                         [](const auto& each) {
                           return each.param == TestEngine::kSqlite ? "Sqlite" : "MariaDb";
                         });

TEST_P(OldChallenges, AreNoTokensOfAnyOtherKind) {
  ASSERT_NO_FATAL_FAILURE(Enroll("ada"));
  v1::TokenGrant as_refresh;
  as_refresh.set_refresh_token(Challenge());
  EXPECT_EQ(Renew({}, as_refresh), "TOKEN_MALFORMED");
  const Shown as_access = {.token = Challenge()};
  EXPECT_EQ(world_.AtTesserad(as_access), "TOKEN_MALFORMED");
  ExpectSays("TOKEN_MALFORMED", &BoundWorld::AtOrders, as_access);
}

TEST_P(OldChallenges, WithTheCodeThatTheyWereUsedWithAreRefused) {
  ASSERT_NO_FATAL_FAILURE(Enroll("ada"));
  const std::string challenge = Challenge(), code = NextCode();
  ASSERT_EQ(Complete(challenge, code), "");
  EXPECT_EQ(Complete(challenge, code), "CODE_WRONG");
  EXPECT_EQ(Complete(Challenge(), code), "CODE_WRONG");
}

TEST_P(OldChallenges, AreRefusedWhenTheirTimeIsOver) {
  ASSERT_NO_FATAL_FAILURE(Enroll("ada"));
  const std::string challenge = Challenge();
  world_.clock().Advance(absl::Minutes(5) + absl::Seconds(6));
  EXPECT_EQ(Complete(challenge, NextCode()), "CHALLENGE_INVALID");
  EXPECT_EQ(Complete(Challenge(), NextCode()), "");
}

TEST_P(OldChallenges, FromBeforeAChangeOfTheUserAreRefused) {
  ASSERT_NO_FATAL_FAILURE(Enroll("ada"));
  v1::TokenGrant grant;
  ASSERT_EQ(Complete(Challenge(), NextCode(), &grant), "");
  const std::string challenge = Challenge();
  v1::UpdateUserRequest request;
  request.mutable_user()->set_id(UserId(grant.access_token()));
  request.mutable_update_mask()->add_paths("state");
  for (const v1::UserState state : {v1::USER_STATE_DISABLED, v1::USER_STATE_ACTIVE}) {
    request.mutable_user()->set_state(state);
    v1::UpdateUserResponse response;
    Require(world_.UsersOf("operator")->UpdateUser(world_.AsAdmin().get(), request, &response));
    EXPECT_EQ(Complete(challenge, NextCode()), "CHALLENGE_INVALID");
  }
  EXPECT_EQ(Complete(Challenge(), NextCode()), "");
}

TEST_P(OldChallenges, FromBeforeARestoreAreRefused) {
  ASSERT_NO_FATAL_FAILURE(Enroll("ada"));
  const std::string challenge = Challenge();
  v1::MarkStoreRestoredResponse response;
  Require(world_.AuthOf("operator")->MarkStoreRestored(world_.AsAdmin().get(), {}, &response));
  EXPECT_EQ(Complete(challenge, NextCode()), "CHALLENGE_INVALID");
}

}  // namespace
}  // namespace tessera::testing
