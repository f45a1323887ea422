#include <gmock/gmock.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "tessera/base/reason.h"
#include "tests/conformance/conformance.h"

namespace tessera::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ServiceAccountRepositoryTest = Conformance;
using ServiceSecretTest = Conformance;
using UsedAssertionTest = Conformance;

std::vector<std::string> NamesOf(const std::vector<Role>& roles) {
  std::vector<std::string> names;
  for (const Role& role : roles) names.push_back(role.name);
  return names;
}

std::vector<std::string> NamesOf(const std::vector<ServiceAccount>& accounts) {
  std::vector<std::string> names;
  for (const ServiceAccount& account : accounts) names.push_back(account.name);
  return names;
}

std::vector<std::string> IdsOf(const std::vector<ServiceSecret>& secrets) {
  std::vector<std::string> ids;
  for (const ServiceSecret& secret : secrets) ids.push_back(secret.id.str());
  return ids;
}

// As long as one may be.
std::string RandomHash() { return absl::BytesToHexString(RandomBytes(32)); }

ServiceAccount WithAllLists(ServiceAccount account) {
  account.state = ServiceAccountState::kDisabled;
  account.version = 3;
  account.revision = 5;
  account.audiences = {"zebra", "apple"};
  account.served_audiences = {"pear"};
  account.scopes = {"write", "read"};
  account.public_jwks = R"({"keys":[]})";
  account.certificate_names = {"spiffe://b", "a.example"};
  account.kubernetes_names = {"prod/mail", "prod/billing"};
  return account;
}

void ExpectSame(const ServiceAccount& a, const ServiceAccount& b) {
  EXPECT_EQ(a.id.str(), b.id.str());
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.description, b.description);
  EXPECT_EQ(a.state, b.state);
  EXPECT_EQ(a.version, b.version);
  EXPECT_EQ(a.revision, b.revision);
  EXPECT_EQ(a.audiences, b.audiences);
  EXPECT_EQ(a.served_audiences, b.served_audiences);
  EXPECT_EQ(a.scopes, b.scopes);
  EXPECT_EQ(a.public_jwks, b.public_jwks);
  EXPECT_EQ(a.certificate_names, b.certificate_names);
  EXPECT_EQ(a.kubernetes_names, b.kubernetes_names);
  EXPECT_EQ(a.created_at, b.created_at);
  EXPECT_EQ(a.updated_at, b.updated_at);
}

TEST_P(ServiceAccountRepositoryTest, FindsWhatWasInsertedWithItsListsInOrder) {
  const ServiceAccount account = WithAllLists(NewServiceAccount("billing"));
  Write([&](Repositories& r) { return r.services.Insert(account); });
  AddServiceAccount("other");
  Read([&](Repositories& r) {
    const auto found = Must(r.services.Find(account.id));
    EXPECT_TRUE(found.has_value());
    if (found) ExpectSame(*found, account);
    EXPECT_FALSE(Must(r.services.Find(ServiceId::Random(now()))).has_value());
    return absl::OkStatus();
  });
}

TEST_P(ServiceAccountRepositoryTest, IsFoundByEachOfItsNamesAndByNoOther) {
  const ServiceAccount account = WithAllLists(NewServiceAccount("billing"));
  Write([&](Repositories& r) { return r.services.Insert(account); });
  Read([&](Repositories& r) {
    EXPECT_EQ(Must(r.services.FindByCertificateName("a.example"))->name, "billing");
    EXPECT_EQ(Must(r.services.FindByCertificateName("spiffe://b"))->name, "billing");
    EXPECT_EQ(Must(r.services.FindByKubernetesName("prod/mail"))->name, "billing");
    // Byte by byte, and each kind by itself.
    EXPECT_FALSE(Must(r.services.FindByCertificateName("A.example")).has_value());
    EXPECT_FALSE(Must(r.services.FindByCertificateName("prod/mail")).has_value());
    EXPECT_FALSE(Must(r.services.FindByKubernetesName("a.example")).has_value());
    EXPECT_FALSE(Must(r.services.FindByKubernetesName("")).has_value());
    return absl::OkStatus();
  });
}

TEST_P(ServiceAccountRepositoryTest, VersionsAreRaisedInPagesByIdEachOnce) {
  std::vector<ServiceAccount> accounts;
  for (const char* name : {"a", "b", "c"}) {
    accounts.push_back(AddServiceAccount(name));
    clock_.Advance(absl::Milliseconds(2));
  }
  std::vector<std::string> lasts;
  Write([&](Repositories& r) {
    ServiceId after;
    do {
      after = Must(r.services.RaiseVersions(after, 100, 2));
      lasts.push_back(after.str());
    } while (!after.empty());
    return absl::OkStatus();
  });
  EXPECT_THAT(lasts, ElementsAre(accounts[1].id.str(), accounts[2].id.str(), ""));
  Read([&](Repositories& r) {
    for (const ServiceAccount& account : accounts) {
      EXPECT_EQ(Must(r.services.Find(account.id))->version, account.version + 100);
      EXPECT_EQ(Must(r.services.Find(account.id))->revision, account.revision + 1);
    }
    return absl::OkStatus();
  });
}

TEST_P(ServiceAccountRepositoryTest, ASecondOneOfTheSameNameIsRefused) {
  AddServiceAccount("billing");
  const absl::Status status =
      TryWrite([&](Repositories& r) { return r.services.Insert(NewServiceAccount("billing")); });
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReasonOf(status), reason::kServiceAccountNameTaken);
}

TEST_P(ServiceAccountRepositoryTest, AnIdentityBelongsToOneAccountAtInsertAndAtUpdate) {
  ServiceAccount first = NewServiceAccount("first");
  first.certificate_names = {"a.example"};
  first.kubernetes_names = {"prod/a"};
  Write([&](Repositories& r) { return r.services.Insert(first); });
  ServiceAccount second = NewServiceAccount("second");
  second.certificate_names = {"a.example"};
  const absl::Status inserted =
      TryWrite([&](Repositories& r) { return r.services.Insert(second); });
  EXPECT_EQ(inserted.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReasonOf(inserted), reason::kIdentityTaken);
  ServiceAccount third = AddServiceAccount("third");
  third.kubernetes_names = {"prod/b", "prod/a"};
  const absl::Status updated =
      TryWrite([&](Repositories& r) { return r.services.Update(third, 1).status(); });
  EXPECT_EQ(ReasonOf(updated), reason::kIdentityTaken);
  Read([&](Repositories& r) {
    EXPECT_FALSE(Must(r.services.Find(second.id)).has_value());
    EXPECT_FALSE(Must(r.services.FindByKubernetesName("prod/b")).has_value());
    return absl::OkStatus();
  });
}

TEST_P(ServiceAccountRepositoryTest, PagesAreInTheOrderOfIdsEachAccountWithItsOwnLists) {
  const Role role = AddRole("reader", {"x", "y"});
  std::vector<ServiceAccount> all;
  for (const char* name : {"a", "b", "c"}) {
    clock_.Advance(absl::Seconds(1));
    ServiceAccount account = NewServiceAccount(name);
    account.audiences = {std::string("for-") + name, "orders"};
    account.certificate_names = {std::string(name) + ".example"};
    Write([&](Repositories& r) {
      EXPECT_TRUE(r.services.Insert(account).ok());
      return r.services.SetRoles(account.id, {role.id});
    });
    all.push_back(account);
  }
  std::sort(all.begin(), all.end(), [](const auto& x, const auto& y) { return x.id < y.id; });
  Read([&](Repositories& r) {
    const std::vector<ServiceAccount> page = Must(r.services.List(ServiceId(), 2));
    EXPECT_THAT(NamesOf(page), ElementsAre(all[0].name, all[1].name));
    EXPECT_THAT(page[1].audiences, ElementsAre("for-" + all[1].name, "orders"));
    EXPECT_THAT(page[1].certificate_names, ElementsAre(all[1].name + ".example"));
    EXPECT_THAT(NamesOf(page[0].roles), ElementsAre("reader"));
    EXPECT_THAT(page[1].roles[0].audiences, ElementsAre("x", "y"));
    EXPECT_THAT(NamesOf(Must(r.services.List(all[1].id, 2))), ElementsAre(all[2].name));
    EXPECT_THAT(Must(r.services.List(all[2].id, 2)), IsEmpty());
    return absl::OkStatus();
  });
}

TEST_P(ServiceAccountRepositoryTest, AnUpdateReplacesTheListsIfTheRevisionIsStillTheSame) {
  const ServiceAccount before = WithAllLists(NewServiceAccount("billing"));
  Write([&](Repositories& r) { return r.services.Insert(before); });
  ServiceAccount after = before;
  after.description = "";
  after.state = ServiceAccountState::kActive;
  after.version = 4;
  after.revision = 6;
  after.audiences = {"apple", "mango"};
  after.served_audiences = {};
  after.scopes = {"read"};
  after.public_jwks = "";
  after.certificate_names = {"a.example", "c.example"};
  after.kubernetes_names = {};
  Write([&](Repositories& r) {
    EXPECT_FALSE(Must(r.services.Update(after, 4)));
    ExpectSame(*Must(r.services.Find(before.id)), before);
    EXPECT_TRUE(Must(r.services.Update(after, 5)));
    EXPECT_FALSE(Must(r.services.Update(after, 5)));
    ServiceAccount stranger = after;
    stranger.id = ServiceId::Random(now());
    EXPECT_FALSE(Must(r.services.Update(stranger, 6)));
    return absl::OkStatus();
  });
  Read([&](Repositories& r) {
    ExpectSame(*Must(r.services.Find(before.id)), after);
    EXPECT_FALSE(Must(r.services.FindByKubernetesName("prod/mail")).has_value());
    return absl::OkStatus();
  });
}

TEST_P(ServiceAccountRepositoryTest, SettingTheRolesReplacesThemAndNamesWhatIsGone) {
  const ServiceAccount account = AddServiceAccount("billing");
  const Role z = AddRole("z", {"1", "2"});
  const Role a = AddRole("a");
  Write([&](Repositories& r) { return r.services.SetRoles(account.id, {z.id, a.id, z.id}); });
  Read([&](Repositories& r) {
    const auto found = Must(r.services.Find(account.id));
    EXPECT_THAT(NamesOf(found->roles), ElementsAre("a", "z"));
    EXPECT_THAT(found->roles[1].audiences, ElementsAre("1", "2"));
    return absl::OkStatus();
  });
  Write([&](Repositories& r) { return r.services.SetRoles(account.id, {a.id}); });
  const absl::Status no_role = TryWrite([&](Repositories& r) {
    return r.services.SetRoles(account.id, {z.id, RoleId::Random(now())});
  });
  EXPECT_EQ(no_role.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(no_role), reason::kRoleNotFound);
  const absl::Status no_account = TryWrite(
      [&](Repositories& r) { return r.services.SetRoles(ServiceId::Random(now()), {a.id}); });
  EXPECT_EQ(ReasonOf(no_account), reason::kServiceAccountNotFound);
  Read([&](Repositories& r) {
    EXPECT_THAT(NamesOf(Must(r.services.Find(account.id))->roles), ElementsAre("a"));
    return absl::OkStatus();
  });
}

TEST_P(ServiceAccountRepositoryTest, DeletingARoleTakesItFromTheAccounts) {
  const ServiceAccount account = AddServiceAccount("billing");
  const Role gone = AddRole("gone", {"1"});
  const Role kept = AddRole("kept");
  Write([&](Repositories& r) { return r.services.SetRoles(account.id, {gone.id, kept.id}); });
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.roles.Delete(gone.id, now())));
    return absl::OkStatus();
  });
  Read([&](Repositories& r) {
    EXPECT_THAT(NamesOf(Must(r.services.Find(account.id))->roles), ElementsAre("kept"));
    return absl::OkStatus();
  });
}

TEST_P(ServiceAccountRepositoryTest, DeletingTakesRolesNamesAndSecretsAlong) {
  const ServiceAccount account = WithAllLists(NewServiceAccount("billing"));
  const ServiceAccount other = AddServiceAccount("other");
  const Role role = AddRole("reader");
  const ServiceSecret secret = NewSecret(account.id);
  const ServiceSecret others = NewSecret(other.id);
  Write([&](Repositories& r) {
    EXPECT_TRUE(r.services.Insert(account).ok());
    EXPECT_TRUE(r.services.SetRoles(account.id, {role.id}).ok());
    EXPECT_TRUE(r.services.InsertSecret(secret).ok());
    return r.services.InsertSecret(others);
  });
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.services.Delete(account.id)));
    EXPECT_FALSE(Must(r.services.Delete(account.id)));
    return absl::OkStatus();
  });
  Read([&](Repositories& r) {
    EXPECT_FALSE(Must(r.services.Find(account.id)).has_value());
    EXPECT_FALSE(Must(r.services.FindByCertificateName("a.example")).has_value());
    EXPECT_FALSE(Must(r.services.FindSecret(secret.id)).has_value());
    EXPECT_TRUE(Must(r.services.FindSecret(others.id)).has_value());
    return absl::OkStatus();
  });
  ServiceAccount again = WithAllLists(NewServiceAccount("billing"));
  Write([&](Repositories& r) { return r.services.Insert(again); });
}

TEST_P(ServiceSecretTest, ASecretOfNoAccountIsRefused) {
  const absl::Status status = TryWrite([&](Repositories& r) {
    return r.services.InsertSecret(NewSecret(ServiceId::Random(now())));
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(status), reason::kServiceAccountNotFound);
}

TEST_P(ServiceSecretTest, FindsWhatWasInserted) {
  const ServiceAccount account = AddServiceAccount("billing");
  ServiceSecret secret = NewSecret(account.id);
  // Any byte may be in it.
  secret.hash[0] = '\0';
  secret.expires_at = now() + absl::Hours(1);
  Write([&](Repositories& r) { return r.services.InsertSecret(secret); });
  Read([&](Repositories& r) {
    const auto found = Must(r.services.FindSecret(secret.id));
    EXPECT_TRUE(found.has_value());
    if (!found) return absl::OkStatus();
    EXPECT_EQ(found->service_id.str(), account.id.str());
    EXPECT_EQ(found->hash, secret.hash);
    EXPECT_EQ(found->hash_kid, "hash-1");
    EXPECT_EQ(found->created_at, secret.created_at);
    EXPECT_EQ(found->expires_at, secret.expires_at);
    EXPECT_FALSE(Must(r.services.FindSecret(SecretId::Random(now()))).has_value());
    return absl::OkStatus();
  });
}

TEST_P(ServiceSecretTest, EndingSparesOneAndNeverLetsASecretLiveLonger) {
  const ServiceAccount account = AddServiceAccount("billing");
  const ServiceAccount other = AddServiceAccount("other");
  std::vector<ServiceSecret> secrets(4, NewSecret(account.id));
  for (ServiceSecret& secret : secrets) secret.id = SecretId::Random(now());
  secrets[1].expires_at = now() + absl::Minutes(1);
  secrets[3].service_id = other.id;
  Write([&](Repositories& r) {
    for (const ServiceSecret& secret : secrets) {
      EXPECT_TRUE(r.services.InsertSecret(secret).ok());
    }
    return absl::OkStatus();
  });
  const absl::Time end = now() + absl::Hours(1);
  Write([&](Repositories& r) {
    EXPECT_EQ(Must(r.services.EndSecrets(account.id, secrets[2].id, end)), 1);
    return absl::OkStatus();
  });
  Read([&](Repositories& r) {
    EXPECT_EQ(Must(r.services.FindSecret(secrets[0].id))->expires_at, end);
    EXPECT_EQ(Must(r.services.FindSecret(secrets[1].id))->expires_at, now() + absl::Minutes(1));
    EXPECT_FALSE(Must(r.services.FindSecret(secrets[2].id))->expires_at.has_value());
    EXPECT_FALSE(Must(r.services.FindSecret(secrets[3].id))->expires_at.has_value());
    return absl::OkStatus();
  });
}

TEST_P(ServiceSecretTest, CleaningTakesAtMostItsLimitAndNoneThatLives) {
  const ServiceAccount account = AddServiceAccount("billing");
  std::vector<ServiceSecret> secrets(5, NewSecret(account.id));
  for (size_t i = 0; i < secrets.size(); ++i) {
    secrets[i].id = SecretId::Random(now());
    secrets[i].expires_at = now() + absl::Seconds(static_cast<int64_t>(i));
  }
  secrets[4].expires_at = std::nullopt;
  Write([&](Repositories& r) {
    for (const ServiceSecret& secret : secrets) {
      EXPECT_TRUE(r.services.InsertSecret(secret).ok());
    }
    return absl::OkStatus();
  });
  Write([&](Repositories& r) {
    EXPECT_EQ(Must(r.services.DeleteExpiredSecrets(now() + absl::Seconds(3), 2)), 2);
    EXPECT_EQ(Must(r.services.DeleteExpiredSecrets(now() + absl::Seconds(3), 2)), 1);
    EXPECT_EQ(Must(r.services.DeleteExpiredSecrets(now() + absl::Seconds(3), 2)), 0);
    return absl::OkStatus();
  });
  std::vector<std::string> left = {secrets[3].id.str(), secrets[4].id.str()};
  std::sort(left.begin(), left.end());
  Read([&](Repositories& r) {
    EXPECT_THAT(IdsOf(Must(r.services.ListSecrets(account.id))), ::testing::ElementsAreArray(left));
    return absl::OkStatus();
  });
}

TEST_P(UsedAssertionTest, AnAssertionIsUsedOnceButAWriteMayBeRunAgain) {
  const std::string hash = RandomHash();
  const std::string other = RandomHash();
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.services.ConsumeAssertion(hash, "use-1", now())));
    return absl::OkStatus();
  });
  Write([&](Repositories& r) {
    EXPECT_TRUE(Must(r.services.ConsumeAssertion(hash, "use-1", now())));
    EXPECT_FALSE(Must(r.services.ConsumeAssertion(hash, "use-2", now())));
    EXPECT_TRUE(Must(r.services.ConsumeAssertion(other, "use-2", now())));
    return absl::OkStatus();
  });
}

TEST_P(UsedAssertionTest, OfManyUsesAtOnceOneWins) {
  constexpr int kUses = 8;
  const std::string hash = RandomHash();
  std::vector<int> won(kUses, 0);
  OnThreads(kUses, [&](int i) {
    Write([&](Repositories& r) {
      const bool mine = Must(r.services.ConsumeAssertion(hash, "use-" + std::to_string(i), now()));
      won[static_cast<size_t>(i)] = mine ? 1 : 0;
      return absl::OkStatus();
    });
  });
  EXPECT_EQ(std::count(won.begin(), won.end(), 1), 1);
}

TEST_P(UsedAssertionTest, CleaningForgetsAtMostItsLimitAndNoneThatMayComeAgain) {
  std::vector<std::string> hashes;
  Write([&](Repositories& r) {
    for (int i = 0; i < 4; ++i) {
      hashes.push_back(RandomHash());
      EXPECT_TRUE(
          Must(r.services.ConsumeAssertion(hashes.back(), "first", now() + absl::Seconds(i))));
    }
    return absl::OkStatus();
  });
  Write([&](Repositories& r) {
    EXPECT_EQ(Must(r.services.DeleteExpiredAssertions(now() + absl::Seconds(3), 2)), 2);
    EXPECT_EQ(Must(r.services.DeleteExpiredAssertions(now() + absl::Seconds(3), 9)), 1);
    EXPECT_FALSE(Must(r.services.ConsumeAssertion(hashes[3], "again", now())));
    return absl::OkStatus();
  });
}

TESSERA_ON_ALL_ENGINES(ServiceAccountRepositoryTest);
TESSERA_ON_ALL_ENGINES(ServiceSecretTest);
TESSERA_ON_ALL_ENGINES(UsedAssertionTest);

}  // namespace
}  // namespace tessera::storage
