// What takes roles from a group's members: their sessions may have to end for it.
#include <algorithm>
#include <optional>
#include <utility>

#include "server/auth/lost_roles.h"
#include "server/user/administrators.h"
#include "server/user/events.h"
#include "server/user/find_group.h"
#include "server/user/group_facade.h"
#include "server/user/role_facade.h"
#include "server/user/store_user.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

using storage::Repeat;
using storage::Repositories;

absl::StatusOr<storage::User> FindUser(Repositories& repositories, const UserId& id) {
  TESSERA_ASSIGN_OR_RETURN(std::optional<storage::User> user, repositories.users.Find(id));
  if (user.has_value()) return *std::move(user);
  return Refusal(absl::StatusCode::kNotFound, reason::kUserNotFound, "no such user");
}

bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The roles that members hold by the group, and those that they have just lost by it.
absl::StatusOr<std::vector<std::string>> GivenBy(Repositories& repositories,
                                                 const storage::Group& group) {
  std::vector<std::string> roles = group.roles;
  TESSERA_ASSIGN_OR_RETURN(const std::vector<storage::GroupLoss> losses,
                           repositories.groups.LossesOf(group.id));
  for (const storage::GroupLoss& loss : losses) roles.push_back(loss.role);
  return roles;
}

// Takes all roles from the group: nobody holds any by it from here on. LAST_ADMINISTRATOR.
absl::Status TakeAllRoles(Repositories& repositories, const storage::Group& group, bool any_role,
                          absl::Time now) {
  for (const std::string& name : group.roles) {
    TESSERA_ASSIGN_OR_RETURN(const storage::Role role, FindRole(repositories, name));
    TESSERA_RETURN_IF_ERROR((LossEndsTokens(name, any_role)
                                 ? repositories.groups.BeginLoss(group.id, role.id, now)
                                 : repositories.groups.Revoke(group.id, role.id))
                                .status());
  }
  return Contains(group.roles, kAdminRole) ? RefuseIfNobodyAdministers(repositories)
                                           : absl::OkStatus();
}

}  // namespace

struct GroupFacade::Asked {
  const CallInfo& call;
  const UserId& actor;
  absl::Time now;
};

// What the first transaction leaves to do.
struct GroupFacade::Taken {
  GroupId group;
  RoleId role;
  bool more = false;
};

// In transactions of their own, so that each is short; `step` says whether there is more to do.
absl::Status GroupFacade::Finish(const CallInfo& call, bool more, Step step) const {
  while (more) {
    const absl::Status written = parts_.store.Write(
        Repeat::kIdempotent, call.deadline, [&](Repositories& repositories) -> absl::Status {
          TESSERA_RETURN_IF_ERROR(repositories.roles.TakeTurn());
          TESSERA_ASSIGN_OR_RETURN(more, step(repositories));
          return absl::OkStatus();
        });
    TESSERA_RETURN_IF_ERROR(written);
  }
  return parts_.feed.CatchUp(call.deadline);
}

// The members, and the group behind the last of them, go in transactions of their own.
absl::StatusOr<storage::Group> GroupFacade::DeleteIn(Repositories& repositories, const Asked& asked,
                                                     std::string_view name) const {
  TESSERA_RETURN_IF_ERROR(RefuseUnlessAdministrator(repositories, asked.actor));
  TESSERA_ASSIGN_OR_RETURN(storage::Group group, FindGroup(repositories, name));
  TESSERA_RETURN_IF_ERROR(
      TakeAllRoles(repositories, group, parts_.revoke_on_role_change, asked.now));
  AuditEntry entry{event::kGroupDeleted, asked.actor.str(), group.id.str()};
  entry.details = {{"group", group.name}};
  TESSERA_RETURN_IF_ERROR(parts_.audit.AppendIn(repositories, asked.call, entry));
  return group;
}

// Until the last member has left, the group is there for others too: what they grant it meanwhile
// is taken like what it had, before anybody leaves with it.
absl::StatusOr<bool> GroupFacade::DeleteMoreIn(Repositories& repositories, const Asked& asked,
                                               const storage::Group& deleted) const {
  const bool any_role = parts_.revoke_on_role_change;
  TESSERA_ASSIGN_OR_RETURN(const std::optional<storage::Group> group,
                           repositories.groups.FindByName(deleted.name));
  // Of the same name there may be another by now.
  if (group.has_value() && group->id == deleted.id) {
    TESSERA_RETURN_IF_ERROR(TakeAllRoles(repositories, *group, any_role, asked.now));
  }
  return RemoveNextMembers(repositories, deleted.id, any_role, asked.now);
}

absl::Status GroupFacade::Delete(const CallInfo& call, const UserId& actor,
                                 std::string_view name) const {
  const Asked asked{call, actor, parts_.clock.Now()};
  storage::Group group;
  const absl::Status written = parts_.store.Write(
      Repeat::kOnce, call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_ASSIGN_OR_RETURN(group, DeleteIn(repositories, asked, name));
        return absl::OkStatus();
      });
  TESSERA_RETURN_IF_ERROR(written);
  parts_.log.Info(event::kGroupDeleted,
                  {{"group", std::string(name)}, {"actor", actor.str()}, {"peer", call.peer}});
  return Finish(call, true, [&](Repositories& repositories) {
    return DeleteMoreIn(repositories, asked, group);
  });
}

absl::Status GroupFacade::RemoveMemberIn(Repositories& repositories, const Asked& asked,
                                         const GroupMember& member) const {
  TESSERA_RETURN_IF_ERROR(RefuseUnlessAdministrator(repositories, asked.actor));
  TESSERA_ASSIGN_OR_RETURN(const storage::Group group, FindGroup(repositories, member.group));
  TESSERA_ASSIGN_OR_RETURN(storage::User user, FindUser(repositories, member.user));
  TESSERA_ASSIGN_OR_RETURN(const bool left, repositories.groups.RemoveMember(group.id, user.id));
  if (!left) return absl::OkStatus();
  TESSERA_ASSIGN_OR_RETURN(const std::vector<std::string> given, GivenBy(repositories, group));
  TESSERA_ASSIGN_OR_RETURN(const std::vector<std::string> lost,
                           MissingOf(repositories, given, user.id));
  if (Contains(lost, kAdminRole)) TESSERA_RETURN_IF_ERROR(RefuseIfNobodyAdministers(repositories));
  // Where a role's loss ends tokens, the group's does: they may name it.
  const bool any = parts_.revoke_on_role_change;
  const bool ends = any || std::any_of(lost.begin(), lost.end(), [](const std::string& role) {
                      return LossEndsTokens(role, false);
                    });
  if (ends) TESSERA_RETURN_IF_ERROR(StoreAndEndSessions(repositories, user, asked.now));
  AuditEntry entry{event::kGroupMemberRemoved, asked.actor.str(), user.id.str()};
  entry.details = {{"group", group.name}};
  TESSERA_RETURN_IF_ERROR(parts_.audit.AppendIn(repositories, asked.call, entry));
  return ends ? AppendEnd(repositories, user, asked.now) : absl::OkStatus();
}

absl::Status GroupFacade::RemoveMember(const CallInfo& call, const UserId& actor,
                                       const GroupMember& member) const {
  const Asked asked{call, actor, parts_.clock.Now()};
  // A second run would find that the first has taken the caller's own power away, and refuse.
  const Repeat repeat = actor == member.user ? Repeat::kOnce : Repeat::kIdempotent;
  TESSERA_RETURN_IF_ERROR(parts_.store.Write(
      repeat, call.deadline,
      [&](Repositories& repositories) { return RemoveMemberIn(repositories, asked, member); }));
  parts_.log.Info(event::kGroupMemberRemoved, {{"group", member.group},
                                               {"user", member.user.str()},
                                               {"actor", actor.str()},
                                               {"peer", call.peer}});
  // Also where nothing was lost: the one who took it may have failed to catch up.
  return parts_.feed.CatchUp(call.deadline);
}

absl::StatusOr<GroupFacade::Taken> GroupFacade::RevokeRoleIn(Repositories& repositories,
                                                             const Asked& asked,
                                                             const GroupRole& grant) const {
  TESSERA_RETURN_IF_ERROR(RefuseUnlessAdministrator(repositories, asked.actor));
  TESSERA_ASSIGN_OR_RETURN(const storage::Group group, FindGroup(repositories, grant.group));
  TESSERA_ASSIGN_OR_RETURN(const storage::Role role, FindRole(repositories, grant.role));
  const bool ends = LossEndsTokens(role.name, parts_.revoke_on_role_change);
  TESSERA_ASSIGN_OR_RETURN(const bool taken,
                           ends ? repositories.groups.BeginLoss(group.id, role.id, asked.now)
                                : repositories.groups.Revoke(group.id, role.id));
  if (!taken) return Taken();
  if (role.name == kAdminRole) TESSERA_RETURN_IF_ERROR(RefuseIfNobodyAdministers(repositories));
  AuditEntry entry{event::kRoleRevoked, asked.actor.str(), group.id.str()};
  entry.details = {{"role", role.name}, {"group", group.name}};
  TESSERA_RETURN_IF_ERROR(parts_.audit.AppendIn(repositories, asked.call, entry));
  return Taken{group.id, role.id, ends};
}

absl::Status GroupFacade::RevokeRole(const CallInfo& call, const UserId& actor,
                                     const GroupRole& grant) const {
  const Asked asked{call, actor, parts_.clock.Now()};
  Taken taken;
  // Once: a second run might find that the first has taken the caller's own power away.
  const absl::Status written = parts_.store.Write(
      Repeat::kOnce, call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_ASSIGN_OR_RETURN(taken, RevokeRoleIn(repositories, asked, grant));
        return absl::OkStatus();
      });
  TESSERA_RETURN_IF_ERROR(written);
  parts_.log.Info(
      event::kRoleRevoked,
      {{"role", grant.role}, {"group", grant.group}, {"actor", actor.str()}, {"peer", call.peer}});
  return Finish(call, taken.more, [&](Repositories& repositories) {
    return EndNextMembers(repositories, taken.group, taken.role, asked.now);
  });
}

}  // namespace tessera::server
