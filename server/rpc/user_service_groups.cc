#include <utility>

#include "server/rpc/group_wire.h"
#include "server/rpc/to_wire.h"
#include "server/rpc/user_service.h"

namespace tessera::server {

UserService::Reactor* UserService::CheckRole(Context* context, const v1::CheckRoleRequest* request,
                                             v1::CheckRoleResponse* response) {
  const RoleFacade& roles = parts_.roles;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&roles](const CallInfo& call, const CheckRoleInput& input) {
            return roles.Check(call, input.who, input.role);
          })
      .Answer([response](const RoleCheck& check) { Write(check, response); });
}

UserService::Reactor* UserService::CreateGroup(Context* context,
                                               const v1::CreateGroupRequest* request,
                                               v1::CreateGroupResponse* response) {
  const GroupFacade& groups = parts_.groups;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&groups, actor = CallerOf(*context)](const CallInfo& call, NewGroup group) {
            return groups.Create(call, actor, std::move(group));
          })
      .Answer([response](const storage::Group& group) { Write(group, response->mutable_group()); });
}

UserService::Reactor* UserService::ListGroups(Context* context,
                                              const v1::ListGroupsRequest* request,
                                              v1::ListGroupsResponse* response) {
  const GroupFacade& groups = parts_.groups;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&groups](const CallInfo& call, const PageInput& page) {
            return groups.List(call, page.size, page.token);
          })
      .Answer([response](const GroupFacade::Page& page) { Write(page, response); });
}

UserService::Reactor* UserService::DeleteGroup(Context* context,
                                               const v1::DeleteGroupRequest* request,
                                               v1::DeleteGroupResponse*) {
  const GroupFacade& groups = parts_.groups;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&groups, actor = CallerOf(*context)](const CallInfo& call, const std::string& name) {
            return groups.Delete(call, actor, name);
          })
      .Answer([](const Nothing&) {});
}

UserService::Reactor* UserService::AddGroupMember(Context* context,
                                                  const v1::AddGroupMemberRequest* request,
                                                  v1::AddGroupMemberResponse*) {
  const GroupFacade& groups = parts_.groups;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&groups, actor = CallerOf(*context)](const CallInfo& call, const GroupMember& member) {
            return groups.AddMember(call, actor, member);
          })
      .Answer([](const Nothing&) {});
}

UserService::Reactor* UserService::RemoveGroupMember(Context* context,
                                                     const v1::RemoveGroupMemberRequest* request,
                                                     v1::RemoveGroupMemberResponse*) {
  const GroupFacade& groups = parts_.groups;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&groups, actor = CallerOf(*context)](const CallInfo& call, const GroupMember& member) {
            return groups.RemoveMember(call, actor, member);
          })
      .Answer([](const Nothing&) {});
}

UserService::Reactor* UserService::ListGroupMembers(Context* context,
                                                    const v1::ListGroupMembersRequest* request,
                                                    v1::ListGroupMembersResponse* response) {
  const GroupFacade& groups = parts_.groups;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&groups](const CallInfo& call, const ListMembersInput& input) {
            return groups.ListMembers(call, input.group, input.page.size, input.page.token);
          })
      .Answer([response](const GroupFacade::MemberPage& page) { Write(page, response); });
}

}  // namespace tessera::server
