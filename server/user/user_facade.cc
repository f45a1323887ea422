#include "server/user/user_facade.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/auth/revocations.h"
#include "server/user/administrators.h"
#include "server/user/events.h"
#include "server/user/field_checks.h"
#include "server/user/page_token.h"
#include "server/user/store_user.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

using storage::Repeat;
using storage::Repositories;
using storage::User;
using storage::UserState;

constexpr std::string_view kAttributes = "user.attributes";

absl::Status UserNotFound() {
  return Refusal(absl::StatusCode::kNotFound, reason::kUserNotFound, "no such user");
}

absl::Status WrongPassword() {
  return Refusal(absl::StatusCode::kUnauthenticated, reason::kBadCredentials,
                 "the old password is wrong");
}

absl::StatusOr<User> Find(Repositories& repositories, const UserId& id) {
  TESSERA_ASSIGN_OR_RETURN(std::optional<User> user, repositories.users.Find(id));
  if (!user.has_value()) return UserNotFound();
  return *std::move(user);
}

absl::StatusOr<User> FindByKey(Repositories& repositories, const UserKey& key) {
  if (const UserId* id = std::get_if<UserId>(&key)) return Find(repositories, *id);
  const absl::StatusOr<std::string> name = FoldUserName(std::get<std::string>(key), "username");
  if (!name.ok()) return UserNotFound();  // nobody can have it
  TESSERA_ASSIGN_OR_RETURN(std::optional<User> user, repositories.users.FindByName(*name));
  if (!user.has_value()) return UserNotFound();
  return *std::move(user);
}

absl::StatusOr<User> FindAt(Repositories& repositories, const UserId& id, std::string_view etag) {
  TESSERA_ASSIGN_OR_RETURN(User user, Find(repositories, id));
  if (!etag.empty() && etag != EtagOf(user)) return EtagMismatch();
  return user;
}

void Apply(const UserChange& change, User& user) {
  if (change.username.has_value()) user.username = *change.username;
  if (change.display_name.has_value()) user.display_name = *change.display_name;
  if (change.state.has_value()) user.state = *change.state;
  if (change.attributes.has_value()) user.attributes = EncodeNamedTexts(*change.attributes);
}

// `change` with the name folded; refuses what cannot be stored.
absl::StatusOr<UserChange> Checked(UserChange change) {
  if (change.username.has_value()) {
    TESSERA_ASSIGN_OR_RETURN(change.username, FoldUserName(*change.username, "user.username"));
  }
  if (change.display_name.has_value()) {
    TESSERA_RETURN_IF_ERROR(CheckDisplayText(*change.display_name, "user.display_name"));
  }
  if (change.attributes.has_value()) {
    TESSERA_RETURN_IF_ERROR(CheckNamedTexts(*change.attributes, kMaxAttributes, kAttributes));
  }
  return change;
}

struct Updated {
  User user;
  bool disabled = false;  // by this change
};

absl::StatusOr<Updated> UpdateIn(Repositories& repositories, const UserChange& change,
                                 absl::Time now) {
  TESSERA_ASSIGN_OR_RETURN(const User before, FindAt(repositories, change.id, change.etag));
  Updated updated{before};
  Apply(change, updated.user);
  updated.disabled =
      before.state == UserState::kActive && updated.user.state == UserState::kDisabled;
  if (!updated.disabled) {
    TESSERA_RETURN_IF_ERROR(StoreNext(repositories, updated.user, now));
    return updated;
  }
  TESSERA_RETURN_IF_ERROR(RefuseIfLastAdministrator(repositories, before));
  TESSERA_RETURN_IF_ERROR(StoreAndEndAll(repositories, updated.user, now));
  return updated;
}

}  // namespace

std::string EtagOf(const User& user) { return absl::StrCat("v", user.revision); }

absl::StatusOr<HashedNewUser> UserFacade::HashNewUser(NewUser user, const Secret& password) const {
  TESSERA_ASSIGN_OR_RETURN(user.username, FoldUserName(user.username, "user.username"));
  TESSERA_RETURN_IF_ERROR(CheckDisplayText(user.display_name, "user.display_name"));
  TESSERA_RETURN_IF_ERROR(CheckNamedTexts(user.attributes, kMaxAttributes, kAttributes));
  TESSERA_ASSIGN_OR_RETURN(const Secret prepared,
                           PreparePassword(password, "password", parts_.min_password_characters));
  TESSERA_ASSIGN_OR_RETURN(std::string hash, parts_.hasher.Hash(prepared));
  return HashedNewUser(std::move(user), std::move(hash));
}

absl::StatusOr<User> UserFacade::Create(const CallInfo& call, const UserId& actor,
                                        const HashedNewUser& user) const {
  const absl::Time now = parts_.clock.Now();
  User stored;
  stored.id = UserId::Random(now);
  stored.username = user.fields().username;
  stored.display_name = user.fields().display_name;
  stored.state = user.fields().state;
  stored.attributes = EncodeNamedTexts(user.fields().attributes);
  stored.password_hash = user.password_hash();
  stored.created_at = stored.updated_at = now;
  const absl::Status written = parts_.store.Write(
      Repeat::kOnce, call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_RETURN_IF_ERROR(RefuseUnlessAdministrator(repositories, actor));
        return repositories.users.Insert(stored);
      });
  TESSERA_RETURN_IF_ERROR(written);
  parts_.log.Info(event::kUserCreated,
                  {{"user", stored.id.str()}, {"actor", actor.str()}, {"peer", call.peer}});
  return stored;
}

absl::StatusOr<User> UserFacade::Get(const CallInfo& call, const UserKey& key) const {
  User user;
  TESSERA_RETURN_IF_ERROR(
      parts_.store.Read(call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_ASSIGN_OR_RETURN(user, FindByKey(repositories, key));
        return absl::OkStatus();
      }));
  return user;
}

absl::StatusOr<UserFacade::Current> UserFacade::GetCurrent(const CallInfo& call,
                                                           const UserId& id) const {
  Current current;
  TESSERA_RETURN_IF_ERROR(
      parts_.store.Read(call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_ASSIGN_OR_RETURN(current.user, Find(repositories, id));
        TESSERA_ASSIGN_OR_RETURN(current.roles, repositories.roles.HeldBy(id));
        return absl::OkStatus();
      }));
  return current;
}

absl::StatusOr<UserFacade::Page> UserFacade::List(const CallInfo& call, int page_size,
                                                  std::string_view page_token) const {
  TESSERA_ASSIGN_OR_RETURN(const int size, PageSize(page_size));
  TESSERA_ASSIGN_OR_RETURN(std::string after, ReadPageToken(PageOf::kUsers, page_token));
  const UserId start(std::move(after));
  Page page;
  TESSERA_RETURN_IF_ERROR(
      parts_.store.Read(call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_ASSIGN_OR_RETURN(page.users, repositories.users.List(start, size + 1));
        return absl::OkStatus();
      }));
  if (page.users.size() > static_cast<size_t>(size)) {
    page.users.pop_back();
    page.next_page_token = MakePageToken(PageOf::kUsers, page.users.back().id.str());
  }
  return page;
}

absl::StatusOr<User> UserFacade::Update(const CallInfo& call, const UserId& actor,
                                        const UserChange& change) const {
  TESSERA_ASSIGN_OR_RETURN(const UserChange checked, Checked(change));
  const absl::Time now = parts_.clock.Now();
  Updated updated;
  const absl::Status written = parts_.store.Write(
      Repeat::kOnce, call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_RETURN_IF_ERROR(RefuseUnlessAdministrator(repositories, actor));
        TESSERA_ASSIGN_OR_RETURN(updated, UpdateIn(repositories, checked, now));
        return absl::OkStatus();
      });
  TESSERA_RETURN_IF_ERROR(written);
  const LogSink::Fields fields = {
      {"user", updated.user.id.str()}, {"actor", actor.str()}, {"peer", call.peer}};
  parts_.log.Info(event::kUserUpdated, fields);
  if (!updated.disabled) return updated.user;
  parts_.log.Info(event::kUserDisabled, fields);
  TESSERA_RETURN_IF_ERROR(parts_.feed.CatchUp(call.deadline));
  return updated.user;
}

absl::Status UserFacade::Delete(const CallInfo& call, const UserId& actor, const UserId& id,
                                std::string_view etag) const {
  const absl::Time now = parts_.clock.Now();
  const absl::Status written = parts_.store.Write(
      Repeat::kOnce, call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_RETURN_IF_ERROR(RefuseUnlessAdministrator(repositories, actor));
        TESSERA_ASSIGN_OR_RETURN(const User user, FindAt(repositories, id, etag));
        TESSERA_RETURN_IF_ERROR(RefuseIfLastAdministrator(repositories, user));
        TESSERA_ASSIGN_OR_RETURN(const bool deleted, repositories.users.Delete(id));
        if (!deleted) return UserNotFound();
        return repositories.revocations.Append({RevokeWholeUserEntry(id, now)});
      });
  TESSERA_RETURN_IF_ERROR(written);
  parts_.log.Info(event::kUserDeleted,
                  {{"user", id.str()}, {"actor", actor.str()}, {"peer", call.peer}});
  return parts_.feed.CatchUp(call.deadline);
}

absl::StatusOr<User> UserFacade::FindForPasswordChange(const CallInfo& call,
                                                       const UserId& id) const {
  return Get(call, id);
}

absl::StatusOr<CheckedPasswordChange> UserFacade::CheckPasswordChange(
    const CallInfo& call, User user, const PasswordChange& change) const {
  TESSERA_ASSIGN_OR_RETURN(
      const Secret prepared,
      PreparePassword(change.new_password, "new_password", parts_.min_password_characters));
  const Secret old_password = PrepareForLogin(change.old_password);
  TESSERA_ASSIGN_OR_RETURN(const PasswordHasher::Verdict verdict,
                           parts_.hasher.Verify(old_password, user.password_hash));
  if (!verdict.matches || user.state != UserState::kActive) {
    parts_.log.Warning(event::kPasswordRefused, {{"user", user.id.str()}, {"peer", call.peer}});
    return WrongPassword();
  }
  TESSERA_ASSIGN_OR_RETURN(std::string hash, parts_.hasher.Hash(prepared));
  return CheckedPasswordChange(std::move(user), std::move(hash));
}

absl::Status UserFacade::StorePassword(const CallInfo& call,
                                       const CheckedPasswordChange& change) const {
  const absl::Time now = parts_.clock.Now();
  const User& checked = change.user();
  const absl::Status stored = parts_.store.Write(
      Repeat::kOnce, call.deadline, [&](Repositories& repositories) -> absl::Status {
        // So that no administrator's change of the same user fails for this one, nor this for it.
        TESSERA_RETURN_IF_ERROR(repositories.roles.TakeTurn());
        TESSERA_ASSIGN_OR_RETURN(User user, Find(repositories, checked.id));
        // Another password, or disabled, since the old one was checked.
        if (user.version != checked.version) return WrongPassword();
        user.password_hash = change.new_hash();
        return StoreAndEndAll(repositories, user, now);
      });
  TESSERA_RETURN_IF_ERROR(stored);
  parts_.log.Info(event::kPasswordChanged, {{"user", checked.id.str()}, {"peer", call.peer}});
  return parts_.feed.CatchUp(call.deadline);
}

}  // namespace tessera::server
