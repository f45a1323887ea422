// Signs a token and verifies it, as a program without gRPC would.
#include <tessera/base/clock.h>
#include <tessera/token/key.h>
#include <tessera/token/token_signer.h>
#include <tessera/token/token_verifier.h>

#include <iostream>
#include <utility>

namespace {

tessera::Claims ClaimsAt(absl::Time now) {
  tessera::Claims claims;
  claims.issuer = "https://auth.example";
  claims.subject = "usr_1";
  claims.audience = "orders";
  claims.client_id = "program";
  claims.token_id = tessera::TokenId("tok_1");
  claims.issued_at = claims.not_before = now;
  claims.expires_at = now + absl::Minutes(15);
  return claims;
}

absl::Status SignAndVerify() {
  const absl::Time now = tessera::SystemClock().Now();
  const auto key = tessera::SigningKey::Generate(tessera::Algorithm::kEs256);
  if (!key.ok()) return key.status();
  const auto token = tessera::SignAccessToken(ClaimsAt(now), *key);
  if (!token.ok()) return token.status();
  const auto keys = tessera::JwkSet::Of({key->ToVerifyKey()});
  if (!keys.ok()) return keys.status();
  tessera::Expected expected;
  expected.issuer = "https://auth.example";
  expected.audience = "orders";
  const auto verifier = tessera::TokenVerifier::Create(std::move(expected));
  if (!verifier.ok()) return verifier.status();
  return verifier->Verify(token->Reveal(), *keys, now).status();
}

}  // namespace

int main() {
  const absl::Status status = SignAndVerify();
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}
