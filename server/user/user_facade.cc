#include "server/user/user_facade.h"

#include <cstdint>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/auth/revocations.h"
#include "server/names/email_address.h"
#include "server/user/administrators.h"
#include "server/user/events.h"
#include "server/user/field_checks.h"
#include "server/user/page_token.h"
#include "server/user/store_user.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/digest.h"

namespace tessera::server {
namespace {

constexpr size_t kListingNameBytes = 8;

using storage::Repeat;
using storage::Repositories;
using storage::User;
using storage::UserState;

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

absl::StatusOr<User> FindAt(Repositories& repositories, const UserId& id, std::string_view etag) {
  TESSERA_ASSIGN_OR_RETURN(User user, Find(repositories, id));
  if (!etag.empty() && etag != EtagOf(user)) return EtagMismatch();
  return user;
}

void Apply(const UserChange& change, User& user) {
  if (change.username.has_value()) user.username = *change.username;
  if (change.email.has_value()) {
    user.email = *change.email;
    user.email_key = change.email_key;
  }
  if (change.display_name.has_value()) user.display_name = *change.display_name;
  if (change.state.has_value()) user.state = *change.state;
  if (change.attributes.has_value()) user.attributes = EncodeNamedTexts(*change.attributes);
}

// `change` with the name folded; refuses what cannot be stored.
absl::StatusOr<UserChange> Checked(UserChange change) {
  if (change.username.has_value()) {
    TESSERA_ASSIGN_OR_RETURN(change.username, FoldUserName(*change.username, "user.username"));
  }
  if (change.email.has_value() && !change.email->empty()) {
    TESSERA_ASSIGN_OR_RETURN(EmailAddress email, ReadEmailAddress(*change.email, "user.email"));
    change.email = std::move(email.text);
    change.email_key = std::move(email.key);
  }
  if (change.display_name.has_value()) {
    TESSERA_RETURN_IF_ERROR(CheckDisplayText(*change.display_name, "user.display_name"));
  }
  if (change.attributes.has_value()) {
    TESSERA_RETURN_IF_ERROR(CheckNamedTexts(*change.attributes, kMaxAttributes, "user.attributes"));
  }
  return change;
}

// Without the role, which only the store knows by its name.
absl::StatusOr<storage::UserFilter> FilterOf(const UserListing& listing) {
  storage::UserFilter filter;
  filter.state = listing.state;
  TESSERA_ASSIGN_OR_RETURN(filter.username_prefix,
                           FoldUserNamePrefix(listing.username_prefix, "username_prefix"));
  return filter;
}

absl::Status ResolveRole(Repositories& repositories, const UserListing& listing,
                         storage::UserFilter& filter) {
  if (listing.role.empty()) return absl::OkStatus();
  TESSERA_ASSIGN_OR_RETURN(const auto role, repositories.roles.FindByName(listing.role));
  if (!role.has_value()) {
    return Refusal(absl::StatusCode::kNotFound, reason::kRoleNotFound, "no such role");
  }
  filter.role = role->id;
  return absl::OkStatus();
}

// Stands for a listing in its page tokens; empty for all users.
std::string NameOf(const UserListing& listing, const storage::UserFilter& filter) {
  if (filter.username_prefix.empty() && listing.role.empty() && !filter.state.has_value()) {
    return {};
  }
  const std::string text = absl::StrCat(
      listing.role, "\n", filter.state.has_value() ? static_cast<int>(*filter.state) : -1, "\n",
      filter.username_prefix);
  const Sha256Digest digest = Sha256(text);
  return absl::BytesToHexString(std::string(digest.begin(), digest.begin() + kListingNameBytes));
}

std::string MakeListingToken(const std::string& listing, const UserId& last) {
  return MakePageToken(PageOf::kUsers,
                       listing.empty() ? last.str() : absl::StrCat(last.str(), ".", listing));
}

// Where the next page begins. Another listing's token would leave users out, or show them twice.
absl::StatusOr<UserId> ReadListingToken(const std::string& listing, std::string_view token) {
  TESSERA_ASSIGN_OR_RETURN(const std::string text, ReadPageToken(PageOf::kUsers, token));
  if (text.empty()) return UserId();
  const size_t dot = text.find('.');
  const std::string of = dot == std::string::npos ? std::string() : text.substr(dot + 1);
  if (of != listing) return FieldInvalid("page_token", "next_page_token of the same listing");
  return UserId(text.substr(0, dot));
}

struct Updated {
  User user;
  bool disabled = false;  // by this change
};

// Without the feed's entry for a disabled one, which comes last.
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
  TESSERA_RETURN_IF_ERROR(StoreAndEndSessions(repositories, updated.user, now));
  return updated;
}

// Which fields, and the state; no other value.
AuditEntry UpdateEntry(const UserId& actor, const UserChange& change) {
  AuditEntry entry{event::kUserUpdated, actor.str(), change.id.str()};
  std::string fields;
  const auto add = [&fields](bool set, std::string_view name) {
    if (set) fields.append(fields.empty() ? "" : " ").append(name);
  };
  add(change.username.has_value(), "username");
  add(change.email.has_value(), "email");
  add(change.display_name.has_value(), "display_name");
  add(change.state.has_value(), "state");
  add(change.attributes.has_value(), "attributes");
  entry.details.emplace_back("fields", std::move(fields));
  if (change.state.has_value()) {
    entry.details.emplace_back("state", change.state == UserState::kActive ? "active" : "disabled");
  }
  return entry;
}

}  // namespace

std::string EtagOf(const User& user) { return absl::StrCat("v", user.revision); }

absl::StatusOr<User> UserFacade::Get(const CallInfo& call, const UserKey& key) const {
  User user;
  TESSERA_RETURN_IF_ERROR(
      parts_.store.Read(call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_ASSIGN_OR_RETURN(std::optional<User> found, FindUserByKey(repositories, key));
        if (!found.has_value()) return UserNotFound();
        user = *std::move(found);
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

absl::StatusOr<UserFacade::Page> UserFacade::List(const CallInfo& call, const UserListing& listing,
                                                  int page_size,
                                                  std::string_view page_token) const {
  TESSERA_ASSIGN_OR_RETURN(const int size, PageSize(page_size));
  TESSERA_ASSIGN_OR_RETURN(storage::UserFilter filter, FilterOf(listing));
  const std::string name = NameOf(listing, filter);
  TESSERA_ASSIGN_OR_RETURN(const UserId start, ReadListingToken(name, page_token));
  Page page;
  const absl::Status read =
      parts_.store.Read(call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_RETURN_IF_ERROR(ResolveRole(repositories, listing, filter));
        TESSERA_ASSIGN_OR_RETURN(page.users, repositories.users.List(filter, start, size + 1));
        return absl::OkStatus();
      });
  TESSERA_RETURN_IF_ERROR(read);
  if (page.users.size() > static_cast<size_t>(size)) {
    page.users.pop_back();
    page.next_page_token = MakeListingToken(name, page.users.back().id);
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
        TESSERA_RETURN_IF_ERROR(
            parts_.audit.AppendIn(repositories, call, UpdateEntry(actor, checked)));
        return updated.disabled ? AppendEnd(repositories, updated.user, now) : absl::OkStatus();
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
        TESSERA_RETURN_IF_ERROR(parts_.audit.AppendIn(
            repositories, call, {event::kUserDeleted, actor.str(), id.str()}));
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
      parts_.passwords.Prepare(change.new_password, "new_password", {user.username, user.email}));
  TESSERA_ASSIGN_OR_RETURN(const Reservation reservation,
                           parts_.throttle.ReserveOldPassword(call, user.id));
  const Secret old_password = PrepareForLogin(change.old_password);
  TESSERA_ASSIGN_OR_RETURN(const PasswordHasher::Verdict verdict,
                           parts_.hasher.Verify(old_password, user.password_hash));
  if (!verdict.matches || user.state != UserState::kActive) {
    parts_.log.Warning(event::kPasswordRefused, {{"user", user.id.str()}, {"peer", call.peer}});
    return WrongPassword();
  }
  parts_.throttle.Succeeded(call, reservation);
  TESSERA_ASSIGN_OR_RETURN(std::string hash, parts_.hasher.Hash(prepared));
  return CheckedPasswordChange(std::move(user), std::move(hash));
}

absl::StatusOr<Secret> UserFacade::StorePassword(const CallInfo& call,
                                                 const CheckedPasswordChange& change) const {
  const absl::Time now = parts_.clock.Now();
  const User& checked = change.user();
  int64_t version = 0;
  const absl::Status stored = parts_.store.Write(
      Repeat::kOnce, call.deadline, [&](Repositories& repositories) -> absl::Status {
        // So that no administrator's change of the same user fails for this one, nor this for it.
        TESSERA_RETURN_IF_ERROR(repositories.roles.TakeTurn());
        TESSERA_ASSIGN_OR_RETURN(User user, Find(repositories, checked.id));
        // Another password, or disabled, since the old one was checked.
        if (user.version != checked.version) return WrongPassword();
        user.password_hash = change.new_hash();
        TESSERA_RETURN_IF_ERROR(StoreAndEndSessions(repositories, user, now));
        version = user.version;
        TESSERA_RETURN_IF_ERROR(parts_.audit.AppendIn(
            repositories, call, {event::kPasswordChanged, user.id.str(), user.id.str()}));
        return AppendEnd(repositories, user, now);
      });
  TESSERA_RETURN_IF_ERROR(stored);
  parts_.log.Info(event::kPasswordChanged, {{"user", checked.id.str()}, {"peer", call.peer}});
  TESSERA_RETURN_IF_ERROR(parts_.feed.CatchUp(call.deadline));
  return parts_.throttle.NewDeviceProof({checked.id, version});
}

}  // namespace tessera::server
