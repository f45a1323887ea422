// `mysql://user@host:3306/tessera`, taken apart.
#ifndef TESSERA_SERVER_CONFIG_MYSQL_URL_H_
#define TESSERA_SERVER_CONFIG_MYSQL_URL_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace tessera::server {

inline constexpr int kMysqlPort = 3306;
inline constexpr size_t kMaxMysqlUser = 80;      // bytes, decoded
inline constexpr size_t kMaxMysqlDatabase = 64;  // of A-Z a-z 0-9 _
inline constexpr size_t kMaxHostName = 253;

struct MysqlUrl {
  std::string user;  // decoded
  std::string host;  // a name or a number; of IPv6 without the brackets
  int port = kMysqlPort;
  std::string database;
};

// True if `url` begins with `mysql:`, whatever follows.
bool IsMysqlUrl(std::string_view url);

// Takes exactly `mysql://USER@HOST[:PORT]/DATABASE`: user of letters, digits and `-._~`, all else
// percent-encoded (no control characters); host a name, an IPv4 number or `[IPv6]`; port 1 to
// 65535. INVALID_ARGUMENT: the message says what was expected, and nothing of the text. A password
// is refused: it has a file of its own.
absl::StatusOr<MysqlUrl> ParseMysqlUrl(std::string_view url);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_CONFIG_MYSQL_URL_H_
