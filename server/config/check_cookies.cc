#include <algorithm>
#include <string>
#include <string_view>

#include "server/config/report.h"

namespace tessera::server {
namespace {

constexpr size_t kMaxCookieName = 64;
constexpr size_t kMaxOrigin = 256;
constexpr std::string_view kPrefix = "__Host-";
constexpr std::string_view kSeparators = "()<>@,;:\\\"/[]?={}";
constexpr std::string_view kSecure = "https://";
constexpr std::string_view kPlain = "http://";

bool IsVisible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

// RFC 6265: a token (RFC 2616 section 2.2). Browsers take a cookie of this prefix only with Secure,
// Path=/ and without Domain, so that no other host can plant one.
bool IsCookieName(std::string_view name) {
  return name.size() > kPrefix.size() && name.size() <= kMaxCookieName &&
         name.substr(0, kPrefix.size()) == kPrefix && IsVisible(name) &&
         name.find_first_of(kSeparators) == name.npos;
}

bool IsPort(std::string_view digits, std::string_view left_out) {
  return !digits.empty() && digits.find_first_not_of("0123456789") == digits.npos &&
         digits != left_out;
}

bool IsHost(std::string_view host) {
  return !host.empty() && host.find_first_of("/?#@*,ABCDEFGHIJKLMNOPQRSTUVWXYZ") == host.npos;
}

// As browsers write one: scheme and host in lower case, no path, no default port.
bool IsOrigin(std::string_view origin) {
  const bool secure = origin.substr(0, kSecure.size()) == kSecure;
  const bool plain = origin.substr(0, kPlain.size()) == kPlain;
  if ((!secure && !plain) || origin.size() > kMaxOrigin || !IsVisible(origin)) return false;
  std::string_view host = origin.substr(secure ? kSecure.size() : kPlain.size());
  const size_t bracket = host.rfind(']');  // of an IPv6 number, which has colons of its own
  const size_t colon = host.find(':', bracket == host.npos ? 0 : bracket);
  if (colon != host.npos) {
    if (!IsPort(host.substr(colon + 1), secure ? "443" : "80")) return false;
    host = host.substr(0, colon);
  }
  if (!IsHost(host)) return false;
  if (host.front() == '[') host = host.substr(1, host.size() - 2);
  return secure || IsLoopbackHost(host);
}

}  // namespace

void CheckCookies(Report& report) {
  const CookiesConfig& cookies = report.config().cookies;
  constexpr std::string_view kName =
      "expected \"__Host-\" and more, at most 64 characters of an RFC 6265 token";
  if (!IsCookieName(cookies.access_name)) {
    report.Wrong("cookies.access_name", cookies.access_name, kName);
  }
  if (!IsCookieName(cookies.refresh_name)) {
    report.Wrong("cookies.refresh_name", cookies.refresh_name, kName);
  }
  if (cookies.access_name == cookies.refresh_name) {
    report.Wrong("cookies.refresh_name", cookies.refresh_name,
                 "expected another name than cookies.access_name");
  }
  if (cookies.same_site != "Strict" && cookies.same_site != "Lax") {
    report.Wrong("cookies.same_site", cookies.same_site, "expected \"Strict\" or \"Lax\"");
  }
  for (const std::string& origin : cookies.allowed_origins) {
    if (IsOrigin(origin)) continue;
    report.Wrong("cookies.allowed_origins", origin,
                 "expected an origin as browsers send it, such as \"https://app.example.com\" or, "
                 "on loopback alone, \"http://localhost:8080\"");
  }
  if (cookies.enabled && cookies.allowed_origins.empty()) {
    report.Wrong("cookies.enabled", "true", "expected at least one of cookies.allowed_origins");
  }
}

}  // namespace tessera::server
