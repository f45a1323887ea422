#include "tessera/guard/bearer.h"

#include <array>

#include "absl/strings/match.h"

namespace tessera::guard {
namespace {

constexpr std::string_view kHeader = "authorization";
constexpr std::string_view kScheme = "bearer";

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return absl::EqualsIgnoreCase(absl::string_view(a.data(), a.size()),
                                absl::string_view(b.data(), b.size()));
}

// RFC 6750's b64token, by byte: what a compact JWS is made of, and more. A table, because every
// byte of every call's token is looked at.
constexpr std::array<bool, 256> MakeTokenBytes() {
  std::array<bool, 256> may_be{};
  constexpr std::string_view kBytes =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/=";
  for (const char c : kBytes) may_be[static_cast<unsigned char>(c)] = true;
  return may_be;
}
constexpr std::array<bool, 256> kTokenBytes = MakeTokenBytes();

bool LooksLikeToken(std::string_view text) {
  bool good = !text.empty();
  for (const char c : text) good &= kTokenBytes[static_cast<unsigned char>(c)];
  return good;
}

Bearer Parse(std::string_view value) {
  if (value.find(',') != value.npos) return {Bearer::Kind::kSeveral, {}};
  const size_t space = value.find(' ');
  if (space == value.npos || !EqualsIgnoringCase(value.substr(0, space), kScheme)) {
    return {Bearer::Kind::kMalformed, {}};
  }
  const size_t start = value.find_first_not_of(' ', space);
  if (start == value.npos) return {Bearer::Kind::kMalformed, {}};
  return TokenIn(value.substr(start));
}

}  // namespace

bool IsTokenHeader(std::string_view key) { return EqualsIgnoringCase(key, kHeader); }

Bearer TokenIn(std::string_view text) {
  if (!LooksLikeToken(text)) return {Bearer::Kind::kMalformed, {}};
  return {Bearer::Kind::kOne, text};
}

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
