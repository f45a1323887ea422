// The API's messages as tables and as JSON, by the names of their fields.
#ifndef TESSERA_CLI_RENDER_H_
#define TESSERA_CLI_RENDER_H_

#include <google/protobuf/message.h>
#include <google/protobuf/timestamp.pb.h>

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "tessera/cli/output.h"
#include "tessera/token/claims.h"
#include "tessera/v1/auth_service.pb.h"
#include "tessera/v1/errors.pb.h"
#include "tessera/v1/user_service.pb.h"

namespace tessera::cli {

// All fields that have a value or a default; names in snake_case, times in RFC 3339, enums by name.
nlohmann::ordered_json ToJson(const google::protobuf::Message& message);

absl::Time ToTime(const google::protobuf::Timestamp& timestamp);
std::string Join(const std::vector<std::string>& parts);  // with ", "

// `active`, `disabled`; `unspecified` for a value of a newer server.
std::string StateName(tessera::v1::UserState state);

Fields UserFields(const tessera::v1::User& user);
Table UserTable(const std::vector<tessera::v1::User>& users);
Fields RoleFields(const tessera::v1::Role& role);
Table RoleTable(const std::vector<tessera::v1::Role>& roles);

Fields GroupFields(const tessera::v1::Group& group);
Table GroupTable(const std::vector<tessera::v1::Group>& groups);

Fields ServiceAccountFields(const tessera::v1::ServiceAccount& account);
Table ServiceAccountTable(const std::vector<tessera::v1::ServiceAccount>& accounts);

Table SessionTable(const std::vector<tessera::v1::Session>& sessions);
Table KeyTable(const std::vector<tessera::v1::SigningKeyInfo>& keys);

// `TOKEN_REVOKED`; `UNSPECIFIED` for a value of a newer server.
std::string ReasonName(tessera::v1::ErrorReason reason);
// What ValidateToken said.
Fields IntrospectionFields(const tessera::v1::ValidateTokenResponse& answer);
// A token's claims under the names of ValidateTokenResponse.
Fields ClaimFields(const Claims& claims);
nlohmann::ordered_json ClaimsJson(const Claims& claims);

}  // namespace tessera::cli

#endif  // TESSERA_CLI_RENDER_H_
