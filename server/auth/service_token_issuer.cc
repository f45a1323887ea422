#include "server/auth/service_token_issuer.h"

#include <algorithm>
#include <memory>
#include <set>

#include "server/auth/session_terms.h"
#include "server/auth/token_issuer.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/claims.h"
#include "tessera/token/token_signer.h"

namespace tessera::server {
namespace {

bool Lists(const std::vector<std::string>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

absl::Status BadCredentials() {
  return Refusal(absl::StatusCode::kUnauthenticated, reason::kBadCredentials,
                 "the credentials prove no service account");
}

absl::Status NotAllowed() {
  return Refusal(absl::StatusCode::kPermissionDenied, reason::kNotAllowed,
                 "the service account may not ask for this audience or scope");
}

absl::Status CheckScopes(const std::vector<std::string>& scopes) {
  if (scopes.size() > kMaxScopes) return FieldInvalid("scopes", "at most 64");
  const std::set<std::string_view> different(scopes.begin(), scopes.end());
  if (different.size() != scopes.size()) return FieldInvalid("scopes", "each once");
  return absl::OkStatus();
}

// What was allow-listed when the account was made may not be so any more.
bool MayAsk(const storage::ServiceAccount& account, const ServiceTokenInput& input,
            const TokenPolicy& policy) {
  if (!Lists(account.audiences, input.audience)) return false;
  return std::all_of(input.scopes.begin(), input.scopes.end(), [&](const std::string& scope) {
    return Lists(account.scopes, scope) && Lists(policy.scopes, scope);
  });
}

absl::Time WholeSeconds(absl::Time time) {
  return absl::FromUnixSeconds(absl::ToUnixSeconds(time));
}

Claims ClaimsOf(const ProvenService& proven, const ServiceTokenInput& input,
                const TokenPolicy& policy, absl::Time now) {
  const storage::ServiceAccount& account = proven.account;
  Claims claims;
  claims.issuer = policy.issuer;
  claims.subject = account.id.str();
  claims.audience = input.audience;
  claims.client_id = account.id.str();
  claims.token_id = TokenId::Random(now);
  claims.issued_at = WholeSeconds(now);
  claims.not_before = claims.issued_at;
  claims.expires_at = WholeSeconds(now + policy.access_ttl);
  claims.user_version = account.version;
  claims.roles = RolesFor(input.audience, policy.self_audience, account.roles);
  claims.scopes = input.scopes;
  claims.amr = {proven.method};
  claims.certificate = proven.certificate;
  return claims;
}

}  // namespace

absl::StatusOr<const CredentialCheck*> ServiceTokenIssuer::CheckFor(
    const ServiceCredential& credential) const {
  struct Kind {
    const CredentialCheck* check;
    std::string_view field;
  };
  // In the order of the variant.
  const Kind kinds[] = {{checks_.secret, "secret"},
                        {checks_.assertion, "assertion"},
                        {checks_.kubernetes, "kubernetes_token"},
                        {checks_.certificate, "certificate"}};
  static_assert(std::variant_size_v<ServiceCredential> == 4);
  const Kind& kind = kinds[credential.index()];
  if (kind.check == nullptr) return FieldUnsupported(kind.field);
  return kind.check;
}

void ServiceTokenIssuer::LogRefusal(const CallInfo& call, const ServiceTokenInput& input,
                                    const Unproven& why) const {
  parts_.log.Warning("service_token.refused", {{"reason", why.reason},
                                               {"service", why.claimed.str()},
                                               {"audience", input.audience},
                                               {"peer", call.peer}});
}

// One answer for every cause; the cause goes to the log.
absl::Status ServiceTokenIssuer::Refused(const CallInfo& call, const ServiceTokenInput& input,
                                         const Unproven& why) const {
  LogRefusal(call, input, why);
  return BadCredentials();
}

absl::StatusOr<ServiceTokenInput> ServiceTokenIssuer::Check(const CallInfo& call,
                                                            ServiceTokenInput input) const {
  if (input.audience.empty()) input.audience = policy_.self_audience;
  if (input.audience != policy_.self_audience && !Lists(policy_.audiences, input.audience)) {
    return FieldInvalid("audience", "an audience that the server's tokens.audiences names");
  }
  TESSERA_RETURN_IF_ERROR(CheckScopes(input.scopes));
  TESSERA_ASSIGN_OR_RETURN(const CredentialCheck* const check, CheckFor(input.credential));
  const absl::Status screened = check->Screen(call, input.credential);
  if (screened.ok()) return input;
  if (!absl::IsUnauthenticated(screened)) return screened;
  return Refused(call, input, {ReasonOf(screened), ServiceId()});
}

absl::StatusOr<IssuedServiceToken> ServiceTokenIssuer::Sign(const ServiceTokenInput& input,
                                                            const ProvenService& proven) const {
  const std::shared_ptr<const KeySnapshot> keys = parts_.keys.Current();
  if (!keys->signing.has_value()) {
    return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kKeysUnavailable,
                            "no key to sign with", absl::Seconds(1));
  }
  const Claims claims = ClaimsOf(proven, input, policy_, parts_.clock.Now());
  TESSERA_ASSIGN_OR_RETURN(Secret text, SignAccessToken(claims, *keys->signing));
  return IssuedServiceToken{std::move(text), claims.expires_at, proven.account.id, claims.scopes};
}

absl::StatusOr<IssuedServiceToken> ServiceTokenIssuer::Issue(const CallInfo& call,
                                                             const ServiceTokenInput& input) const {
  TESSERA_ASSIGN_OR_RETURN(const CredentialCheck* const check, CheckFor(input.credential));
  TESSERA_ASSIGN_OR_RETURN(const ServiceProof proof, check->Prove(call, input.credential));
  if (const auto* unproven = std::get_if<Unproven>(&proof)) return Refused(call, input, *unproven);
  const ProvenService& proven = std::get<ProvenService>(proof);
  const ServiceId& service = proven.account.id;
  if (proven.account.state != storage::ServiceAccountState::kActive) {
    return Refused(call, input, {"disabled", service});
  }
  if (!MayAsk(proven.account, input, policy_)) {
    LogRefusal(call, input, {"not_allowed", service});
    return NotAllowed();
  }
  TESSERA_ASSIGN_OR_RETURN(IssuedServiceToken issued, Sign(input, proven));
  parts_.log.Info("service_token.issued", {{"service", service.str()},
                                           {"method", proven.method},
                                           {"audience", input.audience},
                                           {"peer", call.peer}});
  return issued;
}

}  // namespace tessera::server
