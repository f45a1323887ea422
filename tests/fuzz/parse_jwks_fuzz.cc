// JWK sets and single keys from anywhere. What is accepted must survive being written and read.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tessera/token/jwk_set.h"

namespace tessera {
namespace {

void CheckSet(std::string_view input) {
  const auto set = JwkSet::Parse(input);
  if (!set.ok()) return;
  if (set->keys().size() > JwkSet::kMaxKeys) std::abort();
  const auto again = JwkSet::Parse(set->ToJson());
  if (!again.ok() || again->ToJson() != set->ToJson()) std::abort();
}

void CheckKey(std::string_view input) {
  const auto key = VerifyKey::FromJwk(input);
  if (!key.ok()) return;
  if (key->kid().empty() || key->Verify("message", "signature").ok()) std::abort();
  if (key->algorithm() == Algorithm::kHs256) {
    if (!key->ToPublicJwk().empty()) std::abort();
    return;
  }
  const auto again = VerifyKey::FromJwk(key->ToPublicJwk());
  if (!again.ok() || again->Thumbprint() != key->Thumbprint()) std::abort();
}

void CheckSigningKey(std::string_view input) {
  const auto key = SigningKey::FromPrivateJwk(input);
  if (!key.ok()) return;
  const auto signature = key->Sign("message");
  if (!signature.ok() || !key->ToVerifyKey().Verify("message", *signature).ok()) std::abort();
}

}  // namespace
}  // namespace tessera

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  tessera::CheckSet(input);
  tessera::CheckKey(input);
  tessera::CheckSigningKey(input);
  return 0;
}
