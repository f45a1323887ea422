#include "server/auth/named_texts.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tessera/base/reason.h"
#include "tessera/token/strict_json.h"

namespace tessera::server {
namespace {

constexpr std::string_view kNameCharacters = "abcdefghijklmnopqrstuvwxyz0123456789._-";
// What the store holds was checked before it was written; this only bounds the work.
constexpr size_t kMaxStoredBytes = size_t{256} * 1024;

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxTextNameBytes &&
         name.find_first_not_of(kNameCharacters) == name.npos;
}

bool IsValue(std::string_view value) {
  std::string unused;
  return value.size() <= kMaxTextValueBytes && AppendJsonString(value, unused);
}

absl::Status Unreadable() { return absl::InternalError("stored texts that cannot be read"); }

}  // namespace

absl::Status CheckNamedTexts(const NamedTexts& texts, size_t most, std::string_view field) {
  if (texts.size() > most) return FieldInvalid(field, absl::StrCat("at most ", most));
  for (const auto& [name, value] : texts) {
    if (!IsName(name)) return FieldInvalid(field, "names of 1 to 64 of a-z 0-9 . _ -");
    if (!IsValue(value)) return FieldInvalid(field, "values of at most 256 bytes of UTF-8");
  }
  return absl::OkStatus();
}

std::string EncodeNamedTexts(const NamedTexts& texts) {
  std::string json;
  for (const auto& [name, value] : texts) {
    json.push_back(json.empty() ? '{' : ',');
    AppendJsonString(name, json);
    json.push_back(':');
    AppendJsonString(value, json);
  }
  if (!json.empty()) json.push_back('}');
  return json;
}

absl::StatusOr<NamedTexts> DecodeNamedTexts(std::string_view stored) {
  if (stored.empty()) return NamedTexts();
  std::optional<JsonValue> object = ParseJsonObject(stored, kMaxStoredBytes);
  if (!object.has_value()) return Unreadable();
  NamedTexts texts;
  for (size_t i = 0; i < object->items.size(); ++i) {
    if (!object->items[i].Is(JsonValue::Kind::kString)) return Unreadable();
    texts.emplace(std::move(object->names[i]), std::move(object->items[i].text));
  }
  return texts;
}

}  // namespace tessera::server
