// The same refusals and admissions on every transport, API and shape of call; a refused call never
// reaches its handler.
#include <gtest/gtest.h>

#include <tuple>

#include "absl/strings/str_replace.h"
#include "tests/guard/world.h"

namespace tessera::testing {
namespace {

using Case = std::tuple<Transport, Api, Shape>;

std::string NameOf(const ::testing::TestParamInfo<Case>& info) {
  const char* transports[] = {"Plaintext", "Ssl", "TlsFiles"};
  const char* apis[] = {"Sync", "Callback"};
  const char* shapes[] = {"Unary", "ClientStream", "ServerStream", "Bidi"};
  return std::string(transports[static_cast<int>(std::get<0>(info.param))]) +
         apis[static_cast<int>(std::get<1>(info.param))] +
         shapes[static_cast<int>(std::get<2>(info.param))];
}

class Enforcement : public ::testing::TestWithParam<Case> {
 protected:
  Enforcement() : world_(Options()) {}

  static World::Options Options() {
    World::Options options;
    options.transport = std::get<0>(GetParam());
    options.api = std::get<1>(GetParam());
    return options;
  }
  static Shape shape() { return std::get<2>(GetParam()); }

  std::string Signed(const std::function<void(Claims&)>& change) const {
    Claims claims = ClaimsFor("usr_a", world_.clock.Now());
    change(claims);
    return Sign(claims, world_.key);
  }

  void ExpectRefused(const Headers& headers, grpc::StatusCode code, const std::string& reason,
                     bool admin = false) {
    const int before = world_.entered();
    const Outcome outcome = world_.Call(shape(), headers, admin);
    EXPECT_EQ(outcome.status.error_code(), code) << reason;
    EXPECT_EQ(ReasonIn(outcome.status), reason) << outcome.status.error_message();
    EXPECT_TRUE(outcome.replies.empty()) << reason;
    EXPECT_EQ(world_.entered(), before) << reason << ": the handler ran";
  }
  void ExpectUnauthenticated(const Headers& headers, const std::string& reason) {
    ExpectRefused(headers, grpc::StatusCode::UNAUTHENTICATED, reason);
  }
  void ExpectAdmitted(const std::string& token, const std::string& subject, bool admin = false) {
    const int before = world_.entered();
    const Outcome outcome = world_.Call(shape(), BearerOf(token), admin);
    ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
    ASSERT_EQ(outcome.replies.size(), 1u);
    EXPECT_EQ(outcome.replies[0].subject(), subject);
    EXPECT_EQ(outcome.replies[0].text(), "hello");
    EXPECT_FALSE(outcome.replies[0].saw_token());
    EXPECT_EQ(world_.entered(), before + 1);
  }

  World world_;
};

TEST_P(Enforcement, AdmitsOneGoodTokenAndHidesItFromTheHandler) {
  ExpectAdmitted(world_.TokenOf("usr_a"), "usr_a");
  ExpectAdmitted(world_.TokenOf("usr_b"), "usr_b");
}

TEST_P(Enforcement, TheSchemeKnowsNoCase) {
  const Outcome outcome =
      world_.Call(shape(), {{"authorization", "bEARER  " + world_.TokenOf("usr_a")}});
  EXPECT_TRUE(outcome.status.ok()) << outcome.status.error_message();
}

TEST_P(Enforcement, RefusesWhatIsNotExactlyOneBearerToken) {
  const std::string token = world_.TokenOf("usr_a");
  ExpectUnauthenticated({}, "TOKEN_MISSING");
  ExpectUnauthenticated(
      {{"authorization", "Bearer " + token}, {"authorization", "Bearer " + token}},
      "TOKEN_MULTIPLE");
  ExpectUnauthenticated({{"authorization", "Bearer " + token + ",Bearer " + token}},
                        "TOKEN_MULTIPLE");
  ExpectUnauthenticated({{"authorization", token}}, "TOKEN_MALFORMED");
  ExpectUnauthenticated({{"authorization", "Basic " + token}}, "TOKEN_MALFORMED");
  ExpectUnauthenticated({{"authorization", "Bearer"}}, "TOKEN_MALFORMED");
  ExpectUnauthenticated({{"authorization", "Bearer not-a-token"}}, "TOKEN_MALFORMED");
  ExpectUnauthenticated({{"authorization", "Bearer " + token + " more"}}, "TOKEN_MALFORMED");
  ExpectUnauthenticated({{"authorization", "Bearer a." + std::string(4096, 'a') + ".a"}},
                        "TOKEN_MALFORMED");
}

TEST_P(Enforcement, RefusesForeignKeysAndForgedSignatures) {
  const SigningKey foreign = NewKey();
  const Claims claims = ClaimsFor("usr_a", world_.clock.Now());
  ExpectUnauthenticated(BearerOf(Sign(claims, foreign)), "TOKEN_UNKNOWN_KEY");
  const std::string disguised = absl::StrReplaceAll(std::string(foreign.ToPrivateJwk().Reveal()),
                                                    {{foreign.kid(), world_.key.kid()}});
  ExpectUnauthenticated(BearerOf(Sign(claims, *SigningKey::FromPrivateJwk(disguised))),
                        "TOKEN_SIGNATURE");
}

TEST_P(Enforcement, RefusesOtherIssuersAndAudiences) {
  ExpectUnauthenticated(
      BearerOf(Signed([](Claims& claims) { claims.issuer = "https://else.example"; })),
      "TOKEN_ISSUER");
  ExpectUnauthenticated(BearerOf(Signed([](Claims& claims) { claims.audience = "orders"; })),
                        "TOKEN_AUDIENCE");
}

TEST_P(Enforcement, RefusesDeadAndUnbornTokens) {
  ExpectUnauthenticated(BearerOf(Signed([](Claims& claims) {
                          claims.issued_at -= absl::Hours(1);
                          claims.not_before -= absl::Hours(1);
                          claims.expires_at = claims.not_before + absl::Minutes(15);
                        })),
                        "TOKEN_EXPIRED");
  ExpectUnauthenticated(
      BearerOf(Signed([](Claims& claims) { claims.not_before += absl::Minutes(1); })),
      "TOKEN_NOT_YET_VALID");
}

TEST_P(Enforcement, AKnownTokenExpiresToo) {
  const std::string token = world_.TokenOf("usr_a");
  ExpectAdmitted(token, "usr_a");
  world_.clock.Advance(absl::Minutes(15) + absl::Seconds(4));
  ExpectAdmitted(token, "usr_a");  // within the leeway
  world_.clock.Advance(absl::Seconds(1));
  ExpectUnauthenticated(BearerOf(token), "TOKEN_EXPIRED");
}

TEST_P(Enforcement, RefusesWhatIsRevokedOfAnyKind) {
  const absl::Time now = world_.clock.Now();
  const std::string token = world_.TokenOf("usr_token");
  const std::string session = world_.TokenOf("usr_session");
  const std::string user = world_.TokenOf("usr_user");
  for (const std::string& one : {token, session, user}) {
    EXPECT_TRUE(world_.Call(shape(), BearerOf(one)).status.ok());
  }
  world_.view->Merge({Revoked(RevokedThing::kToken, "tok_usr_token", now),
                      Revoked(RevokedThing::kSession, "ses_usr_session", now),
                      Revoked(RevokedThing::kUser, "usr_user", now, 2)});
  for (const std::string& one : {token, session, user}) {
    ExpectUnauthenticated(BearerOf(one), "TOKEN_REVOKED");
  }
  ExpectAdmitted(world_.TokenOf("usr_a"), "usr_a");
  world_.view->Merge({Revoked(RevokedThing::kKey, world_.key.kid(), now)});
  ExpectUnauthenticated(BearerOf(world_.TokenOf("usr_a")), "TOKEN_REVOKED");
}

TEST_P(Enforcement, AUserOfTheDemandedVersionIsNotRevoked) {
  world_.view->Merge({Revoked(RevokedThing::kUser, "usr_a", world_.clock.Now(), 2)});
  ExpectAdmitted(Signed([](Claims& claims) { claims.user_version = 2; }), "usr_a");
}

TEST_P(Enforcement, AsksForOneOfTheRoles) {
  const auto denied = grpc::StatusCode::PERMISSION_DENIED;
  ExpectRefused(BearerOf(world_.TokenOf("usr_a")), denied, "ROLE_REQUIRED", true);
  const std::string near = Signed([](Claims& claims) {
    claims.roles = {"echo", "echo.adminx", "ECHO.ADMIN"};
    claims.scopes = {"echo.admin"};
  });
  ExpectRefused(BearerOf(near), denied, "ROLE_REQUIRED", true);
  ExpectAdmitted(Signed([](Claims& claims) { claims.roles = {"x", "echo.root"}; }), "usr_a", true);
}

TEST_P(Enforcement, APublicMethodIgnoresAndHidesTheToken) {
  for (const Headers& headers : {Headers{}, BearerOf(world_.TokenOf("usr_a")), BearerOf("rubbish"),
                                 Headers{{"authorization", "x"}, {"authorization", "y"}}}) {
    const Outcome outcome = world_.Open(headers);
    ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
    EXPECT_TRUE(outcome.replies[0].anonymous());
    EXPECT_EQ(outcome.replies[0].subject(), "");
    EXPECT_FALSE(outcome.replies[0].saw_token());
  }
}

INSTANTIATE_TEST_SUITE_P(Everywhere, Enforcement,
                         ::testing::Combine(::testing::Values(Transport::kPlaintext,
                                                              Transport::kSsl,
                                                              Transport::kTlsFiles),
                                            ::testing::Values(Api::kSync, Api::kCallback),
                                            ::testing::Values(Shape::kUnary, Shape::kClientStream,
                                                              Shape::kServerStream, Shape::kBidi)),
                         NameOf);

TEST(EnforcementLog, ARefusalIsOneEventWithTheCheckAndNoToken) {
  World world;
  const std::string token = Sign(ClaimsFor("usr_a", world.clock.Now()), NewKey());
  world.Call(Shape::kUnary, BearerOf(token));
  EXPECT_EQ(world.log.CountOf("guard.refused method=/tessera.test.guard.Echo/Say "
                              "reason=TOKEN_UNKNOWN_KEY check="),
            1);
  EXPECT_EQ(world.log.CountOf("token=" + Fingerprint(token)), 1);
  EXPECT_EQ(world.log.CountOf(token), 0);
}

// gRPC asks no credentials on a channel within the process, so only the interceptor stands there.
TEST(EnforcementInProcess, ARefusedCallIsCancelledWithTheReasonAndItsHandlerSeesNobody) {
  World world;
  const auto stub = echo::Echo::NewStub(world.server().InProcessChannel({}));
  grpc::ClientContext context;
  echo::EchoResponse response;
  const grpc::Status status = stub->Say(&context, echo::EchoRequest(), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ReasonIn(status), "TOKEN_MISSING");
  EXPECT_EQ(response.subject(), "");
}

TEST(EnforcementInProcess, AGoodTokenIsJudgedByTheInterceptorAlone) {
  World world;
  const auto stub = echo::Echo::NewStub(world.server().InProcessChannel({}));
  grpc::ClientContext context;
  context.AddMetadata("authorization", "Bearer " + world.TokenOf("usr_a"));
  echo::EchoResponse response;
  ASSERT_TRUE(stub->Say(&context, echo::EchoRequest(), &response).ok());
  EXPECT_EQ(response.subject(), "usr_a");
  EXPECT_FALSE(response.saw_token());
}

TEST(EnforcementView, RefusesGoodTokensUntilTheFirstListOfRevocationsHasCome) {
  World world;
  const auto view = std::make_shared<RevocationView>(world.clock);
  World::Options options;
  options.keys = KeysInHand(SetOf({world.key}));
  options.adjust = [&](GuardOptions& guard) { guard.revocations = RevocationsFromView(view); };
  World waiting(options);
  const Outcome refused = waiting.Call(Shape::kUnary, BearerOf(world.TokenOf("usr_a")));
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonIn(refused.status), "REVOCATION_VIEW_STALE");
  EXPECT_EQ(waiting.entered(), 0);
  EXPECT_EQ(ReasonIn(waiting.Call(Shape::kUnary, {}).status), "TOKEN_MISSING");
  view->MarkCurrent();
  EXPECT_TRUE(waiting.Call(Shape::kUnary, BearerOf(world.TokenOf("usr_a"))).status.ok());
}

TEST(EnforcementView, WithoutFirstViewJudgesByTheTokenAndWhatIsKnown) {
  World world;
  const auto view = std::make_shared<RevocationView>(world.clock);
  World::Options options;
  options.keys = KeysInHand(SetOf({world.key}));
  options.adjust = [&](GuardOptions& guard) {
    guard.revocations = RevocationsFromView(view);
    guard.without_first_view = true;
  };
  World eager(options);
  EXPECT_TRUE(eager.Call(Shape::kUnary, BearerOf(world.TokenOf("usr_a"))).status.ok());
  view->Merge({Revoked(RevokedThing::kToken, "tok_usr_a", world.clock.Now())});
  EXPECT_EQ(ReasonIn(eager.Call(Shape::kUnary, BearerOf(world.TokenOf("usr_a"))).status),
            "TOKEN_REVOKED");
}

TEST(EnforcementView, WithoutRevocationsJudgesByTheTokenAlone) {
  World::Options options;
  options.adjust = [](GuardOptions& guard) { guard.revocations = WithoutRevocations(); };
  World world(options);
  world.view->Merge({Revoked(RevokedThing::kToken, "tok_usr_a", world.clock.Now())});
  EXPECT_TRUE(world.Call(Shape::kUnary, BearerOf(world.TokenOf("usr_a"))).status.ok());
  EXPECT_TRUE(world.Call(Shape::kBidi, BearerOf(world.TokenOf("usr_a"))).status.ok());
}

}  // namespace
}  // namespace tessera::testing
