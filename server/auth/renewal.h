// Renewing a session: one row, one generation at a time, and theft noticed.
#ifndef TESSERA_SERVER_AUTH_RENEWAL_H_
#define TESSERA_SERVER_AUTH_RENEWAL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/auth/auth_facade.h"
#include "server/auth/key_ring.h"
#include "server/auth/refresh_token.h"
#include "server/auth/token_issuer.h"
#include "storage/records.h"

namespace tessera::server {

// What a genuine refresh token is worth now.
enum class RenewalVerdict {
  kStep,      // it is the current one: the next generation begins
  kGrace,     // it was replaced a moment ago: its successor again
  kEnded,     // the session is over, or its user may not go on
  kReuse,     // it was replaced long ago: two hold the session
  kWentBack,  // it is newer than the row: the store has lost something
};

// A pure function. The grace lasts `grace` from rotated_at, that last instant included; a clock
// that went back counts as no time. A session is over from its idle and absolute end on, those
// instants included.
RenewalVerdict JudgeRenewal(const std::optional<storage::Session>& session,
                            const std::optional<storage::User>& user, int64_t generation,
                            absl::Duration grace, absl::Time now);

// Thread-safe, immutable. AuthFacade::Renew; see there for the errors.
class Renewal {
 public:
  Renewal(const TokenIssuer& issuer, AuthFacade::Parts parts) : issuer_(issuer), parts_(parts) {}

  absl::StatusOr<IssuedGrant> Renew(const CallInfo& call, const Secret& refresh_token) const;

 private:
  // What one reading of the store says of the session.
  struct Seen {
    std::optional<storage::Session> session;
    std::optional<storage::User> user;
    std::vector<storage::Role> roles;
  };
  struct Attempt {
    const CallInfo& call;
    const RefreshClaim& claim;
    const std::shared_ptr<const KeySnapshot>& keys;
    absl::Time now;
  };

  // Absent: somebody else changed the session meanwhile; look again.
  using Outcome = absl::StatusOr<std::optional<IssuedGrant>>;
  Outcome Try(const Attempt& attempt) const;
  RenewalVerdict Judge(const Attempt& attempt, const Seen& seen) const;
  absl::StatusOr<Seen> Look(const Attempt& attempt) const;
  Outcome Step(const Attempt& attempt, const Seen& seen) const;
  Outcome ReplayStep(const Attempt& attempt, const Seen& seen) const;
  absl::Status EndForReuse(const Attempt& attempt, const Seen& seen) const;
  Outcome EndIfAhead(const Attempt& attempt) const;
  void Log(std::string_view event, const Attempt& attempt, const storage::Session& session) const;

  const TokenIssuer& issuer_;
  AuthFacade::Parts parts_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_RENEWAL_H_
