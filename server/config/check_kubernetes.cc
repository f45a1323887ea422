#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "server/config/report.h"

namespace tessera::server {
namespace {

constexpr size_t kMaxIssuer = 256;
constexpr size_t kMaxUrl = 1024;
constexpr std::string_view kSecure = "https://";
constexpr std::string_view kPlain = "http://";

bool IsVisible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

// The host of `authority`, without port and brackets; absent for what has a user in it or no port
// where one should be.
std::optional<std::string_view> HostOf(std::string_view authority) {
  if (authority.find_first_of("@\\%") != authority.npos) return std::nullopt;
  const size_t bracket = authority.rfind(']');
  const size_t colon = authority.find(':', bracket == authority.npos ? 0 : bracket);
  std::string_view host = authority.substr(0, colon);
  if (colon != authority.npos) {
    const std::string_view port = authority.substr(colon + 1);
    if (port.empty() || port.find_first_not_of("0123456789") != port.npos) return std::nullopt;
  }
  if (!host.empty() && host.front() == '[') {
    if (host.back() != ']') return std::nullopt;
    host = host.substr(1, host.size() - 2);
  }
  if (host.empty()) return std::nullopt;
  return host;
}

bool IsKeyUrl(std::string_view url) {
  const bool secure = url.substr(0, kSecure.size()) == kSecure;
  const bool plain = url.substr(0, kPlain.size()) == kPlain;
  if ((!secure && !plain) || url.size() > kMaxUrl || !IsVisible(url)) return false;
  if (url.find_first_of("\\#") != url.npos) return false;
  url.remove_prefix(secure ? kSecure.size() : kPlain.size());
  const std::optional<std::string_view> host = HostOf(url.substr(0, url.find_first_of("/?")));
  return host.has_value() && (secure || IsLoopbackHost(*host));
}

void CheckNames(Report& report, const KubernetesConfig& kubernetes) {
  const auto is_name = [](std::string_view name) {
    return !name.empty() && name.size() <= kMaxIssuer && IsVisible(name);
  };
  if (!is_name(kubernetes.issuer)) {
    report.Wrong("kubernetes.issuer", kubernetes.issuer,
                 "expected the cluster's issuer, such as "
                 "\"https://kubernetes.default.svc.cluster.local\": 1 to 256 printable ASCII "
                 "characters");
  }
  if (kubernetes.issuer == report.config().tokens.issuer) {
    report.Wrong("kubernetes.issuer", kubernetes.issuer, "expected another than tokens.issuer");
  }
  if (!kubernetes.audience.empty() && !is_name(kubernetes.audience)) {
    report.Wrong("kubernetes.audience", kubernetes.audience,
                 "expected 1 to 256 printable ASCII characters");
  }
}

void CheckSource(Report& report, const KubernetesConfig& kubernetes) {
  if (kubernetes.jwks_file.empty() == kubernetes.jwks_url.empty()) {
    report.Wrong("kubernetes.jwks_url", kubernetes.jwks_url,
                 "expected one of kubernetes.jwks_file and kubernetes.jwks_url");
  }
  if (!kubernetes.jwks_url.empty() && !IsKeyUrl(kubernetes.jwks_url)) {
    report.Wrong("kubernetes.jwks_url", kubernetes.jwks_url,
                 "expected an https:// URL without user or fragment, or on loopback http://");
  }
  const bool secure = kubernetes.jwks_url.substr(0, kSecure.size()) == kSecure;
  if (!kubernetes.ca_file.empty() && !secure) {
    report.Wrong("kubernetes.ca_file", kubernetes.ca_file,
                 "expected nothing without an https:// kubernetes.jwks_url");
  }
  if (!kubernetes.token_file.empty() && !secure) {
    report.Wrong("kubernetes.token_file", kubernetes.token_file,
                 "expected nothing without an https:// kubernetes.jwks_url");
  }
}

}  // namespace

void CheckKubernetes(Report& report) {
  const KubernetesConfig& kubernetes = report.config().kubernetes;
  const bool unset = kubernetes.issuer.empty() && kubernetes.audience.empty() &&
                     kubernetes.jwks_file.empty() && kubernetes.jwks_url.empty() &&
                     kubernetes.ca_file.empty() && kubernetes.token_file.empty();
  if (unset) return;
  CheckNames(report, kubernetes);
  CheckSource(report, kubernetes);
}

}  // namespace tessera::server
