// Adding users: UserFacade's part of it.
#include <optional>
#include <utility>

#include "server/user/administrators.h"
#include "server/user/events.h"
#include "server/user/user_facade.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {

using storage::Repositories;
using storage::User;

absl::StatusOr<HashedNewUser> UserFacade::HashNewUser(const Requester& requester, NewUser user,
                                                      const Secret& password) const {
  TESSERA_ASSIGN_OR_RETURN(user, Checked(std::move(user)));
  TESSERA_ASSIGN_OR_RETURN(
      const Secret prepared,
      parts_.passwords.Prepare(password, "password", {user.username, user.email}));
  std::string salt = SaltOf(user, requester);
  TESSERA_ASSIGN_OR_RETURN(std::string hash,
                           salt.empty() ? parts_.hasher.Hash(prepared)
                                        : parts_.hasher.HashWithSalt(prepared, std::move(salt)));
  return HashedNewUser(std::move(user), std::move(hash));
}

absl::StatusOr<User> UserFacade::Create(const CallInfo& call, const UserId& actor,
                                        const HashedNewUser& user) const {
  return Add(call, actor, user);
}

absl::StatusOr<NewUser> UserFacade::CheckRegistration(NewUser user) const {
  if (!parts_.policy.registration) {
    return Refusal(absl::StatusCode::kPermissionDenied, reason::kRegistrationDisabled,
                   "this server lets nobody register");
  }
  // Nobody has shown that it is theirs, and who is looked up by it would be found.
  if (!user.email.empty()) return FieldUnsupported("user.email");
  if (!user.attributes.empty()) {
    return FieldInvalid("user.attributes", "nothing: an administrator says them");
  }
  if (user.state != storage::UserState::kActive) {
    return FieldInvalid("user.state", "nothing: an administrator says it");
  }
  return user;
}

// Counted behind what costs nothing to refuse, and before the hash.
absl::StatusOr<HashedNewUser> UserFacade::HashRegistration(const CallInfo& call, NewUser user,
                                                           const Secret& password) const {
  TESSERA_ASSIGN_OR_RETURN(user, CheckRegistration(std::move(user)));
  TESSERA_ASSIGN_OR_RETURN(user, Checked(std::move(user)));
  TESSERA_RETURN_IF_ERROR(parts_.throttle.ReserveRegistration(call).status());
  return HashNewUser(std::nullopt, std::move(user), password);
}

absl::StatusOr<User> UserFacade::Register(const CallInfo& call, const HashedNewUser& user) const {
  TESSERA_RETURN_IF_ERROR(CheckRegistration(user.fields()).status());
  return Add(call, std::nullopt, user);
}

absl::StatusOr<User> UserFacade::Add(const CallInfo& call, const Requester& requester,
                                     const HashedNewUser& user) const {
  const absl::Time now = parts_.clock.Now();
  const User row = RowOf(user.fields(), user.password_hash(), now);
  const auto request = RequestOf(user.fields(), requester, row);
  const std::string actor = requester.has_value() ? requester->str() : row.id.str();
  const std::string_view event =
      requester.has_value() ? event::kUserCreated : event::kUserRegistered;
  std::optional<User> replayed;
  const absl::Status written = parts_.store.Write(
      request.has_value() ? storage::Repeat::kIdempotent : storage::Repeat::kOnce, call.deadline,
      [&](Repositories& repositories) -> absl::Status {
        replayed.reset();
        if (requester.has_value()) {
          TESSERA_RETURN_IF_ERROR(RefuseUnlessAdministrator(repositories, *requester));
        }
        if (request.has_value()) {
          TESSERA_ASSIGN_OR_RETURN(replayed, ReplayIn(repositories, *request, now));
          if (replayed.has_value()) return absl::OkStatus();
        }
        TESSERA_RETURN_IF_ERROR(AddUserIn(repositories, row, parts_.policy.initial_roles));
        return parts_.audit.AppendIn(repositories, call, {event, actor, row.id.str()});
      });
  TESSERA_RETURN_IF_ERROR(written);
  if (replayed.has_value()) return *std::move(replayed);
  parts_.log.Info(event, {{"user", row.id.str()}, {"actor", actor}, {"peer", call.peer}});
  return row;
}

}  // namespace tessera::server
