#include "server/user/group_facade.h"

#include <utility>

#include "server/user/administrators.h"
#include "server/user/events.h"
#include "server/user/field_checks.h"
#include "server/user/find_group.h"
#include "server/user/page_token.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

using storage::Repeat;
using storage::Repositories;

}  // namespace

absl::StatusOr<storage::Group> GroupFacade::Create(const CallInfo& call, const UserId& actor,
                                                   NewGroup group) const {
  TESSERA_RETURN_IF_ERROR(CheckRoleName(group.name, "group.name"));
  TESSERA_RETURN_IF_ERROR(CheckDisplayText(group.description, "group.description"));
  const absl::Time now = parts_.clock.Now();
  const storage::Group stored{
      GroupId::Random(now), std::move(group.name), std::move(group.description), {}, now};
  const absl::Status written = parts_.store.Write(
      Repeat::kOnce, call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_RETURN_IF_ERROR(RefuseUnlessAdministrator(repositories, actor));
        TESSERA_RETURN_IF_ERROR(repositories.groups.Insert(stored));
        return parts_.audit.AppendIn(repositories, call,
                                     {event::kGroupCreated,
                                      actor.str(),
                                      stored.id.str(),
                                      true,
                                      "",
                                      {{"group", stored.name}}});
      });
  TESSERA_RETURN_IF_ERROR(written);
  parts_.log.Info(event::kGroupCreated,
                  {{"group", stored.name}, {"actor", actor.str()}, {"peer", call.peer}});
  return stored;
}

absl::StatusOr<GroupFacade::Page> GroupFacade::List(const CallInfo& call, int page_size,
                                                    std::string_view page_token) const {
  TESSERA_ASSIGN_OR_RETURN(const int size, PageSize(page_size));
  TESSERA_ASSIGN_OR_RETURN(const std::string after, ReadPageToken(PageOf::kGroups, page_token));
  Page page;
  TESSERA_RETURN_IF_ERROR(
      parts_.store.Read(call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_ASSIGN_OR_RETURN(page.groups, repositories.groups.List(after, size + 1));
        return absl::OkStatus();
      }));
  if (page.groups.size() > static_cast<size_t>(size)) {
    page.groups.pop_back();
    page.next_page_token = MakePageToken(PageOf::kGroups, page.groups.back().name);
  }
  return page;
}

absl::Status GroupFacade::AddMember(const CallInfo& call, const UserId& actor,
                                    const GroupMember& member) const {
  const absl::Time now = parts_.clock.Now();
  const absl::Status written = parts_.store.Write(
      Repeat::kIdempotent, call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_RETURN_IF_ERROR(RefuseUnlessAdministrator(repositories, actor));
        TESSERA_ASSIGN_OR_RETURN(const storage::Group group, FindGroup(repositories, member.group));
        TESSERA_RETURN_IF_ERROR(repositories.groups.AddMember(group.id, member.user, now));
        return parts_.audit.AppendIn(repositories, call,
                                     {event::kGroupMemberAdded,
                                      actor.str(),
                                      member.user.str(),
                                      true,
                                      "",
                                      {{"group", group.name}}});
      });
  TESSERA_RETURN_IF_ERROR(written);
  parts_.log.Info(event::kGroupMemberAdded, {{"group", member.group},
                                             {"user", member.user.str()},
                                             {"actor", actor.str()},
                                             {"peer", call.peer}});
  return absl::OkStatus();
}

absl::StatusOr<GroupFacade::MemberPage> GroupFacade::ListMembers(
    const CallInfo& call, std::string_view group, int page_size,
    std::string_view page_token) const {
  TESSERA_ASSIGN_OR_RETURN(const int size, PageSize(page_size));
  TESSERA_ASSIGN_OR_RETURN(std::string after, ReadPageToken(PageOf::kGroupMembers, page_token));
  const UserId start(std::move(after));
  MemberPage page;
  TESSERA_RETURN_IF_ERROR(
      parts_.store.Read(call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_ASSIGN_OR_RETURN(const storage::Group found, FindGroup(repositories, group));
        storage::UserFilter filter;
        filter.group = found.id;
        TESSERA_ASSIGN_OR_RETURN(page.users, repositories.users.List(filter, start, size + 1));
        return absl::OkStatus();
      }));
  if (page.users.size() > static_cast<size_t>(size)) {
    page.users.pop_back();
    page.next_page_token = MakePageToken(PageOf::kGroupMembers, page.users.back().id.str());
  }
  return page;
}

absl::Status GroupFacade::GrantRole(const CallInfo& call, const UserId& actor,
                                    const GroupRole& grant) const {
  const absl::Time now = parts_.clock.Now();
  const absl::Status written = parts_.store.Write(
      Repeat::kIdempotent, call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_RETURN_IF_ERROR(RefuseUnlessAdministrator(repositories, actor));
        TESSERA_ASSIGN_OR_RETURN(const storage::Group group, FindGroup(repositories, grant.group));
        TESSERA_ASSIGN_OR_RETURN(const storage::Role role, FindRole(repositories, grant.role));
        TESSERA_RETURN_IF_ERROR(repositories.groups.Grant(group.id, role.id, now));
        return parts_.audit.AppendIn(repositories, call,
                                     {event::kRoleGranted,
                                      actor.str(),
                                      group.id.str(),
                                      true,
                                      "",
                                      {{"role", role.name}, {"group", group.name}}});
      });
  TESSERA_RETURN_IF_ERROR(written);
  parts_.log.Info(
      event::kRoleGranted,
      {{"role", grant.role}, {"group", grant.group}, {"actor", actor.str()}, {"peer", call.peer}});
  return absl::OkStatus();
}

}  // namespace tessera::server
