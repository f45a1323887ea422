// ChangedKeys of stored_audit_trail.h.
#include <map>
#include <sstream>
#include <string>

#include "server/audit/stored_audit_trail.h"

namespace tessera::server {
namespace {

constexpr size_t kMostBytes = 200;

// `table.key` -> the rest of its line.
std::map<std::string, std::string> LinesOf(const std::string& text) {
  std::map<std::string, std::string> lines;
  std::istringstream stream(text);
  std::string table;
  for (std::string line; std::getline(stream, line);) {
    if (line.empty()) continue;
    if (line.front() == '[') {
      table = line.substr(1, line.find(']') - 1);
      continue;
    }
    const size_t equals = line.find(" = ");
    if (equals != line.npos) lines[table + "." + line.substr(0, equals)] = line.substr(equals);
  }
  return lines;
}

}  // namespace

std::string ChangedKeys(const std::string& before, const std::string& now) {
  const std::map<std::string, std::string> old = LinesOf(before);
  std::map<std::string, std::string> all = LinesOf(now);
  all.insert(old.begin(), old.end());
  const std::map<std::string, std::string> fresh = LinesOf(now);
  std::string names;
  for (const auto& [key, unused] : all) {
    const auto then = old.find(key);
    const auto here = fresh.find(key);
    if (then != old.end() && here != fresh.end() && then->second == here->second) continue;
    if (names.size() + key.size() > kMostBytes) return names + " ...";
    names += (names.empty() ? "" : " ") + key;
  }
  return names;
}

}  // namespace tessera::server
