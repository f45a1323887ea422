#include "server/auth/token_issuer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/auth/named_texts.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/token_signer.h"

namespace tessera::server {
namespace {

constexpr std::string_view kPasswordMethod = "pwd";  // RFC 8176
constexpr std::string_view kOneTimePasswordMethod = "otp";
constexpr std::string_view kSeveralFactorsMethod = "mfa";
constexpr std::string_view kSingleFactorClass = "aal1";  // NIST SP 800-63B
constexpr std::string_view kTwoFactorClass = "aal2";

absl::Time WholeSeconds(absl::Time time) {
  return absl::FromUnixSeconds(absl::ToUnixSeconds(time));
}

bool Contains(const std::vector<std::string>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

bool Applies(const storage::Role& role, std::string_view audience, std::string_view self_audience) {
  const bool reserved =
      std::string_view(role.name).substr(0, kReservedRolePrefix.size()) == kReservedRolePrefix;
  if (reserved) return audience == self_audience;
  return role.audiences.empty() || Contains(role.audiences, audience);
}

}  // namespace

absl::Status CheckLength(const TokenIssuer::AccessToken& token, size_t most) {
  if (token.text.Reveal().size() <= most) return absl::OkStatus();
  return Refusal(absl::StatusCode::kFailedPrecondition, reason::kTokenTooLarge,
                 absl::StrCat("the access token would exceed ", most, " bytes"));
}

absl::Time RowTime(absl::Time now) { return absl::FromUnixMicros(absl::ToUnixMicros(now)); }

std::vector<std::string> RolesFor(std::string_view audience, std::string_view self_audience,
                                  const std::vector<storage::Role>& held) {
  std::vector<std::string> names;
  for (const storage::Role& role : held) {
    if (Applies(role, audience, self_audience)) names.push_back(role.name);
  }
  return names;
}

bool TokenIssuer::IsAllowed(std::string_view audience) const {
  return audience == policy_.self_audience || Contains(policy_.audiences, audience);
}

absl::Time TokenIssuer::SessionEnd(absl::Time now) const {
  const absl::Time end = RowTime(now + policy_.refresh_ttl);
  return policy_.refresh_reset.has_value() ? std::min(end, policy_.refresh_reset->NextAfter(now))
                                           : end;
}

storage::Session TokenIssuer::NewSession(const VerifiedLogin& login, absl::Time now) const {
  storage::Session session;
  session.id = SessionId::Random(now);
  session.user_id = login.user().id;
  session.user_version = login.user().version;
  session.generation = 1;
  session.audience = login.audience();
  session.created_at = now;
  session.auth_time = now;
  session.rotated_at = now;
  session.expires_at = SessionEnd(now);
  session.idle_expires_at = IdleEnd(session, now);
  session.scopes = login.terms().scopes;
  session.claims = EncodeNamedTexts(login.terms().claims);
  session.include_groups = login.terms().include_groups;
  session.amr = {std::string(kPasswordMethod)};
  session.acr = kSingleFactorClass;
  if (login.factor().has_value()) {
    session.amr.insert(session.amr.end(),
                       {std::string(kOneTimePasswordMethod), std::string(kSeveralFactorsMethod)});
    session.acr = kTwoFactorClass;
  }
  return session;
}

absl::Time TokenIssuer::IdleEnd(const storage::Session& session, absl::Time now) const {
  return std::min(RowTime(now + policy_.refresh_idle_ttl), session.expires_at);
}

Claims TokenIssuer::SessionClaims(const storage::Session& session, absl::Time now) const {
  Claims claims;
  claims.issuer = policy_.issuer;
  claims.subject = session.user_id.str();
  claims.audience = session.audience;
  claims.client_id = policy_.self_audience;
  claims.token_id = TokenId::Random(now);
  claims.issued_at = WholeSeconds(now);
  claims.not_before = claims.issued_at;
  claims.expires_at =
      std::min(WholeSeconds(now + policy_.access_ttl), WholeSeconds(session.expires_at));
  claims.auth_time = WholeSeconds(session.auth_time);
  claims.session_id = session.id;
  claims.user_version = session.user_version;
  claims.amr = session.amr;
  claims.acr = session.acr;
  claims.device_hash = session.device_hash;
  claims.certificate = session.certificate;
  return claims;
}

// What was allow-listed once may not be so any more. The attributes come last, so that nothing that
// a login asked for can stand in an attribute's place, whatever the lists were at that login.
absl::Status TokenIssuer::AddExtras(const storage::Session& session, const UserFacts& user,
                                    Claims& claims) const {
  for (const std::string& scope : session.scopes) {
    if (Contains(policy_.scopes, scope)) claims.scopes.push_back(scope);
  }
  TESSERA_ASSIGN_OR_RETURN(const NamedTexts asked, DecodeNamedTexts(session.claims));
  for (const auto& [name, value] : asked) {
    if (Contains(policy_.requested_claims, name)) claims.extra[name] = value;
  }
  for (const std::string& name : policy_.attribute_claims) claims.extra.erase(name);
  if (policy_.attribute_claims.empty()) return absl::OkStatus();
  TESSERA_ASSIGN_OR_RETURN(const NamedTexts attributes, DecodeNamedTexts(user.attributes));
  for (const auto& [name, value] : attributes) {
    if (Contains(policy_.attribute_claims, name)) claims.extra[name] = value;
  }
  return absl::OkStatus();
}

absl::StatusOr<TokenIssuer::AccessToken> TokenIssuer::Sign(const storage::Session& session,
                                                           int64_t generation,
                                                           const UserFacts& user,
                                                           const KeySnapshot& keys,
                                                           absl::Time now) const {
  if (!keys.signing.has_value()) {
    return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kKeysUnavailable,
                            "no key to sign with", absl::Seconds(1));
  }
  Claims claims = SessionClaims(session, now);
  claims.refresh_generation = generation;
  claims.roles = RolesFor(session.audience, policy_.self_audience, user.roles);
  if (session.include_groups) claims.groups = user.groups;
  TESSERA_RETURN_IF_ERROR(AddExtras(session, user, claims));
  TESSERA_ASSIGN_OR_RETURN(Secret text, SignAccessToken(claims, *keys.signing));
  return AccessToken{std::move(text), claims.expires_at, std::move(claims.scopes)};
}

}  // namespace tessera::server
