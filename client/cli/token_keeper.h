// Keeps the stored tokens alive: a session is renewed by one command at a time, however many run.
#ifndef TESSERA_CLI_TOKEN_KEEPER_H_
#define TESSERA_CLI_TOKEN_KEEPER_H_

#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tessera/base/clock.h"
#include "tessera/base/secret.h"
#include "tessera/cli/credential_store.h"
#include "tessera/v1/auth_service.pb.h"

namespace tessera::cli {

// A token with less left than this, or than this part of its life, is renewed before use; but
// never one with more than half of its life left.
inline constexpr absl::Duration kRenewBefore = absl::Seconds(20);
inline constexpr double kRenewLastPart = 0.2;

// Whether the access token of `grant` should be renewed before it is used at `now`.
bool NeedsRenewal(const StoredGrant& grant, absl::Time now);

// Moves the tokens of a server's answer into `grant`, leaving none in `answer`.
// INTERNAL UNEXPECTED_ANSWER: a token or a time is missing, or a token is not a bearer token: it
// could steer the terminal, or end the process in gRPC.
absl::Status TakeTokens(tessera::v1::TokenGrant& answer, absl::Time now, StoredGrant& grant);

// Whether an answer to a renewal or a logout is tesserad's word that the session is over. Not so an
// UNAUTHENTICATED without its reason: it may be that of a proxy.
bool SaysSessionIsOver(const absl::Status& status);

// The command that opens a session for `audience`, in backquotes.
std::string LoginCommand(const std::string& audience);

// UNAUTHENTICATED NOT_LOGGED_IN: says which login is needed.
absl::Status NotLoggedIn(const CredentialStore& store, const std::string& audience,
                         const std::string& server);

// One RenewToken call with the tokens held. `again`: the answer to the same call was lost just now,
// so wait for the connection.
using RenewCall = std::function<absl::StatusOr<tessera::v1::RenewTokenResponse>(
    const StoredGrant& held, bool again)>;

// Thread-safe. The clock and the store must outlive it. From the first request of a renewal until
// its tokens are stored, SIGINT, SIGTERM and SIGHUP wait.
class TokenKeeper {
 public:
  struct Options {
    std::string server;         // tokens of other servers are not used
    absl::Duration lock_limit;  // how long to wait for another command
  };
  TokenKeeper(const CredentialStore& store, RenewCall renew, const Clock& clock, Options options)
      : store_(store), renew_(std::move(renew)), clock_(clock), options_(std::move(options)) {}

  // A live access token of the session for `audience` (empty: tessera itself).
  // UNAUTHENTICATED NOT_LOGGED_IN: there is no session, or a session of another server.
  // UNAUTHENTICATED with SESSION_ENDED, REFRESH_REUSED or TOKEN_*: the session has ended; the
  // stored tokens are removed. Others: the renewal failed and the token at hand is not alive any
  // more.
  absl::StatusOr<Secret> Token(const std::string& audience) const;
  // Likewise, but never `refused`, which a server has just refused.
  absl::StatusOr<Secret> TokenInsteadOf(const std::string& audience, const Secret& refused) const;

 private:
  // `refused` may be null.
  absl::StatusOr<Secret> LockedToken(const std::string& audience, const Secret* refused) const;
  absl::StatusOr<StoredGrant> Check(absl::StatusOr<std::optional<StoredGrant>> loaded,
                                    const std::string& audience) const;
  absl::StatusOr<Secret> Renew(const HeldCredentials& held, StoredGrant grant,
                               bool must_change) const;

  const CredentialStore& store_;
  RenewCall renew_;
  const Clock& clock_;
  Options options_;
};

}  // namespace tessera::cli

#endif  // TESSERA_CLI_TOKEN_KEEPER_H_
