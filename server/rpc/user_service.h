// UserService on gRPC's callback API: parses, hands to the facades on the right lane, converts.
#ifndef TESSERA_SERVER_RPC_USER_SERVICE_H_
#define TESSERA_SERVER_RPC_USER_SERVICE_H_

#include <memory>

#include "server/audit/audit_facade.h"
#include "server/rpc/call.h"
#include "server/user/group_facade.h"
#include "server/user/password_reset.h"
#include "server/user/role_facade.h"
#include "server/user/second_factor_facade.h"
#include "server/user/service_account_facade.h"
#include "server/user/user_facade.h"
#include "server/user/user_import.h"
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
    const GroupFacade& groups;
    const ServiceAccountFacade& services;
    const SecondFactorFacade& factors;
    const UserImport& imports;
    const PasswordResets& resets;
    const AuditFacade& trail;
    const Guard& guard;
    Lanes lanes;
    const Clock& clock;
    LogSink& log;
    CallSource source = CallSource();
  };
  explicit UserService(Parts parts) : parts_(parts) {}

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;
  Reactor* CreateUser(Context* context, const v1::CreateUserRequest* request,
                      v1::CreateUserResponse* response) override;
  Reactor* RegisterUser(Context* context, const v1::RegisterUserRequest* request,
                        v1::RegisterUserResponse* response) override;
  Reactor* ImportUsers(Context* context, const v1::ImportUsersRequest* request,
                       v1::ImportUsersResponse* response) override;
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
  Reactor* ResetPassword(Context* context, const v1::ResetPasswordRequest* request,
                         v1::ResetPasswordResponse* response) override;
  Reactor* CompletePasswordReset(Context* context, const v1::CompletePasswordResetRequest* request,
                                 v1::CompletePasswordResetResponse* response) override;
  Reactor* EnrollTotp(Context* context, const v1::EnrollTotpRequest* request,
                      v1::EnrollTotpResponse* response) override;
  Reactor* ConfirmTotp(Context* context, const v1::ConfirmTotpRequest* request,
                       v1::ConfirmTotpResponse* response) override;
  Reactor* DisableTotp(Context* context, const v1::DisableTotpRequest* request,
                       v1::DisableTotpResponse* response) override;
  Reactor* RegenerateRecoveryCodes(Context* context,
                                   const v1::RegenerateRecoveryCodesRequest* request,
                                   v1::RegenerateRecoveryCodesResponse* response) override;
  Reactor* ResetTotp(Context* context, const v1::ResetTotpRequest* request,
                     v1::ResetTotpResponse* response) override;
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
  Reactor* CheckRole(Context* context, const v1::CheckRoleRequest* request,
                     v1::CheckRoleResponse* response) override;
  Reactor* CreateGroup(Context* context, const v1::CreateGroupRequest* request,
                       v1::CreateGroupResponse* response) override;
  Reactor* ListGroups(Context* context, const v1::ListGroupsRequest* request,
                      v1::ListGroupsResponse* response) override;
  Reactor* DeleteGroup(Context* context, const v1::DeleteGroupRequest* request,
                       v1::DeleteGroupResponse* response) override;
  Reactor* AddGroupMember(Context* context, const v1::AddGroupMemberRequest* request,
                          v1::AddGroupMemberResponse* response) override;
  Reactor* RemoveGroupMember(Context* context, const v1::RemoveGroupMemberRequest* request,
                             v1::RemoveGroupMemberResponse* response) override;
  Reactor* ListGroupMembers(Context* context, const v1::ListGroupMembersRequest* request,
                            v1::ListGroupMembersResponse* response) override;
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

  Reactor* ListAuditEvents(Context* context, const v1::ListAuditEventsRequest* request,
                           v1::ListAuditEventsResponse* response) override;
  Reactor* VerifyAuditTrail(Context* context, const v1::VerifyAuditTrailRequest* request,
                            v1::VerifyAuditTrailResponse* response) override;

 private:
  // `method`: the caller's own name, which is the method's.
  std::shared_ptr<Call> Begin(Context& context, const char* method = __builtin_FUNCTION()) const;
  UserId CallerOf(const Context& context) const;

  const Parts parts_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RPC_USER_SERVICE_H_
