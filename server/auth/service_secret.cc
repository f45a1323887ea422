#include "server/auth/service_secret.h"

#include <optional>
#include <string>
#include <utility>

#include "server/auth/shown_secret.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

constexpr SecretKind kKind = {kServiceSecretPrefix, "tessera/secret-tag/v1", "tessera/secret/v1",
                              "not a service account's secret"};

const Secret& TextOf(const ServiceCredential& credential) {
  return std::get<SecretCredential>(credential).secret;
}

// What the store says of a secret, in one consistent view.
struct Found {
  std::optional<storage::ServiceSecret> secret;
  std::optional<storage::ServiceAccount> account;
};

absl::StatusOr<Found> Find(storage::Store& store, absl::Time deadline, const SecretId& id) {
  Found found;
  TESSERA_RETURN_IF_ERROR(store.Read(deadline, [&](storage::Repositories& in) -> absl::Status {
    found = Found();
    TESSERA_ASSIGN_OR_RETURN(found.secret, in.services.FindSecret(id));
    if (!found.secret.has_value()) return absl::OkStatus();
    TESSERA_ASSIGN_OR_RETURN(found.account, in.services.Find(found.secret->service_id));
    return absl::OkStatus();
  }));
  return found;
}

}  // namespace

absl::StatusOr<NewServiceSecret> MintServiceSecret(const ServiceId& account,
                                                   const KeySnapshot& keys, absl::Time now) {
  NewServiceSecret minted;
  minted.row.id = SecretId::Random(now);
  const std::string_view id =
      std::string_view(minted.row.id.str()).substr(SecretId::kPrefix.size());
  TESSERA_ASSIGN_OR_RETURN(ShownSecret shown, MintShownSecret(kKind, id, account.str(), keys));
  minted.text = std::move(shown.text);
  minted.row.service_id = account;
  minted.row.hash = std::move(shown.hash);
  minted.row.hash_kid = std::move(shown.hash_kid);
  minted.row.created_at = now;
  return minted;
}

absl::StatusOr<SecretId> ReadServiceSecret(const Secret& text, const KeySnapshot& keys) {
  TESSERA_ASSIGN_OR_RETURN(const std::string id, ReadShownSecret(kKind, text, keys));
  return SecretId(std::string(SecretId::kPrefix).append(id));
}

absl::StatusOr<bool> IsServiceSecret(const Secret& text, const storage::ServiceSecret& row,
                                     const KeySnapshot& keys) {
  return IsShownSecret(kKind, text, {row.service_id.str(), row.hash, row.hash_kid}, keys);
}

bool IsAlive(const storage::ServiceSecret& secret, absl::Time now) {
  return !secret.expires_at.has_value() || now < *secret.expires_at;
}

absl::Status ServiceSecretCheck::Screen(const CallInfo&,
                                        const ServiceCredential& credential) const {
  return ReadServiceSecret(TextOf(credential), *parts_.keys.Current()).status();
}

absl::StatusOr<ServiceProof> ServiceSecretCheck::Prove(const CallInfo& call,
                                                       const ServiceCredential& credential) const {
  const std::shared_ptr<const KeySnapshot> keys = parts_.keys.Current();
  const absl::StatusOr<SecretId> id = ReadServiceSecret(TextOf(credential), *keys);
  if (absl::IsUnauthenticated(id.status())) return Unproven{ReasonOf(id.status()), ServiceId()};
  TESSERA_RETURN_IF_ERROR(id.status());
  TESSERA_ASSIGN_OR_RETURN(Found found, Find(parts_.store, call.deadline, *id));
  if (!found.secret.has_value()) return Unproven{"unknown_secret", ServiceId()};
  const ServiceId& claimed = found.secret->service_id;
  TESSERA_ASSIGN_OR_RETURN(const bool right,
                           IsServiceSecret(TextOf(credential), *found.secret, *keys));
  if (!right) return Unproven{"wrong_secret", claimed};
  if (!IsAlive(*found.secret, parts_.clock.Now())) return Unproven{"expired_secret", claimed};
  if (!found.account.has_value()) return Unproven{"unknown_account", claimed};
  return ProvenService{*std::move(found.account), "secret", ""};
}

}  // namespace tessera::server
