#include "server/user/service_account_facade.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "tests/server/user/service_room.h"

namespace tessera::server {
namespace {

using storage::ServiceAccountState;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

using Names = std::vector<std::string>;

std::string PublicSet(const std::vector<SigningKey>& keys) {
  std::string json = "{\"keys\":[";
  for (const SigningKey& key : keys) {
    absl::StrAppend(&json, json.back() == '[' ? "" : ",", key.ToVerifyKey().ToPublicJwk());
  }
  return json + "]}";
}

SigningKey NewKey(Algorithm algorithm = Algorithm::kEs256) {
  return *SigningKey::Generate(algorithm);
}

Names Many(size_t count) {
  Names names;
  for (size_t i = 0; i < count; ++i) names.push_back(absl::StrCat("name-", i, ".example"));
  return names;
}

class ServiceAccountFacadeTest : public ServiceRoom {
 protected:
  // Which field of a new account is refused; empty: none.
  std::string RefusedField(const std::function<void(ServiceAccountFields&)>& spoil) {
    ServiceAccountFields fields = Fields();
    spoil(fields);
    const auto created = services_->Create(call_, admin_, {"spoilt", std::move(fields), true});
    if (created.ok()) {
      EXPECT_TRUE(services_->Delete(call_, admin_, created->view.account.id, "").ok());
      return "";
    }
    EXPECT_EQ(ReasonOf(created.status()), reason::kFieldInvalid) << created.status();
    return FieldOf(created.status());
  }
  std::string RefusedKeys(const std::string& json) {
    return RefusedField([&](ServiceAccountFields& fields) { fields.public_jwks = json; });
  }
  ServiceAccountView Only() {
    auto page = services_->List(call_, 0, "");
    EXPECT_TRUE(page.ok() && page->accounts.size() == 1);
    return page->accounts.front();
  }
};

TEST_F(ServiceAccountFacadeTest, IsStoredAsAskedAndItsSecretIsShownOnce) {
  ServiceAccountFields fields = Fields();
  fields.description = "räknar";
  fields.served_audiences = {"billing"};
  fields.certificate_names = {"billing.example", "spiffe://cluster/billing"};
  fields.kubernetes_names = {"prod/billing"};
  const CreatedServiceAccount created = AddService("billing", fields);
  EXPECT_EQ(created.secret.Reveal().substr(0, 4), "tss_");
  EXPECT_EQ(created.secret.Reveal().size(), 73u);
  const ServiceAccountView found = Only();
  EXPECT_EQ(found.account.name, "billing");
  EXPECT_EQ(found.account.description, "räknar");
  EXPECT_THAT(found.account.audiences, ElementsAre("orders", "tessera"));
  EXPECT_THAT(found.account.served_audiences, ElementsAre("billing"));
  EXPECT_THAT(found.account.scopes, ElementsAre("read", "write"));
  ASSERT_THAT(found.account.roles, SizeIs(2));
  EXPECT_EQ(found.account.roles[0].name, "orders.admin");
  EXPECT_EQ(EtagOf(found.account), EtagOf(created.view.account));
  ASSERT_THAT(found.secrets, SizeIs(1));
  // What is stored is no secret, and does not hold it.
  EXPECT_EQ(found.secrets[0].hash.size(), 32u);
  EXPECT_FALSE(found.secrets[0].expires_at.has_value());
  EXPECT_THAT(log_.Text(), Not(HasSubstr(std::string(created.secret.Reveal()))));
}

TEST_F(ServiceAccountFacadeTest, MayBeMadeWithoutASecret) {
  const auto created = services_->Create(call_, admin_, {"keyed", Fields(), true});
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_TRUE(created->secret.empty());
  EXPECT_THAT(Only().secrets, IsEmpty());
}

TEST_F(ServiceAccountFacadeTest, EachFieldHasItsLimits) {
  using F = ServiceAccountFields;
  EXPECT_EQ(RefusedField([](F&) {}), "");
  EXPECT_EQ(RefusedField([](F& f) { f.description = std::string(257, 'x'); }),
            "service_account.description");
  EXPECT_EQ(RefusedField([](F& f) { f.roles = Many(65); }), "service_account.roles");
  EXPECT_EQ(RefusedField([](F& f) { f.roles = {"reader", "reader"}; }), "service_account.roles");
  EXPECT_EQ(RefusedField([](F& f) { f.audiences = {"elsewhere"}; }), "service_account.audiences");
  EXPECT_EQ(RefusedField([](F& f) {
              f.audiences = {"orders", "orders"};
            }),
            "service_account.audiences");
  EXPECT_EQ(RefusedField([](F& f) { f.served_audiences = {"elsewhere"}; }),
            "service_account.served_audiences");
  EXPECT_EQ(RefusedField([](F& f) { f.scopes = {"reign"}; }), "service_account.scopes");
  EXPECT_EQ(RefusedField([](F& f) { f.certificate_names = Many(16); }), "");
  EXPECT_EQ(RefusedField([](F& f) { f.certificate_names = Many(17); }),
            "service_account.certificate_names");
  for (const char* name : {"", "a b", "*.example", "ä.example"}) {
    EXPECT_EQ(RefusedField([&](F& f) { f.certificate_names = {name}; }),
              "service_account.certificate_names")
        << name;
  }
  EXPECT_EQ(RefusedField([](F& f) { f.certificate_names = {std::string(255, 'a')}; }), "");
  EXPECT_EQ(RefusedField([](F& f) { f.certificate_names = {std::string(256, 'a')}; }),
            "service_account.certificate_names");
  EXPECT_EQ(RefusedField([](F& f) { f.kubernetes_names = {"prod-1/my.billing"}; }), "");
  for (const char* name : {"", "billing", "/billing", "prod/", "prod/a/b", "Prod/a", "pr.od/a",
                           "prod/-a", "system:serviceaccount:prod:a"}) {
    EXPECT_EQ(RefusedField([&](F& f) { f.kubernetes_names = {name}; }),
              "service_account.kubernetes_names")
        << name;
  }
}

TEST_F(ServiceAccountFacadeTest, TheNameHasItsLimits) {
  for (const std::string name : {"", "Billing", "bill ing", "a/b"}) {
    EXPECT_EQ(ReasonOf(services_->Create(call_, admin_, {name, Fields(), true}).status()),
              reason::kFieldInvalid)
        << name;
  }
  EXPECT_TRUE(services_->Create(call_, admin_, {std::string(64, 'a'), Fields(), true}).ok());
  EXPECT_FALSE(services_->Create(call_, admin_, {std::string(65, 'a'), Fields(), true}).ok());
}

TEST_F(ServiceAccountFacadeTest, OnlyPublicKeysThatVerifyAreTaken) {
  EXPECT_EQ(RefusedKeys(PublicSet({NewKey(), NewKey(Algorithm::kEdDsa)})), "");
  const std::string field = "service_account.public_jwks_json";
  const auto wrapped = [](const Secret& jwk) {
    return absl::StrCat("{\"keys\":[", std::string(jwk.Reveal()), "]}");
  };
  EXPECT_EQ(RefusedKeys(wrapped(NewKey().ToPrivateJwk())), field);
  EXPECT_EQ(RefusedKeys(wrapped(NewKey(Algorithm::kRs256).ToPrivateJwk())), field);
  EXPECT_EQ(RefusedKeys(wrapped(NewKey(Algorithm::kHs256).ToPrivateJwk())), field);
  // One among public ones is as bad.
  const std::string mixed = absl::StrCat("{\"keys\":[", NewKey().ToVerifyKey().ToPublicJwk(), ",",
                                         std::string(NewKey().ToPrivateJwk().Reveal()), "]}");
  EXPECT_EQ(RefusedKeys(mixed), field);
  for (const char* json : {"x", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[{}]}",
                           "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"\",\"y\":\"\"}]}",
                           "{\"keys\":[],\"keys\":[]}"}) {
    EXPECT_EQ(RefusedKeys(json), field) << json;
  }
  std::vector<SigningKey> many;
  for (int i = 0; i < 8; ++i) many.push_back(NewKey());
  EXPECT_EQ(RefusedKeys(PublicSet(many)), "");
  many.push_back(NewKey());
  EXPECT_EQ(RefusedKeys(PublicSet(many)), field);
}

TEST_F(ServiceAccountFacadeTest, WhatIsTakenOrUnknownIsNamed) {
  AddService("billing");
  EXPECT_EQ(ReasonOf(services_->Create(call_, admin_, {"billing", Fields(), true}).status()),
            reason::kServiceAccountNameTaken);
  ServiceAccountFields fields = Fields();
  fields.roles = {"reader", "nobody.knows"};
  EXPECT_EQ(ReasonOf(services_->Create(call_, admin_, {"other", fields, false}).status()),
            reason::kRoleNotFound);
  fields.roles = {"reader"};
  fields.kubernetes_names = {"prod/a"};
  AddService("first", fields);
  EXPECT_EQ(ReasonOf(services_->Create(call_, admin_, {"other", fields, false}).status()),
            reason::kIdentityTaken);
}

TEST_F(ServiceAccountFacadeTest, AnUpdateChangesWhatItNamesAndNothingElse) {
  const ServiceId id = AddService("billing").view.account.id;
  ServiceAccountFields fields;
  fields.description = "new words";
  const auto changed = Change(id, fields);
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_EQ(changed->account.description, "new words");
  EXPECT_THAT(changed->account.scopes, ElementsAre("read", "write"));
  EXPECT_THAT(changed->account.roles, SizeIs(2));
  EXPECT_THAT(changed->secrets, SizeIs(1));
  EXPECT_EQ(EtagOf(changed->account), EtagOf(Only().account));
  EXPECT_EQ(ReasonOf(Change(ServiceId::Random(clock_.Now()), fields).status()),
            reason::kServiceAccountNotFound);
}

TEST_F(ServiceAccountFacadeTest, AnEtagThatIsNotCurrentChangesAndDeletesNothing) {
  const ServiceAccountView before = AddService("billing").view;
  const std::string etag = EtagOf(before.account);
  ServiceAccountFields fields;
  fields.description = "first";
  ASSERT_TRUE(Change(before.account.id, fields, etag).ok());
  fields.description = "second";
  EXPECT_EQ(ReasonOf(Change(before.account.id, fields, etag).status()), reason::kEtagMismatch);
  EXPECT_EQ(ReasonOf(services_->Delete(call_, admin_, before.account.id, etag)),
            reason::kEtagMismatch);
  EXPECT_EQ(Only().account.description, "first");
  // A rotation is a change too.
  const std::string current = EtagOf(Only().account);
  ASSERT_TRUE(Rotate(before.account.id, absl::Hours(1)).ok());
  EXPECT_EQ(ReasonOf(Change(before.account.id, fields, current).status()), reason::kEtagMismatch);
}

// The attack: a token that was asked for before the account lost the right is used afterwards.
TEST_F(ServiceAccountFacadeTest, WhateverIsTakenAwayEndsTheTokensAtOnce) {
  using F = ServiceAccountFields;
  const SigningKey kept = NewKey();
  const SigningKey lost = NewKey();
  const std::vector<std::pair<const char*, std::function<void(F&)>>> losses = {
      {"role", [](F& f) { f.roles = Names{"reader"}; }},
      {"all roles", [](F& f) { f.roles = Names{}; }},
      {"audience", [](F& f) { f.audiences = Names{"orders"}; }},
      {"served audience", [](F& f) { f.served_audiences = Names{}; }},
      {"scope", [](F& f) { f.scopes = Names{"read"}; }},
      {"certificate name", [](F& f) { f.certificate_names = Names{"b.example"}; }},
      {"Kubernetes name", [](F& f) { f.kubernetes_names = Names{}; }},
      {"key", [&](F& f) { f.public_jwks = PublicSet({kept}); }},
      {"state", [](F& f) { f.state = ServiceAccountState::kDisabled; }},
  };
  for (const auto& [what, take] : losses) {
    F fields = Fields();
    fields.served_audiences = {"billing"};
    fields.certificate_names = {"a.example", "b.example"};
    fields.kubernetes_names = {"prod/a"};
    fields.public_jwks = PublicSet({kept, lost});
    const CreatedServiceAccount created = AddService("account", fields);
    const Secret token = TokenOf(created.secret);
    ASSERT_EQ(Inactive(token), "") << what;
    F change;
    take(change);
    ASSERT_TRUE(Change(created.view.account.id, change).ok()) << what;
    EXPECT_EQ(Inactive(token), reason::kTokenRevoked) << what;
    ASSERT_TRUE(services_->Delete(call_, admin_, created.view.account.id, "").ok());
  }
}

TEST_F(ServiceAccountFacadeTest, WhatIsAddedEndsNothing) {
  const SigningKey first = NewKey();
  ServiceAccountFields fields = Fields();
  fields.public_jwks = PublicSet({first});
  const CreatedServiceAccount created = AddService("account", fields);
  const Secret token = TokenOf(created.secret);
  ServiceAccountFields more;
  more.description = "more";
  more.roles = {"reader", "orders.admin", "writer", "tessera.introspect"};
  more.audiences = {"tessera", "billing", "orders"};
  more.scopes = {"write", "read", "delete"};
  more.public_jwks = PublicSet({NewKey(), first});
  more.kubernetes_names = {"prod/a"};
  ASSERT_TRUE(Change(created.view.account.id, more).ok());
  EXPECT_EQ(Inactive(token), "");
  // Nor does the token widen: what it says was signed before.
  EXPECT_THAT(ClaimsOf(token).roles, ElementsAre("orders.admin", "reader"));
}

TEST_F(ServiceAccountFacadeTest, ADisabledAccountGetsNoTokenAndItsOldOnesStayDead) {
  const CreatedServiceAccount created = AddService("billing");
  const Secret before = TokenOf(created.secret);
  const ServiceId& id = created.view.account.id;
  ASSERT_TRUE(SetServiceState(id, ServiceAccountState::kDisabled).ok());
  EXPECT_EQ(Try(created.secret), reason::kBadCredentials);
  EXPECT_EQ(Inactive(before), reason::kTokenRevoked);
  ASSERT_TRUE(SetServiceState(id, ServiceAccountState::kActive).ok());
  EXPECT_EQ(Inactive(before), reason::kTokenRevoked);
  EXPECT_EQ(Inactive(TokenOf(created.secret)), "");
  EXPECT_THAT(log_.Text(), HasSubstr("service_account.disabled"));
}

TEST_F(ServiceAccountFacadeTest, ADeletedAccountIsGoneWithItsTokensAndItsSecret) {
  const CreatedServiceAccount created = AddService("billing");
  const Secret token = TokenOf(created.secret);
  const ServiceId& id = created.view.account.id;
  ASSERT_TRUE(services_->Delete(call_, admin_, id, EtagOf(created.view.account)).ok());
  EXPECT_EQ(Inactive(token), reason::kTokenRevoked);
  EXPECT_EQ(Try(created.secret), reason::kBadCredentials);
  EXPECT_EQ(ReasonOf(services_->Delete(call_, admin_, id, "")), reason::kServiceAccountNotFound);
  EXPECT_EQ(ReasonOf(Rotate(id, absl::Hours(1)).status()), reason::kServiceAccountNotFound);
  EXPECT_NE(AddService("billing").view.account.id.str(), id.str());
}

TEST_F(ServiceAccountFacadeTest, BothSecretsWorkUntilTheOlderOnesEnd) {
  const CreatedServiceAccount created = AddService("billing");
  const Secret token = TokenOf(created.secret);
  const auto rotated = Rotate(created.view.account.id, absl::Hours(1));
  ASSERT_TRUE(rotated.ok()) << rotated.status();
  EXPECT_EQ(Try(created.secret), "issued");
  EXPECT_EQ(Try(rotated->secret), "issued");
  EXPECT_EQ(Inactive(token), "");
  clock_.Advance(absl::Hours(1) - absl::Microseconds(1));
  EXPECT_EQ(Try(created.secret), "issued");
  clock_.Advance(absl::Microseconds(1));
  EXPECT_EQ(Try(created.secret), reason::kBadCredentials);
  EXPECT_EQ(Try(rotated->secret), "issued");
  ASSERT_THAT(Only().secrets, SizeIs(1));
  EXPECT_EQ(Only().secrets[0].id.str(), rotated->info.id.str());
}

TEST_F(ServiceAccountFacadeTest, RotatingAtOnceEndsTheOlderSecretsAndTheTokens) {
  const CreatedServiceAccount created = AddService("billing");
  const auto second = Rotate(created.view.account.id, absl::Hours(1));
  ASSERT_TRUE(second.ok());
  const Secret token = TokenOf(created.secret);
  const auto third = Rotate(created.view.account.id, absl::ZeroDuration());
  ASSERT_TRUE(third.ok()) << third.status();
  EXPECT_EQ(Try(created.secret), reason::kBadCredentials);
  EXPECT_EQ(Try(second->secret), reason::kBadCredentials);
  EXPECT_EQ(Inactive(token), reason::kTokenRevoked);
  EXPECT_EQ(Inactive(TokenOf(third->secret)), "");
  // Whatever a replica's clock says.
  clock_.SetWall(clock_.Now() - absl::Hours(24));
  EXPECT_EQ(Try(created.secret), reason::kBadCredentials);
}

TEST_F(ServiceAccountFacadeTest, EightSecretsAreEnoughAndEndedOnesDoNotCount) {
  const ServiceId id = AddService("billing").view.account.id;
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(Rotate(id, absl::Hours(1)).ok()) << i;
  const absl::Status ninth = Rotate(id, absl::Hours(1)).status();
  EXPECT_EQ(ninth.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(ninth), reason::kTooMany);
  EXPECT_THAT(Only().secrets, SizeIs(8));
  EXPECT_TRUE(Rotate(id, absl::ZeroDuration()).ok());
  EXPECT_THAT(Only().secrets, SizeIs(1));
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(Rotate(id, absl::Hours(1)).ok()) << i;
  clock_.Advance(absl::Hours(1));
  EXPECT_TRUE(Rotate(id, absl::Hours(1)).ok());
}

TEST_F(ServiceAccountFacadeTest, OlderSecretsMayBeKeptForThirtyDays) {
  const ServiceId id = AddService("billing").view.account.id;
  EXPECT_TRUE(Rotate(id, absl::Hours(24 * 30)).ok());
  EXPECT_EQ(ReasonOf(Rotate(id, absl::Hours(24 * 30) + absl::Nanoseconds(1)).status()),
            reason::kFieldInvalid);
  EXPECT_EQ(ReasonOf(Rotate(id, -absl::Nanoseconds(1)).status()), reason::kFieldInvalid);
}

// A secret that was handed out and is not stored would be a program that cannot start.
TEST_F(ServiceAccountFacadeTest, ASecretThatIsHandedOutIsStoredThoughTheAnswerToItsCommitWasLost) {
  const CreatedServiceAccount created = AddService("billing");
  disturbed_->LoseNextAnswer();
  const auto rotated = Rotate(created.view.account.id, absl::ZeroDuration());
  ASSERT_TRUE(rotated.ok()) << rotated.status();
  EXPECT_EQ(Try(rotated->secret), "issued");
  EXPECT_EQ(Try(created.secret), reason::kBadCredentials);
  EXPECT_THAT(Only().secrets, SizeIs(1));
  EXPECT_EQ(Only().account.version, 2);  // raised once
  disturbed_->LoseNextAnswer();
  const auto lost = services_->Create(call_, admin_, {"second", Fields(), false});
  EXPECT_EQ(ReasonOf(lost.status()), reason::kOutcomeUnknown);
}

TEST_F(ServiceAccountFacadeTest, PagesHoldEachAccountOnceWithItsLiveSecrets) {
  for (const char* name : {"a", "b", "c"}) {
    AddService(name);
    clock_.Advance(absl::Seconds(1));
  }
  auto first = services_->List(call_, 2, "");
  ASSERT_TRUE(first.ok());
  ASSERT_THAT(first->accounts, SizeIs(2));
  EXPECT_EQ(first->accounts[0].account.name, "a");
  EXPECT_THAT(first->accounts[0].secrets, SizeIs(1));
  auto second = services_->List(call_, 2, first->next_page_token);
  ASSERT_TRUE(second.ok());
  ASSERT_THAT(second->accounts, SizeIs(1));
  EXPECT_EQ(second->next_page_token, "");
  EXPECT_FALSE(services_->List(call_, -1, "").ok());
  // A page of users is no page of accounts.
  Add("ada");
  auto users = users_->List(call_, 1, "");
  ASSERT_TRUE(users.ok());
  EXPECT_FALSE(services_->List(call_, 1, users->next_page_token).ok());
}

TEST_F(ServiceAccountFacadeTest, OnlyWhoAdministersStillMayWrite) {
  const CreatedServiceAccount target = AddService("target");
  const ServiceId& id = target.view.account.id;
  const UserId nobody = Add("nobody").id;
  ServiceAccountFields fields;
  fields.description = "mine";
  const auto all = [&](const UserId& actor) {
    return std::vector<absl::Status>{
        services_->Create(call_, actor, {"new", Fields(), false}).status(),
        services_->Update(call_, actor, {id, "", fields}).status(),
        services_->RotateSecret(call_, actor, {id, absl::ZeroDuration()}).status(),
        services_->Delete(call_, actor, id, "")};
  };
  for (const absl::Status& status : all(nobody)) {
    EXPECT_EQ(ReasonOf(status), reason::kRoleRequired) << status;
  }
  // A service account without the role, and one that is none.
  for (const absl::Status& status : all(UserId(id.str()))) {
    EXPECT_EQ(ReasonOf(status), reason::kRoleRequired) << status;
  }
  for (const absl::Status& status : all(UserId(ServiceId::Random(clock_.Now()).str()))) {
    EXPECT_EQ(ReasonOf(status), reason::kTokenRevoked) << status;
  }
  EXPECT_EQ(Only().account.description, "");
  EXPECT_EQ(Try(target.secret), "issued");
}

TEST_F(ServiceAccountFacadeTest, AServiceAccountMayAdministerWhileItHoldsTheRole) {
  ServiceAccountFields fields = Fields();
  fields.roles = {std::string(kAdminRole)};
  const ServiceId deployer = AddService("deployer", fields).view.account.id;
  const UserId actor(deployer.str());
  EXPECT_TRUE(services_->Create(call_, actor, {"made", Fields(), true}).ok());
  EXPECT_TRUE(roles_->Create(call_, actor, {"made.role", "", {}}).ok());
  ASSERT_TRUE(SetServiceState(deployer, ServiceAccountState::kDisabled).ok());
  EXPECT_EQ(ReasonOf(services_->Create(call_, actor, {"again", Fields(), true}).status()),
            reason::kTokenRevoked);
  // It is nobody to leave the administration to.
  ASSERT_TRUE(SetServiceState(deployer, ServiceAccountState::kActive).ok());
  EXPECT_EQ(ReasonOf(users_->Delete(call_, admin_, admin_, "")), reason::kLastAdministrator);
}

TEST_F(ServiceAccountFacadeTest, ARoleThatIsDeletedIsInNoTokenMadeLater) {
  const CreatedServiceAccount created = AddService("billing");
  ASSERT_TRUE(roles_->Delete(call_, admin_, "orders.admin").ok());
  EXPECT_THAT(ClaimsOf(TokenOf(created.secret)).roles, ElementsAre("reader"));
}

}  // namespace
}  // namespace tessera::server
