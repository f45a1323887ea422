#include "server/user/service_account_facade.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/auth/revocations.h"
#include "server/auth/service_secret.h"
#include "server/user/administrators.h"
#include "server/user/events.h"
#include "server/user/field_checks.h"
#include "server/user/page_token.h"
#include "server/user/service_account_fields.h"
#include "server/user/store_service_account.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

using storage::Repeat;
using storage::Repositories;
using storage::ServiceAccount;
using storage::ServiceSecret;

constexpr std::string_view kUsableAudiences = "audiences that the server's tokens.audiences names";
constexpr std::string_view kUsableScopes = "scopes that the server's tokens.scopes names";

// A secret that ended before any clock: replicas' clocks differ, and none may take it any more.
constexpr absl::Time kEnded = absl::UnixEpoch();

absl::StatusOr<std::vector<ServiceSecret>> LiveSecrets(Repositories& repositories,
                                                       const ServiceId& id, absl::Time now) {
  TESSERA_ASSIGN_OR_RETURN(std::vector<ServiceSecret> secrets,
                           repositories.services.ListSecrets(id));
  const auto ended = [now](const ServiceSecret& secret) { return !IsAlive(secret, now); };
  secrets.erase(std::remove_if(secrets.begin(), secrets.end(), ended), secrets.end());
  return secrets;
}

void Apply(const ServiceAccountFields& fields, ServiceAccount& account) {
  if (fields.description.has_value()) account.description = *fields.description;
  if (fields.state.has_value()) account.state = *fields.state;
  if (fields.audiences.has_value()) account.audiences = *fields.audiences;
  if (fields.served_audiences.has_value()) account.served_audiences = *fields.served_audiences;
  if (fields.scopes.has_value()) account.scopes = *fields.scopes;
  if (fields.public_jwks.has_value()) account.public_jwks = *fields.public_jwks;
  if (fields.certificate_names.has_value()) account.certificate_names = *fields.certificate_names;
  if (fields.kubernetes_names.has_value()) account.kubernetes_names = *fields.kubernetes_names;
}

// Stores the roles named and reads them back into `account`.
absl::Status StoreRoles(Repositories& repositories, const std::vector<std::string>& names,
                        ServiceAccount& account) {
  std::vector<RoleId> ids;
  account.roles.clear();
  for (const std::string& name : names) {
    TESSERA_ASSIGN_OR_RETURN(const auto role, repositories.roles.FindByName(name));
    if (!role.has_value()) {
      return Refusal(absl::StatusCode::kNotFound, reason::kRoleNotFound, "no such role");
    }
    ids.push_back(role->id);
    account.roles.push_back(*role);
  }
  std::sort(account.roles.begin(), account.roles.end(),
            [](const storage::Role& a, const storage::Role& b) { return a.name < b.name; });
  return repositories.services.SetRoles(account.id, ids);
}

LogSink::Fields FieldsOf(const ServiceId& service, const UserId& actor, const CallInfo& call) {
  return {{"service", service.str()}, {"actor", actor.str()}, {"peer", call.peer}};
}

// Where a change of this transaction is taken down, behind it and before the feed's entries.
struct Taking {
  AuditTrail& audit;
  Repositories& in;
  const CallInfo& call;
  const UserId& actor;
};

// Which fields, and the state; no other value.
AuditEntry UpdateEntry(const UserId& actor, const ServiceAccountChange& change) {
  AuditEntry entry{event::kServiceAccountUpdated, actor.str(), change.id.str()};
  const ServiceAccountFields& fields = change.fields;
  std::string names;
  const auto add = [&names](const auto& field, std::string_view name) {
    if (field.has_value()) names.append(names.empty() ? "" : " ").append(name);
  };
  add(fields.description, "description");
  add(fields.state, "state");
  add(fields.roles, "roles");
  add(fields.audiences, "audiences");
  add(fields.served_audiences, "served_audiences");
  add(fields.scopes, "scopes");
  add(fields.public_jwks, "public_jwks");
  add(fields.certificate_names, "certificate_names");
  add(fields.kubernetes_names, "kubernetes_names");
  entry.details.emplace_back("fields", std::move(names));
  if (fields.state.has_value()) {
    entry.details.emplace_back(
        "state", fields.state == storage::ServiceAccountState::kActive ? "active" : "disabled");
  }
  return entry;
}

// The roles of `some` that are not among `others`, as if each had been given or taken by itself.
void AddRoleEntries(std::string_view event, const AuditEntry& change,
                    const std::vector<storage::Role>& some,
                    const std::vector<storage::Role>& others, std::vector<AuditEntry>& entries) {
  for (const storage::Role& role : some) {
    const bool both = std::any_of(others.begin(), others.end(),
                                  [&](const storage::Role& other) { return other.id == role.id; });
    if (both) continue;
    entries.push_back({event, change.actor, change.target, true, "", {{"role", role.name}}});
  }
}

// `change` itself, and each role that it gives or takes.
std::vector<AuditEntry> EntriesOf(AuditEntry change, const std::vector<storage::Role>& before,
                                  const std::vector<storage::Role>& after) {
  std::vector<AuditEntry> entries = {std::move(change)};
  const AuditEntry of = entries.front();
  AddRoleEntries(event::kRoleGranted, of, after, before, entries);
  AddRoleEntries(event::kRoleRevoked, of, before, after, entries);
  return entries;
}

absl::Status AppendAll(const Taking& taking, const std::vector<AuditEntry>& entries) {
  for (const AuditEntry& entry : entries) {
    TESSERA_RETURN_IF_ERROR(taking.audit.AppendIn(taking.in, taking.call, entry));
  }
  return absl::OkStatus();
}

struct Updated {
  ServiceAccountView view;
  bool disabled = false;   // by this change
  bool took_away = false;  // so its tokens have ended
};

absl::StatusOr<Updated> UpdateIn(const Taking& taking, const ServiceAccountChange& change,
                                 absl::Time now) {
  Repositories& repositories = taking.in;
  TESSERA_ASSIGN_OR_RETURN(const ServiceAccount before,
                           FindAt(repositories, change.id, change.etag));
  Updated updated;
  ServiceAccount& after = updated.view.account = before;
  Apply(change.fields, after);
  TESSERA_ASSIGN_OR_RETURN(updated.view.secrets, LiveSecrets(repositories, change.id, now));
  if (change.fields.roles.has_value()) {
    TESSERA_RETURN_IF_ERROR(StoreRoles(repositories, *change.fields.roles, after));
  }
  updated.disabled = before.state == storage::ServiceAccountState::kActive &&
                     after.state == storage::ServiceAccountState::kDisabled;
  updated.took_away = TakesAway(before, after);
  if (updated.took_away) ++after.version;
  TESSERA_RETURN_IF_ERROR(StoreNext(repositories, after, now));
  TESSERA_RETURN_IF_ERROR(
      AppendAll(taking, EntriesOf(UpdateEntry(taking.actor, change), before.roles, after.roles)));
  if (updated.took_away) TESSERA_RETURN_IF_ERROR(AppendEnd(repositories, after, now));
  return updated;
}

// The new secret is there already if this is the second run of a write whose COMMIT got no answer.
absl::Status RotateIn(const Taking& taking, const SecretRotation& rotation,
                      const ServiceSecret& fresh, absl::Time now) {
  Repositories& repositories = taking.in;
  TESSERA_ASSIGN_OR_RETURN(ServiceAccount account, FindAt(repositories, rotation.id, ""));
  TESSERA_ASSIGN_OR_RETURN(const auto stored, repositories.services.FindSecret(fresh.id));
  if (stored.has_value()) return absl::OkStatus();
  const bool at_once = rotation.keep_old_for == absl::ZeroDuration();
  const absl::Time end = at_once ? kEnded : now + rotation.keep_old_for;
  TESSERA_RETURN_IF_ERROR(repositories.services.EndSecrets(rotation.id, fresh.id, end).status());
  TESSERA_ASSIGN_OR_RETURN(const auto live, LiveSecrets(repositories, rotation.id, now));
  if (live.size() >= kMaxLiveSecrets) {
    return Refusal(absl::StatusCode::kFailedPrecondition, reason::kTooMany,
                   "the service account has 8 live secrets");
  }
  TESSERA_RETURN_IF_ERROR(repositories.services.InsertSecret(fresh));
  if (at_once) ++account.version;
  TESSERA_RETURN_IF_ERROR(StoreNext(repositories, account, now));
  AuditEntry entry{event::kServiceSecretRotated, taking.actor.str(), rotation.id.str()};
  entry.details = {{"secret", fresh.id.str()}};
  TESSERA_RETURN_IF_ERROR(AppendAll(taking, {entry}));
  return at_once ? AppendEnd(repositories, account, now) : absl::OkStatus();
}

}  // namespace

std::string EtagOf(const ServiceAccount& account) { return absl::StrCat("v", account.revision); }

absl::StatusOr<ServiceAccountFields> ServiceAccountFacade::Checked(
    ServiceAccountFields fields) const {
  if (fields.description.has_value()) {
    TESSERA_RETURN_IF_ERROR(CheckDisplayText(*fields.description, "service_account.description"));
  }
  const KnownNames audiences{lists_.audiences, kUsableAudiences, kMaxServiceAudiences};
  const KnownNames scopes{lists_.scopes, kUsableScopes, kMaxServiceScopes};
  // Runs `check` on a field that is set.
  const auto take = [](auto& field, auto check) -> absl::Status {
    if (!field.has_value()) return absl::OkStatus();
    TESSERA_ASSIGN_OR_RETURN(field, check(*std::move(field)));
    return absl::OkStatus();
  };
  using Names = std::vector<std::string>;
  absl::Status status;
  status.Update(take(fields.roles, [](Names names) {
    return DistinctNames("service_account.roles", std::move(names), kMaxServiceRoles);
  }));
  status.Update(take(fields.audiences, [&](Names names) {
    return NamesAmong(audiences, "service_account.audiences", std::move(names));
  }));
  status.Update(take(fields.served_audiences, [&](Names names) {
    return NamesAmong(audiences, "service_account.served_audiences", std::move(names));
  }));
  status.Update(take(fields.scopes, [&](Names names) {
    return NamesAmong(scopes, "service_account.scopes", std::move(names));
  }));
  status.Update(take(fields.public_jwks, [](const std::string& json) {
    return PublicKeys("service_account.public_jwks_json", json);
  }));
  status.Update(take(fields.certificate_names, [](Names names) {
    return CertificateNames("service_account.certificate_names", std::move(names));
  }));
  status.Update(take(fields.kubernetes_names, [](Names names) {
    return KubernetesNames("service_account.kubernetes_names", std::move(names));
  }));
  TESSERA_RETURN_IF_ERROR(status);
  return fields;
}

absl::StatusOr<CreatedServiceAccount> ServiceAccountFacade::Create(
    const CallInfo& call, const UserId& actor, NewServiceAccount account) const {
  TESSERA_RETURN_IF_ERROR(CheckRoleName(account.name, "service_account.name"));
  TESSERA_ASSIGN_OR_RETURN(const ServiceAccountFields fields, Checked(std::move(account.fields)));
  const absl::Time now = parts_.clock.Now();
  CreatedServiceAccount created;
  ServiceAccount& stored = created.view.account;
  stored.id = ServiceId::Random(now);
  stored.name = std::move(account.name);
  stored.created_at = stored.updated_at = now;
  Apply(fields, stored);
  if (!account.without_secret) {
    TESSERA_ASSIGN_OR_RETURN(NewServiceSecret fresh,
                             MintServiceSecret(stored.id, *parts_.keys.Current(), now));
    created.secret = std::move(fresh.text);
    created.view.secrets.push_back(std::move(fresh.row));
  }
  // Once: a second run might bring back what somebody has deleted meanwhile.
  const absl::Status written = parts_.store.Write(
      Repeat::kOnce, call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_RETURN_IF_ERROR(RefuseUnlessAdministrator(repositories, actor));
        TESSERA_RETURN_IF_ERROR(repositories.services.Insert(stored));
        TESSERA_RETURN_IF_ERROR(
            StoreRoles(repositories, fields.roles.value_or(std::vector<std::string>()), stored));
        if (!created.view.secrets.empty()) {
          TESSERA_RETURN_IF_ERROR(repositories.services.InsertSecret(created.view.secrets.front()));
        }
        AuditEntry entry{event::kServiceAccountCreated, actor.str(), stored.id.str()};
        entry.details = {{"name", stored.name}};
        return AppendAll({parts_.audit, repositories, call, actor},
                         EntriesOf(std::move(entry), {}, stored.roles));
      });
  TESSERA_RETURN_IF_ERROR(written);
  parts_.log.Info(event::kServiceAccountCreated, FieldsOf(stored.id, actor, call));
  return created;
}

absl::StatusOr<ServiceAccountFacade::Page> ServiceAccountFacade::List(
    const CallInfo& call, int page_size, std::string_view page_token) const {
  TESSERA_ASSIGN_OR_RETURN(const int size, PageSize(page_size));
  TESSERA_ASSIGN_OR_RETURN(std::string after, ReadPageToken(PageOf::kServiceAccounts, page_token));
  const ServiceId start(std::move(after));
  const absl::Time now = parts_.clock.Now();
  Page page;
  TESSERA_RETURN_IF_ERROR(
      parts_.store.Read(call.deadline, [&](Repositories& repositories) -> absl::Status {
        page = Page();
        TESSERA_ASSIGN_OR_RETURN(std::vector<ServiceAccount> found,
                                 repositories.services.List(start, size + 1));
        const bool more = found.size() > static_cast<size_t>(size);
        if (more) found.pop_back();
        if (more) {
          page.next_page_token = MakePageToken(PageOf::kServiceAccounts, found.back().id.str());
        }
        for (ServiceAccount& account : found) {
          TESSERA_ASSIGN_OR_RETURN(auto secrets, LiveSecrets(repositories, account.id, now));
          page.accounts.push_back({std::move(account), std::move(secrets)});
        }
        return absl::OkStatus();
      }));
  return page;
}

absl::StatusOr<ServiceAccountView> ServiceAccountFacade::Update(const CallInfo& call,
                                                                const UserId& actor,
                                                                ServiceAccountChange change) const {
  TESSERA_ASSIGN_OR_RETURN(change.fields, Checked(std::move(change.fields)));
  const absl::Time now = parts_.clock.Now();
  Updated updated;
  const absl::Status written = parts_.store.Write(
      Repeat::kOnce, call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_RETURN_IF_ERROR(RefuseUnlessAdministrator(repositories, actor));
        TESSERA_ASSIGN_OR_RETURN(updated,
                                 UpdateIn({parts_.audit, repositories, call, actor}, change, now));
        return absl::OkStatus();
      });
  TESSERA_RETURN_IF_ERROR(written);
  const LogSink::Fields fields = FieldsOf(change.id, actor, call);
  parts_.log.Info(event::kServiceAccountUpdated, fields);
  if (updated.disabled) parts_.log.Info(event::kServiceAccountDisabled, fields);
  if (updated.took_away) TESSERA_RETURN_IF_ERROR(parts_.feed.CatchUp(call.deadline));
  return std::move(updated.view);
}

absl::Status ServiceAccountFacade::Delete(const CallInfo& call, const UserId& actor,
                                          const ServiceId& id, std::string_view etag) const {
  const absl::Time now = parts_.clock.Now();
  const absl::Status written = parts_.store.Write(
      Repeat::kOnce, call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_RETURN_IF_ERROR(RefuseUnlessAdministrator(repositories, actor));
        TESSERA_RETURN_IF_ERROR(FindAt(repositories, id, etag).status());
        TESSERA_RETURN_IF_ERROR(repositories.services.Delete(id).status());
        TESSERA_RETURN_IF_ERROR(parts_.audit.AppendIn(
            repositories, call, {event::kServiceAccountDeleted, actor.str(), id.str()}));
        return repositories.revocations.Append({RevokeWholeServiceEntry(id, now)});
      });
  TESSERA_RETURN_IF_ERROR(written);
  parts_.log.Info(event::kServiceAccountDeleted, FieldsOf(id, actor, call));
  return parts_.feed.CatchUp(call.deadline);
}

absl::StatusOr<RotatedSecret> ServiceAccountFacade::RotateSecret(
    const CallInfo& call, const UserId& actor, const SecretRotation& rotation) const {
  if (rotation.keep_old_for < absl::ZeroDuration() || rotation.keep_old_for > kMaxKeepOldFor) {
    return FieldInvalid("keep_old_for", "0 to 30 days");
  }
  const absl::Time now = parts_.clock.Now();
  TESSERA_ASSIGN_OR_RETURN(NewServiceSecret fresh,
                           MintServiceSecret(rotation.id, *parts_.keys.Current(), now));
  const absl::Status written = parts_.store.Write(
      Repeat::kIdempotent, call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_RETURN_IF_ERROR(RefuseUnlessAdministrator(repositories, actor));
        return RotateIn({parts_.audit, repositories, call, actor}, rotation, fresh.row, now);
      });
  TESSERA_RETURN_IF_ERROR(written);
  LogSink::Fields fields = FieldsOf(rotation.id, actor, call);
  fields.emplace_back("secret", fresh.row.id.str());
  parts_.log.Info(event::kServiceSecretRotated, fields);
  if (rotation.keep_old_for == absl::ZeroDuration()) {
    TESSERA_RETURN_IF_ERROR(parts_.feed.CatchUp(call.deadline));
  }
  return RotatedSecret{std::move(fresh.text), std::move(fresh.row)};
}

}  // namespace tessera::server
