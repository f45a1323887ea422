#include "server/rpc/user_service.h"

#include <string>
#include <utility>

#include "server/rpc/from_wire.h"
#include "server/rpc/to_wire.h"

namespace tessera::server {
namespace {

// A password change under way: the user as found, and what is asked.
struct PasswordChangeStep {
  storage::User user;
  PasswordChange change;
};

absl::StatusOr<PasswordChangeStep> FindForChange(const UserFacade& users, const CallInfo& call,
                                                 PasswordChange change) {
  absl::StatusOr<storage::User> user = users.FindForPasswordChange(call, change.user_id);
  if (!user.ok()) return user.status();
  return PasswordChangeStep{*std::move(user), std::move(change)};
}

}  // namespace

std::shared_ptr<Call> UserService::Begin(Context& context, const char* method) const {
  return std::make_shared<Call>(
      context, parts_.clock, parts_.log,
      CallPort{ClientCertificates::kUnverified, &parts_.source, &parts_.guard,
               v1::UserService::service_full_name(), method});
}

UserId UserService::CallerOf(const Context& context) const {
  return UserId(parts_.guard.PrincipalOf(context)->claims.subject);
}

UserService::Reactor* UserService::CreateUser(Context* context,
                                              const v1::CreateUserRequest* request,
                                              v1::CreateUserResponse* response) {
  const UserFacade& users = parts_.users;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.hashing,
          [&users, actor = CallerOf(*context)](const CallInfo&, CreateUserInput input) {
            return users.HashNewUser(actor, std::move(input.user), input.password);
          })
      .On(parts_.lanes.database,
          [&users, actor = CallerOf(*context)](const CallInfo& call, const HashedNewUser& user) {
            return users.Create(call, actor, user);
          })
      .Answer([response](const storage::User& user) { Write(user, response->mutable_user()); });
}

UserService::Reactor* UserService::GetUser(Context* context, const v1::GetUserRequest* request,
                                           v1::GetUserResponse* response) {
  const UserFacade& users = parts_.users;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&users](const CallInfo& call, const UserKey& key) { return users.Get(call, key); })
      .Answer([response](const storage::User& user) { Write(user, response->mutable_user()); });
}

UserService::Reactor* UserService::GetCurrentUser(Context* context,
                                                  const v1::GetCurrentUserRequest*,
                                                  v1::GetCurrentUserResponse* response) {
  const UserFacade& users = parts_.users;
  return Run(Begin(*context), absl::StatusOr<UserId>(CallerOf(*context)))
      .On(parts_.lanes.database,
          [&users](const CallInfo& call, const UserId& id) { return users.GetCurrent(call, id); })
      .Answer([response](const UserFacade::Current& current) { Write(current, response); });
}

UserService::Reactor* UserService::ListUsers(Context* context, const v1::ListUsersRequest* request,
                                             v1::ListUsersResponse* response) {
  const UserFacade& users = parts_.users;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&users](const CallInfo& call, const ListUsersInput& input) {
            return users.List(call, input.listing, input.page.size, input.page.token);
          })
      .Answer([response](const UserFacade::Page& page) { Write(page, response); });
}

UserService::Reactor* UserService::UpdateUser(Context* context,
                                              const v1::UpdateUserRequest* request,
                                              v1::UpdateUserResponse* response) {
  const UserFacade& users = parts_.users;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&users, actor = CallerOf(*context)](const CallInfo& call, const UserChange& change) {
            return users.Update(call, actor, change);
          })
      .Answer([response](const storage::User& user) { Write(user, response->mutable_user()); });
}

UserService::Reactor* UserService::DeleteUser(Context* context,
                                              const v1::DeleteUserRequest* request,
                                              v1::DeleteUserResponse*) {
  const UserFacade& users = parts_.users;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&users, actor = CallerOf(*context)](const CallInfo& call, const DeleteUserInput& input) {
            return users.Delete(call, actor, input.id, input.etag);
          })
      .Answer([](const Nothing&) {});
}

UserService::Reactor* UserService::ChangePassword(Context* context,
                                                  const v1::ChangePasswordRequest* request,
                                                  v1::ChangePasswordResponse* response) {
  const UserFacade& users = parts_.users;
  absl::StatusOr<PasswordChange> change = Parse(*request);
  if (change.ok()) change->user_id = CallerOf(*context);
  return Run(Begin(*context), std::move(change))
      .On(parts_.lanes.database,
          [&users](const CallInfo& call, PasswordChange asked) {
            return FindForChange(users, call, std::move(asked));
          })
      .On(parts_.lanes.hashing,
          [&users](const CallInfo& call, PasswordChangeStep step) {
            return users.CheckPasswordChange(call, std::move(step.user), step.change);
          })
      .On(parts_.lanes.database,
          [&users](const CallInfo& call, const CheckedPasswordChange& checked) {
            return users.StorePassword(call, checked);
          })
      .Answer([response](const Secret& device_proof) {
        response->set_device_proof(std::string(device_proof.Reveal()));
      });
}

UserService::Reactor* UserService::LookupRoles(Context* context,
                                               const v1::LookupRolesRequest* request,
                                               v1::LookupRolesResponse* response) {
  const RoleFacade& roles = parts_.roles;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&roles](const CallInfo& call, const UserKey& key) { return roles.Lookup(call, key); })
      .Answer([response](const RoleLookup& lookup) { Write(lookup, response); });
}

UserService::Reactor* UserService::CreateRole(Context* context,
                                              const v1::CreateRoleRequest* request,
                                              v1::CreateRoleResponse* response) {
  const RoleFacade& roles = parts_.roles;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&roles, actor = CallerOf(*context)](const CallInfo& call, NewRole role) {
            return roles.Create(call, actor, std::move(role));
          })
      .Answer([response](const storage::Role& role) { Write(role, response->mutable_role()); });
}

UserService::Reactor* UserService::ListRoles(Context* context, const v1::ListRolesRequest* request,
                                             v1::ListRolesResponse* response) {
  const RoleFacade& roles = parts_.roles;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&roles](const CallInfo& call, const PageInput& page) {
            return roles.List(call, page.size, page.token);
          })
      .Answer([response](const RoleFacade::Page& page) { Write(page, response); });
}

UserService::Reactor* UserService::DeleteRole(Context* context,
                                              const v1::DeleteRoleRequest* request,
                                              v1::DeleteRoleResponse*) {
  const RoleFacade& roles = parts_.roles;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&roles, actor = CallerOf(*context)](const CallInfo& call, const std::string& name) {
            return roles.Delete(call, actor, name);
          })
      .Answer([](const Nothing&) {});
}

UserService::Reactor* UserService::GrantRole(Context* context, const v1::GrantRoleRequest* request,
                                             v1::GrantRoleResponse*) {
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [this, actor = CallerOf(*context)](const CallInfo& call, const GrantInput& input) {
            return input.group.empty()
                       ? parts_.roles.Grant(call, actor, input.role, input.user)
                       : parts_.groups.GrantRole(call, actor, {input.group, input.role});
          })
      .Answer([](const Nothing&) {});
}

UserService::Reactor* UserService::RevokeRole(Context* context,
                                              const v1::RevokeRoleRequest* request,
                                              v1::RevokeRoleResponse*) {
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [this, actor = CallerOf(*context)](const CallInfo& call, const GrantInput& input) {
            return input.group.empty()
                       ? parts_.roles.Revoke(call, actor, input.role, input.user)
                       : parts_.groups.RevokeRole(call, actor, {input.group, input.role});
          })
      .Answer([](const Nothing&) {});
}

}  // namespace tessera::server
