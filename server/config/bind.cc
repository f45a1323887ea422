#include <array>
#include <cctype>
#include <charconv>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "server/config/duration.h"
#include "server/config/settings.h"

namespace tessera::server {
namespace {

// Where a key's value lives in a Config, by type.
using Place = std::variant<std::string*, bool*, int*, uint32_t*, absl::Duration*, Reflection*,
                           std::vector<std::string>*>;

struct Field {
  std::string_view key;
  Place (*place)(Config&);
};

// Every key there is, in the order in which they are printed.
constexpr std::array kFields = {
    Field{"server.listen", [](Config& c) -> Place { return &c.server.listen; }},
    Field{"server.plaintext", [](Config& c) -> Place { return &c.server.plaintext; }},
    Field{"server.plaintext_off_loopback",
          [](Config& c) -> Place { return &c.server.plaintext_off_loopback; }},
    Field{"server.reflection", [](Config& c) -> Place { return &c.server.reflection; }},
    Field{"server.trusted_proxies", [](Config& c) -> Place { return &c.server.trusted_proxies; }},
    Field{"server.tls.certificate", [](Config& c) -> Place { return &c.server.tls.certificate; }},
    Field{"server.tls.key", [](Config& c) -> Place { return &c.server.tls.key; }},
    Field{"server.tls.client_ca", [](Config& c) -> Place { return &c.server.tls.client_ca; }},
    Field{"ops.listen", [](Config& c) -> Place { return &c.ops.listen; }},
    Field{"storage.url", [](Config& c) -> Place { return &c.storage.url; }},
    Field{"storage.connections", [](Config& c) -> Place { return &c.storage.connections; }},
    Field{"storage.password_file", [](Config& c) -> Place { return &c.storage.password_file; }},
    Field{"storage.tls_ca", [](Config& c) -> Place { return &c.storage.tls_ca; }},
    Field{"storage.plaintext_off_loopback",
          [](Config& c) -> Place { return &c.storage.plaintext_off_loopback; }},
    Field{"storage.relaxed_durability",
          [](Config& c) -> Place { return &c.storage.relaxed_durability; }},
    Field{"storage.migrate", [](Config& c) -> Place { return &c.storage.migrate; }},
    Field{"storage.wait_at_start", [](Config& c) -> Place { return &c.storage.wait_at_start; }},
    Field{"storage.max_clock_difference",
          [](Config& c) -> Place { return &c.storage.max_clock_difference; }},
    Field{"keys.master_key_file", [](Config& c) -> Place { return &c.keys.master_key_file; }},
    Field{"keys.algorithm", [](Config& c) -> Place { return &c.keys.algorithm; }},
    Field{"keys.rotate_every", [](Config& c) -> Place { return &c.keys.rotate_every; }},
    Field{"keys.publish_ahead", [](Config& c) -> Place { return &c.keys.publish_ahead; }},
    Field{"keys.acknowledge_timeout",
          [](Config& c) -> Place { return &c.keys.acknowledge_timeout; }},
    Field{"keys.hs256_file", [](Config& c) -> Place { return &c.keys.hs256_file; }},
    Field{"tokens.issuer", [](Config& c) -> Place { return &c.tokens.issuer; }},
    Field{"tokens.self_audience", [](Config& c) -> Place { return &c.tokens.self_audience; }},
    Field{"tokens.audiences", [](Config& c) -> Place { return &c.tokens.audiences; }},
    Field{"tokens.access_ttl", [](Config& c) -> Place { return &c.tokens.access_ttl; }},
    Field{"tokens.refresh_ttl", [](Config& c) -> Place { return &c.tokens.refresh_ttl; }},
    Field{"tokens.refresh_idle_ttl", [](Config& c) -> Place { return &c.tokens.refresh_idle_ttl; }},
    Field{"tokens.reuse_grace", [](Config& c) -> Place { return &c.tokens.reuse_grace; }},
    Field{"tokens.refresh_reset_at", [](Config& c) -> Place { return &c.tokens.refresh_reset_at; }},
    Field{"tokens.leeway", [](Config& c) -> Place { return &c.tokens.leeway; }},
    Field{"tokens.scopes", [](Config& c) -> Place { return &c.tokens.scopes; }},
    Field{"tokens.requested_claims", [](Config& c) -> Place { return &c.tokens.requested_claims; }},
    Field{"tokens.attribute_claims", [](Config& c) -> Place { return &c.tokens.attribute_claims; }},
    Field{"tokens.renewal_needs_access_token",
          [](Config& c) -> Place { return &c.tokens.renewal_needs_access_token; }},
    Field{"tokens.renewal_only_after_expiry",
          [](Config& c) -> Place { return &c.tokens.renewal_only_after_expiry; }},
    Field{"tokens.renewal_by_access_token",
          [](Config& c) -> Place { return &c.tokens.renewal_by_access_token; }},
    Field{"tokens.one_session_per_user",
          [](Config& c) -> Place { return &c.tokens.one_session_per_user; }},
    Field{"tokens.revoke_on_role_change",
          [](Config& c) -> Place { return &c.tokens.revoke_on_role_change; }},
    Field{"cookies.enabled", [](Config& c) -> Place { return &c.cookies.enabled; }},
    Field{"cookies.access_name", [](Config& c) -> Place { return &c.cookies.access_name; }},
    Field{"cookies.refresh_name", [](Config& c) -> Place { return &c.cookies.refresh_name; }},
    Field{"cookies.same_site", [](Config& c) -> Place { return &c.cookies.same_site; }},
    Field{"cookies.allowed_origins", [](Config& c) -> Place { return &c.cookies.allowed_origins; }},
    Field{"kubernetes.issuer", [](Config& c) -> Place { return &c.kubernetes.issuer; }},
    Field{"kubernetes.audience", [](Config& c) -> Place { return &c.kubernetes.audience; }},
    Field{"kubernetes.jwks_file", [](Config& c) -> Place { return &c.kubernetes.jwks_file; }},
    Field{"kubernetes.jwks_url", [](Config& c) -> Place { return &c.kubernetes.jwks_url; }},
    Field{"kubernetes.ca_file", [](Config& c) -> Place { return &c.kubernetes.ca_file; }},
    Field{"kubernetes.token_file", [](Config& c) -> Place { return &c.kubernetes.token_file; }},
    Field{"mesh.enabled", [](Config& c) -> Place { return &c.mesh.enabled; }},
    Field{"mesh.descriptor_sets", [](Config& c) -> Place { return &c.mesh.descriptor_sets; }},
    Field{"mesh.listen", [](Config& c) -> Place { return &c.mesh.listen; }},
    Field{"mesh.client_ca", [](Config& c) -> Place { return &c.mesh.client_ca; }},
    Field{"mesh.remove_authorization",
          [](Config& c) -> Place { return &c.mesh.remove_authorization; }},
    Field{"mesh.uncut_streams", [](Config& c) -> Place { return &c.mesh.uncut_streams; }},
    Field{"passwords.memory_kib", [](Config& c) -> Place { return &c.passwords.memory_kib; }},
    Field{"passwords.passes", [](Config& c) -> Place { return &c.passwords.passes; }},
    Field{"passwords.min_length", [](Config& c) -> Place { return &c.passwords.min_length; }},
    Field{"passwords.blocklist_file",
          [](Config& c) -> Place { return &c.passwords.blocklist_file; }},
    Field{"passwords.reset_token_ttl",
          [](Config& c) -> Place { return &c.passwords.reset_token_ttl; }},
    Field{"second_factor.issuer", [](Config& c) -> Place { return &c.second_factor.issuer; }},
    Field{"second_factor.algorithm", [](Config& c) -> Place { return &c.second_factor.algorithm; }},
    Field{"second_factor.digits", [](Config& c) -> Place { return &c.second_factor.digits; }},
    Field{"second_factor.period", [](Config& c) -> Place { return &c.second_factor.period; }},
    Field{"second_factor.drift", [](Config& c) -> Place { return &c.second_factor.drift; }},
    Field{"second_factor.challenge_ttl",
          [](Config& c) -> Place { return &c.second_factor.challenge_ttl; }},
    Field{"throttle.attempts", [](Config& c) -> Place { return &c.throttle.attempts; }},
    Field{"throttle.account_attempts",
          [](Config& c) -> Place { return &c.throttle.account_attempts; }},
    Field{"throttle.source_attempts",
          [](Config& c) -> Place { return &c.throttle.source_attempts; }},
    Field{"throttle.registrations", [](Config& c) -> Place { return &c.throttle.registrations; }},
    Field{"throttle.first_delay", [](Config& c) -> Place { return &c.throttle.first_delay; }},
    Field{"throttle.max_delay", [](Config& c) -> Place { return &c.throttle.max_delay; }},
    Field{"throttle.forget_after", [](Config& c) -> Place { return &c.throttle.forget_after; }},
    Field{"throttle.device_ttl", [](Config& c) -> Place { return &c.throttle.device_ttl; }},
    Field{"users.initial_roles", [](Config& c) -> Place { return &c.users.initial_roles; }},
    Field{"users.admin_roles", [](Config& c) -> Place { return &c.users.admin_roles; }},
    Field{"registration.enabled", [](Config& c) -> Place { return &c.registration.enabled; }},
    Field{"bootstrap.admin_username",
          [](Config& c) -> Place { return &c.bootstrap.admin_username; }},
    Field{"bootstrap.admin_password_file",
          [](Config& c) -> Place { return &c.bootstrap.admin_password_file; }},
    Field{"audit.retention", [](Config& c) -> Place { return &c.audit.retention; }},
    Field{"audit.max_events", [](Config& c) -> Place { return &c.audit.max_events; }},
    Field{"log.format", [](Config& c) -> Place { return &c.log.format; }},
};

constexpr std::string_view kReflectionChoice =
    "expected one of \"off\", \"authenticated\", \"public\"";

std::string_view ReflectionName(Reflection reflection) {
  switch (reflection) {
    case Reflection::kPublic:
      return "public";
    case Reflection::kAuthenticated:
      return "authenticated";
    case Reflection::kOff:
      break;
  }
  return "off";
}

const std::string* AsString(const Setting& setting) {
  return std::get_if<std::string>(&setting.value);
}

std::vector<std::string> SplitAtCommas(std::string_view text) {
  std::vector<std::string> items;
  if (text.empty()) return items;
  while (true) {
    const size_t comma = text.find(',');
    items.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return items;
    text.remove_prefix(comma + 1);
  }
}

std::optional<int64_t> AsInteger(const Setting& setting) {
  if (const auto* number = std::get_if<int64_t>(&setting.value)) return *number;
  const std::string* text = AsString(setting);
  if (text == nullptr || !setting.from_environment) return std::nullopt;
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return number;
}

// Each Assign puts a setting into its place, and returns the expectation that it failed, or
// nothing.
struct Assign {
  const Setting& setting;

  std::string_view operator()(std::string* place) const {
    const std::string* text = AsString(setting);
    if (text == nullptr || text->find('\0') != std::string::npos) return "expected a string";
    *place = *text;
    return {};
  }
  std::string_view operator()(bool* place) const {
    const std::string* text = setting.from_environment ? AsString(setting) : nullptr;
    if (const bool* truth = std::get_if<bool>(&setting.value)) {
      *place = *truth;
    } else if (text != nullptr && (*text == "true" || *text == "false")) {
      *place = *text == "true";
    } else {
      return "expected true or false";
    }
    return {};
  }
  template <typename Integer>
  std::string_view AssignInteger(Integer* place) const {
    const std::optional<int64_t> number = AsInteger(setting);
    if (!number || *number < 0 || *number > std::numeric_limits<int32_t>::max()) {
      return "expected a whole number, not negative";
    }
    *place = static_cast<Integer>(*number);
    return {};
  }
  std::string_view operator()(int* place) const { return AssignInteger(place); }
  std::string_view operator()(uint32_t* place) const { return AssignInteger(place); }
  std::string_view operator()(absl::Duration* place) const {
    const std::string* text = AsString(setting);
    const std::optional<absl::Duration> duration =
        text == nullptr ? std::nullopt : ParseDuration(*text);
    if (!duration) return "expected a duration such as \"15m\" or \"1h30m\" (units ms s m h d)";
    *place = *duration;
    return {};
  }
  std::string_view operator()(Reflection* place) const {
    const std::string* text = AsString(setting);
    for (Reflection choice : {Reflection::kOff, Reflection::kAuthenticated, Reflection::kPublic}) {
      if (text == nullptr || *text != ReflectionName(choice)) continue;
      *place = choice;
      return {};
    }
    return kReflectionChoice;
  }
  std::string_view operator()(std::vector<std::string>* place) const {
    const std::string* text = setting.from_environment ? AsString(setting) : nullptr;
    if (const auto* items = std::get_if<std::vector<std::string>>(&setting.value)) {
      *place = *items;
    } else if (text != nullptr) {
      *place = SplitAtCommas(*text);
    } else {
      return "expected a list of strings";
    }
    return {};
  }
};

// A TOML basic string.
std::string Quote(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string quoted = "\"";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += std::string("\\u00") + kHex[byte >> 4] + kHex[byte & 15];
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string QuoteAll(const std::vector<std::string>& items) {
  std::string list = "[";
  for (const std::string& item : items) list += (list.size() > 1 ? ", " : "") + Quote(item);
  return list + "]";
}

// A value as TOML.
struct Show {
  std::string operator()(const std::string* value) const { return Quote(*value); }
  std::string operator()(const bool* value) const { return *value ? "true" : "false"; }
  std::string operator()(const int* value) const { return std::to_string(*value); }
  std::string operator()(const uint32_t* value) const { return std::to_string(*value); }
  std::string operator()(const absl::Duration* value) const { return Quote(DurationText(*value)); }
  std::string operator()(const Reflection* value) const { return Quote(ReflectionName(*value)); }
  std::string operator()(const std::vector<std::string>* value) const { return QuoteAll(*value); }
};

struct ShowSetting {
  std::string operator()(const std::string& value) const { return Quote(value); }
  std::string operator()(int64_t value) const { return std::to_string(value); }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(const std::vector<std::string>& value) const { return QuoteAll(value); }
  std::string operator()(const ForeignValue& value) const { return value.text; }
};

const Field* FindField(std::string_view key) {
  for (const Field& field : kFields) {
    if (field.key == key) return &field;
  }
  return nullptr;
}

std::string WhereSet(std::string_view key, const Settings& settings) {
  const auto found = settings.find(std::string(key));
  return found == settings.end() ? "" : " (" + found->second.origin + ")";
}

}  // namespace

std::string VariableOf(std::string_view key) {
  std::string name = "TESSERA_";
  for (char c : key) {
    name += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

std::string HideUrlPassword(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string(url);
  const size_t start = scheme + 3;
  const std::string_view authority = url.substr(start, url.find('/', start) - start);
  const size_t at = authority.rfind('@');
  const size_t colon = authority.find(':');
  if (at == std::string_view::npos || colon == std::string_view::npos || colon > at) {
    // A password with a slash in it ends the authority early: hide up to the last @.
    const size_t last_at = url.rfind('@');
    const size_t first_colon = url.find(':', start);
    if (last_at == std::string_view::npos || first_colon > last_at) return std::string(url);
    return std::string(url.substr(0, first_colon)) + ":***" + std::string(url.substr(last_at));
  }
  return std::string(url.substr(0, start + colon)) + ":***" + std::string(url.substr(start + at));
}

std::string Problem(std::string_view key, std::string_view value, std::string_view expectation,
                    const Settings& settings) {
  const std::string shown =
      Quote(key == "storage.url" ? HideUrlPassword(value) : std::string(value));
  return std::string(key) + " = " + shown + ": " + std::string(expectation) +
         WhereSet(key, settings);
}

void Bind(const Settings& settings, Config& config, std::vector<std::string>& problems) {
  for (const auto& [key, setting] : settings) {
    const Field* field = FindField(key);
    if (field == nullptr) {
      problems.push_back(key + ": unknown key; server/config/README.md lists them (" +
                         setting.origin + ")");
      continue;
    }
    const std::string_view failed = std::visit(Assign{setting}, field->place(config));
    if (failed.empty()) continue;
    problems.push_back(key + " = " + std::visit(ShowSetting{}, setting.value) + ": " +
                       std::string(failed) + " (" + setting.origin + ")");
  }
}

void Override(const Environment& environment, Settings& settings,
              std::vector<std::string>& warnings) {
  std::map<std::string, std::string_view> keys;
  for (const Field& field : kFields) keys[VariableOf(field.key)] = field.key;
  for (const auto& [name, value] : environment) {
    if (name.rfind("TESSERA_", 0) != 0) continue;
    const auto found = keys.find(name);
    if (found == keys.end()) {
      warnings.push_back("the variable " + name + " names no key and is ignored");
      continue;
    }
    settings[std::string(found->second)] = {value, name, true};
  }
}

std::string PrintConfig(const Config& config) {
  Config shown = config;
  shown.storage.url = HideUrlPassword(config.storage.url);
  std::string text;
  std::string table;
  for (const Field& field : kFields) {
    const size_t dot = field.key.rfind('.');
    const std::string of(field.key.substr(0, dot));
    if (of != table) text += (table.empty() ? "[" : "\n[") + of + "]\n";
    table = of;
    text += std::string(field.key.substr(dot + 1)) + " = " +
            std::visit(Show{}, field.place(shown)) + "\n";
  }
  return text;
}

}  // namespace tessera::server
