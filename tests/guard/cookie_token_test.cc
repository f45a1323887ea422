// A token in a cookie: from an allowed page only, once, and never beside another.
#include <gtest/gtest.h>

#include "tests/guard/world.h"

namespace tessera::testing {
namespace {

constexpr char kCookie[] = "__Host-access";
constexpr char kOrigin[] = "https://shop.example";

class CookieToken : public ::testing::TestWithParam<Api> {
 protected:
  static World::Options Options() {
    World::Options options;
    options.api = GetParam();
    options.adjust = [](GuardOptions& guard) {
      guard.cookie.name = kCookie;
      guard.cookie.allowed_origins = {kOrigin, "http://localhost:8080"};
    };
    return options;
  }
  std::string Cookie() const { return std::string(kCookie) + "=" + token_; }
  // What a browser's gRPC-Web call from the allowed page brings.
  Headers FromPage(const std::string& cookies) const {
    return {{"cookie", cookies}, {"x-grpc-web", "1"}, {"origin", kOrigin}};
  }
  std::string ReasonFor(const Headers& headers) {
    const Outcome outcome = world_.Call(Shape::kUnary, headers);
    EXPECT_EQ(outcome.status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
    return ReasonIn(outcome.status);
  }

  World world_{Options()};
  const std::string token_ = world_.TokenOf("usr_a");
};

TEST_P(CookieToken, AdmitsFromAnAllowedPage) {
  for (const Shape shape :
       {Shape::kUnary, Shape::kClientStream, Shape::kServerStream, Shape::kBidi}) {
    const Outcome outcome = world_.Call(shape, FromPage("a=1; " + Cookie() + "; b=2"));
    ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
    EXPECT_EQ(outcome.replies[0].subject(), "usr_a");
  }
}

TEST_P(CookieToken, TheHandlerSeesTheOtherCookiesOnly) {
  Headers headers = FromPage("a=1; " + Cookie() + "; b=2");
  headers.emplace_back("cookie", "c=3");
  const Outcome some = world_.Call(Shape::kUnary, headers);
  ASSERT_TRUE(some.status.ok()) << some.status.error_message();
  EXPECT_TRUE(some.replies[0].cookies() == "[a=1; b=2][c=3]" ||
              some.replies[0].cookies() == "[c=3][a=1; b=2]")
      << some.replies[0].cookies();
  const Outcome none = world_.Call(Shape::kUnary, FromPage(Cookie()));
  ASSERT_TRUE(none.status.ok());
  EXPECT_EQ(none.replies[0].cookies(), "");
}

TEST_P(CookieToken, APublicMethodSeesNoneEither) {
  const Outcome open = world_.Open({{"cookie", "a=1; " + Cookie()}});
  ASSERT_TRUE(open.status.ok());
  EXPECT_TRUE(open.replies[0].anonymous());
  EXPECT_EQ(open.replies[0].cookies(), "[a=1]");
}

TEST_P(CookieToken, ARuleMayForwardIt) {
  World::Options options = Options();
  options.adjust = [adjust = options.adjust](GuardOptions& guard) {
    adjust(guard);
    Rule rule;
    rule.admission = Admission::kPublic;
    rule.forwards_cookie = true;
    guard.rules["/tessera.test.guard.Echo/Open"] = rule;
    rule.admission = Admission::kAuthenticated;
    guard.rules["/tessera.test.guard.Echo/Say"] = rule;
  };
  World world(options);
  const std::string cookie = std::string(kCookie) + "=" + world.TokenOf("usr_a");
  EXPECT_EQ(world.Open({{"cookie", cookie}}).replies[0].cookies(), "[" + cookie + "]");
  const Outcome said = world.Call(Shape::kUnary, FromPage(cookie));
  ASSERT_TRUE(said.status.ok()) << said.status.error_message();
  EXPECT_EQ(said.replies[0].subject(), "usr_a");
  EXPECT_EQ(said.replies[0].cookies(), "[" + cookie + "]");
  EXPECT_EQ(world.Call(Shape::kBidi, FromPage(cookie)).replies[0].cookies(), "");
}

TEST_P(CookieToken, WithoutGrpcWebOrAnAllowedOriginItIsNoToken) {
  const std::string cookie = Cookie();
  for (const Headers& headers : std::vector<Headers>{
           {{"cookie", cookie}},
           {{"cookie", cookie}, {"x-grpc-web", "1"}},
           {{"cookie", cookie}, {"origin", kOrigin}},
           {{"cookie", cookie}, {"x-grpc-web", "1"}, {"origin", ""}},
           {{"cookie", cookie}, {"x-grpc-web", "1"}, {"origin", "null"}},
           {{"cookie", cookie}, {"x-grpc-web", "1"}, {"origin", "*"}},
           {{"cookie", cookie}, {"x-grpc-web", "1"}, {"origin", "https://shop.example.evil"}},
           {{"cookie", cookie}, {"x-grpc-web", "1"}, {"origin", "https://evil.shop.example"}},
           {{"cookie", cookie}, {"x-grpc-web", "1"}, {"origin", "https://SHOP.example"}},
           {{"cookie", cookie}, {"x-grpc-web", "1"}, {"origin", "http://shop.example"}},
           {{"cookie", cookie}, {"x-grpc-web", "1"}, {"origin", "https://shop.example/"}},
           {{"cookie", cookie},
            {"x-grpc-web", "1"},
            {"origin", "https://shop.example, http://localhost:8080"}},
           {{"cookie", cookie},
            {"x-grpc-web", "1"},
            {"origin", kOrigin},
            {"origin", "https://evil.example"}}}) {
    EXPECT_EQ(ReasonFor(headers), "TOKEN_MISSING") << headers.back().second;
  }
  EXPECT_EQ(world_.entered(), 0);
}

TEST_P(CookieToken, TwiceIsSeveral) {
  EXPECT_EQ(ReasonFor(FromPage(Cookie() + "; " + Cookie())), "TOKEN_MULTIPLE");
  EXPECT_EQ(ReasonFor(FromPage(Cookie() + "; " + kCookie + "=planted")), "TOKEN_MULTIPLE");
  Headers headers = FromPage(Cookie());
  headers.emplace_back("cookie", Cookie());
  EXPECT_EQ(ReasonFor(headers), "TOKEN_MULTIPLE");
}

TEST_P(CookieToken, BesideAHeaderIsSeveral) {
  Headers headers = FromPage(Cookie());
  headers.emplace_back("authorization", "Bearer " + token_);
  EXPECT_EQ(ReasonFor(headers), "TOKEN_MULTIPLE");
  headers.back().second = "Basic abc";
  EXPECT_EQ(ReasonFor(headers), "TOKEN_MULTIPLE");
  Headers foreign = BearerOf(token_);
  foreign.emplace_back("cookie", Cookie());
  EXPECT_EQ(ReasonFor(foreign), "TOKEN_MULTIPLE");
}

TEST_P(CookieToken, WhatIsNoTokenIsMalformed) {
  for (const char* value : {"", "\"a.b.c\"", "a b", "Bearer x", "a,b", "a%2Eb"}) {
    EXPECT_EQ(ReasonFor(FromPage(std::string(kCookie) + "=" + value)), "TOKEN_MALFORMED") << value;
  }
}

TEST_P(CookieToken, OtherCookiesAndOriginsDoNotMatterToAHeader) {
  Headers headers = BearerOf(token_);
  headers.emplace_back("cookie", "a=1; __Host-accesses=x");
  headers.emplace_back("origin", "https://elsewhere.example");
  const Outcome outcome = world_.Call(Shape::kUnary, headers);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
  EXPECT_EQ(outcome.replies[0].cookies(), "[a=1; __Host-accesses=x]");
}

TEST(CookieTokenOff, ByDefaultACookieIsNoTokenAndIsLeftAlone) {
  World world;
  const std::string cookie = "__Host-tessera-access=" + world.TokenOf("usr_a");
  Headers headers = {{"cookie", cookie}, {"x-grpc-web", "1"}, {"origin", kOrigin}};
  EXPECT_EQ(ReasonIn(world.Call(Shape::kUnary, headers).status), "TOKEN_MISSING");
  headers.emplace_back("authorization", "Bearer " + world.TokenOf("usr_b"));
  const Outcome outcome = world.Call(Shape::kUnary, headers);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
  EXPECT_EQ(outcome.replies[0].cookies(), "[" + cookie + "]");
}

INSTANTIATE_TEST_SUITE_P(Apis, CookieToken, ::testing::Values(Api::kSync, Api::kCallback),
                         [](const auto& one) {
                           return one.param == Api::kSync ? "Sync" : "Callback";
                         });

}  // namespace
}  // namespace tessera::testing
