// Renewing a session: one row, one generation at a time, and theft noticed.
#ifndef TESSERA_SERVER_AUTH_RENEWAL_H_
#define TESSERA_SERVER_AUTH_RENEWAL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/auth/auth_facade.h"
#include "server/auth/key_ring.h"
#include "server/auth/refresh_token.h"
#include "server/auth/renewal_tokens.h"
#include "server/auth/renewal_verdict.h"
#include "server/auth/token_issuer.h"
#include "storage/records.h"
#include "storage/session_repository.h"

namespace tessera::server {

// Thread-safe. AuthFacade::Renew; see there for the errors, and renewal_verdict.h for
// the rules.
class Renewal {
 public:
  Renewal(const TokenIssuer& issuer, AuthFacade::Parts parts)
      : issuer_(issuer), tokens_(issuer, parts), parts_(parts) {}

  // AuthFacade::CheckRenewal for an input without a refresh token.
  absl::Status CheckAccessTokenAlone(const CallInfo& call, const Secret& access_token) const;
  // Whether an access token that renews by itself names a key that is not known here. Memory only.
  bool NamesUnknownKey(const Secret& access_token) const;
  absl::StatusOr<IssuedGrant> Renew(const CallInfo& call, const RenewalInput& input) const;

 private:
  // One session and generation that somebody asks to renew.
  struct Attempt {
    const CallInfo& call;
    RefreshClaim claim;
    RenewalShown shown;
    std::shared_ptr<const KeySnapshot> keys;
    size_t max_access_token;
    absl::Time now;
  };
  using Standing = storage::SessionStanding;

  absl::Status CheckClock() const;
  absl::StatusOr<Attempt> Begin(const CallInfo& call, const RenewalInput& input) const;
  absl::StatusOr<Attempt> BeginAlone(const CallInfo& call, const RenewalInput& input) const;

  // Absent: somebody else changed the session meanwhile; look again.
  using Outcome = absl::StatusOr<std::optional<IssuedGrant>>;
  Outcome Try(const Attempt& attempt) const;
  RenewalVerdict Judge(const Attempt& attempt, const std::optional<Standing>& seen) const;
  absl::StatusOr<std::optional<Standing>> Look(const Attempt& attempt) const;
  absl::StatusOr<TokenIssuer::AccessToken> Sign(const Attempt& attempt, const Standing& seen,
                                                int64_t generation) const;
  Outcome Step(const Attempt& attempt, const Standing& seen) const;
  absl::StatusOr<bool> RotateRow(const Attempt& attempt,
                                 const storage::SessionRotation& step) const;
  Outcome ReplayStep(const Attempt& attempt, const Standing& seen) const;
  Outcome Extend(const Attempt& attempt, const Standing& seen) const;
  absl::StatusOr<bool> ExtendRow(const Attempt& attempt,
                                 const storage::AccessExtension& extension) const;
  absl::Status EndForTheft(const Attempt& attempt, const Standing& seen,
                           std::string_view event) const;
  Outcome EndIfAhead(const Attempt& attempt) const;
  absl::Status Refuse(const Attempt& attempt, const absl::Status& refusal) const;
  void ReportLoss(const Attempt& attempt, const storage::Session& behind) const;
  void Log(std::string_view event, const Attempt& attempt, const storage::Session& session) const;

  const TokenIssuer& issuer_;
  RenewalTokens tokens_;
  AuthFacade::Parts parts_;
  mutable std::atomic<int64_t> went_back_ = 0;  // how many sessions showed that the store has lost
                                                // something, since the start
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_RENEWAL_H_
