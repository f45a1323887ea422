#include "server/user/password_reset.h"

#include <optional>

#include "server/auth/shown_secret.h"
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
using storage::User;

constexpr SecretKind kKind = {kResetTokenPrefix, "tessera/reset-tag/v1", "tessera/reset/v1",
                              "not a reset token"};

absl::Status TokenInvalid() {
  return Refusal(absl::StatusCode::kUnauthenticated, reason::kResetTokenInvalid,
                 "the reset token is unknown, used or too old");
}

absl::StatusOr<UserId> UserOf(const Secret& token, const KeySnapshot& keys) {
  TESSERA_ASSIGN_OR_RETURN(const std::string id, ReadShownSecret(kKind, token, keys));
  return UserId(std::string(UserId::kPrefix).append(id));
}

// What the store says, in one consistent view.
struct Found {
  std::optional<User> user;
  std::optional<storage::PasswordReset> reset;
};

absl::Status FindIn(Repositories& repositories, const UserId& id, Found& found) {
  found = Found();
  TESSERA_ASSIGN_OR_RETURN(found.user, repositories.users.Find(id));
  TESSERA_ASSIGN_OR_RETURN(found.reset, repositories.passwords.FindReset(id));
  return absl::OkStatus();
}

}  // namespace

absl::Status PasswordResets::Invalid(const CallInfo& call, const UserId& user,
                                     std::string_view why) const {
  parts_.log.Warning(event::kPasswordResetRefused,
                     {{"reason", std::string(why)}, {"user", user.str()}, {"peer", call.peer}});
  return TokenInvalid();
}

absl::StatusOr<IssuedReset> PasswordResets::Issue(const CallInfo& call, const UserId& actor,
                                                  const UserId& user) const {
  if (actor.str() == user.str()) {
    return FieldInvalid("user_id", "another user: ChangePassword is for oneself");
  }
  const absl::Time expires_at = RowTime(parts_.clock.Now() + ttl_);
  std::string_view id = user.str();
  if (id.size() < UserId::kPrefix.size()) id = UserId::kPrefix;  // nobody: not found below
  TESSERA_ASSIGN_OR_RETURN(ShownSecret minted,
                           MintShownSecret(kKind, id.substr(UserId::kPrefix.size()), user.str(),
                                           *parts_.keys.Current()));
  const absl::Status written = parts_.store.Write(
      Repeat::kOnce, call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_RETURN_IF_ERROR(RefuseUnlessAdministrator(repositories, actor));
        TESSERA_ASSIGN_OR_RETURN(const std::optional<User> found, repositories.users.Find(user));
        if (!found.has_value()) {
          return Refusal(absl::StatusCode::kNotFound, reason::kUserNotFound, "no such user");
        }
        TESSERA_RETURN_IF_ERROR(repositories.passwords.PutReset(
            {user, found->version, minted.hash, minted.hash_kid, expires_at}));
        return parts_.audit.AppendIn(repositories, call,
                                     {event::kPasswordResetIssued, actor.str(), user.str()});
      });
  TESSERA_RETURN_IF_ERROR(written);
  parts_.log.Info(event::kPasswordResetIssued,
                  {{"user", user.str()}, {"actor", actor.str()}, {"peer", call.peer}});
  return IssuedReset{std::move(minted.text), expires_at};
}

absl::StatusOr<ResetInput> PasswordResets::Screen(const CallInfo& call, ResetInput input) const {
  const absl::Status genuine = UserOf(input.token, *parts_.keys.Current()).status();
  if (absl::IsUnauthenticated(genuine)) return Invalid(call, UserId(), ReasonOf(genuine));
  TESSERA_RETURN_IF_ERROR(genuine);
  return input;
}

// Empty if it is good.
absl::StatusOr<std::string_view> PasswordResets::WhyVoid(const User& user,
                                                         const storage::PasswordReset& row,
                                                         const Secret& token) const {
  TESSERA_ASSIGN_OR_RETURN(
      const bool right,
      IsShownSecret(kKind, token, {user.id.str(), row.hash, row.hash_kid}, *parts_.keys.Current()));
  if (!right) return "replaced";
  if (parts_.clock.Now() >= row.expires_at) return "expired";
  if (row.user_version != user.version) return "user_changed";
  return "";
}

absl::StatusOr<CheckedReset> PasswordResets::Check(const CallInfo& call, ResetInput input) const {
  TESSERA_ASSIGN_OR_RETURN(const Reservation reservation, parts_.throttle.ReserveReset(call));
  TESSERA_ASSIGN_OR_RETURN(const UserId id, UserOf(input.token, *parts_.keys.Current()));
  Found found;
  TESSERA_RETURN_IF_ERROR(parts_.store.Read(
      call.deadline, [&](Repositories& repositories) { return FindIn(repositories, id, found); }));
  if (!found.user.has_value()) return Invalid(call, id, "unknown_user");
  if (!found.reset.has_value()) return Invalid(call, id, "used");
  TESSERA_ASSIGN_OR_RETURN(const std::string_view why,
                           WhyVoid(*found.user, *found.reset, input.token));
  if (!why.empty()) return Invalid(call, id, why);
  parts_.throttle.Succeeded(call, reservation);
  return CheckedReset(*std::move(found.user), *std::move(found.reset),
                      std::move(input.new_password));
}

absl::StatusOr<CheckedReset> PasswordResets::Hash(const CallInfo&, CheckedReset reset) const {
  TESSERA_ASSIGN_OR_RETURN(const Secret prepared,
                           policy_.Prepare(reset.new_password_, "new_password",
                                           {reset.user_.username, reset.user_.email}));
  TESSERA_ASSIGN_OR_RETURN(reset.new_hash_, parts_.hasher.Hash(prepared));
  reset.new_password_ = Secret();
  return reset;
}

absl::Status PasswordResets::Store(const CallInfo& call, const CheckedReset& reset) const {
  if (reset.new_hash_.empty()) return absl::InternalError("a reset was not hashed");
  const absl::Time now = parts_.clock.Now();
  const UserId& id = reset.user_.id;
  bool used = false;  // by another, or void, since it was checked
  const absl::Status written = parts_.store.Write(
      Repeat::kOnce, call.deadline, [&](Repositories& repositories) -> absl::Status {
        used = true;
        TESSERA_RETURN_IF_ERROR(repositories.roles.TakeTurn());
        TESSERA_ASSIGN_OR_RETURN(const bool taken,
                                 repositories.passwords.TakeReset(id, reset.row_.hash));
        if (!taken) return absl::OkStatus();
        TESSERA_ASSIGN_OR_RETURN(std::optional<User> user, repositories.users.Find(id));
        if (!user.has_value() || user->version != reset.row_.user_version) return absl::OkStatus();
        used = false;
        user->password_hash = reset.new_hash_;
        TESSERA_RETURN_IF_ERROR(StoreAndEndSessions(repositories, *user, now));
        TESSERA_RETURN_IF_ERROR(
            parts_.audit.AppendIn(repositories, call, {event::kPasswordReset, id.str(), id.str()}));
        return AppendEnd(repositories, *user, now);
      });
  TESSERA_RETURN_IF_ERROR(written);
  if (used) return Invalid(call, id, "used");
  parts_.log.Info(event::kPasswordReset, {{"user", id.str()}, {"peer", call.peer}});
  return parts_.feed.CatchUp(call.deadline);
}

}  // namespace tessera::server
