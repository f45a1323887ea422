#include "tessera/caller/client_assertion.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tessera/base/random.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/base64url.h"
#include "tessera/token/strict_json.h"

namespace tessera {
namespace {

constexpr size_t kIdBytes = 16;

// Appends `"name":"text"` to an object.
void AppendText(std::string_view name, std::string_view text, std::string& json) {
  json.push_back(json.empty() ? '{' : ',');
  AppendJsonString(name, json);
  json.push_back(':');
  AppendJsonString(text, json);
}

void AppendTime(std::string_view name, absl::Time time, std::string& json) {
  json.push_back(',');
  AppendJsonString(name, json);
  absl::StrAppend(&json, ":", absl::ToUnixSeconds(time));
}

std::string Header(const SigningKey& key) {
  std::string json;
  AppendText("alg", AlgorithmName(key.algorithm()), json);
  AppendText("kid", key.kid(), json);
  AppendText("typ", "JWT", json);
  return json + "}";
}

}  // namespace

absl::StatusOr<Secret> SignClientAssertion(const std::string& service_account_id,
                                           const std::string& audience, const SigningKey& key,
                                           absl::Time now) {
  std::string payload;
  AppendText("iss", service_account_id, payload);
  AppendText("sub", service_account_id, payload);
  AppendText("aud", audience, payload);
  AppendText("jti", Base64UrlEncode(RandomBytes(kIdBytes)), payload);
  AppendTime("iat", now, payload);
  AppendTime("exp", now + kAssertionLife, payload);
  payload.push_back('}');
  std::string text = absl::StrCat(Base64UrlEncode(Header(key)), ".", Base64UrlEncode(payload));
  TESSERA_ASSIGN_OR_RETURN(const std::string signature, key.Sign(text));
  absl::StrAppend(&text, ".", Base64UrlEncode(signature));
  return Secret(std::move(text));
}

}  // namespace tessera
