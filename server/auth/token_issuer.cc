#include "server/auth/token_issuer.h"

#include <algorithm>
#include <utility>

#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/token_signer.h"

namespace tessera::server {
namespace {

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

storage::Session TokenIssuer::NewSession(const storage::User& user, std::string audience,
                                         absl::Time now) const {
  storage::Session session;
  session.id = SessionId::Random(now);
  session.user_id = user.id;
  session.user_version = user.version;
  session.generation = 1;
  session.audience = std::move(audience);
  session.created_at = now;
  session.auth_time = now;
  session.rotated_at = now;
  session.expires_at = RowTime(now + policy_.refresh_ttl);
  session.idle_expires_at = IdleEnd(session, now);
  return session;
}

absl::Time TokenIssuer::IdleEnd(const storage::Session& session, absl::Time now) const {
  return std::min(RowTime(now + policy_.refresh_idle_ttl), session.expires_at);
}

absl::StatusOr<TokenIssuer::AccessToken> TokenIssuer::Sign(const storage::Session& session,
                                                           int64_t generation,
                                                           const std::vector<storage::Role>& held,
                                                           const KeySnapshot& keys,
                                                           absl::Time now) const {
  if (!keys.signing.has_value()) {
    return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kKeysUnavailable,
                            "no key to sign with", absl::Seconds(1));
  }
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
  claims.refresh_generation = generation;
  claims.roles = RolesFor(session.audience, policy_.self_audience, held);
  TESSERA_ASSIGN_OR_RETURN(Secret text, SignAccessToken(claims, *keys.signing));
  return AccessToken{std::move(text), claims.expires_at};
}

}  // namespace tessera::server
