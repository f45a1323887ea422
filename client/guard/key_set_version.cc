#include "tessera/guard/key_set_version.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "tessera/token/jwk_set.h"
#include "tessera/token/strict_json.h"

namespace tessera {
namespace {

constexpr char kEpoch[] = "tessera_epoch";
constexpr char kNumber[] = "tessera_version";

}  // namespace

bool AreComparable(const KeySetVersion& one, const KeySetVersion& other) {
  return !one.epoch.empty() && one.epoch == other.epoch;
}

bool IsOlder(const KeySetVersion& one, const KeySetVersion& other) {
  return AreComparable(one, other) && one.number < other.number;
}

std::string WithVersion(std::string jwks_json, const KeySetVersion& version) {
  jwks_json.pop_back();  // the brace that closes it
  absl::StrAppend(&jwks_json, ",\"", kEpoch, "\":\"", version.epoch, "\",\"", kNumber,
                  "\":", version.number, "}");
  return jwks_json;
}

KeySetVersion VersionIn(std::string_view jwks_json) {
  const std::optional<JsonValue> json = ParseJsonObject(jwks_json, JwkSet::kMaxBytes);
  if (!json.has_value()) return {};
  const JsonValue* const epoch = json->Find(kEpoch);
  const JsonValue* const number = json->Find(kNumber);
  if (epoch == nullptr || !epoch->Is(JsonValue::Kind::kString)) return {};
  if (number == nullptr || !number->Is(JsonValue::Kind::kInteger)) return {};
  return {epoch->text, number->integer};
}

}  // namespace tessera
