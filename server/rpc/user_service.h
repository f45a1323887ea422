// UserService on gRPC's callback API: parses, hands to the facades on the right lane, converts.
#ifndef TESSERA_SERVER_RPC_USER_SERVICE_H_
#define TESSERA_SERVER_RPC_USER_SERVICE_H_

#include <memory>

#include "server/rpc/call.h"
#include "server/user/role_facade.h"
#include "server/user/service_account_facade.h"
#include "server/user/user_facade.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/guard/guard.h"
#include "tessera/v1/user_service.grpc.pb.h"

namespace tessera::server {

// Thread-safe. Who may call what is the guard's to decide; who calls is asked of it.
class UserService final : public v1::UserService::CallbackService {
 public:
  // All references must outlive the service.
  struct Parts {
    const UserFacade& users;
    const RoleFacade& roles;
    const ServiceAccountFacade& services;
    const Guard& guard;
    Lanes lanes;
    const Clock& clock;
    LogSink& log;
  };
  explicit UserService(Parts parts) : parts_(parts) {}

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;
  Reactor* CreateUser(Context* context, const v1::CreateUserRequest* request,
                      v1::CreateUserResponse* response) override;
  Reactor* GetUser(Context* context, const v1::GetUserRequest* request,
                   v1::GetUserResponse* response) override;
  Reactor* GetCurrentUser(Context* context, const v1::GetCurrentUserRequest* request,
                          v1::GetCurrentUserResponse* response) override;
  Reactor* ListUsers(Context* context, const v1::ListUsersRequest* request,
                     v1::ListUsersResponse* response) override;
  Reactor* UpdateUser(Context* context, const v1::UpdateUserRequest* request,
                      v1::UpdateUserResponse* response) override;
  Reactor* DeleteUser(Context* context, const v1::DeleteUserRequest* request,
                      v1::DeleteUserResponse* response) override;
  Reactor* ChangePassword(Context* context, const v1::ChangePasswordRequest* request,
                          v1::ChangePasswordResponse* response) override;
  Reactor* LookupRoles(Context* context, const v1::LookupRolesRequest* request,
                       v1::LookupRolesResponse* response) override;
  Reactor* CreateRole(Context* context, const v1::CreateRoleRequest* request,
                      v1::CreateRoleResponse* response) override;
  Reactor* ListRoles(Context* context, const v1::ListRolesRequest* request,
                     v1::ListRolesResponse* response) override;
  Reactor* DeleteRole(Context* context, const v1::DeleteRoleRequest* request,
                      v1::DeleteRoleResponse* response) override;
  Reactor* GrantRole(Context* context, const v1::GrantRoleRequest* request,
                     v1::GrantRoleResponse* response) override;
  Reactor* RevokeRole(Context* context, const v1::RevokeRoleRequest* request,
                      v1::RevokeRoleResponse* response) override;
  Reactor* CreateServiceAccount(Context* context, const v1::CreateServiceAccountRequest* request,
                                v1::CreateServiceAccountResponse* response) override;
  Reactor* ListServiceAccounts(Context* context, const v1::ListServiceAccountsRequest* request,
                               v1::ListServiceAccountsResponse* response) override;
  Reactor* UpdateServiceAccount(Context* context, const v1::UpdateServiceAccountRequest* request,
                                v1::UpdateServiceAccountResponse* response) override;
  Reactor* DeleteServiceAccount(Context* context, const v1::DeleteServiceAccountRequest* request,
                                v1::DeleteServiceAccountResponse* response) override;
  Reactor* RotateServiceAccountSecret(Context* context,
                                      const v1::RotateServiceAccountSecretRequest* request,
                                      v1::RotateServiceAccountSecretResponse* response) override;

 private:
  std::shared_ptr<Call> Begin(Context& context) const;
  UserId CallerOf(const Context& context) const;

  const Parts parts_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RPC_USER_SERVICE_H_
