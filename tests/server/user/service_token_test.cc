// What a service account gets for its secret, and what an attacker may try instead.
#include <gmock/gmock.h>

#include <array>

#include "absl/strings/str_cat.h"
#include "tessera/token/base64url.h"
#include "tessera/token/digest.h"
#include "tests/server/user/service_room.h"

namespace tessera::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using ServiceTokenTest = ServiceRoom;

TEST_F(ServiceTokenTest, SaysWhoItIsForWhomAndWhatItMayDo) {
  const CreatedServiceAccount created = AddService("billing");
  const auto issued = Issue(Asking(created.secret, "orders", {"write"}));
  ASSERT_TRUE(issued.ok()) << issued.status();
  const Claims claims = ClaimsOf(issued->access_token);
  EXPECT_EQ(claims.subject, created.view.account.id.str());
  EXPECT_EQ(claims.client_id, claims.subject);
  EXPECT_EQ(issued->service_id.str(), claims.subject);
  EXPECT_EQ(claims.audience, "orders");
  EXPECT_EQ(claims.user_version, 1);
  EXPECT_TRUE(claims.session_id.empty());
  EXPECT_EQ(claims.refresh_generation, 0);
  EXPECT_THAT(claims.roles, ElementsAre("orders.admin", "reader"));
  EXPECT_THAT(claims.scopes, ElementsAre("write"));
  EXPECT_THAT(issued->scopes, ElementsAre("write"));
  EXPECT_THAT(claims.amr, ElementsAre("secret"));
  EXPECT_TRUE(claims.certificate.empty());
  EXPECT_EQ(claims.expires_at, issued->expires_at);
  EXPECT_EQ(claims.expires_at - claims.issued_at, absl::Minutes(15));
}

// No scope is given that was not asked for.
TEST_F(ServiceTokenTest, ScopesAreThoseAskedFor) {
  const CreatedServiceAccount created = AddService("billing");
  EXPECT_THAT(ClaimsOf(TokenOf(created.secret)).scopes, IsEmpty());
  EXPECT_EQ(Try(created.secret, "orders", {"read", "delete"}), reason::kNotAllowed);
  EXPECT_EQ(Try(created.secret, "orders", {"read", "read"}), reason::kFieldInvalid);
  EXPECT_EQ(Try(created.secret, "orders", std::vector<std::string>(65, "read")),
            reason::kFieldInvalid);
}

TEST_F(ServiceTokenTest, AnAudienceThatTheAccountMayNotAskForIsRefused) {
  ServiceAccountFields fields = Fields();
  fields.audiences = {"orders"};
  const CreatedServiceAccount created = AddService("billing", fields);
  const auto refused = Issue(Asking(created.secret, "billing"));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ReasonOf(refused.status()), reason::kNotAllowed);
  // Tessera's own is one like any other, and what an empty one means.
  EXPECT_EQ(Try(created.secret, "tessera"), reason::kNotAllowed);
  EXPECT_EQ(Try(created.secret, ""), reason::kNotAllowed);
  EXPECT_EQ(Try(created.secret, "elsewhere"), reason::kFieldInvalid);
  // Whoever is not proven learns nothing of what the account may do.
  EXPECT_EQ(Try(Secret("tss_"), "billing"), reason::kBadCredentials);
}

TEST_F(ServiceTokenTest, ReservedRolesShowForTesseraAloneAndLimitedOnesWhereTheyApply) {
  ServiceAccountFields fields = Fields();
  fields.roles = {"tessera.guard", "orders.admin", "reader"};
  fields.audiences = {"tessera", "orders", "billing"};
  const CreatedServiceAccount created = AddService("feed", fields);
  EXPECT_THAT(ClaimsOf(TokenOf(created.secret, "tessera")).roles,
              ElementsAre("reader", "tessera.guard"));
  EXPECT_THAT(ClaimsOf(TokenOf(created.secret, "orders")).roles,
              ElementsAre("orders.admin", "reader"));
  EXPECT_THAT(ClaimsOf(TokenOf(created.secret, "billing")).roles, ElementsAre("reader"));
}

// Each changes one thing about a good secret. None may be told from another, and none that is
// forged may cost the store anything: a flood of them starves nobody.
TEST_F(ServiceTokenTest, ForgedSecretsAreRefusedAlikeAndWithoutTheStore) {
  const CreatedServiceAccount mine = AddService("mine");
  const CreatedServiceAccount theirs = AddService("theirs");
  const std::string good(mine.secret.Reveal());
  const std::string other(theirs.secret.Reveal());
  std::vector<std::string> forged = {
      "",
      "tss_",
      "x",
      std::string(kPassword),
      good.substr(1),
      good + "A",
      good.substr(0, good.size() - 1),
      "tsr_" + good.substr(4),
      // Another account's id with one's own secret, and the reverse.
      other.substr(0, 30) + good.substr(30),
      good.substr(0, 30) + other.substr(30),
      // An id that nobody has.
      "tss_" + SecretId::Random(clock_.Now()).str().substr(4) + good.substr(30),
      good.substr(0, 30) + Base64UrlEncode(RandomBytes(32)),
      "tss_" + std::string(26, 'u') + good.substr(30),
  };
  for (size_t at = 4; at < good.size(); ++at) {
    std::string flipped = good;
    flipped[at] = flipped[at] == '0' ? '1' : '0';
    forged.push_back(flipped);
  }
  const int calls = disturbed_->calls();
  absl::Status first;
  for (const std::string& text : forged) {
    const absl::Status status = Issue(Asking(Secret(text))).status();
    EXPECT_EQ(ReasonOf(status), reason::kBadCredentials) << text.size();
    if (first.ok()) first = status;
    EXPECT_EQ(status, first);
  }
  EXPECT_EQ(disturbed_->calls(), calls);
  EXPECT_EQ(Try(mine.secret), "issued");
  EXPECT_THAT(log_.Text(), Not(HasSubstr(good)));
}

// The tag keeps floods out; it is the hash that lets in. Whoever learns the tag's secret (it is the
// same key) still needs the row.
TEST_F(ServiceTokenTest, ASecretWithAGoodTagThatIsNotTheStoredOneIsWrong) {
  const CreatedServiceAccount created = AddService("billing");
  auto other = MintServiceSecret(created.view.account.id, *keys_->Current(), clock_.Now());
  ASSERT_TRUE(other.ok());
  const absl::Status unknown = Issue(Asking(other->text)).status();
  EXPECT_EQ(ReasonOf(unknown), reason::kBadCredentials);
  EXPECT_THAT(log_.Text(), HasSubstr("unknown_secret"));
  // The row of one secret under another's id.
  storage::ServiceSecret swapped = created.view.secrets[0];
  swapped.id = other->row.id;
  ASSERT_TRUE(
      store_
          ->Write(storage::Repeat::kOnce, absl::InfiniteFuture(),
                  [&](storage::Repositories& r) { return r.services.InsertSecret(swapped); })
          .ok());
  const absl::Status wrong = Issue(Asking(other->text)).status();
  EXPECT_EQ(wrong, unknown);
  EXPECT_THAT(log_.Text(), HasSubstr("wrong_secret"));
}

// A stolen database with write access cannot move a secret to an account that may do more.
TEST_F(ServiceTokenTest, ARowThatIsMovedToAnotherAccountFitsNothing) {
  const CreatedServiceAccount weak = AddService("weak");
  const CreatedServiceAccount strong = AddService("strong");
  storage::ServiceSecret moved = weak.view.secrets[0];
  moved.service_id = strong.view.account.id;
  const absl::Status written =
      store_->Write(storage::Repeat::kOnce, absl::InfiniteFuture(), [&](storage::Repositories& r) {
        const auto gone = r.services.Delete(weak.view.account.id);
        if (!gone.ok()) return gone.status();
        return r.services.InsertSecret(moved);
      });
  ASSERT_TRUE(written.ok()) << written;
  EXPECT_EQ(Try(weak.secret), reason::kBadCredentials);
}

// The account is read, then disabled, then the token is signed: the token is dead when it arrives.
TEST_F(ServiceTokenTest, ATokenThatIsSignedWhileTheAccountIsDisabledIsDead) {
  const CreatedServiceAccount created = AddService("billing");
  disturbed_->AfterNextRead([&] {
    ASSERT_TRUE(
        SetServiceState(created.view.account.id, storage::ServiceAccountState::kDisabled).ok());
  });
  const auto issued = Issue(Asking(created.secret));
  ASSERT_TRUE(issued.ok()) << issued.status();
  EXPECT_EQ(Inactive(issued->access_token), reason::kTokenRevoked);
  EXPECT_EQ(Try(created.secret), reason::kBadCredentials);
}

TEST_F(ServiceTokenTest, ATokenThatIsSignedWhileTheSecretIsRotatedAtOnceIsDead) {
  const CreatedServiceAccount created = AddService("billing");
  disturbed_->AfterNextRead(
      [&] { ASSERT_TRUE(Rotate(created.view.account.id, absl::ZeroDuration()).ok()); });
  const auto issued = Issue(Asking(created.secret));
  ASSERT_TRUE(issued.ok()) << issued.status();
  EXPECT_EQ(Inactive(issued->access_token), reason::kTokenRevoked);
}

TEST_F(ServiceTokenTest, OtherKindsOfCredentialsAreRefusedUntilTheyAreServed) {
  for (const ServiceCredential& credential :
       std::vector<ServiceCredential>{AssertionCredential{Secret("a")},
                                      KubernetesCredential{Secret("k")}, CertificateCredential{}}) {
    const auto refused = tokens_->Check(call_, {credential, "orders", {}});
    EXPECT_EQ(ReasonOf(refused.status()), reason::kFieldUnsupported) << refused.status();
  }
}

// A service account has no password, and no session that could be renewed.
TEST_F(ServiceTokenTest, NoServiceAccountLogsIn) {
  const CreatedServiceAccount created = AddService("billing");
  for (const std::string& name : {std::string("billing"), created.view.account.id.str()}) {
    EXPECT_EQ(ReasonOf(Login(name, std::string(created.secret.Reveal())).status()),
              reason::kBadCredentials);
  }
  // Nor does a user's password prove a service.
  Add("ada");
  EXPECT_EQ(Try(Secret(kPassword)), reason::kBadCredentials);
}

// One decision, one event; and never the secret.
TEST_F(ServiceTokenTest, EachDecisionIsInTheLog) {
  const CreatedServiceAccount created = AddService("billing");
  Try(created.secret);
  EXPECT_THAT(log_.Text(), HasSubstr("service_token.issued " + created.view.account.id.str()));
  Try(created.secret, "billing");
  EXPECT_THAT(log_.Text(), HasSubstr("service_token.refused not_allowed"));
  Try(Secret("tss_x"));
  EXPECT_THAT(log_.Text(), HasSubstr("service_token.refused TOKEN_MALFORMED"));
  EXPECT_THAT(log_.Text(), Not(HasSubstr(std::string(created.secret.Reveal()).substr(30))));
}

}  // namespace
}  // namespace tessera::server
