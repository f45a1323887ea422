// Reads the members of the program's own JSON files; a member of the wrong type is an error.
#ifndef TESSERA_CLI_JSON_FIELDS_H_
#define TESSERA_CLI_JSON_FIELDS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "tessera/base/secret.h"

namespace tessera::cli {

// FAILED_PRECONDITION CONFIG_INVALID, always naming `path`.
absl::Status BadFile(const std::string& path, const std::string& why);

// An object with `"version": 1`.
absl::StatusOr<nlohmann::json> ParseFile(const std::string& path, const Secret& bytes);

// A member; absent ones leave `target` as it is.
absl::Status ReadText(const nlohmann::json& object, const char* name, std::string& target);
absl::Status ReadFlag(const nlohmann::json& object, const char* name, bool& target);
// Moves the text out of `object`, so that no copy stays behind. Missing is an error.
absl::Status TakeSecret(nlohmann::json& object, const char* name, Secret& target);
// RFC 3339. Missing is an error.
absl::Status ReadTime(const nlohmann::json& object, const char* name, absl::Time& target);

}  // namespace tessera::cli

#endif  // TESSERA_CLI_JSON_FIELDS_H_
