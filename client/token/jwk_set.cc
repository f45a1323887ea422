#include "tessera/token/jwk_set.h"

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "tessera/token/strict_json.h"

namespace tessera {

absl::StatusOr<JwkSet> JwkSet::Of(std::vector<VerifyKey> keys) {
  if (keys.size() > kMaxKeys) return absl::InvalidArgumentError("JWK set: too many keys");
  JwkSet set;
  set.keys_.reserve(keys.size());
  for (VerifyKey& key : keys) {
    if (set.Find(key.kid()) != nullptr)
      return absl::InvalidArgumentError("JWK set: two keys have one kid");
    set.keys_.push_back(std::move(key));
  }
  return set;
}

absl::StatusOr<JwkSet> JwkSet::Parse(std::string_view json) {
  std::optional<JsonValue> parsed = ParseJsonObject(json, kMaxBytes);
  if (!parsed.has_value())
    return absl::InvalidArgumentError("JWK set: not a strict JSON object, or too large");
  const JsonValue* const list = parsed->Find("keys");
  if (list == nullptr || !list->Is(JsonValue::Kind::kArray))
    return absl::InvalidArgumentError("JWK set: no array `keys`");
  std::vector<VerifyKey> keys;
  for (const JsonValue& item : list->items) {
    if (!item.Is(JsonValue::Kind::kObject))
      return absl::InvalidArgumentError("JWK set: a key is no object");
    absl::StatusOr<VerifyKey> key = VerifyKey::FromJson(item);
    if (key.ok()) keys.push_back(*std::move(key));
    if (keys.size() > kMaxKeys) break;
  }
  WipeJson(*parsed);  // a set from a file may hold `oct` keys
  return Of(std::move(keys));
}

const VerifyKey* JwkSet::Find(std::string_view kid) const {
  for (const VerifyKey& key : keys_) {
    if (key.kid() == kid) return &key;
  }
  return nullptr;
}

std::string JwkSet::ToJson() const {
  std::string json = "{\"keys\":[";
  bool first = true;
  for (const VerifyKey& key : keys_) {
    const std::string text = key.ToPublicJwk();
    if (text.empty()) continue;
    if (!first) json.push_back(',');
    first = false;
    json.append(text);
  }
  return json + "]}";
}

}  // namespace tessera
