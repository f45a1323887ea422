#include "server/config/config.h"

#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/config/settings.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

std::string JoinLines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += (text.empty() ? "" : "\n") + line;
  return text;
}

}  // namespace

absl::StatusOr<Config> LoadConfig(const std::string& path, const Environment& environment) {
  Settings settings;
  if (!path.empty()) {
    TESSERA_ASSIGN_OR_RETURN(settings, ReadToml(path));
  }
  Config config;
  std::vector<std::string> problems;
  Override(environment, settings, config.warnings);
  Bind(settings, config, problems);
  // Bounds are only worth telling once every value has its type.
  if (problems.empty()) Check(settings, config, problems);
  if (!problems.empty()) return absl::InvalidArgumentError(JoinLines(problems));
  return config;
}

Environment ProcessEnvironment() {
  Environment environment;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

}  // namespace tessera::server
