#include "tessera/token/claims.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tessera/base/reason.h"
#include "tessera/token/base64url.h"
#include "tessera/token/digest.h"
#include "tessera/token/strict_json.h"

namespace tessera {
namespace {

using Kind = JsonValue::Kind;

// The last second of the year 9999: a NumericDate beyond it is a mistake or an attack.
constexpr int64_t kLastNumericDate = 253402300799;
// A payload is part of a token, so the token's own cap is far below.
constexpr size_t kMaxPayloadBytes = size_t{16} * 1024;
constexpr size_t kMinDeviceIdBytes = 16;
constexpr size_t kMaxDeviceIdBytes = 128;

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

// Takes claims out of a payload. Remembers the first that was missing or wrong.
class ClaimsReader {
 public:
  explicit ClaimsReader(JsonValue& payload) : payload_(payload) {}

  absl::Status status() const {
    if (wrong_.empty()) return absl::OkStatus();
    return Refusal(absl::StatusCode::kUnauthenticated, reason::kTokenMalformed,
                   absl::StrCat("claim ", View(wrong_), " is missing or not as it must be"));
  }

  std::string Required(std::string_view name) {
    JsonValue* const value = Find(name);
    if (value == nullptr) return Wrong<std::string>(name);
    return TakeText(name, *value);
  }
  std::string Optional(std::string_view name) {
    JsonValue* const value = Find(name);
    return value == nullptr ? std::string() : TakeText(name, *value);
  }
  std::string Audience() {
    JsonValue* value = Find("aud");
    if (value != nullptr && value->Is(Kind::kArray))
      value = value->items.size() == 1 ? &value->items[0] : nullptr;
    if (value == nullptr) return Wrong<std::string>("aud");
    return TakeText("aud", *value);
  }
  std::optional<absl::Time> OptionalTime(std::string_view name) {
    const JsonValue* const value = Find(name);
    if (value == nullptr) return std::nullopt;
    const bool whole = value->Is(Kind::kInteger);
    const double seconds = whole ? static_cast<double>(value->integer) : value->number;
    if (!whole && !value->Is(Kind::kNumber)) return Wrong<std::optional<absl::Time>>(name);
    if (!(seconds >= 0 && seconds <= static_cast<double>(kLastNumericDate)))
      return Wrong<std::optional<absl::Time>>(name);
    if (whole) return absl::FromUnixSeconds(value->integer);
    return absl::UnixEpoch() + absl::Seconds(seconds);
  }
  absl::Time RequiredTime(std::string_view name) {
    const std::optional<absl::Time> time = OptionalTime(name);
    return time.has_value() ? *time : Wrong<absl::Time>(name);
  }
  int64_t Count(std::string_view name) {
    const JsonValue* const value = Find(name);
    if (value == nullptr) return 0;
    if (!value->Is(Kind::kInteger) || value->integer < 0) return Wrong<int64_t>(name);
    return value->integer;
  }
  std::vector<std::string> Texts(std::string_view name) {
    std::vector<std::string> texts;
    JsonValue* const value = Find(name);
    if (value == nullptr) return texts;
    if (!value->Is(Kind::kArray)) return Wrong<std::vector<std::string>>(name);
    texts.reserve(value->items.size());
    for (JsonValue& item : value->items) texts.push_back(TakeText(name, item));
    return texts;
  }
  // Nested `act` members, from the latest actor inward.
  std::vector<Actor> Actors() {
    std::vector<Actor> actors;
    for (JsonValue* at = Find("act"); at != nullptr; at = at->Find("act")) {
      if (!at->Is(Kind::kObject) || actors.size() == kMaxActors) {
        return Wrong<std::vector<Actor>>("act");
      }
      actors.push_back(TakeActor(*at));
    }
    return actors;
  }
  // A confirmation that nobody here can check is worse than none, also beside one that we can.
  std::string Certificate() {
    JsonValue* const confirmation = Find("cnf");
    if (confirmation == nullptr) return {};
    JsonValue* const thumbprint = confirmation->Is(Kind::kObject) && confirmation->items.size() == 1
                                      ? confirmation->Find("x5t#S256")
                                      : nullptr;
    return thumbprint == nullptr ? Wrong<std::string>("cnf") : TakeText("cnf", *thumbprint);
  }
  std::vector<TokenId> Parents() {
    std::vector<TokenId> parents;
    for (std::string& id : Texts("pjti")) parents.emplace_back(std::move(id));
    return parents.size() > kMaxActors ? Wrong<std::vector<TokenId>>("pjti") : parents;
  }
  std::map<std::string, std::string> TextMap(std::string_view name) {
    std::map<std::string, std::string> texts;
    JsonValue* const value = Find(name);
    if (value == nullptr) return texts;
    if (!value->Is(Kind::kObject)) return Wrong<std::map<std::string, std::string>>(name);
    for (size_t i = 0; i < value->items.size(); ++i) {
      JsonValue& item = value->items[i];
      if (!item.Is(Kind::kString)) return Wrong<std::map<std::string, std::string>>(name);
      texts.emplace(value->names[i], std::move(item.text));
    }
    return texts;
  }
  std::vector<std::string> Words(std::string_view name) {
    JsonValue* const value = Find(name);
    if (value == nullptr) return {};
    if (!value->Is(Kind::kString)) return Wrong<std::vector<std::string>>(name);
    return absl::StrSplit(value->text, ' ', absl::SkipEmpty());
  }

 private:
  JsonValue* Find(std::string_view name) { return payload_.Find(name); }

  template <typename T>
  T Wrong(std::string_view name) {
    if (wrong_.empty()) wrong_ = name;
    return T();
  }
  std::string TakeText(std::string_view name, JsonValue& value) {
    if (!value.Is(Kind::kString) || value.text.empty()) return Wrong<std::string>(name);
    return std::move(value.text);
  }

  Actor TakeActor(JsonValue& value) {
    Actor actor;
    JsonValue* const subject = value.Find("sub");
    actor.subject = subject == nullptr ? Wrong<std::string>("act") : TakeText("act", *subject);
    if (const JsonValue* const version = value.Find("uv"); version != nullptr) {
      const bool whole = version->Is(Kind::kInteger) && version->integer >= 0;
      actor.user_version = whole ? version->integer : Wrong<int64_t>("act");
    }
    return actor;
  }

  JsonValue& payload_;
  std::string_view wrong_;
};

// Writes a payload, member by member. Remembers the first that cannot be written.
class ClaimsWriter {
 public:
  ClaimsWriter() { json_.reserve(512); }

  void Text(std::string_view name, std::string_view value) {
    Name(name);
    if (value.empty() || !AppendJsonString(value, json_)) Wrong(name);
  }
  void Time(std::string_view name, absl::Time value) {
    const int64_t seconds = absl::ToUnixSeconds(value);
    if (seconds < 0 || seconds > kLastNumericDate) Wrong(name);
    Number(name, seconds);
  }
  void Number(std::string_view name, int64_t value) {
    if (value < 0) Wrong(name);
    Name(name);
    absl::StrAppend(&json_, value);
  }
  void Texts(std::string_view name, const std::vector<std::string>& values) {
    Name(name);
    char separator = '[';
    for (const std::string& value : values) {
      json_.push_back(separator);
      separator = ',';
      if (value.empty() || !AppendJsonString(value, json_)) Wrong(name);
    }
    json_.push_back(']');
  }
  void Words(std::string_view name, const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) {
      if (word.empty() || word.find(' ') != word.npos) Wrong(name);
      if (!text.empty()) text.push_back(' ');
      text.append(word);
    }
    Text(name, text);
  }
  void Actors(const std::vector<Actor>& actors) {
    if (actors.size() > kMaxActors) Wrong("act");
    for (const Actor& actor : actors) {
      Open("act");
      Text("sub", actor.subject);
      Number("uv", actor.user_version);
    }
    json_.append(actors.size(), '}');
  }
  void Certificate(std::string_view thumbprint) {
    Open("cnf");
    Text("x5t#S256", thumbprint);
    json_.push_back('}');
  }
  void TextMap(std::string_view name, const std::map<std::string, std::string>& texts) {
    Open(name);
    for (const auto& [key, value] : texts) {
      if (json_.back() != '{') json_.push_back(',');
      if (!AppendJsonString(key, json_)) Wrong(name);
      json_.push_back(':');
      if (!AppendJsonString(value, json_)) Wrong(name);
    }
    json_.push_back('}');
  }
  // Nothing can be written any more.
  void Refuse(std::string_view name) { Wrong(name); }
  absl::StatusOr<std::string> Finish() && {
    if (!wrong_.empty())
      return absl::FailedPreconditionError(
          absl::StrCat("claim ", View(wrong_), " is empty or cannot be written"));
    json_.push_back('}');
    return std::move(json_);
  }

 private:
  void Open(std::string_view name) {
    Name(name);
    json_.push_back('{');
  }
  void Name(std::string_view name) {
    if (json_.empty()) {
      json_.push_back('{');
    } else if (json_.back() != '{') {
      json_.push_back(',');
    }
    json_.append(1, '"').append(name).append("\":");
  }
  void Wrong(std::string_view name) {
    if (wrong_.empty()) wrong_ = name;
  }

  std::string json_;
  std::string_view wrong_;
};

Claims ReadClaims(ClaimsReader& reader) {
  Claims claims;
  claims.issuer = reader.Required("iss");
  claims.subject = reader.Required("sub");
  claims.audience = reader.Audience();
  claims.client_id = reader.Required("client_id");
  claims.token_id = TokenId(reader.Required("jti"));
  claims.issued_at = reader.RequiredTime("iat");
  claims.not_before = reader.RequiredTime("nbf");
  claims.expires_at = reader.RequiredTime("exp");
  claims.auth_time = reader.OptionalTime("auth_time");
  claims.session_id = SessionId(reader.Optional("sid"));
  claims.user_version = reader.Count("uv");
  claims.refresh_generation = reader.Count("rgn");
  claims.roles = reader.Texts("roles");
  claims.groups = reader.Texts("groups");
  claims.scopes = reader.Words("scope");
  claims.amr = reader.Texts("amr");
  claims.acr = reader.Optional("acr");
  claims.device_hash = reader.Optional("did");
  claims.certificate = reader.Certificate();
  claims.actors = reader.Actors();
  claims.parent_tokens = reader.Parents();
  claims.extra = reader.TextMap("ext");
  return claims;
}

void WriteBindings(const Claims& claims, ClaimsWriter& writer) {
  if (!claims.device_hash.empty()) writer.Text("did", claims.device_hash);
  if (!claims.certificate.empty()) writer.Certificate(claims.certificate);
  writer.Actors(claims.actors);
  if (claims.parent_tokens.empty()) return;
  if (claims.parent_tokens.size() > kMaxActors) writer.Refuse("pjti");
  std::vector<std::string> parents;
  for (const TokenId& parent : claims.parent_tokens) parents.push_back(parent.str());
  writer.Texts("pjti", parents);
}

}  // namespace

absl::StatusOr<std::string> ClaimsToJson(const Claims& claims) {
  ClaimsWriter writer;
  writer.Text("iss", claims.issuer);
  writer.Text("sub", claims.subject);
  writer.Text("aud", claims.audience);
  writer.Text("client_id", claims.client_id);
  writer.Text("jti", claims.token_id.str());
  writer.Time("iat", claims.issued_at);
  writer.Time("nbf", claims.not_before);
  writer.Time("exp", claims.expires_at);
  if (claims.auth_time.has_value()) writer.Time("auth_time", *claims.auth_time);
  if (!claims.session_id.empty()) writer.Text("sid", claims.session_id.str());
  writer.Number("uv", claims.user_version);
  writer.Number("rgn", claims.refresh_generation);
  if (!claims.roles.empty()) writer.Texts("roles", claims.roles);
  if (!claims.groups.empty()) writer.Texts("groups", claims.groups);
  if (!claims.scopes.empty()) writer.Words("scope", claims.scopes);
  if (!claims.amr.empty()) writer.Texts("amr", claims.amr);
  if (!claims.acr.empty()) writer.Text("acr", claims.acr);
  WriteBindings(claims, writer);
  if (!claims.extra.empty()) writer.TextMap("ext", claims.extra);
  return std::move(writer).Finish();
}

absl::StatusOr<Claims> ClaimsFromJson(std::string_view json) {
  std::optional<JsonValue> payload = ParseJsonObject(json, kMaxPayloadBytes);
  if (!payload.has_value())
    return Refusal(absl::StatusCode::kUnauthenticated, reason::kTokenMalformed,
                   "the payload is not strict JSON");
  ClaimsReader reader(*payload);
  Claims claims = ReadClaims(reader);
  if (absl::Status status = reader.status(); !status.ok()) return status;
  return claims;
}

bool IsDeviceId(std::string_view text) {
  if (text.size() < kMinDeviceIdBytes || text.size() > kMaxDeviceIdBytes) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

std::string DeviceHash(std::string_view device_id) {
  using namespace std::string_view_literals;
  const IdHash hash = IdHashOf(std::string("tessera/device/v1\0"sv).append(device_id));
  return Base64UrlEncode({reinterpret_cast<const char*>(hash.data()), hash.size()});
}

}  // namespace tessera
