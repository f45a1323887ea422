#include "tessera/cli/json_fields.h"

#include <utility>

#include "tessera/base/reason.h"
#include "tessera/cli/exit_code.h"

namespace tessera::cli {
namespace {

absl::Status BadMember(const char* name, const char* expected) {
  return absl::InvalidArgumentError(std::string(name) + ": expected " + expected);
}

}  // namespace

absl::Status BadFile(const std::string& path, const std::string& why) {
  return Refusal(absl::StatusCode::kFailedPrecondition, local_reason::kConfigInvalid,
                 path + ": " + why);
}

absl::StatusOr<nlohmann::json> ParseFile(const std::string& path, const Secret& bytes) {
  nlohmann::json parsed = nlohmann::json::parse(bytes.Reveal(), nullptr, false);
  if (!parsed.is_object()) return BadFile(path, "not a JSON object");
  const auto version = parsed.find("version");
  if (version == parsed.end() || !version->is_number_integer() || *version != 1) {
    return BadFile(path, "written by another version of tessera");
  }
  return parsed;
}

absl::Status ReadText(const nlohmann::json& object, const char* name, std::string& target) {
  const auto member = object.find(name);
  if (member == object.end()) return absl::OkStatus();
  if (!member->is_string()) return BadMember(name, "a string");
  target = member->get_ref<const std::string&>();
  return absl::OkStatus();
}

absl::Status ReadFlag(const nlohmann::json& object, const char* name, bool& target) {
  const auto member = object.find(name);
  if (member == object.end()) return absl::OkStatus();
  if (!member->is_boolean()) return BadMember(name, "true or false");
  target = member->get<bool>();
  return absl::OkStatus();
}

absl::Status TakeSecret(nlohmann::json& object, const char* name, Secret& target) {
  const auto member = object.find(name);
  if (member == object.end() || !member->is_string()) return BadMember(name, "a string");
  target = Secret(std::move(member->get_ref<std::string&>()));
  return absl::OkStatus();
}

absl::Status ReadTime(const nlohmann::json& object, const char* name, absl::Time& target) {
  const auto member = object.find(name);
  if (member == object.end() || !member->is_string()) return BadMember(name, "a time");
  std::string error;
  const std::string& text = member->get_ref<const std::string&>();
  if (!absl::ParseTime(absl::RFC3339_full, text, &target, &error)) return BadMember(name, "a time");
  return absl::OkStatus();
}

}  // namespace tessera::cli
