// Groups and questions about roles on the wire.
#include "server/rpc/group_wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/rpc/to_wire.h"
#include "tessera/base/reason.h"

namespace tessera::server {
namespace {

using ::testing::ElementsAre;

// `REASON field`, as a refusal names them; empty if the request was taken.
template <typename Request>
std::string Refused(const Request& request) {
  const absl::Status status = Parse(request).status();
  return status.ok() ? "" : ReasonOf(status) + " " + FieldOf(status);
}

TEST(GroupWire, WhatIsMissingIsNamed) {
  EXPECT_EQ(Refused(v1::CreateGroupRequest()), "FIELD_INVALID group.name");
  EXPECT_EQ(Refused(v1::DeleteGroupRequest()), "FIELD_INVALID group");
  EXPECT_EQ(Refused(v1::AddGroupMemberRequest()), "FIELD_INVALID group");
  EXPECT_EQ(Refused(v1::ListGroupMembersRequest()), "FIELD_INVALID group");
  EXPECT_EQ(Refused(v1::CheckRoleRequest()), "FIELD_INVALID role");
  v1::RemoveGroupMemberRequest removal;
  removal.set_group("writers");
  EXPECT_EQ(Refused(removal), "FIELD_INVALID user_id");
  v1::CheckRoleRequest check;
  check.set_role("writer");
  EXPECT_EQ(Refused(check), "FIELD_INVALID user_id");
}

TEST(GroupWire, WhatIsTooLongIsNamed) {
  const std::string novel(kMaxTextBytes + 1, 'x');
  v1::CreateGroupRequest create;
  create.mutable_group()->set_name("writers");
  create.mutable_group()->set_description(novel);
  EXPECT_EQ(Refused(create), "FIELD_INVALID group.description");
  v1::ListGroupsRequest list;
  list.set_page_token(novel);
  EXPECT_EQ(Refused(list), "FIELD_INVALID page_token");
  v1::DeleteGroupRequest removal;
  removal.set_group(novel);
  EXPECT_EQ(Refused(removal), "FIELD_INVALID group");
}

TEST(GroupWire, AGrantIsToAUserOrToAGroupAndToNobodyElse) {
  v1::GrantRoleRequest request;
  request.set_role("writer");
  EXPECT_EQ(Refused(request), "FIELD_INVALID user_id");
  request.set_group("");
  EXPECT_EQ(Refused(request), "FIELD_INVALID group");
  request.set_group("writers");
  auto grant = Parse(request);
  ASSERT_TRUE(grant.ok());
  EXPECT_EQ(grant->group, "writers");
  EXPECT_TRUE(grant->user.empty());
  request.set_user_id("usr_1");
  grant = Parse(request);
  ASSERT_TRUE(grant.ok());
  EXPECT_EQ(grant->group, "");
  EXPECT_EQ(grant->user.str(), "usr_1");
}

TEST(GroupWire, ALoginAsksForTheGroupsOrDoesNot) {
  v1::LoginRequest request;
  request.set_username("ada");
  request.set_password("x");
  EXPECT_FALSE(Parse(request)->terms.include_groups);
  request.set_include_groups(true);
  EXPECT_TRUE(Parse(request)->terms.include_groups);
}

TEST(GroupWire, AnswersSayWhereARoleComesFrom) {
  storage::HeldRole held;
  held.role.name = "writer";
  held.groups = {"authors", "writers"};
  v1::LookupRolesResponse roles;
  Write(RoleLookup{UserKind::kAdmin, UserId("usr_1"), {held}}, &roles);
  EXPECT_EQ(roles.kind(), v1::USER_KIND_ADMIN);
  ASSERT_EQ(roles.roles_size(), 1);
  EXPECT_FALSE(roles.roles(0).direct());
  EXPECT_THAT(roles.roles(0).groups(), ElementsAre("authors", "writers"));
  v1::CheckRoleResponse check;
  Write(RoleCheck{UserKind::kUser, true, true, {"writers"}}, &check);
  EXPECT_TRUE(check.held());
  EXPECT_TRUE(check.direct());
  EXPECT_THAT(check.groups(), ElementsAre("writers"));
  EXPECT_EQ(check.kind(), v1::USER_KIND_USER);
}

}  // namespace
}  // namespace tessera::server
