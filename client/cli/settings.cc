#include "tessera/cli/settings.h"

#include <limits.h>
#include <stdlib.h>

#include <array>
#include <utility>

#include "tessera/base/status_macros.h"
#include "tessera/cli/exit_code.h"

namespace tessera::cli {
namespace {

std::optional<std::string> FirstOf(const std::optional<std::string>& flag,
                                   std::optional<std::string> variable) {
  if (flag.has_value()) return flag;
  return variable;
}

absl::StatusOr<absl::Duration> ParseTimeout(const std::string& text) {
  absl::Duration timeout;
  if (!absl::ParseDuration(text, &timeout) || timeout <= absl::ZeroDuration() ||
      timeout > kMaxTimeout) {
    return UsageError("--timeout: expected a duration above 0 and up to 10m, such as 10s");
  }
  return timeout;
}

// A path that still holds when the next command runs elsewhere.
absl::StatusOr<std::string> AbsolutePath(const std::string& path) {
  if (path.empty()) return path;
  std::array<char, PATH_MAX> absolute{};
  if (::realpath(path.c_str(), absolute.data()) == nullptr) {
    return UsageError("--ca: cannot open " + path);
  }
  return std::string(absolute.data());
}

absl::StatusOr<std::string> ContextName(const std::optional<std::string>& given,
                                        const ContextStore& contexts) {
  if (!given.has_value()) return contexts.Current();
  TESSERA_RETURN_IF_ERROR(CheckContextName(*given));
  return *given;
}

absl::Status Override(const Flags& flags, const Environment& environment, Context& context) {
  const auto server = FirstOf(flags.server, environment("TESSERACTL_SERVER"));
  if (server.has_value() && *server != context.server) {
    context = Context();
    context.server = *server;
  }
  if (context.server.empty()) context.server = kDefaultServer;
  if (const auto ca = FirstOf(flags.ca, environment("TESSERACTL_CA"))) {
    TESSERA_ASSIGN_OR_RETURN(context.ca, AbsolutePath(*ca));
  }
  context.plaintext = flags.plaintext.value_or(context.plaintext);
  context.plaintext_off_loopback =
      flags.plaintext_off_loopback.value_or(context.plaintext_off_loopback);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Settings> ResolveSettings(const Flags& flags, const Environment& environment) {
  Settings settings;
  settings.json = flags.json;
  TESSERA_ASSIGN_OR_RETURN(settings.timeout, ParseTimeout(flags.timeout));
  TESSERA_ASSIGN_OR_RETURN(settings.folder, ConfigFolder(environment));
  const ContextStore contexts(settings.folder);
  const auto given = FirstOf(flags.context, environment("TESSERACTL_CONTEXT"));
  TESSERA_ASSIGN_OR_RETURN(settings.context_name, ContextName(given, contexts));
  TESSERA_ASSIGN_OR_RETURN(const std::optional<Context> stored,
                           contexts.Load(settings.context_name));
  settings.context_known =
      stored.has_value() || !given.has_value() || settings.context_name == kDefaultContext;
  settings.context = stored.value_or(Context());
  TESSERA_RETURN_IF_ERROR(Override(flags, environment, settings.context));
  return settings;
}

}  // namespace tessera::cli
