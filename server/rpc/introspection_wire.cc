#include "server/rpc/introspection_wire.h"

#include <string>

#include "tessera/base/reason.h"

namespace tessera::server {

absl::StatusOr<std::vector<Secret>> Parse(const v1::BatchValidateTokensRequest& request) {
  if (request.tokens().empty() || request.tokens_size() > kMaxTokensAskedAbout) {
    return FieldInvalid("tokens", "1 to 100 tokens");
  }
  std::vector<Secret> tokens;
  tokens.reserve(static_cast<size_t>(request.tokens_size()));
  for (const std::string& token : request.tokens()) tokens.push_back(Secret::CopyOf(token));
  return tokens;
}

}  // namespace tessera::server
