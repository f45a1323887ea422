#include "tessera/guard/bearer.h"

#include "absl/strings/match.h"

namespace tessera::guard {
namespace {

constexpr std::string_view kHeader = "authorization";
constexpr std::string_view kScheme = "bearer";

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return absl::EqualsIgnoreCase(absl::string_view(a.data(), a.size()),
                                absl::string_view(b.data(), b.size()));
}

// RFC 6750's b64token: what a compact JWS is made of, and more.
bool MayBeInToken(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~' || c == '+' || c == '/' || c == '=';
}

bool LooksLikeToken(std::string_view text) {
  for (const char c : text) {
    if (!MayBeInToken(c)) return false;
  }
  return !text.empty();
}

Bearer Parse(std::string_view value) {
  if (value.find(',') != value.npos) return {Bearer::Kind::kSeveral, {}};
  const size_t space = value.find(' ');
  if (space == value.npos || !EqualsIgnoringCase(value.substr(0, space), kScheme)) {
    return {Bearer::Kind::kMalformed, {}};
  }
  const size_t start = value.find_first_not_of(' ', space);
  if (start == value.npos) return {Bearer::Kind::kMalformed, {}};
  const std::string_view token = value.substr(start);
  if (!LooksLikeToken(token)) return {Bearer::Kind::kMalformed, {}};
  return {Bearer::Kind::kOne, token};
}

}  // namespace

bool IsTokenHeader(std::string_view key) { return EqualsIgnoringCase(key, kHeader); }

void BearerScan::See(std::string_view key, std::string_view value) {
  if (!IsTokenHeader(key)) return;
  ++headers_;
  value_ = value;
}

Bearer BearerScan::Result() const {
  if (headers_ == 0) return {Bearer::Kind::kNone, {}};
  if (headers_ > 1) return {Bearer::Kind::kSeveral, {}};
  return Parse(value_);
}

}  // namespace tessera::guard
