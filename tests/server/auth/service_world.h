// An AuthWorld with service accounts in it.
#ifndef TESSERA_TESTS_SERVER_AUTH_SERVICE_WORLD_H_
#define TESSERA_TESTS_SERVER_AUTH_SERVICE_WORLD_H_

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "server/auth/certificate_account.h"
#include "server/auth/service_assertion.h"
#include "server/auth/service_token_issuer.h"
#include "server/auth/token_exchange.h"
#include "tests/server/auth/auth_world.h"
#include "tests/token/token_fixture.h"

namespace tessera::server {

inline TokenPolicy ServicePolicy() {
  TokenPolicy policy = WorldOptions::DefaultPolicy();
  policy.scopes = {"read", "write", "refund"};
  return policy;
}

// One replica with service accounts.
class ServiceWorld : public AuthWorld {
 public:
  ServiceWorld() : AuthWorld(Options()) {}
  // Another replica, where the database holds several.
  explicit ServiceWorld(const ServiceWorld& other) : AuthWorld(other.database, Options()) {}

  // An account named `name`; `fill` says more of it. Its roles are made if need be.
  storage::ServiceAccount AddAccount(const std::string& name,
                                     const std::function<void(storage::ServiceAccount&)>& fill,
                                     const std::vector<storage::Role>& roles = {}) {
    storage::ServiceAccount account;
    account.id = ServiceId::Random(clock.Now());
    account.name = name;
    account.created_at = account.updated_at = clock.Now();
    account.audiences = {"tessera", "orders", "billing"};
    fill(account);
    std::vector<RoleId> ids;
    for (const storage::Role& role : roles) ids.push_back(role.id);
    Write([&](storage::Repositories& in) {
      const absl::Status inserted = in.services.Insert(account);
      return inserted.ok() ? in.services.SetRoles(account.id, ids) : inserted;
    });
    return Find(account.id);
  }
  storage::ServiceAccount Find(const ServiceId& id) {
    storage::ServiceAccount account;
    Require(direct->Read(absl::InfiniteFuture(), [&](storage::Repositories& in) {
      auto found = in.services.Find(id);
      if (found.ok()) account = **found;
      return found.status();
    }));
    return account;
  }
  void ChangeAccount(const ServiceId& id,
                     const std::function<void(storage::ServiceAccount&)>& change) {
    storage::ServiceAccount account = Find(id);
    const int64_t revision = account.revision;
    change(account);
    account.revision = revision + 1;
    Write(
        [&](storage::Repositories& in) { return in.services.Update(account, revision).status(); });
  }

  // A JWT of `payload`, signed by `key`.
  static Secret Jwt(const nlohmann::json& payload, const SigningKey& key) {
    const nlohmann::json header = {{"alg", std::string(AlgorithmName(key.algorithm()))},
                                   {"kid", key.kid()}};
    return Secret(testing::Compact(header.dump(), payload.dump(), key));
  }
  // A good assertion of `id` with the given `jti`, signed by `key`.
  Secret AssertionOf(const ServiceId& id, const std::string& jti, const SigningKey& key) {
    const int64_t now = absl::ToUnixSeconds(clock.Now());
    return Jwt({{"iss", id.str()},
                {"sub", id.str()},
                {"aud", policy.issuer},
                {"jti", jti},
                {"iat", now},
                {"exp", now + 300}},
               key);
  }

  absl::StatusOr<IssuedServiceToken> Issue(ServiceCredential credential, std::string audience = "",
                                           std::vector<std::string> scopes = {}) {
    auto input = tokens.Check(call, {std::move(credential), std::move(audience), scopes});
    if (!input.ok()) return input.status();
    return tokens.Issue(call, *input);
  }
  absl::StatusOr<IssuedServiceToken> IssueBy(const Secret& assertion, std::string audience = "") {
    return Issue(AssertionCredential{assertion}, std::move(audience));
  }

  const TokenPolicy policy = ServicePolicy();
  AssertionCheck assertions{{policy.issuer, policy.leeway}, *store, clock};
  CertificateCheck certificates{*store};
  ServiceTokenIssuer tokens{
      policy, {nullptr, &assertions, nullptr, &certificates}, {*keys, clock, log}};
  TokenExchange exchange{policy, {*store, *keys, *feed, clock, log}};

 private:
  static WorldOptions Options() {
    WorldOptions options;
    options.policy = ServicePolicy();
    return options;
  }
};

}  // namespace tessera::server

#endif  // TESSERA_TESTS_SERVER_AUTH_SERVICE_WORLD_H_
