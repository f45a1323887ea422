#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/report.h"
#include "server/config/reset_time.h"

namespace tessera::server {
namespace {

constexpr size_t kMaxName = 256;  // of an issuer, an audience or a scope: each token repeats them
constexpr size_t kMaxClaimName = 64;
constexpr std::string_view kClaimCharacters = "abcdefghijklmnopqrstuvwxyz0123456789._-";
constexpr std::string_view kAudience = "expected 1 to 256 printable ASCII characters";

bool IsPlain(std::string_view text) {
  return !text.empty() && text.size() <= kMaxName &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

// RFC 6749 section 3.3.
bool IsScope(std::string_view text) {
  return IsPlain(text) && text.find_first_of("\"\\") == text.npos;
}

bool IsClaimName(std::string_view text) {
  return !text.empty() && text.size() <= kMaxClaimName &&
         text.find_first_not_of(kClaimCharacters) == text.npos;
}

// A list whose items are as `fits` says, each once.
struct ListRule {
  std::string_view key;
  bool (*fits)(std::string_view);
  std::string_view expectation;
};

void CheckList(const std::vector<std::string>& items, const ListRule& rule, Report& report) {
  std::set<std::string_view> seen;
  for (const std::string& item : items) {
    if (!rule.fits(item)) report.Wrong(rule.key, item, rule.expectation);
    if (!seen.insert(item).second) report.Wrong(rule.key, item, "expected each item once");
  }
}

void CheckNames(const TokensConfig& tokens, Report& report) {
  if (!IsPlain(tokens.issuer)) {
    report.Wrong("tokens.issuer", tokens.issuer,
                 "expected the name of this server in its tokens, such as "
                 "\"https://auth.example.com\": 1 to 256 printable ASCII characters");
  }
  if (!IsPlain(tokens.self_audience)) {
    report.Wrong("tokens.self_audience", tokens.self_audience, kAudience);
  }
  CheckList(tokens.audiences, {"tokens.audiences", IsPlain, kAudience}, report);
  for (const std::string& audience : tokens.audiences) {
    if (audience != tokens.self_audience) continue;
    report.Wrong("tokens.audiences", audience, "expected no item equal to tokens.self_audience");
  }
}

// A claim that both a login may ask for and an administrator sets would let the client forge what
// the administrator says.
void CheckClaims(const TokensConfig& tokens, Report& report) {
  constexpr std::string_view kName = "expected 1 to 64 of a-z 0-9 . _ -";
  CheckList(
      tokens.scopes,
      {"tokens.scopes", IsScope, "expected 1 to 256 printable ASCII characters without \" and \\"},
      report);
  CheckList(tokens.requested_claims, {"tokens.requested_claims", IsClaimName, kName}, report);
  CheckList(tokens.attribute_claims, {"tokens.attribute_claims", IsClaimName, kName}, report);
  const std::set<std::string> attributes(tokens.attribute_claims.begin(),
                                         tokens.attribute_claims.end());
  for (const std::string& claim : tokens.requested_claims) {
    if (attributes.count(claim) == 0) continue;
    report.Wrong("tokens.requested_claims", claim,
                 "expected no item of tokens.attribute_claims: a login could set what only an "
                 "administrator may");
  }
}

void CheckLives(const TokensConfig& tokens, Report& report) {
  report.Within("tokens.access_ttl", tokens.access_ttl, kMinAccessTtl, kLongestAccessTtl);
  report.Within("tokens.refresh_ttl", tokens.refresh_ttl, kMinRefreshTtl, kMaxRefreshTtl);
  report.Within("tokens.refresh_idle_ttl", tokens.refresh_idle_ttl, kMinRefreshTtl, kMaxRefreshTtl);
  report.Within("tokens.reuse_grace", tokens.reuse_grace, absl::ZeroDuration(), kMaxReuseGrace);
  report.Within("tokens.leeway", tokens.leeway, absl::ZeroDuration(), kMaxLeeway);
  if (!tokens.refresh_reset_at.empty() && !ParseResetTime(tokens.refresh_reset_at).has_value()) {
    report.Wrong("tokens.refresh_reset_at", tokens.refresh_reset_at,
                 "expected a time and a zone of this machine's tz database, such as "
                 "\"04:00 Europe/Berlin\"");
  }
}

// A session that is over before its access token has expired would wait for what never comes.
void CheckWait(const TokensConfig& tokens, Report& report) {
  const bool never = tokens.renewal_only_after_expiry &&
                     std::min(tokens.refresh_idle_ttl, tokens.refresh_ttl) <= tokens.access_ttl;
  if (!never) return;
  report.Wrong("tokens.renewal_only_after_expiry", "true",
               "expected tokens.refresh_idle_ttl and tokens.refresh_ttl to be longer than "
               "tokens.access_ttl beside it: else a session is over before it may be renewed");
}

// What the one asks for the other would hand out without.
void CheckRenewal(const TokensConfig& tokens, Report& report) {
  if (!tokens.renewal_by_access_token) return;
  if (tokens.renewal_only_after_expiry) {
    report.Wrong("tokens.renewal_by_access_token", "true",
                 "expected false beside tokens.renewal_only_after_expiry = true: only a live "
                 "access token renews by itself");
  }
  if (tokens.renewal_needs_access_token) {
    report.Wrong("tokens.renewal_by_access_token", "true",
                 "expected false beside tokens.renewal_needs_access_token = true, which asks for "
                 "both tokens");
  }
}

}  // namespace

void CheckTokens(Report& report) {
  const TokensConfig& tokens = report.config().tokens;
  CheckNames(tokens, report);
  CheckClaims(tokens, report);
  CheckLives(tokens, report);
  CheckWait(tokens, report);
  CheckRenewal(tokens, report);
}

}  // namespace tessera::server
