// Service accounts on the wire.
#ifndef TESSERA_SERVER_RPC_SERVICE_ACCOUNT_WIRE_H_
#define TESSERA_SERVER_RPC_SERVICE_ACCOUNT_WIRE_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/rpc/from_wire.h"
#include "server/user/service_account_facade.h"
#include "tessera/v1/user_service.pb.h"

namespace tessera::server {

// As server/rpc/from_wire.h.
absl::StatusOr<NewServiceAccount> Parse(const v1::CreateServiceAccountRequest& request);
absl::StatusOr<PageInput> Parse(const v1::ListServiceAccountsRequest& request);
absl::StatusOr<ServiceAccountChange> Parse(const v1::UpdateServiceAccountRequest& request);

struct DeleteServiceAccountInput {
  ServiceId id;
  std::string etag;
};
absl::StatusOr<DeleteServiceAccountInput> Parse(const v1::DeleteServiceAccountRequest& request);
absl::StatusOr<SecretRotation> Parse(const v1::RotateServiceAccountSecretRequest& request);

void Write(const ServiceAccountView& view, v1::ServiceAccount* wire);
void Write(const CreatedServiceAccount& created, v1::CreateServiceAccountResponse* wire);
void Write(const ServiceAccountFacade::Page& page, v1::ListServiceAccountsResponse* wire);
void Write(const RotatedSecret& rotated, v1::RotateServiceAccountSecretResponse* wire);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RPC_SERVICE_ACCOUNT_WIRE_H_
