// A token that is bound to a client certificate counts on a connection that proved it, and nowhere
// else.
#include <gtest/gtest.h>

#include <future>

#include "tessera/token/certificate.h"
#include "tests/guard/held_keys.h"
#include "tests/guard/world.h"

namespace tessera::testing {
namespace {

constexpr auto kVerify = GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY;

class CertificateBinding : public ::testing::TestWithParam<Api> {
 protected:
  World& Make(Transport transport, grpc_ssl_client_certificate_request_type request,
              std::shared_ptr<KeySource> keys = nullptr, std::map<std::string, Rule> rules = {}) {
    World::Options options;
    options.adjust = [rules](GuardOptions& guard) { guard.rules = rules; };
    options.api = GetParam();
    options.transport = transport;
    options.client_certificates = request;
    options.keys = std::move(keys);
    world_ = std::make_unique<World>(options);
    return *world_;
  }
  Headers BoundTo(const TlsMaterial& certificate) const {
    Claims claims = ClaimsFor("usr_a", world_->clock.Now());
    claims.certificate = CertificateThumbprint(certificate.certificate);
    EXPECT_NE(claims.certificate, "");
    return BearerOf(Sign(claims, world_->key));
  }
  static void ExpectMismatch(const Outcome& outcome) {
    EXPECT_EQ(outcome.status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
    EXPECT_EQ(ReasonIn(outcome.status), "CERTIFICATE_MISMATCH") << outcome.status.error_message();
  }
  static void ExpectAdmitted(const Outcome& outcome) {
    ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
    EXPECT_EQ(outcome.replies[0].subject(), "usr_a");
  }
  static constexpr Shape kShapes[] = {Shape::kUnary, Shape::kClientStream, Shape::kServerStream,
                                      Shape::kBidi};

  std::unique_ptr<World> world_;
};

TEST_P(CertificateBinding, ItsOwnCertificateAdmitsAndAnotherOfTheSameAuthorityOrNoneDoesNot) {
  World& world = Make(Transport::kSsl, kVerify);
  const TlsMaterial own = MakeClientCertificate(world.client_authority);
  const auto with_own = world.ClientWith(own);
  const auto with_other = world.ClientWith(MakeClientCertificate(world.client_authority));
  const Headers headers = BoundTo(own);
  for (const Shape shape : kShapes) {
    ExpectAdmitted(CallOver(*with_own, shape, headers));
    const int entered = world.entered();
    ExpectMismatch(CallOver(*with_other, shape, headers));  // known by now
    ExpectMismatch(world.Call(shape, headers));
    EXPECT_EQ(world.entered(), entered);
  }
}

TEST_P(CertificateBinding, ATokenThatIsBoundToNoneNeedsNone) {
  World& world = Make(Transport::kSsl, kVerify);
  const Headers headers = BearerOf(world.TokenOf("usr_a"));
  ExpectAdmitted(world.Call(Shape::kUnary, headers));
  const auto client = world.ClientWith(MakeClientCertificate(world.client_authority));
  ExpectAdmitted(CallOver(*client, Shape::kUnary, headers));
}

TEST_P(CertificateBinding, HoldsWithCertificatesFromFiles) {
  World& world = Make(Transport::kTlsFiles, kVerify);
  const TlsMaterial own = MakeClientCertificate(world.client_authority);
  const Headers headers = BoundTo(own);
  ExpectAdmitted(CallOver(*world.ClientWith(own), Shape::kUnary, headers));
  const auto with_other = world.ClientWith(MakeClientCertificate(world.client_authority));
  ExpectMismatch(CallOver(*with_other, Shape::kUnary, headers));
}

TEST_P(CertificateBinding, OnAPlaintextPortABoundTokenIsRefused) {
  World& world = Make(Transport::kPlaintext, GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  for (const Shape shape : kShapes) ExpectMismatch(world.Call(shape, BoundTo(MakeTlsMaterial())));
  EXPECT_EQ(world.entered(), 0);
}

TEST_P(CertificateBinding, OnAPortThatAsksForNoCertificateABoundTokenIsRefused) {
  for (const Transport transport : {Transport::kSsl, Transport::kTlsFiles}) {
    World& world = Make(transport, GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
    const TlsMaterial own = MakeClientCertificate(world.client_authority);
    ExpectMismatch(CallOver(*world.ClientWith(own), Shape::kUnary, BoundTo(own)));
    ExpectMismatch(world.Call(Shape::kUnary, BoundTo(own)));
    EXPECT_EQ(world.entered(), 0);
  }
}

TEST_P(CertificateBinding, ACertificateThatThePortDoesNotVerifyProvesNothing) {
  World& world = Make(Transport::kSsl, GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_BUT_DONT_VERIFY);
  const TlsMaterial own = MakeClientCertificate(world.client_authority);
  ExpectMismatch(CallOver(*world.ClientWith(own), Shape::kUnary, BoundTo(own)));
  EXPECT_EQ(world.entered(), 0);
}

TEST_P(CertificateBinding, ACallThatWaitsForKeysIsHeldAgainstItsOwnConnection) {
  const auto keys = std::make_shared<HeldKeys>();
  World& world = Make(Transport::kSsl, kVerify, keys);
  const TlsMaterial own = MakeClientCertificate(world.client_authority);
  const auto with_own = world.ClientWith(own);
  const auto with_other = world.ClientWith(MakeClientCertificate(world.client_authority));
  const Headers headers = BoundTo(own);
  for (const auto& client : {with_own.get(), with_other.get()}) {
    keys->Set(SetOf({NewKey()}));
    const int before = keys->fetches();
    auto call =
        std::async(std::launch::async, [&] { return CallOver(*client, Shape::kUnary, headers); });
    ASSERT_TRUE(Eventually([&] { return keys->fetches() > before; }));
    keys->Set(SetOf({world.key}));
    keys->Finish(absl::OkStatus());
    if (client == with_own.get()) {
      ExpectAdmitted(call.get());
    } else {
      ExpectMismatch(call.get());
    }
  }
}

// Every method of the echo service that is for all who are signed in.
std::map<std::string, Rule> CertificateBoundRules() {
  Rule rule;
  rule.admission = Admission::kAuthenticated;
  rule.certificate_bound = true;
  std::map<std::string, Rule> rules;
  for (const char* method : {"Say", "Collect", "Tail", "Chat"}) {
    rules[std::string("/tessera.test.guard.Echo/") + method] = rule;
  }
  return rules;
}

TEST_P(CertificateBinding, ARuleThatAsksForACertificateTakesOnlyATokenThatIsBoundToThisOne) {
  for (const Transport transport : {Transport::kSsl, Transport::kTlsFiles}) {
    World& world = Make(transport, kVerify, nullptr, CertificateBoundRules());
    const TlsMaterial own = MakeClientCertificate(world.client_authority);
    const auto with_own = world.ClientWith(own);
    const auto with_other = world.ClientWith(MakeClientCertificate(world.client_authority));
    const Headers bound = BoundTo(own);
    const Headers unbound = BearerOf(world.TokenOf("usr_a"));
    for (const Shape shape : kShapes) {
      ExpectAdmitted(CallOver(*with_own, shape, bound));
      const int entered = world.entered();
      const grpc::Status refused = CallOver(*with_own, shape, unbound).status;
      EXPECT_EQ(refused.error_code(), grpc::StatusCode::PERMISSION_DENIED);
      EXPECT_EQ(ReasonIn(refused), "CERTIFICATE_REQUIRED") << refused.error_message();
      ExpectMismatch(CallOver(*with_other, shape, bound));
      EXPECT_EQ(world.entered(), entered);
    }
  }
}

TEST_P(CertificateBinding, ARuleThatAsksForACertificateLetsNobodyInOverPlaintext) {
  World& world = Make(Transport::kPlaintext, GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE, nullptr,
                      CertificateBoundRules());
  for (const Shape shape : kShapes) {
    ExpectMismatch(world.Call(shape, BoundTo(MakeTlsMaterial())));
    EXPECT_EQ(ReasonIn(world.Call(shape, BearerOf(world.TokenOf("usr_a"))).status),
              "CERTIFICATE_REQUIRED");
  }
  EXPECT_EQ(world.entered(), 0);
}

INSTANTIATE_TEST_SUITE_P(Apis, CertificateBinding, ::testing::Values(Api::kSync, Api::kCallback),
                         [](const auto& one) {
                           return one.param == Api::kSync ? "Sync" : "Callback";
                         });

}  // namespace
}  // namespace tessera::testing
