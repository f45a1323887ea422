// Tokens in cookies, through the wire: what is given out, what is read again, and from whom.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/server/rpc/in_process_server.h"

namespace tessera::server {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

constexpr char kOrigin[] = "https://app.example.test";
constexpr char kAccess[] = "__Host-tessera-access";
constexpr char kRefresh[] = "__Host-tessera-refresh";

// A cookie that the server set.
struct SetCookie {
  std::string value;
  std::vector<std::string> attributes;
};

// What a browser would send with a call of a page of `origin`.
struct Page {
  std::string origin = kOrigin;
  bool grpc_web = true;
  std::vector<std::string> cookies = {};  // each a field of its own
};

class CookieTest : public ::testing::Test {
 protected:
  CookieTest() {
    server_.config().cookies.enabled = true;
    server_.config().cookies.allowed_origins = {"https://other.example.test", kOrigin};
  }
  void Start() {
    server_.Start();
    auth_ = server_.Auth();
  }

  static std::unique_ptr<grpc::ClientContext> From(const Page& page) {
    auto context = std::make_unique<grpc::ClientContext>();
    if (!page.origin.empty()) context->AddMetadata("origin", page.origin);
    if (page.grpc_web) context->AddMetadata("x-grpc-web", "1");
    for (const std::string& cookie : page.cookies) context->AddMetadata("cookie", cookie);
    return context;
  }
  static std::map<std::string, SetCookie> CookiesOf(const grpc::ClientContext& context) {
    std::map<std::string, SetCookie> cookies;
    const auto [begin, end] = context.GetServerInitialMetadata().equal_range("set-cookie");
    for (auto field = begin; field != end; ++field) {
      const std::string text(field->second.data(), field->second.size());
      std::vector<std::string> parts = absl::StrSplit(text, "; ");
      const std::vector<std::string> named = absl::StrSplit(parts.front(), absl::MaxSplits('=', 1));
      parts.erase(parts.begin());
      EXPECT_EQ(cookies.count(named[0]), 0u) << "set twice";
      cookies[named[0]] = {named[1], parts};
    }
    return cookies;
  }
  static std::string Cookie(const std::string& name, const std::string& value) {
    return absl::StrCat(name, "=", value);
  }

  grpc::Status Login(const Page& page, v1::TokenGrant* grant = nullptr) {
    v1::LoginRequest request;
    request.set_username("admin");
    request.set_password(kAdminPassword);
    request.set_set_cookies(true);
    v1::LoginResponse response;
    const auto context = From(page);
    const grpc::Status status = auth_->Login(context.get(), request, &response);
    cookies_ = CookiesOf(*context);
    if (grant != nullptr) *grant = response.grant();
    return status;
  }
  grpc::Status Renew(const Page& page, v1::RenewTokenRequest request = AskForCookies()) {
    const auto context = From(page);
    renewed_ = {};
    const grpc::Status status = auth_->RenewToken(context.get(), request, &renewed_);
    const auto set = CookiesOf(*context);
    if (!set.empty()) cookies_ = set;
    return status;
  }
  static v1::RenewTokenRequest AskForCookies() {
    v1::RenewTokenRequest request;
    request.set_set_cookies(true);
    return request;
  }
  grpc::Status Logout(const Page& page) {
    const auto context = From(page);
    v1::LogoutResponse response;
    const grpc::Status status = auth_->Logout(context.get(), {}, &response);
    cleared_ = CookiesOf(*context);
    return status;
  }
  std::string RefreshCookie() { return Cookie(kRefresh, cookies_[kRefresh].value); }
  std::string AccessCookie() { return Cookie(kAccess, cookies_[kAccess].value); }
  Page Holding(std::vector<std::string> cookies) { return {kOrigin, true, std::move(cookies)}; }

  InProcessServer server_;
  std::unique_ptr<v1::AuthService::Stub> auth_;
  std::map<std::string, SetCookie> cookies_;  // the last ones set
  std::map<std::string, SetCookie> cleared_;
  v1::RenewTokenResponse renewed_;
};

TEST_F(CookieTest, LoginGivesBothTokensAsCookiesAndTheGrantHasNeither) {
  Start();
  v1::TokenGrant grant;
  ASSERT_TRUE(Login({}, &grant).ok());
  EXPECT_EQ(grant.access_token() + grant.refresh_token(), "");
  EXPECT_NE(grant.session_id(), "");
  ASSERT_EQ(cookies_.size(), 2u);
  EXPECT_THAT(
      cookies_[kAccess].attributes,
      UnorderedElementsAre("Path=/", "Max-Age=900", "HttpOnly", "Secure", "SameSite=Strict"));
  EXPECT_THAT(
      cookies_[kRefresh].attributes,
      UnorderedElementsAre("Path=/", "Max-Age=604800", "HttpOnly", "Secure", "SameSite=Strict"));
  v1::ValidateTokenRequest ask;
  ask.set_token(cookies_[kAccess].value);
  v1::ValidateTokenResponse known;
  ASSERT_TRUE(auth_->ValidateToken(With("").get(), ask, &known).ok());
  EXPECT_TRUE(known.active());
  EXPECT_EQ(cookies_[kRefresh].value.rfind("tsr_", 0), 0u);
}

TEST_F(CookieTest, NamesAndSameSiteAreThoseOfTheConfiguration) {
  server_.config().cookies.access_name = "__Host-a";
  server_.config().cookies.refresh_name = "__Host-r";
  server_.config().cookies.same_site = "Lax";
  Start();
  ASSERT_TRUE(Login({}).ok());
  ASSERT_EQ(cookies_.count("__Host-a") + cookies_.count("__Host-r"), 2u);
  EXPECT_THAT(cookies_["__Host-a"].attributes, Contains("SameSite=Lax"));
}

TEST_F(CookieTest, WithoutCookiesEnabledAskingForThemIsRefused) {
  server_.config().cookies = {};
  Start();
  EXPECT_EQ(ReasonOf(Login({})), "FIELD_UNSUPPORTED");
  EXPECT_EQ(ReasonOf(Renew(Holding({Cookie(kRefresh, "tsr_x")}))), "FIELD_UNSUPPORTED");
  EXPECT_EQ(ReasonOf(Logout(Holding({Cookie(kRefresh, "tsr_x")}))), "FIELD_INVALID");
}

TEST_F(CookieTest, WhoDoesNotAskGetsNone) {
  Start();
  v1::LoginRequest request;
  request.set_username("admin");
  request.set_password(kAdminPassword);
  v1::LoginResponse response;
  const auto context = From({});
  ASSERT_TRUE(auth_->Login(context.get(), request, &response).ok());
  EXPECT_TRUE(CookiesOf(*context).empty());
  EXPECT_NE(response.grant().refresh_token(), "");
}

// Else a page could log its visitor in as somebody whose doings it can watch.
TEST_F(CookieTest, APageOfAnotherOriginCannotLogItsVisitorIn) {
  Start();
  for (const char* origin :
       {"https://evil.test", "null", "https://app.example.test.evil.test",
        "http://app.example.test", "https://app.example.test:444", "https://APP.example.test"}) {
    EXPECT_EQ(ReasonOf(Login({origin, true})), "FIELD_INVALID") << origin;
    EXPECT_TRUE(cookies_.empty());
  }
  EXPECT_TRUE(Login({"", false}).ok());  // no page at all
}

TEST_F(CookieTest, TheCookieRenewsAndGetsItsSuccessor) {
  Start();
  ASSERT_TRUE(Login({}).ok());
  const std::string first = RefreshCookie();
  ASSERT_TRUE(Renew(Holding({first})).ok());
  EXPECT_EQ(renewed_.grant().access_token() + renewed_.grant().refresh_token(), "");
  EXPECT_NE(RefreshCookie(), first);
  ASSERT_TRUE(Renew(Holding({RefreshCookie()})).ok());
}

TEST_F(CookieTest, OtherCookiesBesideItAndSeveralFieldsDoNotMatter) {
  Start();
  ASSERT_TRUE(Login({}).ok());
  EXPECT_TRUE(Renew(Holding({absl::StrCat("theme=dark; ", RefreshCookie(), "; lang=sv")})).ok());
  EXPECT_TRUE(Renew(Holding({"theme=dark", RefreshCookie(), "lang=sv"})).ok());
}

TEST_F(CookieTest, ACookieIsReadOnlyWhereItsPageMeantIt) {
  Start();
  ASSERT_TRUE(Login({}).ok());
  const std::vector<std::string> held = {RefreshCookie()};
  const std::vector<Page> strangers = {
      {kOrigin, false, held},                               // a form or a link
      {"", true, held},                                     // no origin
      {"https://evil.test", true, held},                    // another one's page
      {"null", true, held},                                 // a sandboxed frame
      {"https://app.example.test.evil.test", true, held}};  // one that begins alike
  for (const Page& page : strangers) {
    const std::string renewal = ReasonOf(Renew(page));
    EXPECT_TRUE(renewal == "TOKEN_MISSING" || renewal == "FIELD_INVALID") << renewal;
    EXPECT_EQ(ReasonOf(Logout(page)), "TOKEN_MISSING");
    EXPECT_TRUE(cleared_.empty());
  }
  EXPECT_TRUE(Renew(Holding(held)).ok());  // nothing was used up, nothing ended
}

TEST_F(CookieTest, TwoOriginsAreNone) {
  Start();
  ASSERT_TRUE(Login({}).ok());
  const auto context = From(Holding({RefreshCookie()}));
  context->AddMetadata("origin", kOrigin);
  v1::RenewTokenResponse response;
  EXPECT_EQ(ReasonOf(auth_->RenewToken(context.get(), AskForCookies(), &response)),
            "TOKEN_MISSING");
}

TEST_F(CookieTest, TwoCookiesOfTheNameAreRefusedWhicheverIsTheRightOne) {
  Start();
  ASSERT_TRUE(Login({}).ok());
  const std::string planted = Cookie(kRefresh, "tsr_planted");
  for (const std::vector<std::string>& fields :
       {std::vector<std::string>{RefreshCookie(), planted},
        std::vector<std::string>{absl::StrCat(planted, "; ", RefreshCookie())},
        std::vector<std::string>{RefreshCookie(), RefreshCookie()}}) {
    EXPECT_EQ(ReasonOf(Renew(Holding(fields))), "TOKEN_MULTIPLE");
    EXPECT_EQ(ReasonOf(Logout(Holding(fields))), "TOKEN_MULTIPLE");
  }
  EXPECT_TRUE(Renew(Holding({RefreshCookie()})).ok());
}

TEST_F(CookieTest, NamesAreComparedExactly) {
  Start();
  ASSERT_TRUE(Login({}).ok());
  const std::string token = cookies_[kRefresh].value;
  for (const char* name : {"__host-tessera-refresh", "tessera-refresh", "__Host-tessera-access",
                           "x__Host-tessera-refresh"}) {
    EXPECT_EQ(ReasonOf(Renew(Holding({Cookie(name, token)}))), "TOKEN_MISSING") << name;
  }
}

TEST_F(CookieTest, WithoutAskingForCookiesTheyAreNotRead) {
  Start();
  ASSERT_TRUE(Login({}).ok());
  EXPECT_EQ(ReasonOf(Renew(Holding({RefreshCookie()}), {})), "FIELD_INVALID");
}

TEST_F(CookieTest, AnAccessTokenInTheRefreshCookieIsNoRefreshToken) {
  Start();
  ASSERT_TRUE(Login({}).ok());
  EXPECT_EQ(ReasonOf(Renew(Holding({Cookie(kRefresh, cookies_[kAccess].value)}))),
            "TOKEN_MALFORMED");
}

TEST_F(CookieTest, AReplayedCookieEndsTheSession) {
  Start();
  ASSERT_TRUE(Login({}).ok());
  const std::string stolen = RefreshCookie();
  ASSERT_TRUE(Renew(Holding({stolen})).ok());
  server_.clock().Advance(absl::Seconds(31));
  EXPECT_EQ(ReasonOf(Renew(Holding({stolen}))), "REFRESH_REUSED");
  EXPECT_EQ(ReasonOf(Renew(Holding({RefreshCookie()}))), "SESSION_ENDED");
}

TEST_F(CookieTest, LogoutByCookieEndsTheSessionAndTakesBothCookiesAway) {
  Start();
  ASSERT_TRUE(Login({}).ok());
  ASSERT_TRUE(Logout(Holding({AccessCookie(), RefreshCookie()})).ok());
  for (const char* name : {kAccess, kRefresh}) {
    EXPECT_EQ(cleared_[name].value, "");
    EXPECT_THAT(cleared_[name].attributes, UnorderedElementsAre("Path=/", "Max-Age=0", "HttpOnly",
                                                                "Secure", "SameSite=Strict"));
  }
  EXPECT_EQ(ReasonOf(Renew(Holding({RefreshCookie()}))), "SESSION_ENDED");
}

TEST_F(CookieTest, TokensInTheRequestMayBecomeCookies) {
  Start();
  v1::RenewTokenRequest request = AskForCookies();
  request.set_refresh_token(server_.LoginAdmin().refresh_token());
  ASSERT_TRUE(Renew({}, request).ok());
  EXPECT_EQ(renewed_.grant().refresh_token(), "");
  EXPECT_TRUE(Renew(Holding({RefreshCookie()})).ok());
}

TEST_F(CookieTest, ARuleThatAsksForTheAccessTokenTakesItFromItsCookieExpiredOrNot) {
  server_.config().tokens.renewal_needs_access_token = true;
  Start();
  ASSERT_TRUE(Login({}).ok());
  EXPECT_THAT(cookies_[kAccess].attributes, Contains("Max-Age=604800"));
  server_.clock().Advance(absl::Hours(1));
  ASSERT_TRUE(Renew(Holding({AccessCookie(), RefreshCookie()})).ok());
  EXPECT_EQ(ReasonOf(Renew(Holding({AccessCookie(), AccessCookie(), RefreshCookie()}))),
            "TOKEN_MULTIPLE");
  EXPECT_EQ(ReasonOf(Renew(Holding({RefreshCookie()}))), "REFRESH_REUSED");
}

TEST_F(CookieTest, TheServersOwnMethodsTakeTheAccessCookieFromAnAllowedOrigin) {
  Start();
  ASSERT_TRUE(Login({}).ok());
  const auto users = server_.Users();
  v1::GetCurrentUserResponse response;
  EXPECT_TRUE(users->GetCurrentUser(From(Holding({AccessCookie()})).get(), {}, &response).ok());
  EXPECT_EQ(response.user().username(), "admin");
  EXPECT_EQ(
      users
          ->GetCurrentUser(From({"https://evil.test", true, {AccessCookie()}}).get(), {}, &response)
          .error_code(),
      grpc::StatusCode::UNAUTHENTICATED);
}

// The longest name makes the widest gap between what a token and what a cookie may have.
class LargeCookie : public CookieTest {
 protected:
  static constexpr size_t kLongestName = 64;
  static constexpr int kClaims = 16;

  LargeCookie() {
    CookiesConfig& cookies = server_.config().cookies;
    cookies.access_name = "__Host-" + std::string(kLongestName - 7, 'a');
    for (int i = 0; i < kClaims; ++i) {
      server_.config().tokens.requested_claims.push_back(absl::StrCat("c", i + 10));
    }
  }

  // Asks for claims of so many characters together.
  v1::LoginRequest Asking(size_t characters) const {
    v1::LoginRequest request;
    request.set_username("admin");
    request.set_password(kAdminPassword);
    for (int i = 0; i < kClaims; ++i) {
      const size_t share = characters / kClaims + (i == 0 ? characters % kClaims : 0);
      (*request.mutable_claims())[absl::StrCat("c", i + 10)] = std::string(share, 'x');
    }
    return request;
  }
  // How many characters make an access token of at least `size` bytes, and of two more at most.
  size_t CharactersFor(size_t size) {
    constexpr size_t kSome = kClaims * 10;
    v1::LoginResponse response;
    EXPECT_TRUE(auth_->Login(From({}).get(), Asking(kSome), &response).ok());
    return kSome + (size - response.grant().access_token().size() + 1) * 3 / 4;
  }
  int Sessions() {
    v1::ListSessionsResponse sessions;
    const std::string token = server_.LoginAdmin().access_token();
    EXPECT_TRUE(auth_->ListSessions(With(token).get(), {}, &sessions).ok());
    return sessions.sessions_size();
  }
};

TEST_F(LargeCookie, ATokenThatNoBrowserWouldKeepIsNotIssuedAndNoSessionBegins) {
  Start();
  v1::LoginRequest request = Asking(CharactersFor(4096 - kLongestName + 4));
  v1::LoginResponse response;
  ASSERT_TRUE(auth_->Login(From({}).get(), request, &response).ok());
  ASSERT_GT(response.grant().access_token().size(), 4096 - kLongestName);
  const int before = Sessions();
  request.set_set_cookies(true);
  const auto context = From({});
  v1::LoginResponse refused;
  const grpc::Status status = auth_->Login(context.get(), request, &refused);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(status), "TOKEN_TOO_LARGE");
  EXPECT_TRUE(CookiesOf(*context).empty());
  EXPECT_FALSE(refused.has_grant());
  EXPECT_EQ(Sessions(), before + 1);  // the one that asks
  // Nor by a renewal; the session stays as it was.
  v1::RenewTokenRequest renewal = AskForCookies();
  renewal.set_refresh_token(response.grant().refresh_token());
  EXPECT_EQ(ReasonOf(Renew({}, renewal)), "TOKEN_TOO_LARGE");
  EXPECT_TRUE(cookies_.empty());
  renewal.set_set_cookies(false);
  EXPECT_TRUE(Renew({}, renewal).ok());
}

TEST_F(LargeCookie, OneThatJustFitsIsGiven) {
  Start();
  v1::LoginRequest request = Asking(CharactersFor(4096 - kLongestName - 8));
  request.set_set_cookies(true);
  const auto context = From({});
  v1::LoginResponse response;
  const grpc::Status status = auth_->Login(context.get(), request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  for (const auto& [name, cookie] : CookiesOf(*context)) {
    EXPECT_LE(name.size() + cookie.value.size(), 4096u);
  }
  EXPECT_EQ(CookiesOf(*context).size(), 2u);
}

}  // namespace
}  // namespace tessera::server
