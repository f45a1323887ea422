#include "server/rpc/exchange_wire.h"

#include <set>
#include <string>
#include <string_view>

#include "server/auth/session_terms.h"
#include "server/rpc/from_wire.h"
#include "server/rpc/to_wire.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {

absl::StatusOr<ExchangeInput> Parse(const v1::ExchangeTokenRequest& request) {
  if (request.subject_token().empty()) return FieldInvalid("subject_token", "required");
  if (request.audience().empty()) return FieldInvalid("audience", "required");
  if (request.audience().size() > kMaxTextBytes) {
    return FieldInvalid("audience", "at most 1,024 bytes");
  }
  ExchangeInput input;
  input.subject_token = Secret::CopyOf(request.subject_token());
  input.audience = request.audience();
  input.scopes.assign(request.scopes().begin(), request.scopes().end());
  if (input.scopes.size() > kMaxScopes) return FieldInvalid("scopes", "at most 64");
  const std::set<std::string_view> different(input.scopes.begin(), input.scopes.end());
  if (different.size() != input.scopes.size()) return FieldInvalid("scopes", "each once");
  return input;
}

void Write(const ExchangedToken& token, v1::ExchangeTokenResponse* wire) {
  wire->set_access_token(std::string(token.access_token.Reveal()));
  Write(token.expires_at, wire->mutable_access_expires_at());
  wire->mutable_scopes()->Assign(token.scopes.begin(), token.scopes.end());
}

}  // namespace tessera::server
