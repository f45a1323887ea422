// The verifier against any text, and against any header and payload that a trusted key did sign.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tessera/token/base64url.h"
#include "tessera/token/token_signer.h"
#include "tessera/token/token_verifier.h"

namespace tessera {
namespace {

constexpr absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

// Known to nobody who writes the input's text, so what passes as it stands was forged.
const SigningKey& Key() {
  static const SigningKey key = *SigningKey::Generate(Algorithm::kHs256);
  return key;
}

const TokenVerifier& Verifier() {
  static const TokenVerifier verifier = *TokenVerifier::Create([] {
    Expected expected;
    expected.issuer = "https://auth.example";
    expected.audience = "orders";
    return expected;
  }());
  return verifier;
}

absl::StatusOr<VerifiedToken> Verify(std::string_view text) {
  static const JwkSet keys = *JwkSet::Of({Key().ToVerifyKey()});
  return Verifier().Verify(text, keys, kNow);
}

// The input's first line is a header, the rest a payload. `KID` in the header stands for the key's.
std::string SignInput(std::string_view input) {
  const size_t line = input.find('\n');
  std::string header(input.substr(0, line));
  if (const size_t at = header.find("KID"); at != header.npos) header.replace(at, 3, Key().kid());
  const std::string_view payload = line == input.npos ? "" : input.substr(line + 1);
  const std::string text = Base64UrlEncode(header) + "." + Base64UrlEncode(payload);
  return text + "." + Base64UrlEncode(*Key().Sign(text));
}

void Check(std::string_view input) {
  if (Verify(input).ok()) std::abort();
  (void)InspectWithoutVerifying(input);
  const auto verified = Verify(SignInput(input));
  if (!verified.ok()) return;
  const Claims& claims = verified->claims();
  if (claims.issuer != "https://auth.example" || claims.audience != "orders") std::abort();
  if (claims.subject.empty() || claims.token_id.empty() || claims.user_version < 0) std::abort();
  if (claims.actors.size() > kMaxActors || claims.parent_tokens.size() > kMaxActors) std::abort();
  for (const Actor& actor : claims.actors) {
    if (actor.subject.empty() || actor.user_version < 0) std::abort();
  }
  if (verified->actor_hashes().size() != claims.actors.size()) std::abort();
  if (verified->parent_hashes().size() != claims.parent_tokens.size()) std::abort();
  const auto rewritten = ClaimsToJson(claims);
  if (rewritten.ok() && !ClaimsFromJson(*rewritten).ok()) std::abort();
  if (!Verifier().CheckTimes(claims, kNow).ok()) std::abort();
}

}  // namespace
}  // namespace tessera

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}
