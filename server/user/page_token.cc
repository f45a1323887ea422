#include "server/user/page_token.h"

#include <algorithm>
#include <optional>

#include "server/user/field_checks.h"
#include "tessera/base/reason.h"
#include "tessera/token/base64url.h"

namespace tessera::server {
namespace {

// Raise it when what a token holds changes.
constexpr char kVersion = '1';
constexpr size_t kHeadBytes = 2;
constexpr size_t kMaxTokenBytes = 256;

}  // namespace

absl::StatusOr<int> PageSize(int requested) {
  if (requested < 0) return FieldInvalid("page_size", "0 to 1,000");
  if (requested == 0) return kDefaultPageSize;
  return std::min(requested, kMaxPageSize);
}

std::string MakePageToken(PageOf list, std::string_view last) {
  std::string bytes{kVersion, static_cast<char>(list)};
  bytes.append(last);
  return Base64UrlEncode(bytes);
}

absl::StatusOr<std::string> ReadPageToken(PageOf list, std::string_view token) {
  if (token.empty()) return std::string();
  const absl::Status invalid = FieldInvalid("page_token", "next_page_token of the page before");
  if (token.size() > kMaxTokenBytes) return invalid;
  const std::optional<std::string> bytes = Base64UrlDecode(token);
  if (!bytes.has_value() || bytes->size() <= kHeadBytes) return invalid;
  if ((*bytes)[0] != kVersion || (*bytes)[1] != static_cast<char>(list)) return invalid;
  std::string last = bytes->substr(kHeadBytes);
  // Ids and role names alike are made of these.
  if (!CheckRoleName(last, "page_token").ok()) return invalid;
  return last;
}

}  // namespace tessera::server
