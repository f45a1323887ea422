#include "server/user/second_factor_facade.h"

#include <optional>
#include <string_view>

#include "server/auth/recovery_codes.h"
#include "server/auth/token_issuer.h"
#include "server/user/administrators.h"
#include "server/user/events.h"
#include "server/user/store_user.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

using storage::Repeat;
using storage::Repositories;

absl::Status NotEnrolled(std::string_view text) {
  return Refusal(absl::StatusCode::kFailedPrecondition, reason::kTotpNotEnrolled, text);
}

absl::Status Enrolled() {
  return Refusal(absl::StatusCode::kFailedPrecondition, reason::kTotpEnrolled,
                 "there is a second factor already");
}

absl::StatusOr<storage::User> Find(Repositories& in, const UserId& id) {
  TESSERA_ASSIGN_OR_RETURN(std::optional<storage::User> user, in.users.Find(id));
  if (user.has_value()) return *std::move(user);
  return Refusal(absl::StatusCode::kNotFound, reason::kUserNotFound, "no such user");
}

AuditEntry EntryOf(std::string_view event, const UserId& actor, const UserId& user) {
  AuditEntry entry;
  entry.event = event;
  entry.actor = actor.str();
  entry.target = user.str();
  return entry;
}

}  // namespace

void SecondFactorFacade::Tell(std::string_view event, const CallInfo& call,
                              const UserId& user) const {
  parts_.log.Info(event, {{"user", user.str()}, {"actor", user.str()}, {"peer", call.peer}});
}

absl::StatusOr<TotpEnrolment> SecondFactorFacade::Enroll(const CallInfo& call,
                                                         const UserId& user) const {
  const absl::Time now = RowTime(parts_.clock.Now());
  TESSERA_ASSIGN_OR_RETURN(const NewFactor made,
                           MakeSecondFactor(user, policy_, *parts_.keys.Current(), now));
  std::string name;
  const absl::Status written =
      parts_.store.Write(Repeat::kIdempotent, call.deadline, [&](Repositories& in) -> absl::Status {
        TESSERA_ASSIGN_OR_RETURN(const storage::User found, Find(in, user));
        name = found.username;
        TESSERA_RETURN_IF_ERROR(in.factors.Offer(made.row));
        return parts_.audit.AppendIn(in, call, EntryOf(event::kTotpOffered, user, user));
      });
  TESSERA_RETURN_IF_ERROR(written);
  Tell(event::kTotpOffered, call, user);
  return TotpEnrolment{OtpauthUri({policy_.issuer, name}, made.secret, policy_.enrolment),
                       Base32Of(made.secret)};
}

absl::StatusOr<storage::SecondFactor> SecondFactorFacade::FindOffered(const CallInfo& call,
                                                                      const UserId& user) const {
  std::optional<storage::SecondFactor> factor;
  TESSERA_RETURN_IF_ERROR(parts_.store.Read(call.deadline, [&](Repositories& in) -> absl::Status {
    TESSERA_ASSIGN_OR_RETURN(factor, in.factors.Find(user));
    return absl::OkStatus();
  }));
  if (!factor.has_value()) return NotEnrolled("no second factor waits to be confirmed");
  if (factor->confirmed) return Enrolled();
  return *std::move(factor);
}

absl::StatusOr<int64_t> SecondFactorFacade::CheckFirstCode(const CallInfo& call,
                                                           const storage::SecondFactor& factor,
                                                           const Secret& code) const {
  const std::shared_ptr<const KeySnapshot> keys = parts_.keys.Current();
  TESSERA_ASSIGN_OR_RETURN(const std::optional<int64_t> step,
                           FindStep(factor, code, *keys, policy_.drift, parts_.clock.Now()));
  if (step.has_value()) return *step;
  parts_.log.Warning(
      event::kTotpRefused,
      {{"user", factor.user_id.str()}, {"reason", "wrong_code"}, {"peer", call.peer}});
  return CodeWrong();
}

// That a code fits proves only that an authenticator works, so it is counted as any guess is.
absl::StatusOr<std::vector<Secret>> SecondFactorFacade::Confirm(const CallInfo& call,
                                                                const UserId& user,
                                                                const Secret& code) const {
  TESSERA_ASSIGN_OR_RETURN(const storage::SecondFactor factor, FindOffered(call, user));
  TESSERA_ASSIGN_OR_RETURN(const Reservation reservation,
                           parts_.throttle.ReserveCode(call, user, Secret()));
  TESSERA_ASSIGN_OR_RETURN(const int64_t step, CheckFirstCode(call, factor, code));
  TESSERA_ASSIGN_OR_RETURN(NewRecoveryCodes minted,
                           MintRecoveryCodes(user, *parts_.keys.Current()));
  const absl::Time now = parts_.clock.Now();
  const absl::Status written =
      parts_.store.Write(Repeat::kOnce, call.deadline, [&](Repositories& in) -> absl::Status {
        // So that no administrator's change of the same user fails for this one, nor this for it.
        TESSERA_RETURN_IF_ERROR(in.roles.TakeTurn());
        TESSERA_ASSIGN_OR_RETURN(storage::User found, Find(in, user));
        TESSERA_ASSIGN_OR_RETURN(const bool mine, in.factors.Confirm(user, factor.sealed, step));
        if (!mine) return NotEnrolled("another second factor waits to be confirmed");
        TESSERA_RETURN_IF_ERROR(in.factors.ReplaceCodes(user, minted.rows));
        TESSERA_RETURN_IF_ERROR(
            parts_.audit.AppendIn(in, call, EntryOf(event::kTotpConfirmed, user, user)));
        return StoreAndEndAll(in, found, now);
      });
  TESSERA_RETURN_IF_ERROR(written);
  parts_.throttle.Succeeded(call, reservation);
  Tell(event::kTotpConfirmed, call, user);
  TESSERA_RETURN_IF_ERROR(parts_.feed.CatchUp(call.deadline));
  return std::move(minted.codes);
}

absl::Status SecondFactorFacade::TakeAwayIn(Repositories& in, const CallInfo& call,
                                            const UserId& user, const AuditEntry& entry) const {
  TESSERA_ASSIGN_OR_RETURN(storage::User found, Find(in, user));
  if (!found.totp_enrolled) return NotEnrolled("there is no second factor");
  TESSERA_RETURN_IF_ERROR(in.factors.Delete(user).status());
  TESSERA_RETURN_IF_ERROR(parts_.audit.AppendIn(in, call, entry));
  return StoreAndEndAll(in, found, parts_.clock.Now());
}

absl::Status SecondFactorFacade::Disable(const CallInfo& call, const UserId& user) const {
  const absl::Status written =
      parts_.store.Write(Repeat::kOnce, call.deadline, [&](Repositories& in) -> absl::Status {
        TESSERA_RETURN_IF_ERROR(in.roles.TakeTurn());
        return TakeAwayIn(in, call, user, EntryOf(event::kTotpDisabled, user, user));
      });
  TESSERA_RETURN_IF_ERROR(written);
  Tell(event::kTotpDisabled, call, user);
  return parts_.feed.CatchUp(call.deadline);
}

absl::StatusOr<std::vector<Secret>> SecondFactorFacade::RegenerateCodes(const CallInfo& call,
                                                                        const UserId& user) const {
  TESSERA_ASSIGN_OR_RETURN(NewRecoveryCodes minted,
                           MintRecoveryCodes(user, *parts_.keys.Current()));
  const absl::Status written =
      parts_.store.Write(Repeat::kIdempotent, call.deadline, [&](Repositories& in) -> absl::Status {
        TESSERA_ASSIGN_OR_RETURN(const storage::User found, Find(in, user));
        if (!found.totp_enrolled) return NotEnrolled("there is no second factor");
        TESSERA_RETURN_IF_ERROR(in.factors.ReplaceCodes(user, minted.rows));
        return parts_.audit.AppendIn(in, call, EntryOf(event::kTotpCodesReplaced, user, user));
      });
  TESSERA_RETURN_IF_ERROR(written);
  Tell(event::kTotpCodesReplaced, call, user);
  return std::move(minted.codes);
}

absl::Status SecondFactorFacade::Reset(const CallInfo& call, const UserId& actor,
                                       const UserId& user) const {
  if (actor == user) {
    return FieldInvalid("user_id", "another user's: for your own there is DisableTotp");
  }
  const absl::Status written =
      parts_.store.Write(Repeat::kOnce, call.deadline, [&](Repositories& in) -> absl::Status {
        TESSERA_RETURN_IF_ERROR(RefuseUnlessAdministrator(in, actor));
        return TakeAwayIn(in, call, user, EntryOf(event::kTotpReset, actor, user));
      });
  TESSERA_RETURN_IF_ERROR(written);
  parts_.log.Info(event::kTotpReset,
                  {{"user", user.str()}, {"actor", actor.str()}, {"peer", call.peer}});
  return parts_.feed.CatchUp(call.deadline);
}

}  // namespace tessera::server
