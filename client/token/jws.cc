#include "tessera/token/jws.h"

#include <optional>
#include <utility>

#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/base64url.h"
#include "tessera/token/strict_json.h"

namespace tessera {
namespace {

absl::Status Malformed(std::string_view text) {
  return Refusal(absl::StatusCode::kUnauthenticated, reason::kTokenMalformed, text);
}

// A member that must be a string with something in it, if it is there.
absl::Status TakeText(JsonValue& header, std::string_view name, std::string& text) {
  JsonValue* const value = header.Find(name);
  if (value == nullptr) return absl::OkStatus();
  if (!value->Is(JsonValue::Kind::kString) || value->text.empty())
    return Malformed("a header member is no string or empty");
  text = std::move(value->text);
  return absl::OkStatus();
}

absl::StatusOr<JwsHeader> ParseHeader(std::string_view json) {
  std::optional<JsonValue> parsed = ParseJsonObject(json, json.size());
  if (!parsed.has_value()) return Malformed("the header is not strict JSON");
  // RFC 7515 section 4.1.11: no extension is served, so none may be critical.
  if (parsed->Find("crit") != nullptr) return Malformed("the header demands an extension");
  JwsHeader header;
  TESSERA_RETURN_IF_ERROR(TakeText(*parsed, "alg", header.alg));
  TESSERA_RETURN_IF_ERROR(TakeText(*parsed, "kid", header.kid));
  TESSERA_RETURN_IF_ERROR(TakeText(*parsed, "typ", header.typ));
  if (header.alg.empty()) return Malformed("the header has no alg");
  return header;
}

absl::Status DecodePart(std::string_view text, std::string& bytes) {
  std::optional<std::string> decoded = Base64UrlDecode(text);
  if (!decoded.has_value()) return Malformed("a part is not base64url");
  bytes = *std::move(decoded);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CompactJws> ParseCompactJws(std::string_view text, size_t max_bytes) {
  if (text.size() > max_bytes) return Malformed("the token is too long");
  const size_t first = text.find('.');
  const size_t second = first == text.npos ? text.npos : text.find('.', first + 1);
  if (second == text.npos || text.find('.', second + 1) != text.npos)
    return Malformed("not three parts");
  CompactJws jws;
  jws.signing_input = text.substr(0, second);
  TESSERA_RETURN_IF_ERROR(DecodePart(text.substr(0, first), jws.header_json));
  TESSERA_RETURN_IF_ERROR(DecodePart(text.substr(first + 1, second - first - 1), jws.payload));
  TESSERA_RETURN_IF_ERROR(DecodePart(text.substr(second + 1), jws.signature));
  TESSERA_ASSIGN_OR_RETURN(jws.header, ParseHeader(jws.header_json));
  return jws;
}

absl::Status VerifyJws(const CompactJws& jws, const VerifyKey& key) {
  if (jws.header.alg != AlgorithmName(key.algorithm()))
    return Refusal(absl::StatusCode::kUnauthenticated, reason::kTokenSignature,
                   "the algorithm is not the key's");
  return key.Verify(jws.signing_input, jws.signature);
}

}  // namespace tessera
