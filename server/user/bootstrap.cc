#include "server/user/bootstrap.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/auth/private_file.h"
#include "server/auth/secret_file.h"
#include "server/names/user_name.h"
#include "server/user/events.h"
#include "server/user/role_facade.h"
#include "server/user/user_facade.h"
#include "tessera/base/random.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/base64url.h"

namespace tessera::server {
namespace {

using storage::Repeat;
using storage::Repositories;

// 144 bits.
constexpr size_t kGeneratedPasswordBytes = 18;
constexpr absl::Duration kStoreLimit = absl::Seconds(30);
constexpr int kMaxTries = 5;  // each lost one means that another replica has got ahead
constexpr char kPasswordFileKey[] = "bootstrap.admin_password_file";

// Those of the roles that the store lacks.
absl::StatusOr<std::vector<std::string>> MissingRoles(storage::Store& store,
                                                      const std::vector<std::string>& names,
                                                      absl::Time deadline) {
  std::vector<std::string> missing;
  TESSERA_RETURN_IF_ERROR(store.Read(deadline, [&](Repositories& repositories) -> absl::Status {
    missing.clear();
    for (const std::string& name : names) {
      TESSERA_ASSIGN_OR_RETURN(const auto role, repositories.roles.FindByName(name));
      if (!role.has_value()) missing.push_back(name);
    }
    return absl::OkStatus();
  }));
  return missing;
}

absl::Status InsertRoles(Repositories& repositories, const std::vector<storage::Role>& roles) {
  for (const storage::Role& role : roles) {
    TESSERA_RETURN_IF_ERROR(repositories.roles.Insert(role));
  }
  return absl::OkStatus();
}

// Each once.
std::vector<std::string> WantedRoles(const BootstrapOptions& options) {
  std::vector<std::string> names = ReservedRoles();
  for (const std::string& name : options.initial_roles) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

// A file left by a start that did not get to its end is replaced, never followed.
absl::Status WritePasswordFile(const std::string& path, const Secret& password) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot replace ", path));
  }
  const Descriptor file(CreatePrivateFile(path));
  if (file.get() < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot make ", path));
  const bool written =
      WriteAndSync(file, password.Reveal()) && WriteAndSync(file, "\n") && SyncFolderOf(path);
  if (!written) return absl::ErrnoToStatus(errno, "cannot write the generated password");
  return absl::OkStatus();
}

struct AdminPassword {
  Secret password;
  bool generated = false;
};

absl::StatusOr<AdminPassword> ChoosePassword(const BootstrapOptions& options) {
  if (!options.admin_password_file.empty()) {
    TESSERA_ASSIGN_OR_RETURN(Secret password,
                             ReadSecretLine(options.admin_password_file, kPasswordFileKey));
    return AdminPassword{std::move(password), false};
  }
  if (options.terminal == nullptr && options.generated_password_file.empty()) {
    return absl::FailedPreconditionError(
        "bootstrap.admin_password_file is required: there is no terminal to show a password on, "
        "and no folder of this server's own to write one to");
  }
  return AdminPassword{Secret(Base64UrlEncode(RandomBytes(kGeneratedPasswordBytes))), true};
}

// The place where the operator finds a generated password.
absl::Status HandOver(const BootstrapOptions& options, const AdminPassword& chosen) {
  if (!chosen.generated) return absl::OkStatus();
  if (options.terminal == nullptr) {
    return WritePasswordFile(options.generated_password_file, chosen.password);
  }
  std::fprintf(options.terminal, "\nThe password of %s, shown this once: %.*s\n\n",
               options.admin_username.c_str(), static_cast<int>(chosen.password.Reveal().size()),
               chosen.password.Reveal().data());
  std::fflush(options.terminal);
  return absl::OkStatus();
}

// Another replica's administrator was first: nobody has the password that was handed over.
absl::Status Withdraw(const BootstrapOptions& options, const AdminPassword& chosen) {
  if (!chosen.generated) return absl::OkStatus();
  if (options.terminal == nullptr) {
    const std::string& path = options.generated_password_file;
    if (unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot remove ", path));
  }
  std::fprintf(options.terminal,
               "\nThe password above is void: another server has made the administrator.\n\n");
  std::fflush(options.terminal);
  return absl::OkStatus();
}

storage::User Administrator(std::string username, std::string hash, absl::Time now) {
  storage::User user;
  user.id = UserId::Random(now);
  user.username = std::move(username);
  user.password_hash = std::move(hash);
  user.created_at = user.updated_at = now;
  return user;
}

// One start: what it was given, and what it adds.
class FirstStart {
 public:
  FirstStart(const BootstrapOptions& options, storage::Store& store, const Clock& clock,
             LogSink& log)
      : options_(options), store_(store), now_(clock.Now()), log_(log) {}

  // Of several replicas that start at once one adds; the others find the name of a role taken, look
  // again, and find nothing missing.
  absl::Status Run(const PasswordHasher& hasher) {
    for (int tries = 0; tries < kMaxTries; ++tries) {
      TESSERA_ASSIGN_OR_RETURN(const bool missing, Look());
      if (!missing) return absl::OkStatus();
      const absl::Status added =
          admin_role_.empty() ? AddRoles() : AddRolesAndAdministrator(hasher);
      if (!WasOvertaken(added)) return added;
      log_.Info(event::kBootstrapOvertaken);
    }
    return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kStorageUnavailable,
                            "the reserved roles do not come to rest", absl::Seconds(1));
  }

 private:
  absl::Time Limit() const { return now_ + kStoreLimit; }

  // False if nothing is missing.
  absl::StatusOr<bool> Look() {
    TESSERA_ASSIGN_OR_RETURN(const std::vector<std::string> missing,
                             MissingRoles(store_, WantedRoles(options_), Limit()));
    roles_.clear();
    admin_role_ = RoleId();
    for (const std::string& name : missing) {
      roles_.push_back({RoleId::Random(now_), name, "", AudiencesOf(name), now_});
      if (name == kAdminRole) admin_role_ = roles_.back().id;
    }
    return !roles_.empty();
  }

  // A reserved role is for tesserad's own methods.
  std::vector<std::string> AudiencesOf(const std::string& role) const {
    const std::vector<std::string>& reserved = ReservedRoles();
    if (std::find(reserved.begin(), reserved.end(), role) == reserved.end()) return {};
    return {options_.self_audience};
  }

  static bool WasOvertaken(const absl::Status& added) {
    return ReasonOf(added) == reason::kRoleNameTaken;
  }

  // A generated password is random, so it needs no rule.
  absl::StatusOr<Secret> Prepared(const AdminPassword& chosen, std::string_view username) const {
    if (chosen.generated) return PreparePassword(chosen.password, kPasswordFileKey, 0);
    return options_.passwords.Prepare(chosen.password, kPasswordFileKey, {username});
  }

  absl::Status AddRoles() {
    TESSERA_RETURN_IF_ERROR(
        store_.Write(Repeat::kIdempotent, Limit(), [&](Repositories& repositories) -> absl::Status {
          TESSERA_ASSIGN_OR_RETURN(const bool again, IsSecondRun(repositories));
          return again ? absl::OkStatus() : InsertRoles(repositories, roles_);
        }));
    LogRoles();
    return absl::OkStatus();
  }

  absl::Status AddRolesAndAdministrator(const PasswordHasher& hasher) {
    TESSERA_ASSIGN_OR_RETURN(std::string username,
                             FoldUserName(options_.admin_username, "bootstrap.admin_username"));
    TESSERA_ASSIGN_OR_RETURN(const AdminPassword chosen, ChoosePassword(options_));
    TESSERA_ASSIGN_OR_RETURN(const Secret prepared, Prepared(chosen, username));
    TESSERA_ASSIGN_OR_RETURN(std::string hash, hasher.Hash(prepared));
    const storage::User admin = Administrator(std::move(username), std::move(hash), now_);
    // Before the commit: an administrator whose password nobody has seen would lock all out.
    TESSERA_RETURN_IF_ERROR(HandOver(options_, chosen));
    const absl::Status inserted = Insert(admin);
    if (WasOvertaken(inserted)) TESSERA_RETURN_IF_ERROR(Withdraw(options_, chosen));
    TESSERA_RETURN_IF_ERROR(inserted);
    LogRoles();
    log_.Info(event::kAdministratorMade, {{"user", admin.id.str()}, {"name", admin.username}});
    return absl::OkStatus();
  }

  absl::Status Insert(const storage::User& admin) {
    return store_.Write(Repeat::kIdempotent, Limit(),
                        [&](Repositories& repositories) -> absl::Status {
                          TESSERA_ASSIGN_OR_RETURN(const bool again, IsSecondRun(repositories));
                          if (again) return absl::OkStatus();
                          TESSERA_RETURN_IF_ERROR(InsertRoles(repositories, roles_));
                          TESSERA_RETURN_IF_ERROR(repositories.users.Insert(admin));
                          return repositories.roles.Grant(admin_role_, admin.id, now_);
                        });
  }

  // True if these very roles are there: the first run's COMMIT got no answer, and was made.
  absl::StatusOr<bool> IsSecondRun(Repositories& repositories) const {
    TESSERA_ASSIGN_OR_RETURN(const auto role, repositories.roles.FindByName(roles_.front().name));
    return role.has_value() && role->id.str() == roles_.front().id.str();
  }

  void LogRoles() {
    for (const storage::Role& role : roles_) {
      log_.Info(event::kReservedRoleMade, {{"role", role.name}});
    }
  }

  const BootstrapOptions& options_;
  storage::Store& store_;
  const absl::Time now_;
  LogSink& log_;
  std::vector<storage::Role> roles_;  // that are missing
  RoleId admin_role_;                 // empty: there already
};

}  // namespace

absl::Status Bootstrap(const BootstrapOptions& options, storage::Store& store,
                       const PasswordHasher& hasher, const Clock& clock, LogSink& log) {
  return FirstStart(options, store, clock, log).Run(hasher);
}

}  // namespace tessera::server
