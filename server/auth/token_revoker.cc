#include "server/auth/token_revoker.h"

#include <algorithm>
#include <utility>

#include "server/auth/refresh_token.h"
#include "server/auth/revocation_feed.h"
#include "server/auth/revocations.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/claims.h"

namespace tessera::server {

bool TokenRevoker::IsRevocable(const Secret& token) const {
  if (!LooksLikeRefreshToken(token.Reveal())) return Genuine(token, parts_.clock.Now()) != nullptr;
  return ParseRefreshToken(token, *parts_.keys.Current()).ok();
}

absl::Status TokenRevoker::Revoke(const CallInfo& call, const Secret& token) const {
  if (!LooksLikeRefreshToken(token.Reveal())) return RevokeAccess(call, token);
  const absl::StatusOr<RefreshClaim> claim = ParseRefreshToken(token, *parts_.keys.Current());
  if (!claim.ok()) return absl::OkStatus();  // none of ours: there is nothing to revoke
  return ender_.End(call, claim->session_id, "revoked");
}

absl::Status TokenRevoker::Logout(const CallInfo& call, const Secret& refresh_token) const {
  TESSERA_ASSIGN_OR_RETURN(const RefreshClaim claim,
                           ParseRefreshToken(refresh_token, *parts_.keys.Current()));
  return ender_.End(call, claim.session_id, "logout");
}

absl::Status TokenRevoker::RevokeAccess(const CallInfo& call, const Secret& token) const {
  const KnownTokens::KnownToken known = Genuine(token, parts_.clock.Now());
  if (known == nullptr) return absl::OkStatus();
  // What the view holds is durable; so asking again and again adds no rows.
  if (parts_.feed.view()->IsRevoked(known->token)) return absl::OkStatus();
  const Claims& claims = known->token.claims();
  TESSERA_RETURN_IF_ERROR(parts_.store.Write(
      storage::Repeat::kIdempotent, call.deadline, [&](storage::Repositories& repositories) {
        return repositories.revocations.Append(
            {RevokeTokenEntry(claims.token_id, claims.expires_at)});
      }));
  parts_.log.Info("token.revoked", {{"token_id", claims.token_id.str()},
                                    {"user", claims.subject},
                                    {"session", claims.session_id.str()},
                                    {"peer", call.peer}});
  return parts_.feed.CatchUp(call.deadline);
}

// A token that one of our keys signed and that is alive, or will be: one whose life has not begun
// here (the clock was set back) is judged at its own beginning, so that it never comes to life.
KnownTokens::KnownToken TokenRevoker::Genuine(const Secret& token, absl::Time now) const {
  const std::shared_ptr<const KeySnapshot> keys = parts_.keys.Current();
  auto known = known_.Verify(verifier_, token.Reveal(), keys->verify, now);
  if (known.ok()) return *std::move(known);
  if (ReasonOf(known.status()) != reason::kTokenNotYetValid) return nullptr;
  const absl::StatusOr<UnverifiedToken> shown = InspectWithoutVerifying(token.Reveal());
  if (!shown.ok()) return nullptr;
  const absl::StatusOr<Claims> claims = ClaimsFromJson(shown->payload_json);
  if (!claims.ok()) return nullptr;
  known = known_.Verify(verifier_, token.Reveal(), keys->verify,
                        std::max(claims->not_before, claims->issued_at));
  return known.ok() ? *std::move(known) : nullptr;
}

}  // namespace tessera::server
