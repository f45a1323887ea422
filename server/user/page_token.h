// Page tokens: where the next page begins. Opaque to callers, and worth nothing to them.
#ifndef TESSERA_SERVER_USER_PAGE_TOKEN_H_
#define TESSERA_SERVER_USER_PAGE_TOKEN_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace tessera::server {

inline constexpr int kDefaultPageSize = 50;
inline constexpr int kMaxPageSize = 1000;

// What a page token is of: one list's token is refused by another.
enum class PageOf : char {
  kUsers = 'u',
  kRoles = 'r',
  kSessions = 's',
  kServiceAccounts = 'v',
  kGroups = 'g',
  kGroupMembers = 'm',
  kAuditEvents = 'a',
  kAuditCheck = 'k'
};

// 0: kDefaultPageSize; above kMaxPageSize: kMaxPageSize. FIELD_INVALID `page_size`: negative.
absl::StatusOr<int> PageSize(int requested);

// A token for the page behind `last`.
std::string MakePageToken(PageOf list, std::string_view last);

// What the token was made of; empty for an empty token. FIELD_INVALID `page_token`: none of ours.
absl::StatusOr<std::string> ReadPageToken(PageOf list, std::string_view token);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_USER_PAGE_TOKEN_H_
