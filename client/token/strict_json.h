// JSON as a security protocol needs it (RFC 8259, RFC 8725 section 2.6): one text, one meaning.
// Not part of the public interface.
#ifndef TESSERA_TOKEN_STRICT_JSON_H_
#define TESSERA_TOKEN_STRICT_JSON_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tessera {

// A value that was read. Plain; the fields that its kind does not name are empty.
struct JsonValue {
  enum class Kind { kNull, kBool, kInteger, kNumber, kString, kArray, kObject };

  Kind kind = Kind::kNull;
  bool boolean = false;
  int64_t integer = 0;             // kInteger: written without fraction or exponent, fits int64_t
  double number = 0;               // kNumber: any other; finite
  std::string text;                // kString: UTF-8
  std::vector<JsonValue> items;    // kArray: the elements; kObject: the members' values
  std::vector<std::string> names;  // kObject: the members' names, as long as `items`, all different

  bool Is(Kind other) const { return kind == other; }
  // The value of a member; null if there is none or this is no object.
  const JsonValue* Find(std::string_view name) const;
  JsonValue* Find(std::string_view name);
};

// No text that this project reads nests deeper: `act` chains are the deepest (4).
inline constexpr size_t kMaxJsonDepth = 8;
// Members in one object. Keeps the search for doubled names short.
inline constexpr size_t kMaxJsonMembers = 256;

// Absent for what is not one JSON object: another value, more than `max_bytes`, deeper than
// kMaxJsonDepth, an object with more than kMaxJsonMembers, a name twice in one object, bytes that
// are not UTF-8, a byte order mark, a lone surrogate, a number beyond double, anything behind the
// value but white space.
std::optional<JsonValue> ParseJsonObject(std::string_view json, size_t max_bytes);

// Overwrites all text in `value`: for what held a private key.
void WipeJson(JsonValue& value);

// Appends `text` as a JSON string, quotes included. False, and nothing appended, if it is not
// UTF-8.
bool AppendJsonString(std::string_view text, std::string& json);

}  // namespace tessera

#endif  // TESSERA_TOKEN_STRICT_JSON_H_
