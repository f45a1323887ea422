#include "tessera/cli/token_keeper.h"

#include <google/protobuf/timestamp.pb.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "tessera/base/reason.h"
#include "tessera/base/session_end.h"
#include "tessera/base/status_macros.h"
#include "tessera/cli/exit_code.h"
#include "tessera/cli/signal_delay.h"
#include "tessera/token/bearer_token.h"

namespace tessera::cli {
namespace {

absl::Time ToTime(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

// Also what gRPC says when a connection breaks in the middle, and proxies when they do.
bool AnswerMayBeLost(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsInternal(status) || absl::IsUnknown(status) || absl::IsCancelled(status);
}

absl::Status SessionOver(const absl::Status& status) {
  return Refusal(absl::StatusCode::kUnauthenticated, ReasonOf(status),
                 "the session has ended; log in again with `tessera login`");
}

}  // namespace

std::string LoginCommand(const std::string& audience) {
  return audience.empty() ? "`tessera login`" : "`tessera login --audience " + audience + "`";
}

bool NeedsRenewal(const StoredGrant& grant, absl::Time now) {
  const absl::Duration life = grant.access_expires_at - grant.received_at;
  const absl::Duration wanted = std::max(kRenewBefore, life * kRenewLastPart);
  return grant.access_expires_at - now < std::min(wanted, life / 2);
}

absl::Status TakeTokens(tessera::v1::TokenGrant& answer, absl::Time now, StoredGrant& grant) {
  if (!IsBearerToken(answer.access_token()) || !IsBearerToken(answer.refresh_token()) ||
      !answer.has_access_expires_at() || !answer.has_refresh_expires_at()) {
    return Refusal(absl::StatusCode::kInternal, local_reason::kUnexpectedAnswer,
                   "the server's grant lacks a token or a time, or a token is none");
  }
  grant.received_at = now;
  grant.access_token = Secret(std::move(*answer.mutable_access_token()));
  grant.refresh_token = Secret(std::move(*answer.mutable_refresh_token()));
  grant.access_expires_at = ToTime(answer.access_expires_at());
  grant.refresh_expires_at = ToTime(answer.refresh_expires_at());
  grant.session_id = answer.session_id();
  return absl::OkStatus();
}

bool SaysSessionIsOver(const absl::Status& status) {
  return absl::IsUnauthenticated(status) && IsSessionEnd(ReasonOf(status));
}

absl::Status NotLoggedIn(const CredentialStore& store, const std::string& audience,
                         const std::string& server) {
  std::string text = "not logged in at " + server;
  text += audience.empty() ? " for tessera itself" : " for audience " + audience;
  std::string others;
  const absl::StatusOr<std::vector<std::string>> audiences = store.Audiences();
  if (audiences.ok()) {
    for (const std::string& other : *audiences) {
      if (other != audience)
        others += (others.empty() ? "" : ", ") + (other.empty() ? "itself" : other);
    }
  }
  if (!others.empty()) text += " (only for: " + others + ")";
  return Refusal(absl::StatusCode::kUnauthenticated, local_reason::kNotLoggedIn,
                 text + "; run " + LoginCommand(audience));
}

absl::StatusOr<Secret> TokenKeeper::Token(const std::string& audience) const {
  TESSERA_ASSIGN_OR_RETURN(StoredGrant grant, Check(store_.Load(audience), audience));
  if (!NeedsRenewal(grant, clock_.Now())) return std::move(grant.access_token);
  return LockedToken(audience, nullptr);
}

absl::StatusOr<Secret> TokenKeeper::TokenInsteadOf(const std::string& audience,
                                                   const Secret& refused) const {
  return LockedToken(audience, &refused);
}

absl::StatusOr<Secret> TokenKeeper::LockedToken(const std::string& audience,
                                                const Secret* refused) const {
  TESSERA_ASSIGN_OR_RETURN(const HeldCredentials held, store_.Hold(audience, options_.lock_limit));
  // Read again: whoever held the lock before has most likely renewed.
  TESSERA_ASSIGN_OR_RETURN(StoredGrant grant, Check(held.Load(), audience));
  const bool must_change = refused != nullptr && grant.access_token == *refused;
  if (!must_change && !NeedsRenewal(grant, clock_.Now())) return std::move(grant.access_token);
  return Renew(held, std::move(grant), must_change);
}

absl::StatusOr<StoredGrant> TokenKeeper::Check(absl::StatusOr<std::optional<StoredGrant>> loaded,
                                               const std::string& audience) const {
  TESSERA_RETURN_IF_ERROR(loaded.status());
  if (!loaded->has_value()) return NotLoggedIn(store_, audience, options_.server);
  if ((*loaded)->server != options_.server) {
    return Refusal(absl::StatusCode::kUnauthenticated, local_reason::kNotLoggedIn,
                   "the stored login is for " + (*loaded)->server + ", not for " + options_.server +
                       "; run " + LoginCommand(audience));
  }
  return **std::move(loaded);
}

absl::StatusOr<Secret> TokenKeeper::Renew(const HeldCredentials& held, StoredGrant grant,
                                          bool must_change) const {
  // A successor that is not stored would make the next command show the token that it replaced.
  const SignalDelay until_saved;
  absl::StatusOr<tessera::v1::RenewTokenResponse> answer = renew_(grant, false);
  // The server may have renewed without our hearing of it; asked again, it gives the same
  // successor.
  if (AnswerMayBeLost(answer.status())) answer = renew_(grant, true);
  if (SaysSessionIsOver(answer.status())) {
    TESSERA_RETURN_IF_ERROR(held.Remove());
    return SessionOver(answer.status());
  }
  const bool still_alive = clock_.Now() < grant.access_expires_at;
  // Some servers renew nothing that is alive.
  const bool too_early = ReasonOf(answer.status()) == reason::kAccessTokenNotExpired;
  if ((AnswerMayBeLost(answer.status()) || too_early) && still_alive && !must_change) {
    return std::move(grant.access_token);
  }
  TESSERA_RETURN_IF_ERROR(answer.status());
  TESSERA_RETURN_IF_ERROR(TakeTokens(*answer->mutable_grant(), clock_.Now(), grant));
  TESSERA_RETURN_IF_ERROR(held.Save(grant));
  return std::move(grant.access_token);
}

}  // namespace tessera::cli
