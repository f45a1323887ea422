#include "server/rpc/user_import_wire.h"

#include <string>
#include <utility>

#include "server/rpc/from_wire.h"
#include "server/rpc/status_to_wire.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

// `REASON: text` -> `text`.
std::string WithoutReason(const std::string& message, const std::string& reason) {
  const std::string prefix = reason + ": ";
  return message.rfind(prefix, 0) == 0 ? message.substr(prefix.size()) : message;
}

absl::Status Read(const v1::ImportedUser& wire, ImportedUser& user) {
  TESSERA_ASSIGN_OR_RETURN(user.fields, ParseNewUser(wire.user()));
  if (wire.password_hash().size() > kMaxTextBytes) {
    return FieldInvalid("password_hash", "at most 1,024 bytes");
  }
  user.password_hash = wire.password_hash();
  user.roles = {wire.roles().begin(), wire.roles().end()};
  user.groups = {wire.groups().begin(), wire.groups().end()};
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ImportInput> Parse(const v1::ImportUsersRequest& request) {
  if (static_cast<size_t>(request.users_size()) > kMaxImportedUsers) {
    return FieldInvalid("users", "1 to 100");
  }
  ImportInput input;
  input.validate_only = request.validate_only();
  for (const v1::ImportedUser& wire : request.users()) {
    ImportedUser user;
    user.unreadable = Read(wire, user);
    input.users.push_back(std::move(user));
  }
  return input;
}

void Write(const std::vector<ImportOutcome>& outcomes, LogSink& log,
           v1::ImportUsersResponse* wire) {
  for (const ImportOutcome& outcome : outcomes) {
    v1::ImportedUserResult* result = wire->add_results();
    result->set_user_id(outcome.id.str());
    if (outcome.status.ok()) continue;
    const std::string reason = ReasonOf(outcome.status);
    result->set_reason(ReasonFromName(reason));
    result->set_message(WithoutReason(ToWire(outcome.status, log).error_message(), reason));
  }
}

}  // namespace tessera::server
