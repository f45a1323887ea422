#include "server/user/role_facade.h"

#include <algorithm>
#include <utility>

#include "server/auth/lost_roles.h"
#include "server/user/administrators.h"
#include "server/user/events.h"
#include "server/user/field_checks.h"
#include "server/user/find_group.h"
#include "server/user/find_user.h"
#include "server/user/page_token.h"
#include "server/user/store_user.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

using storage::Repeat;
using storage::Repositories;

constexpr std::string_view kReservedPrefix = "tessera.";

bool IsReserved(std::string_view name) {
  return name.substr(0, kReservedPrefix.size()) == kReservedPrefix;
}

absl::Status Reserved() {
  return Refusal(absl::StatusCode::kFailedPrecondition, reason::kRoleReserved,
                 "names in `tessera.` are reserved");
}

absl::Status RoleNotFound() {
  return Refusal(absl::StatusCode::kNotFound, reason::kRoleNotFound, "no such role");
}

absl::Status UserNotFound() {
  return Refusal(absl::StatusCode::kNotFound, reason::kUserNotFound, "no such user");
}

absl::StatusOr<storage::User> FindUser(Repositories& repositories, const UserId& id) {
  TESSERA_ASSIGN_OR_RETURN(std::optional<storage::User> user, repositories.users.Find(id));
  if (!user.has_value()) return UserNotFound();
  return *std::move(user);
}

absl::Status CheckAudiences(const std::vector<std::string>& asked,
                            const std::vector<std::string>& known) {
  const bool all_known = std::all_of(asked.begin(), asked.end(), [&](const std::string& audience) {
    return std::find(known.begin(), known.end(), audience) != known.end();
  });
  if (!all_known) {
    return FieldInvalid("role.audiences", "audiences that the server's tokens.audiences names");
  }
  return absl::OkStatus();
}

// A disabled one is nobody, whatever was granted: whoever admits by the kind must not admit it.
UserKind KindOf(const storage::User& user, const std::vector<storage::HeldRole>& held,
                const std::vector<std::string>& admin_roles) {
  if (user.state != storage::UserState::kActive) return UserKind::kNoOne;
  const bool admin = std::any_of(held.begin(), held.end(), [&](const storage::HeldRole& one) {
    return one.role.name == kAdminRole ||
           std::find(admin_roles.begin(), admin_roles.end(), one.role.name) != admin_roles.end();
  });
  return admin ? UserKind::kAdmin : UserKind::kUser;
}

RoleLookup Describe(const storage::User& user, std::vector<storage::HeldRole> held,
                    const std::vector<std::string>& admin_roles) {
  const UserKind kind = KindOf(user, held, admin_roles);
  return {kind, user.id, std::move(held)};
}

RoleCheck Answer(const storage::User& user, const RoleLookup& lookup, std::string_view role) {
  RoleCheck check;
  check.kind = lookup.kind;
  for (const storage::HeldRole& one : lookup.roles) {
    if (one.role.name != role) continue;
    check.held = user.state == storage::UserState::kActive;
    check.direct = one.direct;
    check.groups = one.groups;
  }
  return check;
}

}  // namespace

const std::vector<std::string>& ReservedRoles() {
  static const auto& roles =
      *new std::vector<std::string>{std::string(kAdminRole), "tessera.guard", "tessera.introspect",
                                    "tessera.audit", "tessera.mesh"};
  return roles;
}

absl::StatusOr<storage::Role> RoleFacade::Create(const CallInfo& call, const UserId& actor,
                                                 NewRole role) const {
  TESSERA_RETURN_IF_ERROR(CheckRoleName(role.name, "role.name"));
  if (IsReserved(role.name)) return Reserved();
  TESSERA_RETURN_IF_ERROR(CheckDisplayText(role.description, "role.description"));
  TESSERA_RETURN_IF_ERROR(CheckAudiences(role.audiences, audiences_));
  std::sort(role.audiences.begin(), role.audiences.end());
  role.audiences.erase(std::unique(role.audiences.begin(), role.audiences.end()),
                       role.audiences.end());
  const absl::Time now = parts_.clock.Now();
  const storage::Role stored{RoleId::Random(now), std::move(role.name), std::move(role.description),
                             std::move(role.audiences), now};
  const absl::Status written = parts_.store.Write(
      Repeat::kOnce, call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_RETURN_IF_ERROR(RefuseUnlessAdministrator(repositories, actor));
        TESSERA_RETURN_IF_ERROR(repositories.roles.Insert(stored));
        return parts_.audit.AppendIn(repositories, call,
                                     {event::kRoleCreated, actor.str(), stored.name});
      });
  TESSERA_RETURN_IF_ERROR(written);
  parts_.log.Info(event::kRoleCreated,
                  {{"role", stored.name}, {"actor", actor.str()}, {"peer", call.peer}});
  return stored;
}

absl::StatusOr<RoleFacade::Page> RoleFacade::List(const CallInfo& call, int page_size,
                                                  std::string_view page_token) const {
  TESSERA_ASSIGN_OR_RETURN(const int size, PageSize(page_size));
  TESSERA_ASSIGN_OR_RETURN(const std::string after, ReadPageToken(PageOf::kRoles, page_token));
  Page page;
  TESSERA_RETURN_IF_ERROR(
      parts_.store.Read(call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_ASSIGN_OR_RETURN(page.roles, repositories.roles.List(after, size + 1));
        return absl::OkStatus();
      }));
  if (page.roles.size() > static_cast<size_t>(size)) {
    page.roles.pop_back();
    page.next_page_token = MakePageToken(PageOf::kRoles, page.roles.back().name);
  }
  return page;
}

absl::Status RoleFacade::Delete(const CallInfo& call, const UserId& actor,
                                std::string_view name) const {
  if (IsReserved(name)) return Reserved();
  const absl::Time now = parts_.clock.Now();
  const absl::Status written = parts_.store.Write(
      Repeat::kOnce, call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_RETURN_IF_ERROR(RefuseUnlessAdministrator(repositories, actor));
        TESSERA_ASSIGN_OR_RETURN(const storage::Role role, FindRole(repositories, name));
        TESSERA_ASSIGN_OR_RETURN(const bool deleted, repositories.roles.Delete(role.id, now));
        if (!deleted) return RoleNotFound();
        return parts_.audit.AppendIn(repositories, call,
                                     {event::kRoleDeleted, actor.str(), role.name});
      });
  TESSERA_RETURN_IF_ERROR(written);
  parts_.log.Info(event::kRoleDeleted,
                  {{"role", std::string(name)}, {"actor", actor.str()}, {"peer", call.peer}});
  return absl::OkStatus();
}

absl::Status RoleFacade::Grant(const CallInfo& call, const UserId& actor, std::string_view role,
                               const UserId& user) const {
  const absl::Time now = parts_.clock.Now();
  const absl::Status written = parts_.store.Write(
      Repeat::kIdempotent, call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_RETURN_IF_ERROR(RefuseUnlessAdministrator(repositories, actor));
        TESSERA_ASSIGN_OR_RETURN(const storage::Role found, FindRole(repositories, role));
        TESSERA_RETURN_IF_ERROR(repositories.roles.Grant(found.id, user, now));
        return parts_.audit.AppendIn(
            repositories, call,
            {event::kRoleGranted, actor.str(), user.str(), true, "", {{"role", found.name}}});
      });
  TESSERA_RETURN_IF_ERROR(written);
  parts_.log.Info(event::kRoleGranted, {{"role", std::string(role)},
                                        {"user", user.str()},
                                        {"actor", actor.str()},
                                        {"peer", call.peer}});
  return absl::OkStatus();
}

struct RoleFacade::Taking {
  const CallInfo& call;
  const UserId& actor;
  const storage::Role& role;
  const storage::User& holder;
  absl::Time now;
};

// A reserved role takes all the user's tokens and sessions along, once: where it is not held,
// nothing ends, so doing it again changes nothing.
absl::Status RoleFacade::RevokeIn(Repositories& repositories, const Taking& taking) const {
  const storage::Role& role = taking.role;
  storage::User holder = taking.holder;
  TESSERA_ASSIGN_OR_RETURN(const bool taken, repositories.roles.Revoke(role.id, holder.id));
  if (!taken) return absl::OkStatus();
  TESSERA_ASSIGN_OR_RETURN(const std::vector<std::string> lost,
                           MissingOf(repositories, {role.name}, holder.id));
  const bool loses = !lost.empty();
  if (loses && role.name == kAdminRole) {
    TESSERA_RETURN_IF_ERROR(RefuseIfNobodyAdministers(repositories));
  }
  const bool ends = loses && LossEndsTokens(role.name, parts_.revoke_on_role_change);
  if (ends) TESSERA_RETURN_IF_ERROR(StoreAndEndSessions(repositories, holder, taking.now));
  AuditEntry entry{event::kRoleRevoked, taking.actor.str(), holder.id.str()};
  entry.details = {{"role", role.name}};
  TESSERA_RETURN_IF_ERROR(parts_.audit.AppendIn(repositories, taking.call, entry));
  return ends ? AppendEnd(repositories, holder, taking.now) : absl::OkStatus();
}

absl::Status RoleFacade::Revoke(const CallInfo& call, const UserId& actor, std::string_view role,
                                const UserId& user) const {
  const absl::Time now = parts_.clock.Now();
  // A second run would find that the first has taken the caller's own power away, and refuse.
  const Repeat repeat = actor == user ? Repeat::kOnce : Repeat::kIdempotent;
  const absl::Status written =
      parts_.store.Write(repeat, call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_RETURN_IF_ERROR(RefuseUnlessAdministrator(repositories, actor));
        TESSERA_ASSIGN_OR_RETURN(const storage::Role found, FindRole(repositories, role));
        TESSERA_ASSIGN_OR_RETURN(const storage::User holder, FindUser(repositories, user));
        return RevokeIn(repositories, {call, actor, found, holder, now});
      });
  TESSERA_RETURN_IF_ERROR(written);
  parts_.log.Info(event::kRoleRevoked, {{"role", std::string(role)},
                                        {"user", user.str()},
                                        {"actor", actor.str()},
                                        {"peer", call.peer}});
  // Also where it was not held: the one who took it may have failed to catch up.
  const bool ends = LossEndsTokens(role, parts_.revoke_on_role_change);
  return ends ? parts_.feed.CatchUp(call.deadline) : absl::OkStatus();
}

absl::StatusOr<RoleLookup> RoleFacade::Lookup(const CallInfo& call, const UserKey& key) const {
  RoleLookup lookup;
  TESSERA_RETURN_IF_ERROR(
      parts_.store.Read(call.deadline, [&](Repositories& repositories) -> absl::Status {
        lookup = RoleLookup();
        TESSERA_ASSIGN_OR_RETURN(const std::optional<storage::User> user,
                                 FindUserByKey(repositories, key));
        if (!user.has_value()) return absl::OkStatus();
        TESSERA_ASSIGN_OR_RETURN(std::vector<storage::HeldRole> held,
                                 repositories.roles.HoldingsOf(user->id));
        lookup = Describe(*user, std::move(held), parts_.admin_roles);
        return absl::OkStatus();
      }));
  return lookup;
}

absl::StatusOr<RoleCheck> RoleFacade::Check(const CallInfo& call, const UserKey& key,
                                            std::string_view role) const {
  RoleCheck check;
  const absl::Status read =
      parts_.store.Read(call.deadline, [&](Repositories& repositories) -> absl::Status {
        check = RoleCheck();
        TESSERA_RETURN_IF_ERROR(FindRole(repositories, role).status());
        TESSERA_ASSIGN_OR_RETURN(const std::optional<storage::User> user,
                                 FindUserByKey(repositories, key));
        if (!user.has_value()) return absl::OkStatus();
        TESSERA_ASSIGN_OR_RETURN(std::vector<storage::HeldRole> held,
                                 repositories.roles.HoldingsOf(user->id));
        check = Answer(*user, Describe(*user, std::move(held), parts_.admin_roles), role);
        return absl::OkStatus();
      });
  TESSERA_RETURN_IF_ERROR(read);
  return check;
}

}  // namespace tessera::server
