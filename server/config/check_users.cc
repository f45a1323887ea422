#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/report.h"

namespace tessera::server {
namespace {

constexpr size_t kMaxRoles = 64;
constexpr size_t kMaxRoleNameBytes = 64;
constexpr std::string_view kReservedPrefix = "tessera.";
constexpr std::string_view kRoleNameCharacters = "abcdefghijklmnopqrstuvwxyz0123456789._-";

bool IsRoleName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxRoleNameBytes &&
         name.find_first_not_of(kRoleNameCharacters) == std::string_view::npos;
}

void CheckRoleNames(Report& report, std::string_view key, const std::vector<std::string>& names) {
  if (names.size() > kMaxRoles) {
    report.Wrong(key, std::to_string(names.size()) + " names", "expected at most 64");
  }
  for (const std::string& name : names) {
    if (!IsRoleName(name)) {
      report.Wrong(key, name, "expected names of roles: 1 to 64 of a-z 0-9 . _ -");
    }
  }
}

}  // namespace

// A reserved role for everybody who comes would make everybody an administrator, or a guard.
void CheckUsers(Report& report) {
  const UsersConfig& users = report.config().users;
  CheckRoleNames(report, "users.initial_roles", users.initial_roles);
  CheckRoleNames(report, "users.admin_roles", users.admin_roles);
  for (const std::string& name : users.initial_roles) {
    if (name.rfind(kReservedPrefix, 0) == 0) {
      report.Wrong("users.initial_roles", name, "expected no name in `tessera.`");
    }
    if (std::count(users.admin_roles.begin(), users.admin_roles.end(), name) > 0) {
      report.Wrong("users.initial_roles", name,
                   "expected none of users.admin_roles: every new user would count as an "
                   "administrator");
    }
  }
}

}  // namespace tessera::server
