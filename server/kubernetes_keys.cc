#include "server/kubernetes_keys.h"

#include <fstream>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/auth/refreshed_keys.h"
#include "tessera/base/secret.h"
#include "tessera/base/status_macros.h"
#include "tessera/http/http_get.h"
#include "tessera/token/jwk_set.h"

namespace tessera::server {
namespace {

// No token that the cluster's API takes is longer.
constexpr size_t kMaxBearerBytes = size_t{16} * 1024;

// The whole of a file. Read anew each time: the cluster replaces such files by renaming.
absl::StatusOr<Secret> ReadFile(const std::string& path, size_t max_bytes) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::UnavailableError("the file cannot be opened");
  std::string text(max_bytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return absl::UnavailableError("the file cannot be read");
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > max_bytes) return absl::UnavailableError("the file is too large");
  return Secret(std::move(text));
}

absl::StatusOr<Secret> ReadBearer(const std::string& path) {
  if (path.empty()) return Secret();
  TESSERA_ASSIGN_OR_RETURN(const Secret text, ReadFile(path, kMaxBearerBytes));
  std::string_view line = text.Reveal();
  line = line.substr(0, line.find_first_of("\r\n"));
  return Secret::CopyOf(line);
}

RefreshedKeys::Loader FromFile(const std::string& path) {
  return [path](const RefreshedKeys::Stop&) -> absl::StatusOr<std::string> {
    TESSERA_ASSIGN_OR_RETURN(const Secret text, ReadFile(path, JwkSet::kMaxBytes));
    return std::string(text.Reveal());
  };
}

RefreshedKeys::Loader FromUrl(const KubernetesConfig& config) {
  return [url = config.jwks_url, ca = config.ca_file, token = config.token_file](
             const RefreshedKeys::Stop& stop) -> absl::StatusOr<std::string> {
    http::HttpRequest request;
    request.url = url;
    request.plaintext = http::Plaintext::kOnLoopback;
    request.ca_file = ca;
    request.timeout = kKeyUrlTimeout;
    request.max_bytes = JwkSet::kMaxBytes;
    request.stop = stop;
    TESSERA_ASSIGN_OR_RETURN(request.bearer, ReadBearer(token));
    TESSERA_ASSIGN_OR_RETURN(http::HttpAnswer answer, http::HttpGet(request));
    return std::move(answer.body);
  };
}

}  // namespace

std::shared_ptr<KeySource> KubernetesKeys(const KubernetesConfig& config, const Clock& clock,
                                          LogSink& log) {
  if (!config.jwks_file.empty()) {
    return std::make_shared<RefreshedKeys>(
        RefreshedKeys::Options{kKeyFileEvery, kKeyFileOnDemand, kKeysMaxAge},
        FromFile(config.jwks_file), clock, log);
  }
  if (config.jwks_url.empty()) return nullptr;
  return std::make_shared<RefreshedKeys>(
      RefreshedKeys::Options{kKeyUrlEvery, kKeyUrlOnDemand, kKeysMaxAge}, FromUrl(config), clock,
      log);
}

}  // namespace tessera::server
