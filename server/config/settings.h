// What was set, by key and still untyped: the step between the sources and Config.
#ifndef TESSERA_SERVER_CONFIG_SETTINGS_H_
#define TESSERA_SERVER_CONFIG_SETTINGS_H_

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "server/config/config.h"

namespace tessera::server {

// A value that TOML has and no key takes: a float, a date, an array of something else.
struct ForeignValue {
  std::string text;
};

struct Setting {
  std::variant<std::string, int64_t, bool, std::vector<std::string>, ForeignValue> value;
  std::string origin;             // `FILE:LINE` or the variable's name
  bool from_environment = false;  // then the value is a string, whatever the key's type
};

// By key, `server.listen`.
using Settings = std::map<std::string, Setting>;

// Every leaf of a TOML file. NOT_FOUND: cannot be read. INVALID_ARGUMENT: no TOML; names the line.
absl::StatusOr<Settings> ReadToml(const std::string& path);

// `server.listen` -> `TESSERA_SERVER_LISTEN`.
std::string VariableOf(std::string_view key);

// Puts the settings into `config`. Adds a line to `problems` for each unknown key and each value of
// a wrong type or form.
void Bind(const Settings& settings, Config& config, std::vector<std::string>& problems);

// Adds to `settings` what `environment` sets, and a warning for each TESSERA_ variable without a
// key.
void Override(const Environment& environment, Settings& settings,
              std::vector<std::string>& warnings);

// Adds a line to `problems` for each value out of its bounds or at odds with another, and warnings.
void Check(const Settings& settings, Config& config, std::vector<std::string>& problems);

// `KEY = "VALUE": expected EXPECTATION`, with the origin if the key was set; secrets hidden.
std::string Problem(std::string_view key, std::string_view value, std::string_view expectation,
                    const Settings& settings);

// `storage.url` without its password.
std::string HideUrlPassword(std::string_view url);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_CONFIG_SETTINGS_H_
