#include "server/user/user_import.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "server/auth/imported_hash.h"
#include "server/user/administrators.h"
#include "server/user/events.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

using storage::Repositories;
using storage::User;

// Whether it is this one user who is refused; else nothing is known of those behind either.
bool IsOfOneUser(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
      return true;
    default:
      return false;
  }
}

// The call has ended before it came to a user.
absl::Status NotReached() {
  return RetryableRefusal(absl::StatusCode::kResourceExhausted, reason::kOverloaded,
                          "the call ended first: ask for this user again", absl::Seconds(1));
}

absl::Status CheckFields(ImportedUser& user) {
  TESSERA_RETURN_IF_ERROR(user.unreadable);
  TESSERA_ASSIGN_OR_RETURN(user.fields, Checked(std::move(user.fields)));
  if (user.roles.size() > kMaxImportedMembers) return FieldInvalid("roles", "at most 64");
  if (user.groups.size() > kMaxImportedMembers) return FieldInvalid("groups", "at most 64");
  return absl::OkStatus();
}

absl::Status Missing(std::string_view reason, const std::string& name) {
  return Refusal(absl::StatusCode::kNotFound, reason, absl::StrCat("there is no ", name));
}

absl::Status Taken(std::string_view reason, std::string_view text) {
  return Refusal(absl::StatusCode::kAlreadyExists, reason, text);
}

// Two of one request are not in the store yet.
absl::Status CheckUnique(const NewUser& user, std::set<std::string>& names,
                         std::set<std::string>& emails) {
  if (!names.insert(user.username).second) {
    return Taken(reason::kUsernameTaken, "another user of this request has this name");
  }
  if (!user.email_key.empty() && !emails.insert(user.email_key).second) {
    return Taken(reason::kEmailTaken, "another user of this request has this email address");
  }
  return absl::OkStatus();
}

absl::Status JoinGroups(Repositories& repositories, const std::vector<std::string>& groups,
                        const User& row) {
  for (const std::string& name : groups) {
    TESSERA_ASSIGN_OR_RETURN(const auto group, repositories.groups.FindByName(name));
    if (!group.has_value()) return Missing(reason::kGroupNotFound, name);
    TESSERA_RETURN_IF_ERROR(repositories.groups.AddMember(group->id, row.id, row.created_at));
  }
  return absl::OkStatus();
}

// What is taken down: each role and each group as if it had been given by itself.
std::vector<AuditEntry> EntriesOf(const UserId& actor, const ImportedUser& imported,
                                  const UserId& id) {
  std::vector<AuditEntry> entries = {{event::kUserImported, actor.str(), id.str()}};
  const auto add = [&](std::string_view name, std::string_view key,
                       const std::vector<std::string>& given) {
    for (const std::string& each : std::set<std::string>(given.begin(), given.end())) {
      entries.push_back({name, actor.str(), id.str(), true, "", {{key, each}}});
    }
  };
  add(event::kRoleGranted, "role", imported.roles);
  add(event::kGroupMemberAdded, "group", imported.groups);
  return entries;
}

}  // namespace

bool UserImport::IsOver(absl::Time end, const CallerGone& gone) const {
  return (gone && gone()) || parts_.clock.Now() >= end;
}

absl::StatusOr<std::string> UserImport::HashOne(ImportedUser& user) const {
  TESSERA_RETURN_IF_ERROR(CheckFields(user));
  if (user.password_hash.empty()) return parts_.hasher.HashOfNothing();
  return WrapImportedHash(user.password_hash, "password_hash", parts_.hasher);
}

absl::StatusOr<HashedImport> UserImport::Hash(const CallInfo& call, std::vector<ImportedUser> users,
                                              const CallerGone& gone) const {
  if (users.empty() || users.size() > kMaxImportedUsers) return FieldInvalid("users", "1 to 100");
  const absl::Time now = parts_.clock.Now();
  const absl::Time end = now + (call.deadline - now) / 2;
  HashedImport import;
  bool over = false;
  for (ImportedUser& user : users) {
    HashedImport::Row row;
    over = over || IsOver(end, gone);
    absl::StatusOr<std::string> hash = over ? NotReached() : HashOne(user);
    row.refused = hash.status();
    if (!over && !IsOfOneUser(row.refused)) return row.refused;  // no memory to hash in
    if (hash.ok()) row.hash = *std::move(hash);
    row.user = std::move(user);
    import.rows_.push_back(std::move(row));
  }
  return import;
}

absl::Status UserImport::AddOne(const CallInfo& call, const UserId& actor,
                                const HashedImport::Row& row, UserId& id) const {
  TESSERA_RETURN_IF_ERROR(row.refused);
  const User user = RowOf(row.user.fields, row.hash, parts_.clock.Now());
  const absl::Status written = parts_.store.Write(
      storage::Repeat::kOnce, call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_RETURN_IF_ERROR(RefuseUnlessAdministrator(repositories, actor));
        TESSERA_RETURN_IF_ERROR(RefuseIfTooManyCosts(repositories, row.hash, parts_.hasher));
        TESSERA_RETURN_IF_ERROR(AddUserIn(repositories, user, parts_.policy.initial_roles));
        TESSERA_RETURN_IF_ERROR(GrantRolesIn(repositories, user, row.user.roles));
        TESSERA_RETURN_IF_ERROR(JoinGroups(repositories, row.user.groups, user));
        for (const AuditEntry& entry : EntriesOf(actor, row.user, user.id)) {
          TESSERA_RETURN_IF_ERROR(parts_.audit.AppendIn(repositories, call, entry));
        }
        return absl::OkStatus();
      });
  TESSERA_RETURN_IF_ERROR(written);
  id = user.id;
  parts_.log.Info(event::kUserImported,
                  {{"user", user.id.str()}, {"actor", actor.str()}, {"peer", call.peer}});
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ImportOutcome>> UserImport::Add(const CallInfo& call,
                                                           const UserId& actor,
                                                           const HashedImport& import,
                                                           const CallerGone& gone) const {
  std::vector<ImportOutcome> outcomes;
  absl::Status broken;  // what keeps the rest from being added
  for (const HashedImport::Row& row : import.rows_) {
    ImportOutcome outcome;
    if (broken.ok() && IsOver(call.deadline, gone)) broken = NotReached();
    outcome.status = broken.ok() ? AddOne(call, actor, row, outcome.id) : broken;
    if (!IsOfOneUser(outcome.status)) {
      if (outcomes.empty()) return outcome.status;
      broken = outcome.status;
    }
    outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

absl::Status UserImport::CheckOne(Repositories& repositories, const HashedImport::Row& row) const {
  const NewUser& user = row.user.fields;
  TESSERA_ASSIGN_OR_RETURN(const auto same_name, repositories.users.FindByName(user.username));
  if (same_name.has_value()) return Taken(reason::kUsernameTaken, "another user has this name");
  if (!user.email_key.empty()) {
    TESSERA_ASSIGN_OR_RETURN(const auto same_email, repositories.users.FindByEmail(user.email_key));
    if (same_email.has_value()) {
      return Taken(reason::kEmailTaken, "another user has this email address");
    }
  }
  for (const std::vector<std::string>* names : {&parts_.policy.initial_roles, &row.user.roles}) {
    for (const std::string& name : *names) {
      TESSERA_ASSIGN_OR_RETURN(const auto role, repositories.roles.FindByName(name));
      if (!role.has_value()) return Missing(reason::kRoleNotFound, name);
    }
  }
  for (const std::string& name : row.user.groups) {
    TESSERA_ASSIGN_OR_RETURN(const auto group, repositories.groups.FindByName(name));
    if (!group.has_value()) return Missing(reason::kGroupNotFound, name);
  }
  return RefuseIfTooManyCosts(repositories, row.hash, parts_.hasher);
}

absl::StatusOr<std::vector<ImportOutcome>> UserImport::Check(const CallInfo& call,
                                                             const HashedImport& import,
                                                             const CallerGone& gone) const {
  std::vector<ImportOutcome> outcomes;
  TESSERA_RETURN_IF_ERROR(
      parts_.store.Read(call.deadline, [&](Repositories& repositories) -> absl::Status {
        outcomes.clear();
        std::set<std::string> names;
        std::set<std::string> emails;
        for (const HashedImport::Row& row : import.rows_) {
          absl::Status status = row.refused;
          if (status.ok() && IsOver(call.deadline, gone)) status = NotReached();
          const bool reached = status.ok();
          if (reached) status = CheckOne(repositories, row);
          if (status.ok()) status = CheckUnique(row.user.fields, names, emails);
          if (reached && !IsOfOneUser(status)) return status;
          outcomes.push_back({UserId(), std::move(status)});
        }
        return absl::OkStatus();
      }));
  return outcomes;
}

}  // namespace tessera::server
