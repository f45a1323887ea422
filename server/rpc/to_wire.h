// What the facades answer, as messages.
#ifndef TESSERA_SERVER_RPC_TO_WIRE_H_
#define TESSERA_SERVER_RPC_TO_WIRE_H_

#include "absl/time/time.h"
#include "server/auth/auth_facade.h"
#include "server/user/role_facade.h"
#include "server/user/user_facade.h"
#include "storage/records.h"
#include "tessera/guard/revocation_view.h"
#include "tessera/v1/auth_service.pb.h"
#include "tessera/v1/user_service.pb.h"

namespace tessera::server {

void Write(absl::Time time, google::protobuf::Timestamp* wire);
void Write(absl::Duration duration, google::protobuf::Duration* wire);
void Write(const IssuedGrant& grant, v1::TokenGrant* wire);
void Write(const Introspection& introspection, v1::ValidateTokenResponse* wire);
void Write(const storage::Revocation& entry, v1::RevocationEntry* wire);
void Write(const RevocationNotice& entry, v1::RevocationEntry* wire);  // without its seq
void Write(const storage::User& user, v1::User* wire);
void Write(const storage::Role& role, v1::Role* wire);
void Write(const UserFacade::Current& current, v1::GetCurrentUserResponse* wire);
void Write(const UserFacade::Page& page, v1::ListUsersResponse* wire);
void Write(const RoleFacade::Page& page, v1::ListRolesResponse* wire);
void Write(const RoleLookup& lookup, v1::LookupRolesResponse* wire);
void Write(const RoleCheck& check, v1::CheckRoleResponse* wire);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RPC_TO_WIRE_H_
