#include <toml++/toml.h>

#include <exception>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/config/settings.h"

namespace tessera::server {
namespace {

std::string TextOf(const toml::node& node) {
  std::ostringstream text;
  node.visit([&text](const auto& typed) { text << typed; });
  return text.str();
}

// A list whose every item is a string, or a foreign value.
Setting ListSetting(const toml::array& array, std::string origin) {
  std::vector<std::string> items;
  for (const toml::node& item : array) {
    const auto* text = item.as_string();
    if (text == nullptr) return {ForeignValue{TextOf(array)}, std::move(origin)};
    items.push_back(text->get());
  }
  return {std::move(items), std::move(origin)};
}

Setting LeafSetting(const toml::node& node, std::string origin) {
  if (const auto* text = node.as_string()) return {text->get(), std::move(origin)};
  if (const auto* number = node.as_integer()) return {number->get(), std::move(origin)};
  if (const auto* truth = node.as_boolean()) return {truth->get(), std::move(origin)};
  if (const auto* array = node.as_array()) return ListSetting(*array, std::move(origin));
  return {ForeignValue{TextOf(node)}, std::move(origin)};
}

void Flatten(const toml::table& table, const std::string& prefix, const std::string& path,
             Settings& settings) {
  for (const auto& [name, node] : table) {
    const std::string key = prefix + std::string(name.str());
    if (const auto* inner = node.as_table()) {
      Flatten(*inner, key + ".", path, settings);
      continue;
    }
    const std::string origin = path + ":" + std::to_string(node.source().begin.line);
    settings[key] = LeafSetting(node, origin);
  }
}

absl::Status SyntaxError(const std::string& path, const toml::parse_error& error) {
  // Only what toml++ expected, never the text: it might hold a secret.
  return absl::InvalidArgumentError(path + ":" + std::to_string(error.source().begin.line) +
                                    ": not TOML: " + std::string(error.description()));
}

}  // namespace

absl::StatusOr<Settings> ReadToml(const std::string& path) {
  std::error_code ignored;
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path, ignored)) {
    return absl::NotFoundError(path + ": the configuration file cannot be read");
  }
  std::ostringstream text;
  text << file.rdbuf();
  try {
    Settings settings;
    Flatten(toml::parse(text.str()), "", path, settings);
    return settings;
  } catch (const toml::parse_error& error) {
    return SyntaxError(path, error);
  } catch (const std::exception&) {
    return absl::InvalidArgumentError(path + ": cannot be parsed");
  }
}

}  // namespace tessera::server
