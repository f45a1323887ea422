#include "server/mesh/mesh_call.h"

#include "tessera/base/reason.h"
#include "tessera/guard/token_cookie.h"

namespace tessera::server {
namespace {

namespace pb = envoy::service::auth::v3;

constexpr std::string_view kPathHeader = ":path";

// A proxy that tells one path in the request and another among the headers would have the rule of
// the one judged and send the call to the other.
bool IsAnotherPath(std::string_view key, std::string_view value, std::string_view path) {
  return key == kPathHeader && value != path;
}

std::string_view ValueOf(const pb::HeaderValue& header) {
  return header.raw_value().empty() ? header.value() : header.raw_value();
}

}  // namespace

absl::StatusOr<MeshCall> ReadCall(const pb::CheckRequest& request) {
  static const auto& no_cookie = *new TokenCookie();
  const pb::AttributeContext::HttpRequest& http = request.attributes().request().http();
  if (http.path().empty()) {
    return Refusal(absl::StatusCode::kPermissionDenied, reason::kMethodUnruled,
                   "the request shows no HTTP call");
  }
  guard::PresentedScan scan(no_cookie);
  bool other_path = false;
  const auto see = [&](std::string_view key, std::string_view value) {
    other_path = other_path || IsAnotherPath(key, value, http.path());
    scan.See(key, value);
  };
  for (const auto& [key, value] : http.headers()) see(key, value);
  for (const auto& header : http.header_map().headers()) see(header.key(), ValueOf(header));
  if (other_path) {
    return Refusal(absl::StatusCode::kPermissionDenied, reason::kMethodUnruled,
                   "the request shows two paths");
  }
  return MeshCall{http.path(), scan.Result()};
}

}  // namespace tessera::server
