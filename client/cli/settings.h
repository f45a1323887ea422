// What a command runs with: flags before environment before context before defaults.
#ifndef TESSERA_CLI_SETTINGS_H_
#define TESSERA_CLI_SETTINGS_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tessera/cli/context_store.h"

namespace tessera::cli {

inline constexpr char kDefaultServer[] = "127.0.0.1:7443";
inline constexpr char kDefaultTimeout[] = "10s";
inline constexpr absl::Duration kMaxTimeout = absl::Minutes(10);

// The global flags as given; absent: not on the command line.
struct Flags {
  std::optional<std::string> server;
  std::optional<std::string> ca;
  std::optional<std::string> context;
  std::optional<bool> plaintext;
  std::optional<bool> plaintext_off_loopback;
  std::string timeout = kDefaultTimeout;
  bool json = false;
};

struct Settings {
  std::string folder;         // of the configuration
  std::string context_name;   // a good one
  bool context_known = true;  // stored, or the default one, or the one in use
  Context context;            // in effect; `server` is always set
  absl::Duration timeout;     // of one request, and of waiting for another command
  bool json = false;
};

// INVALID_ARGUMENT USAGE, or what ContextStore says of an unreadable context. Of a context only
// what belongs to its own server is taken over: another `server` starts without CA, plaintext and
// issuer, so that what was allowed for one machine is not allowed for the next.
absl::StatusOr<Settings> ResolveSettings(const Flags& flags, const Environment& environment);

}  // namespace tessera::cli

#endif  // TESSERA_CLI_SETTINGS_H_
