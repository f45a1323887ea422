#include "tessera/caller/token_life.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>

#include "tessera/base/random.h"
#include "tessera/token/base64url.h"
#include "tessera/token/claims.h"

namespace tessera {
namespace {

constexpr absl::Duration kShortestLife = absl::Seconds(1);
constexpr uint64_t kJitterSteps = 1000;
constexpr double kJitter = 0.1;

// `exp - iat` of a JWT. Nothing is verified: the token came from tesserad itself, and no right
// hangs on this.
std::optional<absl::Duration> LifeInToken(std::string_view token) {
  const size_t first = token.find('.');
  if (first == token.npos) return std::nullopt;
  const size_t second = token.find('.', first + 1);
  if (second == token.npos) return std::nullopt;
  const auto payload = Base64UrlDecode(token.substr(first + 1, second - first - 1));
  if (!payload.has_value()) return std::nullopt;
  const auto claims = ClaimsFromJson(*payload);
  if (!claims.ok()) return std::nullopt;
  return claims->expires_at - claims->issued_at;
}

}  // namespace

TokenLife::TokenLife(const Grant& grant, double renew_at, const Clock& clock)
    : arrived_(clock.Now()), arrived_monotonic_(clock.Monotonic()) {
  const absl::Duration left = grant.access_expires_at - arrived_;
  life_ = std::max(LifeInToken(grant.access_token.Reveal()).value_or(left), kShortestLife);
  const double chance = static_cast<double>(RandomBelow(kJitterSteps + 1)) / kJitterSteps;
  renew_after_ = life_ * renew_at * (1.0 - kJitter * chance);
}

absl::Duration TokenLife::Age(const Clock& clock) const {
  return std::max(clock.Monotonic() - arrived_monotonic_, clock.Now() - arrived_);
}

}  // namespace tessera
