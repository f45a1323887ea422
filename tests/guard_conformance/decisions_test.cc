// What a call brings decides, and nothing else: the same code, reason and message on every
// transport, in every API and for every shape of call, and a refused call enters no handler.
#include <gtest/gtest.h>

#include <map>

#include "tests/guard_conformance/theatre.h"

namespace tessera::testing {
namespace {

using grpc::StatusCode;

struct Case {
  const char* name;
  std::function<Headers(Theatre&)> headers;
  StatusCode code;
  const char* reason;
};

// `authorization: Bearer TOKEN`, and then some more.
Headers Twice(const std::string& token) {
  return {{"authorization", "Bearer " + token}, {"authorization", "Bearer " + token}};
}

template <typename... Changes>
std::function<Headers(Theatre&)> A(Changes... changes) {
  return [=](Theatre& theatre) {
    return BearerOf(theatre.issuer.Token("usr_alice", WithRoles({"speaker"}), changes...));
  };
}

std::vector<Case> Refusals() {
  const TokenChange foreign_certificate = BoundToCertificate(MakeTlsMaterial().certificate);
  return {
      {"no token", [](Theatre&) { return Headers(); }, StatusCode::UNAUTHENTICATED,
       "TOKEN_MISSING"},
      {"malformed", [](Theatre&) { return BearerOf("not-a-token"); }, StatusCode::UNAUTHENTICATED,
       "TOKEN_MALFORMED"},
      {"another scheme",
       [](Theatre& one) {
         return Headers{{"authorization", "Basic " + one.GoodToken()}};
       },
       StatusCode::UNAUTHENTICATED, "TOKEN_MALFORMED"},
      {"two tokens", [](Theatre& one) { return Twice(one.GoodToken()); },
       StatusCode::UNAUTHENTICATED, "TOKEN_MULTIPLE"},
      {"expired", A(Expired()), StatusCode::UNAUTHENTICATED, "TOKEN_EXPIRED"},
      {"not yet valid", A(NotYetValid()), StatusCode::UNAUTHENTICATED, "TOKEN_NOT_YET_VALID"},
      {"a foreign key",
       [](Theatre& one) { return BearerOf(one.issuer.TokenOfForeignKey("usr_alice")); },
       StatusCode::UNAUTHENTICATED, "TOKEN_UNKNOWN_KEY"},
      {"forged",
       [](Theatre& one) {
         return BearerOf(one.issuer.ForgedToken("usr_alice", WithRoles({"speaker"})));
       },
       StatusCode::UNAUTHENTICATED, "TOKEN_SIGNATURE"},
      {"for another audience", A(ForAudience("orders")), StatusCode::UNAUTHENTICATED,
       "TOKEN_AUDIENCE"},
      {"of another issuer", A(ByIssuer("https://else.test")), StatusCode::UNAUTHENTICATED,
       "TOKEN_ISSUER"},
      {"revoked",
       [](Theatre& one) {
         return BearerOf(one.issuer.RevokedToken("usr_alice", WithRoles({"speaker"})));
       },
       StatusCode::UNAUTHENTICATED, "TOKEN_REVOKED"},
      {"bound to another's certificate", A(foreign_certificate), StatusCode::UNAUTHENTICATED,
       "CERTIFICATE_MISMATCH"},
      {"without the role",
       [](Theatre& one) {
         return BearerOf(one.issuer.Token("usr_alice", WithRoles({"listener", "speakers"})));
       },
       StatusCode::PERMISSION_DENIED, "ROLE_REQUIRED"},
  };
}

// Credentials that somebody else built cannot let a call wait: a key that is unknown is fetched,
// and the call is to come again.
Outcome CallUntilFetched(Theatre& theatre, Transport transport, Shape shape,
                         const Headers& headers) {
  Outcome outcome = Call(theatre.stub(), shape, headers);
  const bool may_wait = transport != Transport::kProtected;
  if (may_wait || ReasonIn(outcome.status) != "KEYS_UNAVAILABLE") return outcome;
  EXPECT_EQ(outcome.status.error_code(), StatusCode::UNAVAILABLE);
  EXPECT_TRUE(Eventually([&] {
    outcome = Call(theatre.stub(), shape, headers);
    return ReasonIn(outcome.status) != "KEYS_UNAVAILABLE";
  }));
  return outcome;
}

// Holds the messages of refusals against those that came before.
class Messages {
 public:
  void ExpectSame(const Case& one, const grpc::Status& status) {
    const auto known = messages_.emplace(one.name, status.error_message()).first;
    EXPECT_EQ(status.error_message(), known->second) << one.name;
  }
  size_t size() const { return messages_.size(); }

 private:
  std::map<std::string, std::string> messages_;  // by the case's name
};

class Decisions : public ::testing::TestWithParam<Transport> {
 protected:
  void ExpectRefused(Theatre& theatre, Shape shape, const Case& one) {
    SCOPED_TRACE(std::string(one.name) + ", " + NameOf(shape));
    const Outcome outcome = CallUntilFetched(theatre, GetParam(), shape, one.headers(theatre));
    EXPECT_EQ(outcome.status.error_code(), one.code) << outcome.status.error_message();
    EXPECT_EQ(ReasonIn(outcome.status), one.reason) << outcome.status.error_message();
    EXPECT_TRUE(outcome.replies.empty());
    EXPECT_EQ(theatre.entered(), 0) << "the handler ran";
    messages_.ExpectSame(one, outcome.status);
  }

  static void ExpectAdmitted(Theatre& theatre, Shape shape, const std::string& token) {
    SCOPED_TRACE(NameOf(shape));
    const int before = theatre.entered();
    const Outcome outcome = Call(theatre.stub(), shape, BearerOf(token));
    ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
    ASSERT_EQ(outcome.replies.size(), 1u);
    EXPECT_EQ(outcome.replies[0].text(), "hello");
    EXPECT_EQ(outcome.replies[0].subject(), "usr_alice");
    EXPECT_FALSE(outcome.replies[0].saw_token());
    EXPECT_EQ(theatre.entered(), before + 1);
  }

  static Theatre::Options On(Api api) {
    Theatre::Options options;
    options.transport = GetParam();
    options.api = api;
    return options;
  }

  Messages messages_;
};

TEST_P(Decisions, AreTheSameInEveryApiAndForEveryShape) {
  const std::vector<Case> refusals = Refusals();
  for (const Api api : kApis) {
    SCOPED_TRACE(NameOf(api));
    Theatre theatre(On(api));
    for (const Shape shape : kShapes) {
      for (const Case& one : refusals) ExpectRefused(theatre, shape, one);
    }
    for (const Shape shape : kShapes) {
      ExpectAdmitted(theatre, shape, theatre.GoodToken());
      // Known by now, and revoked: what was verified once is asked about again.
      const std::string token = theatre.GoodToken();
      ExpectAdmitted(theatre, shape, token);
      theatre.issuer.RevokeSession(token);
      const int before = theatre.entered();
      EXPECT_EQ(ReasonIn(Call(theatre.stub(), shape, BearerOf(token)).status), "TOKEN_REVOKED");
      EXPECT_EQ(theatre.entered(), before);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(On, Decisions, ::testing::ValuesIn(kTransports),
                         [](const auto& one) { return NameOf(one.param); });

TEST(Refusals, HaveTheSameMessageOnEveryTransport) {
  const std::vector<Case> refusals = Refusals();
  Messages messages;
  for (const Transport transport : kTransports) {
    SCOPED_TRACE(NameOf(transport));
    Theatre theatre({transport, Api::kSync});
    for (const Case& one : refusals) {
      const Outcome outcome =
          CallUntilFetched(theatre, transport, Shape::kUnary, one.headers(theatre));
      EXPECT_FALSE(outcome.status.error_message().empty()) << one.name;
      messages.ExpectSame(one, outcome.status);
    }
  }
  EXPECT_EQ(messages.size(), refusals.size());
}

void ExpectWhereProven(Transport transport, Api api) {
  SCOPED_TRACE(std::string(NameOf(transport)) + ", " + NameOf(api));
  Theatre theatre({transport, api});
  const std::string token =
      theatre.issuer.Token("usr_alice", WithRoles({"speaker"}),
                           BoundToCertificate(theatre.client_certificate.certificate));
  for (const Shape shape : kShapes) {
    const int before = theatre.entered();
    const grpc::Status status = Call(theatre.stub(), shape, BearerOf(token)).status;
    if (ProvesCertificates(transport)) {
      EXPECT_TRUE(status.ok()) << status.error_message();
      EXPECT_EQ(theatre.entered(), before + 1);
    } else {
      EXPECT_EQ(status.error_code(), StatusCode::UNAUTHENTICATED);
      EXPECT_EQ(ReasonIn(status), "CERTIFICATE_MISMATCH");
      EXPECT_EQ(theatre.entered(), 0);
    }
  }
}

TEST(BoundTokens, CountWhereTheConnectionProvedTheCertificateAndNowhereElse) {
  for (const Transport transport : kTransports) {
    for (const Api api : kApis) ExpectWhereProven(transport, api);
  }
}

}  // namespace
}  // namespace tessera::testing
