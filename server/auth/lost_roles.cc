#include "server/auth/lost_roles.h"

#include <algorithm>
#include <utility>

#include "server/auth/revocations.h"
#include "server/auth/session_ender.h"
#include "server/auth/token_issuer.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

using storage::Repositories;

struct Batch {
  std::vector<storage::User> members;
  std::vector<storage::User> losers;  // those of them who hold one of the roles no more
  bool more = false;
};

absl::StatusOr<Batch> NextMembers(Repositories& repositories, const GroupId& group,
                                  const UserId& after, const std::vector<std::string>& roles) {
  storage::UserFilter filter;
  filter.group = group;
  Batch batch;
  TESSERA_ASSIGN_OR_RETURN(batch.members, repositories.users.List(filter, after, kEndBatch + 1));
  batch.more = batch.members.size() > static_cast<size_t>(kEndBatch);
  if (batch.more) batch.members.pop_back();
  for (const storage::User& member : batch.members) {
    TESSERA_ASSIGN_OR_RETURN(const std::vector<std::string> missing,
                             MissingOf(repositories, roles, member.id));
    if (!missing.empty()) batch.losers.push_back(member);
  }
  return batch;
}

// As StoreAndEndSessions in server/user/store_user.h.
absl::Status EndOne(Repositories& repositories, storage::User& user, absl::Time now) {
  ++user.version;
  const int64_t expected = user.revision++;
  user.updated_at = now;
  TESSERA_ASSIGN_OR_RETURN(const bool stored, repositories.users.Update(user, expected));
  if (!stored) {
    return Refusal(absl::StatusCode::kAborted, reason::kEtagMismatch,
                   "the user was changed since it was read");
  }
  return repositories.sessions.RevokeAllOf(user.id, now).status();
}

// For each, with all their entries of the feed at the end.
absl::Status EndAllOf(Repositories& repositories, std::vector<storage::User> users,
                      absl::Time now) {
  if (users.empty()) return absl::OkStatus();
  std::vector<storage::Revocation> entries;
  for (storage::User& user : users) {
    TESSERA_RETURN_IF_ERROR(EndOne(repositories, user, now));
    entries.push_back(RevokeUserEntry(user.id, user.version, now));
  }
  return repositories.revocations.Append(std::move(entries));
}

}  // namespace

bool LossEndsTokens(std::string_view role, bool any_role) {
  return any_role || role.substr(0, kReservedRolePrefix.size()) == kReservedRolePrefix;
}

absl::StatusOr<std::vector<std::string>> MissingOf(Repositories& repositories,
                                                   const std::vector<std::string>& roles,
                                                   const UserId& user) {
  std::vector<std::string> missing;
  if (roles.empty()) return missing;
  TESSERA_ASSIGN_OR_RETURN(const std::vector<storage::Role> held, repositories.roles.HeldBy(user));
  for (const std::string& name : roles) {
    const bool holds = std::any_of(held.begin(), held.end(),
                                   [&](const storage::Role& role) { return role.name == name; });
    if (!holds) missing.push_back(name);
  }
  return missing;
}

absl::StatusOr<bool> EndNextMembers(Repositories& repositories, const GroupId& group,
                                    const RoleId& role, absl::Time now) {
  TESSERA_ASSIGN_OR_RETURN(const std::vector<storage::GroupLoss> losses,
                           repositories.groups.LossesOf(group));
  const auto loss = std::find_if(losses.begin(), losses.end(), [&](const storage::GroupLoss& one) {
    return one.role_id == role;
  });
  if (loss == losses.end()) return false;
  TESSERA_ASSIGN_OR_RETURN(const Batch batch,
                           NextMembers(repositories, group, loss->ended_until, {loss->role}));
  TESSERA_RETURN_IF_ERROR(
      batch.more ? repositories.groups.AdvanceLoss(group, role, batch.members.back().id)
                 : repositories.groups.EndLoss(group, role));
  TESSERA_RETURN_IF_ERROR(EndAllOf(repositories, batch.losers, now));
  return batch.more;
}

absl::StatusOr<bool> RemoveNextMembers(Repositories& repositories, const GroupId& group,
                                       bool any_member, absl::Time now) {
  TESSERA_ASSIGN_OR_RETURN(const std::vector<storage::GroupLoss> losses,
                           repositories.groups.LossesOf(group));
  std::vector<std::string> lost;
  for (const storage::GroupLoss& loss : losses) lost.push_back(loss.role);
  TESSERA_ASSIGN_OR_RETURN(const Batch batch, NextMembers(repositories, group, UserId(), lost));
  for (const storage::User& member : batch.members) {
    TESSERA_RETURN_IF_ERROR(repositories.groups.RemoveMember(group, member.id).status());
  }
  if (!batch.more) TESSERA_RETURN_IF_ERROR(repositories.groups.Delete(group).status());
  TESSERA_RETURN_IF_ERROR(EndAllOf(repositories, any_member ? batch.members : batch.losers, now));
  return batch.more;
}

}  // namespace tessera::server
