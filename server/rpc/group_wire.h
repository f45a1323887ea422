// Groups and questions about roles, between messages and the facades.
#ifndef TESSERA_SERVER_RPC_GROUP_WIRE_H_
#define TESSERA_SERVER_RPC_GROUP_WIRE_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/rpc/from_wire.h"
#include "server/user/group_facade.h"
#include "tessera/v1/user_service.pb.h"

namespace tessera::server {

// As server/rpc/from_wire.h.
absl::StatusOr<NewGroup> Parse(const v1::CreateGroupRequest& request);
absl::StatusOr<PageInput> Parse(const v1::ListGroupsRequest& request);
// The group's name.
absl::StatusOr<std::string> Parse(const v1::DeleteGroupRequest& request);
absl::StatusOr<GroupMember> Parse(const v1::AddGroupMemberRequest& request);
absl::StatusOr<GroupMember> Parse(const v1::RemoveGroupMemberRequest& request);

struct ListMembersInput {
  std::string group;
  PageInput page;
};
absl::StatusOr<ListMembersInput> Parse(const v1::ListGroupMembersRequest& request);

struct CheckRoleInput {
  UserKey who;
  std::string role;
};
absl::StatusOr<CheckRoleInput> Parse(const v1::CheckRoleRequest& request);

void Write(const storage::Group& group, v1::Group* wire);
void Write(const GroupFacade::Page& page, v1::ListGroupsResponse* wire);
void Write(const GroupFacade::MemberPage& page, v1::ListGroupMembersResponse* wire);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RPC_GROUP_WIRE_H_
