// Contexts: named sets of server settings, so that commands need no flags.
#ifndef TESSERA_CLI_CONTEXT_STORE_H_
#define TESSERA_CLI_CONTEXT_STORE_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tessera::cli {

// One server, and how to reach it.
struct Context {
  std::string server;                   // host:port; empty: not set
  std::string ca;                       // file of PEM certificates; empty: the system's
  bool plaintext = false;               // no TLS
  bool plaintext_off_loopback = false;  // not even to other machines
  std::string issuer;                   // `iss` of the tokens that a login here brought
};

inline constexpr char kDefaultContext[] = "default";

// INVALID_ARGUMENT USAGE unless `name` is 1 to 64 of `A-Z a-z 0-9 . _ -` and begins with a letter
// or a digit.
absl::Status CheckContextName(std::string_view name);

// NOT_FOUND CONTEXT_NOT_FOUND.
absl::Status NoSuchContext(const std::string& name);

// A look into the process's environment; empty variables count as absent.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// $TESSERACTL_CONFIG_DIR, else $XDG_CONFIG_HOME/tessera, else ~/.config/tessera.
// INVALID_ARGUMENT USAGE: not absolute, or there is no home.
absl::StatusOr<std::string> ConfigFolder(const Environment& environment);

// Files `contexts/NAME.json` and `contexts/current` under the configuration folder. Thread-safe.
class ContextStore {
 public:
  explicit ContextStore(std::string folder) : folder_(std::move(folder)) {}

  // The context in use; `default` if none was chosen.
  absl::StatusOr<std::string> Current() const;
  // As NoSuchContext.
  absl::Status Use(const std::string& name) const;
  // Absent if there is none.
  absl::StatusOr<std::optional<Context>> Load(const std::string& name) const;
  absl::Status Save(const std::string& name, const Context& context) const;
  absl::StatusOr<std::vector<std::string>> List() const;

 private:
  std::string folder_;
};

}  // namespace tessera::cli

#endif  // TESSERA_CLI_CONTEXT_STORE_H_
