#include "server/rpc/group_wire.h"

#include <string_view>
#include <utility>

#include "server/rpc/to_wire.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

absl::Status CheckBounded(std::string_view field, std::string_view value) {
  if (value.size() > kMaxTextBytes) return FieldInvalid(field, "at most 1,024 bytes");
  return absl::OkStatus();
}

absl::Status CheckPresent(std::string_view field, std::string_view value) {
  if (value.empty()) return FieldInvalid(field, "required");
  return CheckBounded(field, value);
}

template <typename Request>
absl::StatusOr<PageInput> ParsePage(const Request& request) {
  TESSERA_RETURN_IF_ERROR(CheckBounded("page_token", request.page_token()));
  return PageInput{request.page_size(), request.page_token()};
}

template <typename Request>
absl::StatusOr<GroupMember> ParseMember(const Request& request) {
  TESSERA_RETURN_IF_ERROR(CheckPresent("group", request.group()));
  TESSERA_RETURN_IF_ERROR(CheckPresent("user_id", request.user_id()));
  return GroupMember{request.group(), UserId(request.user_id())};
}

}  // namespace

absl::StatusOr<NewGroup> Parse(const v1::CreateGroupRequest& request) {
  const v1::Group& group = request.group();
  TESSERA_RETURN_IF_ERROR(CheckPresent("group.name", group.name()));
  TESSERA_RETURN_IF_ERROR(CheckBounded("group.description", group.description()));
  return NewGroup{group.name(), group.description()};
}

absl::StatusOr<PageInput> Parse(const v1::ListGroupsRequest& request) { return ParsePage(request); }

absl::StatusOr<std::string> Parse(const v1::DeleteGroupRequest& request) {
  TESSERA_RETURN_IF_ERROR(CheckPresent("group", request.group()));
  return request.group();
}

absl::StatusOr<GroupMember> Parse(const v1::AddGroupMemberRequest& request) {
  return ParseMember(request);
}

absl::StatusOr<GroupMember> Parse(const v1::RemoveGroupMemberRequest& request) {
  return ParseMember(request);
}

absl::StatusOr<ListMembersInput> Parse(const v1::ListGroupMembersRequest& request) {
  TESSERA_RETURN_IF_ERROR(CheckPresent("group", request.group()));
  TESSERA_ASSIGN_OR_RETURN(PageInput page, ParsePage(request));
  return ListMembersInput{request.group(), std::move(page)};
}

absl::StatusOr<CheckRoleInput> Parse(const v1::CheckRoleRequest& request) {
  TESSERA_RETURN_IF_ERROR(CheckPresent("role", request.role()));
  TESSERA_ASSIGN_OR_RETURN(UserKey who, ParseWho(request));
  return CheckRoleInput{std::move(who), request.role()};
}

void Write(const storage::Group& group, v1::Group* wire) {
  wire->set_id(group.id.str());
  wire->set_name(group.name);
  wire->set_description(group.description);
  for (const std::string& role : group.roles) wire->add_roles(role);
  Write(group.created_at, wire->mutable_create_time());
}

void Write(const GroupFacade::Page& page, v1::ListGroupsResponse* wire) {
  for (const storage::Group& group : page.groups) Write(group, wire->add_groups());
  wire->set_next_page_token(page.next_page_token);
}

void Write(const GroupFacade::MemberPage& page, v1::ListGroupMembersResponse* wire) {
  for (const storage::User& user : page.users) Write(user, wire->add_users());
  wire->set_next_page_token(page.next_page_token);
}

}  // namespace tessera::server
