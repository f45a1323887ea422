// FakeTesserad's methods on roles and groups: one of each is there, whatever is made and deleted.
#include "tests/cli/fake_tesserad.h"

namespace tessera::testing {

using namespace tessera::v1;  // NOLINT(google-build-using-namespace): requests and responses only

grpc::Status FakeTesserad::Asked(grpc::ServerContext* context, const std::string& what) {
  MutexLock lock(mu_);
  return Admit(context, what);
}

grpc::Status FakeTesserad::CreateRole(grpc::ServerContext* context,
                                      const CreateRoleRequest* request,
                                      CreateRoleResponse* response) {
  *response->mutable_role() = request->role();
  return Asked(context, "CreateRole");
}

grpc::Status FakeTesserad::ListRoles(grpc::ServerContext* context, const ListRolesRequest*,
                                     ListRolesResponse* response) {
  Role* role = response->add_roles();
  role->set_name("orders.admin");
  role->add_audiences("orders");
  response->set_next_page_token("for ever the same");
  return Asked(context, "ListRoles");
}

grpc::Status FakeTesserad::DeleteRole(grpc::ServerContext* context,
                                      const DeleteRoleRequest* request, DeleteRoleResponse*) {
  return Asked(context, "DeleteRole " + request->role());
}

grpc::Status FakeTesserad::GrantRole(grpc::ServerContext* context, const GrantRoleRequest* request,
                                     GrantRoleResponse*) {
  return Asked(context, "GrantRole " + request->role() + " " + request->user_id());
}

grpc::Status FakeTesserad::LookupRoles(grpc::ServerContext* context, const LookupRolesRequest*,
                                       LookupRolesResponse* response) {
  response->set_kind(USER_KIND_NO_ONE);
  return Asked(context, "LookupRoles");
}

grpc::Status FakeTesserad::ListGroups(grpc::ServerContext* context, const ListGroupsRequest*,
                                      ListGroupsResponse* response) {
  Group* group = response->add_groups();
  group->set_name("buyers");
  group->add_roles("orders.admin");
  response->set_next_page_token("behind buyers");
  return Asked(context, "ListGroups");
}

grpc::Status FakeTesserad::ListGroupMembers(grpc::ServerContext* context,
                                            const ListGroupMembersRequest* request,
                                            ListGroupMembersResponse* response) {
  response->add_users()->set_username("alice");
  return Asked(context, "ListGroupMembers " + request->group());
}

grpc::Status FakeTesserad::DeleteGroup(grpc::ServerContext* context,
                                       const DeleteGroupRequest* request, DeleteGroupResponse*) {
  return Asked(context, "DeleteGroup " + request->group());
}

}  // namespace tessera::testing
