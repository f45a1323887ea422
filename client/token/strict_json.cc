#include "tessera/token/strict_json.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "tessera/base/secret.h"

namespace tessera {
namespace {

using Kind = JsonValue::Kind;

// Builds a JsonValue from nlohmann's events and stops at what is not allowed: each event answers
// whether to go on.
class Builder {
 public:
  using Json = nlohmann::json;

  bool null() { return Add(Kind::kNull) != nullptr; }
  bool boolean(bool value) {
    JsonValue* const added = Add(Kind::kBool);
    if (added != nullptr) added->boolean = value;
    return added != nullptr;
  }
  bool number_integer(Json::number_integer_t value) {
    JsonValue* const added = Add(Kind::kInteger);
    if (added != nullptr) added->integer = value;
    return added != nullptr;
  }
  bool number_unsigned(Json::number_unsigned_t value) {
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      return number_float(static_cast<double>(value), {});
    return number_integer(static_cast<int64_t>(value));
  }
  bool number_float(Json::number_float_t value, const Json::string_t&) {
    JsonValue* const added = Add(Kind::kNumber);
    if (added != nullptr) added->number = value;
    return added != nullptr;
  }
  bool string(Json::string_t& value) {
    JsonValue* const added = Add(Kind::kString);
    if (added != nullptr) added->text = std::move(value);
    return added != nullptr;
  }
  bool binary(Json::binary_t&) { return false; }
  bool start_object(size_t) { return Open(Kind::kObject); }
  bool start_array(size_t) { return Open(Kind::kArray); }
  bool end_object() { return Close(); }
  bool end_array() { return Close(); }
  bool key(Json::string_t& name) {
    std::vector<std::string>& names = open_.back()->names;
    if (names.size() >= kMaxJsonMembers) return false;
    if (std::find(names.begin(), names.end(), name) != names.end()) return false;
    names.push_back(std::move(name));
    return true;
  }
  bool parse_error(size_t, const std::string&, const Json::exception&) { return false; }

  JsonValue& root() { return root_; }

 private:
  // The place for the next value. Only the innermost open container grows, so pointers to the open
  // ones stay good. Null if the text does not begin with an object.
  JsonValue* Add(Kind kind) {
    JsonValue* added = &root_;
    if (!open_.empty()) {
      added = &open_.back()->items.emplace_back();
    } else if (kind != Kind::kObject) {
      return nullptr;
    }
    added->kind = kind;
    return added;
  }
  bool Open(Kind kind) {
    if (open_.size() >= kMaxJsonDepth) return false;
    JsonValue* const added = Add(kind);
    if (added == nullptr) return false;
    open_.push_back(added);
    return true;
  }
  bool Close() {
    open_.pop_back();
    return true;
  }

  JsonValue root_;
  std::vector<JsonValue*> open_;
};

// nlohmann takes a zero byte for the end of the text and skips a byte order mark; neither is JSON.
bool HidesBytes(std::string_view json) {
  return json.substr(0, 3) == "\xef\xbb\xbf" || json.find('\0') != json.npos;
}

bool IsPlainAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

}  // namespace

const JsonValue* JsonValue::Find(std::string_view name) const {
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return &items[i];
  }
  return nullptr;
}

JsonValue* JsonValue::Find(std::string_view name) {
  return const_cast<JsonValue*>(std::as_const(*this).Find(name));
}

std::optional<JsonValue> ParseJsonObject(std::string_view json, size_t max_bytes) {
  if (json.size() > max_bytes || HidesBytes(json)) return std::nullopt;
  Builder builder;
  if (!nlohmann::json::sax_parse(json.begin(), json.end(), &builder)) {
    WipeJson(builder.root());
    return std::nullopt;
  }
  return std::move(builder.root());
}

void WipeJson(JsonValue& value) {
  WipeString(value.text);
  for (JsonValue& item : value.items) WipeJson(item);
}

bool AppendJsonString(std::string_view text, std::string& json) {
  if (IsPlainAscii(text)) {
    json.append(1, '"').append(text).append(1, '"');
    return true;
  }
  try {
    json.append(nlohmann::json(text).dump());
    return true;
  } catch (const nlohmann::json::type_error&) {  // not UTF-8
    return false;
  }
}

}  // namespace tessera
