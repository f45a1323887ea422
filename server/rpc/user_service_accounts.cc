#include <utility>

#include "server/rpc/service_account_wire.h"
#include "server/rpc/user_service.h"

namespace tessera::server {

UserService::Reactor* UserService::CreateServiceAccount(
    Context* context, const v1::CreateServiceAccountRequest* request,
    v1::CreateServiceAccountResponse* response) {
  const ServiceAccountFacade& services = parts_.services;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&services, actor = CallerOf(*context)](const CallInfo& call, NewServiceAccount account) {
            return services.Create(call, actor, std::move(account));
          })
      .Answer([response](const CreatedServiceAccount& created) { Write(created, response); });
}

UserService::Reactor* UserService::ListServiceAccounts(
    Context* context, const v1::ListServiceAccountsRequest* request,
    v1::ListServiceAccountsResponse* response) {
  const ServiceAccountFacade& services = parts_.services;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&services](const CallInfo& call, const PageInput& page) {
            return services.List(call, page.size, page.token);
          })
      .Answer([response](const ServiceAccountFacade::Page& page) { Write(page, response); });
}

UserService::Reactor* UserService::UpdateServiceAccount(
    Context* context, const v1::UpdateServiceAccountRequest* request,
    v1::UpdateServiceAccountResponse* response) {
  const ServiceAccountFacade& services = parts_.services;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&services, actor = CallerOf(*context)](const CallInfo& call,
                                                  ServiceAccountChange change) {
            return services.Update(call, actor, std::move(change));
          })
      .Answer([response](const ServiceAccountView& view) {
        Write(view, response->mutable_service_account());
      });
}

UserService::Reactor* UserService::DeleteServiceAccount(
    Context* context, const v1::DeleteServiceAccountRequest* request,
    v1::DeleteServiceAccountResponse*) {
  const ServiceAccountFacade& services = parts_.services;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&services, actor = CallerOf(*context)](const CallInfo& call,
                                                  const DeleteServiceAccountInput& input) {
            return services.Delete(call, actor, input.id, input.etag);
          })
      .Answer([](const Nothing&) {});
}

UserService::Reactor* UserService::RotateServiceAccountSecret(
    Context* context, const v1::RotateServiceAccountSecretRequest* request,
    v1::RotateServiceAccountSecretResponse* response) {
  const ServiceAccountFacade& services = parts_.services;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&services, actor = CallerOf(*context)](const CallInfo& call,
                                                  const SecretRotation& rotation) {
            return services.RotateSecret(call, actor, rotation);
          })
      .Answer([response](const RotatedSecret& rotated) { Write(rotated, response); });
}

}  // namespace tessera::server
