#include "server/user/bootstrap.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/auth/secret_file.h"
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

// The reserved roles that the store lacks.
absl::StatusOr<std::vector<std::string>> MissingRoles(storage::Store& store, absl::Time deadline) {
  std::vector<std::string> missing;
  TESSERA_RETURN_IF_ERROR(store.Read(deadline, [&](Repositories& repositories) -> absl::Status {
    missing.clear();
    for (const std::string& name : ReservedRoles()) {
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

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

absl::Status WriteAll(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return absl::ErrnoToStatus(errno, "cannot write the generated password");
    text.remove_prefix(static_cast<size_t>(written));
  }
  if (fsync(file) != 0) return absl::ErrnoToStatus(errno, "cannot write the generated password");
  return absl::OkStatus();
}

// So that the file's name outlives a crash, as its content does.
absl::Status SyncFolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const File file(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.fd() < 0 || fsync(file.fd()) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot sync the folder of ", path));
  }
  return absl::OkStatus();
}

// A file left by a start that did not get to its end is replaced, never followed.
absl::Status WritePasswordFile(const std::string& path, const Secret& password) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot replace ", path));
  }
  const File file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file.fd() < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot make ", path));
  TESSERA_RETURN_IF_ERROR(WriteAll(file.fd(), password.Reveal()));
  TESSERA_RETURN_IF_ERROR(WriteAll(file.fd(), "\n"));
  return SyncFolderOf(path);
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
    TESSERA_ASSIGN_OR_RETURN(const std::vector<std::string> missing, MissingRoles(store_, Limit()));
    roles_.clear();
    admin_role_ = RoleId();
    for (const std::string& name : missing) {
      roles_.push_back({RoleId::Random(now_), name, "", {options_.self_audience}, now_});
      if (name == kAdminRole) admin_role_ = roles_.back().id;
    }
    return !roles_.empty();
  }

  static bool WasOvertaken(const absl::Status& added) {
    return ReasonOf(added) == reason::kRoleNameTaken;
  }

  // A generated password is random, so its length needs no rule.
  size_t MinCharacters(const AdminPassword& chosen) const {
    return chosen.generated ? 0 : options_.min_password_characters;
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
    TESSERA_ASSIGN_OR_RETURN(
        const Secret prepared,
        PreparePassword(chosen.password, kPasswordFileKey, MinCharacters(chosen)));
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
