// MasterKeys::FromFile of key_ring.h.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/auth/key_ring.h"
#include "server/auth/private_file.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/base64url.h"

namespace tessera::server {
namespace {

constexpr size_t kMasterKeyBytes = 32;
constexpr size_t kEncodedKeyBytes = 44;  // base64 with its padding
constexpr size_t kMaxIdBytes = 64;
constexpr size_t kMaxFileBytes = 64 * 1024;
constexpr std::string_view kIdCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

absl::Status Unusable(const std::string& path, std::string_view why) {
  return absl::FailedPreconditionError(
      absl::StrCat("master key file ", path, " ", absl::string_view(why.data(), why.size())));
}

absl::StatusOr<Secret> ReadWhole(const std::string& path) {
  absl::StatusOr<Secret> content = ReadPrivateFile(path, kMaxFileBytes + 1);
  if (!content.ok()) return Unusable(path, std::string(content.status().message()));
  if (content->Reveal().size() > kMaxFileBytes) return Unusable(path, "is too long");
  return content;
}

// Strict base64 with padding (RFC 4648 section 4), of exactly 32 bytes.
std::optional<Secret> DecodeKey(std::string_view text) {
  if (text.size() != kEncodedKeyBytes || text.back() != '=') return std::nullopt;
  if (text.find_first_of("-_") != text.npos) return std::nullopt;
  std::string url(text.substr(0, kEncodedKeyBytes - 1));
  std::replace(url.begin(), url.end(), '+', '-');
  std::replace(url.begin(), url.end(), '/', '_');
  std::optional<std::string> bytes = Base64UrlDecode(url);
  WipeString(url);
  if (!bytes.has_value() || bytes->size() != kMasterKeyBytes) return std::nullopt;
  Secret key = Secret::CopyOf(*bytes);
  WipeString(*bytes);
  return key;
}

bool IsKnown(const MasterKeys& keys, std::string_view id) {
  return std::any_of(keys.entries.begin(), keys.entries.end(),
                     [&](const MasterKeys::Entry& entry) { return entry.id == id; });
}

// Adds the line's key. The error says what is wrong, never what the line holds.
absl::Status AddLine(std::string_view line, MasterKeys& keys) {
  const size_t colon = line.find(':');
  if (colon == line.npos) return absl::InvalidArgumentError("expected `id:base64 of 32 bytes`");
  const std::string_view id = line.substr(0, colon);
  if (id.empty() || id.size() > kMaxIdBytes || id.find_first_not_of(kIdCharacters) != id.npos) {
    return absl::InvalidArgumentError("the id must be 1 to 64 of letters, digits, `.`, `_`, `-`");
  }
  if (IsKnown(keys, id)) return absl::InvalidArgumentError("this id has come before");
  std::optional<Secret> key = DecodeKey(line.substr(colon + 1));
  if (!key.has_value()) return absl::InvalidArgumentError("the key must be base64 of 32 bytes");
  keys.entries.push_back({std::string(id), *std::move(key)});
  return absl::OkStatus();
}

std::string_view TakeLine(std::string_view& rest) {
  const size_t end = std::min(rest.find('\n'), rest.size());
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
  return line;
}

}  // namespace

absl::StatusOr<MasterKeys> MasterKeys::FromFile(const std::string& path) {
  TESSERA_ASSIGN_OR_RETURN(const Secret content, ReadWhole(path));
  MasterKeys keys;
  std::string_view rest = content.Reveal();
  for (int number = 1; !rest.empty(); ++number) {
    const std::string_view line = TakeLine(rest);
    if (line.empty() || line.front() == '#') continue;
    const absl::Status added = AddLine(line, keys);
    if (!added.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("master key file ", path, ", line ", number, ": ", added.message()));
    }
  }
  if (keys.entries.empty()) return Unusable(path, "holds no key");
  return keys;
}

}  // namespace tessera::server
