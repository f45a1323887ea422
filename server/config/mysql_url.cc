#include "server/config/mysql_url.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "server/config/settings.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

constexpr std::string_view kScheme = "mysql://";
constexpr char kForm[] = "expected \"mysql://USER@HOST:PORT/DATABASE\"";
constexpr size_t kMaxPortDigits = 5;
constexpr int kMaxPort = 65535;

absl::Status Expected(const char* what) { return absl::InvalidArgumentError(what); }

bool Is(char c, std::string_view others) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || others.find(c) != others.npos;
}

bool AreAll(std::string_view text, std::string_view others) {
  return std::all_of(text.begin(), text.end(), [&](char c) { return Is(c, others); });
}

// The byte that two hexadecimal digits name.
std::optional<char> HexByte(std::string_view digits) {
  unsigned byte = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
  const bool whole = error == std::errc() && end == digits.data() + 2;
  if (!whole) return std::nullopt;
  return static_cast<char>(byte);
}

std::optional<std::string> DecodeUser(std::string_view text) {
  std::string user;
  while (!text.empty()) {
    char c = text.front();
    size_t used = 1;
    if (c == '%') {
      const std::optional<char> byte = HexByte(text.substr(1, 2));
      if (!byte || absl::ascii_iscntrl(static_cast<unsigned char>(*byte))) return std::nullopt;
      c = *byte;
      used = 3;
    } else if (!Is(c, "-._~")) {
      return std::nullopt;
    }
    user += c;
    text.remove_prefix(used);
  }
  if (user.empty() || user.size() > kMaxMysqlUser) return std::nullopt;
  return user;
}

std::optional<int> ReadPort(std::string_view digits) {
  if (digits.empty() || digits.size() > kMaxPortDigits) return std::nullopt;
  if (!std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit)) return std::nullopt;
  int port = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (port < 1 || port > kMaxPort) return std::nullopt;
  return port;
}

bool IsV6(const std::string& host) {
  in6_addr ignored;
  return inet_pton(AF_INET6, host.c_str(), &ignored) == 1;
}

bool IsHostName(std::string_view host) {
  return !host.empty() && host.size() <= kMaxHostName && AreAll(host, ".-_") &&
         host.front() != '.' && host.front() != '-';
}

// `HOST` or `HOST:PORT` or `[V6]:PORT` into `url`.
absl::Status ReadHostAndPort(std::string_view text, MysqlUrl& url) {
  const bool bracketed = !text.empty() && text.front() == '[';
  const size_t host_end = bracketed ? text.find(']') : text.find(':');
  url.host = std::string(text.substr(bracketed ? 1 : 0, bracketed ? host_end - 1 : host_end));
  const bool good = bracketed ? host_end != text.npos && IsV6(url.host) : IsHostName(url.host);
  if (!good) return Expected("expected a host name, an IPv4 address or an [IPv6] one behind \"@\"");
  text.remove_prefix(std::min(text.size(), bracketed ? host_end + 1 : host_end));
  if (text.empty()) return absl::OkStatus();
  const std::optional<int> port = text.front() == ':' ? ReadPort(text.substr(1)) : std::nullopt;
  if (!port) return Expected("expected a port from 1 to 65535 behind the host");
  url.port = *port;
  return absl::OkStatus();
}

}  // namespace

bool IsMysqlUrl(std::string_view url) { return url.substr(0, 6) == "mysql:"; }

absl::StatusOr<MysqlUrl> ParseMysqlUrl(std::string_view text) {
  if (HideUrlPassword(text) != text) {
    return Expected("expected no password in it: storage.password_file names the file that has it");
  }
  if (text.substr(0, kScheme.size()) != kScheme) return Expected(kForm);
  text.remove_prefix(kScheme.size());
  const size_t slash = text.find('/');
  const std::string_view authority = text.substr(0, slash);
  const size_t at = authority.find('@');
  if (slash == text.npos || at == authority.npos) return Expected(kForm);
  MysqlUrl url;
  const std::optional<std::string> user = DecodeUser(authority.substr(0, at));
  if (!user) {
    return Expected(
        "expected a user of 1 to 80 letters, digits and -._~ before \"@\", others as %XX");
  }
  url.user = *user;
  TESSERA_RETURN_IF_ERROR(ReadHostAndPort(authority.substr(at + 1), url));
  url.database = std::string(text.substr(slash + 1));
  if (url.database.empty() || url.database.size() > kMaxMysqlDatabase ||
      !AreAll(url.database, "_")) {
    return Expected("expected a database name of 1 to 64 of A-Z a-z 0-9 _ at the end");
  }
  return url;
}

}  // namespace tessera::server
