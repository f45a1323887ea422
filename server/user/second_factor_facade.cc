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

absl::Status WrongPassword() {
  return Refusal(absl::StatusCode::kUnauthenticated, reason::kBadCredentials,
                 "the password is wrong");
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

// Nothing that was confirmed, disabled or enrolled anew since an answer was judged is changed by
// it.
absl::Status UseUpIn(Repositories& in, const storage::User& found, int64_t judged_version,
                     const FactorUse& use) {
  if (found.version != judged_version) return CodeWrong();
  TESSERA_ASSIGN_OR_RETURN(const bool first, use.UseUpIn(in));
  return first ? absl::OkStatus() : CodeWrong();
}

}  // namespace

absl::Status SecondFactorFacade::Refuse(const CallInfo& call, const UserId& user,
                                        std::string_view why, absl::Status status) const {
  parts_.log.Warning(event::kTotpRefused,
                     {{"user", user.str()}, {"reason", std::string(why)}, {"peer", call.peer}});
  return status;
}

void SecondFactorFacade::Tell(std::string_view event, const CallInfo& call,
                              const UserId& user) const {
  parts_.log.Info(event, {{"user", user.str()}, {"actor", user.str()}, {"peer", call.peer}});
}

absl::StatusOr<storage::User> SecondFactorFacade::FindForEnrolment(const CallInfo& call,
                                                                   const UserId& user) const {
  storage::User found;
  TESSERA_RETURN_IF_ERROR(parts_.store.Read(call.deadline, [&](Repositories& in) -> absl::Status {
    TESSERA_ASSIGN_OR_RETURN(found, Find(in, user));
    return absl::OkStatus();
  }));
  return found;
}

absl::StatusOr<FactorOwner> SecondFactorFacade::CheckPassword(const CallInfo& call,
                                                              storage::User user,
                                                              const Secret& password) const {
  TESSERA_ASSIGN_OR_RETURN(const Reservation reservation,
                           parts_.throttle.ReserveOldPassword(call, user.id));
  TESSERA_ASSIGN_OR_RETURN(const PasswordHasher::Verdict verdict,
                           parts_.hasher.Verify(PrepareForLogin(password), user.password_hash));
  if (!verdict.matches || user.state != storage::UserState::kActive) {
    return Refuse(call, user.id, "wrong_password", WrongPassword());
  }
  parts_.throttle.Succeeded(call, reservation);
  return FactorOwner(std::move(user));
}

absl::StatusOr<TotpEnrolment> SecondFactorFacade::Enroll(const CallInfo& call,
                                                         const FactorOwner& owner) const {
  const UserId& user = owner.user().id;
  const absl::Time now = RowTime(parts_.clock.Now());
  TESSERA_ASSIGN_OR_RETURN(const NewFactor made,
                           MakeSecondFactor(user, policy_, *parts_.keys.Current(), now));
  std::string name;
  const absl::Status written =
      parts_.store.Write(Repeat::kIdempotent, call.deadline, [&](Repositories& in) -> absl::Status {
        TESSERA_ASSIGN_OR_RETURN(const storage::User found, Find(in, user));
        // Another password, or disabled, since the password was checked.
        if (found.version != owner.user().version) return WrongPassword();
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
  return Refuse(call, factor.user_id, "wrong_code", CodeWrong());
}

// That a code fits proves only that an authenticator works, so it is counted as any guess is.
absl::StatusOr<ConfirmedFactor> SecondFactorFacade::Confirm(const CallInfo& call,
                                                            const UserId& user,
                                                            const Secret& code) const {
  TESSERA_ASSIGN_OR_RETURN(const storage::SecondFactor factor, FindOffered(call, user));
  TESSERA_ASSIGN_OR_RETURN(const Reservation reservation,
                           parts_.throttle.ReserveCode(call, user, std::nullopt));
  TESSERA_ASSIGN_OR_RETURN(const int64_t step, CheckFirstCode(call, factor, code));
  TESSERA_ASSIGN_OR_RETURN(NewRecoveryCodes minted,
                           MintRecoveryCodes(user, *parts_.keys.Current()));
  const absl::Time now = parts_.clock.Now();
  int64_t version = 0;
  const absl::Status written =
      parts_.store.Write(Repeat::kOnce, call.deadline, [&](Repositories& in) -> absl::Status {
        // So that no administrator's change of the same user fails for this one, nor this for it.
        TESSERA_RETURN_IF_ERROR(in.roles.TakeTurn());
        TESSERA_ASSIGN_OR_RETURN(storage::User found, Find(in, user));
        TESSERA_ASSIGN_OR_RETURN(const bool mine, in.factors.Confirm(user, factor.sealed, step));
        if (!mine) return NotEnrolled("another second factor waits to be confirmed");
        TESSERA_RETURN_IF_ERROR(in.factors.ReplaceCodes(user, minted.rows));
        TESSERA_RETURN_IF_ERROR(StoreAndEndSessions(in, found, now));
        version = found.version;
        TESSERA_RETURN_IF_ERROR(
            parts_.audit.AppendIn(in, call, EntryOf(event::kTotpConfirmed, user, user)));
        return AppendEnd(in, found, now);
      });
  TESSERA_RETURN_IF_ERROR(written);
  parts_.throttle.Succeeded(call, reservation);
  Tell(event::kTotpConfirmed, call, user);
  TESSERA_RETURN_IF_ERROR(parts_.feed.CatchUp(call.deadline));
  return ConfirmedFactor{std::move(minted.codes), parts_.throttle.NewDeviceProof({user, version})};
}

absl::StatusOr<SecondFactorFacade::Known> SecondFactorFacade::FindConfirmed(
    const CallInfo& call, const UserId& user) const {
  Known known;
  std::optional<storage::SecondFactor> factor;
  TESSERA_RETURN_IF_ERROR(parts_.store.Read(call.deadline, [&](Repositories& in) -> absl::Status {
    TESSERA_ASSIGN_OR_RETURN(const storage::User found, Find(in, user));
    known.user_version = found.version;
    TESSERA_ASSIGN_OR_RETURN(factor, in.factors.Find(user));
    TESSERA_ASSIGN_OR_RETURN(known.factor.codes, in.factors.Codes(user));
    return absl::OkStatus();
  }));
  if (!factor.has_value() || !factor->confirmed) return NotEnrolled("there is no second factor");
  known.factor.factor = *std::move(factor);
  return known;
}

// Counted as the answers of logins are: by the user alone, before it is judged.
absl::StatusOr<SecondFactorFacade::Proof> SecondFactorFacade::Prove(
    const CallInfo& call, const UserId& user, const FactorAnswer& answer) const {
  TESSERA_ASSIGN_OR_RETURN(const Known known, FindConfirmed(call, user));
  TESSERA_ASSIGN_OR_RETURN(Reservation reservation,
                           parts_.throttle.ReserveCode(call, user, std::nullopt));
  const std::shared_ptr<const KeySnapshot> keys = parts_.keys.Current();
  const AnswerJudge judge(*keys, policy_.drift, parts_.clock.Now());
  TESSERA_ASSIGN_OR_RETURN(FactorVerdict verdict, judge.Judge(known.factor, answer));
  if (auto* use = std::get_if<FactorUse>(&verdict)) {
    return Proof{known.user_version, std::move(*use), std::move(reservation)};
  }
  return Refuse(call, user, std::get<WrongAnswer>(verdict).why, CodeWrong());
}

absl::StatusOr<int64_t> SecondFactorFacade::TakeAwayIn(Repositories& in, const CallInfo& call,
                                                       const UserId& user,
                                                       const AuditEntry& entry) const {
  TESSERA_ASSIGN_OR_RETURN(storage::User found, Find(in, user));
  if (!found.totp_enrolled) return NotEnrolled("there is no second factor");
  TESSERA_RETURN_IF_ERROR(in.factors.Delete(user).status());
  const absl::Time now = parts_.clock.Now();
  TESSERA_RETURN_IF_ERROR(StoreAndEndSessions(in, found, now));
  TESSERA_RETURN_IF_ERROR(parts_.audit.AppendIn(in, call, entry));
  TESSERA_RETURN_IF_ERROR(AppendEnd(in, found, now));
  return found.version;
}

absl::StatusOr<Secret> SecondFactorFacade::Disable(const CallInfo& call, const UserId& user,
                                                   const FactorAnswer& answer) const {
  TESSERA_ASSIGN_OR_RETURN(const Proof proof, Prove(call, user, answer));
  int64_t version = 0;
  const absl::Status written =
      parts_.store.Write(Repeat::kOnce, call.deadline, [&](Repositories& in) -> absl::Status {
        TESSERA_RETURN_IF_ERROR(in.roles.TakeTurn());
        TESSERA_ASSIGN_OR_RETURN(const storage::User found, Find(in, user));
        TESSERA_RETURN_IF_ERROR(UseUpIn(in, found, proof.user_version, proof.use));
        TESSERA_ASSIGN_OR_RETURN(
            version, TakeAwayIn(in, call, user, EntryOf(event::kTotpDisabled, user, user)));
        return absl::OkStatus();
      });
  TESSERA_RETURN_IF_ERROR(written);
  parts_.throttle.Succeeded(call, proof.reservation);
  Tell(event::kTotpDisabled, call, user);
  TESSERA_RETURN_IF_ERROR(parts_.feed.CatchUp(call.deadline));
  return parts_.throttle.NewDeviceProof({user, version});
}

// Two at once take turns, so that ten codes are left and not the ten of each.
absl::StatusOr<std::vector<Secret>> SecondFactorFacade::RegenerateCodes(
    const CallInfo& call, const UserId& user, const FactorAnswer& answer) const {
  TESSERA_ASSIGN_OR_RETURN(const Proof proof, Prove(call, user, answer));
  TESSERA_ASSIGN_OR_RETURN(NewRecoveryCodes minted,
                           MintRecoveryCodes(user, *parts_.keys.Current()));
  const absl::Status written =
      parts_.store.Write(Repeat::kOnce, call.deadline, [&](Repositories& in) -> absl::Status {
        TESSERA_RETURN_IF_ERROR(in.roles.TakeTurn());
        TESSERA_ASSIGN_OR_RETURN(const storage::User found, Find(in, user));
        TESSERA_RETURN_IF_ERROR(UseUpIn(in, found, proof.user_version, proof.use));
        TESSERA_RETURN_IF_ERROR(in.factors.ReplaceCodes(user, minted.rows));
        return parts_.audit.AppendIn(in, call, EntryOf(event::kTotpCodesReplaced, user, user));
      });
  TESSERA_RETURN_IF_ERROR(written);
  parts_.throttle.Succeeded(call, proof.reservation);
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
        return TakeAwayIn(in, call, user, EntryOf(event::kTotpReset, actor, user)).status();
      });
  TESSERA_RETURN_IF_ERROR(written);
  parts_.log.Info(event::kTotpReset,
                  {{"user", user.str()}, {"actor", actor.str()}, {"peer", call.peer}});
  return parts_.feed.CatchUp(call.deadline);
}

}  // namespace tessera::server
