// Imports of users between their messages and the facades.
#ifndef TESSERA_SERVER_RPC_USER_IMPORT_WIRE_H_
#define TESSERA_SERVER_RPC_USER_IMPORT_WIRE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "server/user/user_import.h"
#include "tessera/base/log.h"
#include "tessera/v1/user_service.pb.h"

namespace tessera::server {

struct ImportInput {
  std::vector<ImportedUser> users;
  bool validate_only = false;
};
// FIELD_INVALID `users`: more than kMaxImportedUsers. As from_wire.h has it for each user, who says
// so (ImportedUser::unreadable) and fails alone.
absl::StatusOr<ImportInput> Parse(const v1::ImportUsersRequest& request);

// What is no refusal is told as an INTERNAL one, and goes to `log`.
void Write(const std::vector<ImportOutcome>& outcomes, LogSink& log, v1::ImportUsersResponse* wire);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RPC_USER_IMPORT_WIRE_H_
