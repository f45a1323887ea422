#include "tessera/token/token_signer.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/base64url.h"
#include "tessera/token/strict_json.h"

namespace tessera {
namespace {

std::string HeaderOf(const SigningKey& key) {
  std::string json = "{\"alg\":\"";
  json.append(AlgorithmName(key.algorithm())).append("\",\"kid\":");
  AppendJsonString(key.kid(), json);  // cannot fail: a key's `kid` came from JSON or is ours
  return json.append(",\"typ\":\"at+jwt\"}");
}

}  // namespace

absl::StatusOr<Secret> SignAccessToken(const Claims& claims, const SigningKey& key) {
  TESSERA_ASSIGN_OR_RETURN(const std::string payload, ClaimsToJson(claims));
  std::string token = Base64UrlEncode(HeaderOf(key));
  token.append(1, '.').append(Base64UrlEncode(payload));
  TESSERA_ASSIGN_OR_RETURN(const std::string signature, key.Sign(token));
  const std::string encoded = Base64UrlEncode(signature);
  if (token.size() + 1 + encoded.size() > kMaxTokenBytes)
    return Refusal(absl::StatusCode::kFailedPrecondition, reason::kTokenTooLarge,
                   "the access token would exceed 4096 bytes");
  std::string whole;
  whole.reserve(token.size() + 1 + encoded.size());  // one piece: no copy is left behind
  whole.append(token).append(1, '.').append(encoded);
  return Secret(std::move(whole));
}

}  // namespace tessera
