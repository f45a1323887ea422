// Service accounts and their tokens on the wire: what is taken, and what is refused before anybody
// looks at it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/rpc/service_account_wire.h"
#include "server/rpc/service_token_wire.h"
#include "tessera/base/reason.h"

namespace tessera::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// `REASON field`, as a refusal names them; empty if the request was taken.
template <typename Request>
std::string Refused(const Request& request) {
  const absl::Status status = Parse(request).status();
  return status.ok() ? "" : ReasonOf(status) + " " + FieldOf(status);
}

TEST(ServiceWire, EachKindOfCredentialIsTakenAsItIs) {
  v1::IssueTokenRequest request;
  request.set_audience("orders");
  request.add_scopes("read");
  EXPECT_EQ(Refused(request), "FIELD_INVALID credential");
  request.set_secret("tss_x");
  const auto secret = Parse(request);
  ASSERT_TRUE(secret.ok());
  EXPECT_EQ(std::get<SecretCredential>(secret->credential).secret.Reveal(), "tss_x");
  EXPECT_EQ(secret->audience, "orders");
  EXPECT_THAT(secret->scopes, ElementsAre("read"));
  request.set_assertion("a.b.c");
  EXPECT_EQ(std::get<AssertionCredential>(Parse(request)->credential).jwt.Reveal(), "a.b.c");
  request.set_kubernetes_token("k");
  EXPECT_EQ(std::get<KubernetesCredential>(Parse(request)->credential).token.Reveal(), "k");
  request.mutable_certificate();
  EXPECT_TRUE(std::holds_alternative<CertificateCredential>(Parse(request)->credential));
}

TEST(ServiceWire, AnEmptyCredentialAndAnAudienceThatIsANovelAreRefused) {
  v1::IssueTokenRequest request;
  request.set_secret("");
  EXPECT_EQ(Refused(request), "FIELD_INVALID secret");
  request.set_assertion("");
  EXPECT_EQ(Refused(request), "FIELD_INVALID assertion");
  request.set_kubernetes_token("");
  EXPECT_EQ(Refused(request), "FIELD_INVALID kubernetes_token");
  request.set_secret("tss_x");
  request.set_audience(std::string(kMaxTextBytes + 1, 'a'));
  EXPECT_EQ(Refused(request), "FIELD_INVALID audience");
}

TEST(ServiceWire, ANewAccountNeedsAName) {
  v1::CreateServiceAccountRequest request;
  EXPECT_EQ(Refused(request), "FIELD_INVALID service_account.name");
  request.mutable_service_account()->set_name("billing");
  request.mutable_service_account()->set_id("svc_mine");  // output only: not taken
  request.mutable_service_account()->add_roles("reader");
  request.set_without_secret(true);
  const auto input = Parse(request);
  ASSERT_TRUE(input.ok());
  EXPECT_EQ(input->name, "billing");
  EXPECT_TRUE(input->without_secret);
  EXPECT_THAT(*input->fields.roles, ElementsAre("reader"));
  EXPECT_THAT(*input->fields.audiences, IsEmpty());
  EXPECT_FALSE(input->fields.state.has_value());
}

TEST(ServiceWire, AMaskTakesWhatItNamesEmptyOrNotAndNothingElse) {
  v1::UpdateServiceAccountRequest request;
  v1::ServiceAccount& account = *request.mutable_service_account();
  account.add_scopes("read");
  account.set_description("not named");
  EXPECT_EQ(Refused(request), "FIELD_INVALID service_account.id");
  account.set_id("svc_1");
  EXPECT_EQ(Refused(request), "FIELD_INVALID update_mask");
  request.mutable_update_mask()->add_paths("scopes");
  request.mutable_update_mask()->add_paths("roles");
  const auto change = Parse(request);
  ASSERT_TRUE(change.ok());
  EXPECT_THAT(*change->fields.scopes, ElementsAre("read"));
  EXPECT_THAT(*change->fields.roles, IsEmpty());
  EXPECT_FALSE(change->fields.description.has_value());
  for (const char* path : {"name", "id", "secrets", "etag", "Roles", ""}) {
    v1::UpdateServiceAccountRequest other = request;
    other.mutable_update_mask()->add_paths(path);
    EXPECT_EQ(Refused(other), "FIELD_INVALID update_mask") << path;
  }
  request.mutable_update_mask()->add_paths("state");
  EXPECT_EQ(Refused(request), "FIELD_INVALID service_account.state");
}

// A duration from the wire may be anything.
TEST(ServiceWire, OnlyASaneDurationKeepsOldSecrets) {
  v1::RotateServiceAccountSecretRequest request;
  EXPECT_EQ(Refused(request), "FIELD_INVALID service_account_id");
  request.set_service_account_id("svc_1");
  EXPECT_EQ(Parse(request)->keep_old_for, absl::ZeroDuration());
  request.mutable_keep_old_for()->set_seconds(3600);
  request.mutable_keep_old_for()->set_nanos(1);
  EXPECT_EQ(Parse(request)->keep_old_for, absl::Hours(1) + absl::Nanoseconds(1));
  request.mutable_keep_old_for()->set_nanos(-1);
  EXPECT_EQ(Refused(request), "FIELD_INVALID keep_old_for");
  request.mutable_keep_old_for()->set_nanos(0);
  for (const int64_t seconds :
       {int64_t{-1}, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()}) {
    request.mutable_keep_old_for()->set_seconds(seconds);
    EXPECT_EQ(Refused(request), "FIELD_INVALID keep_old_for") << seconds;
  }
}

TEST(ServiceWire, AnAccountIsShownWithItsSecretsIdsAndNoHash) {
  ServiceAccountView view;
  view.account.id = ServiceId("svc_1");
  view.account.name = "billing";
  view.account.revision = 7;
  view.account.state = storage::ServiceAccountState::kDisabled;
  view.account.kubernetes_names = {"prod/billing"};
  view.secrets.push_back({SecretId("sec_1"), view.account.id, "the-hash-of-it", "the-kid",
                          absl::FromUnixSeconds(10), absl::FromUnixSeconds(20)});
  v1::ServiceAccount wire;
  Write(view, &wire);
  EXPECT_EQ(wire.state(), v1::SERVICE_ACCOUNT_STATE_DISABLED);
  EXPECT_EQ(wire.etag(), "v7");
  EXPECT_THAT(wire.kubernetes_names(), ElementsAre("prod/billing"));
  ASSERT_EQ(wire.secrets_size(), 1);
  EXPECT_EQ(wire.secrets(0).expire_time().seconds(), 20);
  const std::string bytes = wire.SerializeAsString();
  EXPECT_EQ(bytes.find("the-hash"), std::string::npos);
  EXPECT_EQ(bytes.find("the-kid"), std::string::npos);
}

}  // namespace
}  // namespace tessera::server
