#include "server/user/session_facade.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/auth/revocations.h"
#include "server/auth/session_ender.h"
#include "server/auth/token_issuer.h"
#include "server/user/administrators.h"
#include "server/user/events.h"
#include "server/user/page_token.h"
#include "server/user/role_facade.h"
#include "server/user/store_user.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

using storage::Repeat;
using storage::Repositories;

absl::Status SessionNotFound() {
  return Refusal(absl::StatusCode::kNotFound, reason::kSessionNotFound, "no such session");
}

UserId IdOf(const Principal& caller) { return UserId(caller.claims.subject); }

absl::StatusOr<int64_t> CountLive(Repositories& in, const UserId& user, absl::Time now) {
  int64_t count = 0;
  std::vector<storage::Session> page;
  do {
    const SessionId before = page.empty() ? SessionId() : page.back().id;
    TESSERA_ASSIGN_OR_RETURN(page, in.sessions.ListLive(user, now, before, kMaxPageSize));
    count += static_cast<int64_t>(page.size());
  } while (page.size() == static_cast<size_t>(kMaxPageSize));
  return count;
}

// Ends all tokens of earlier versions, and the sessions; how many lived: counted behind the user's
// row, which a login takes first, so that none is missed. The feed comes behind it.
absl::StatusOr<int64_t> EndAllOf(Repositories& in, storage::User& user, absl::Time now) {
  ++user.version;
  TESSERA_RETURN_IF_ERROR(StoreNext(in, user, now));
  TESSERA_ASSIGN_OR_RETURN(const int64_t live, CountLive(in, user.id, now));
  TESSERA_RETURN_IF_ERROR(in.sessions.RevokeAllOf(user.id, now).status());
  return live;
}

// A token that was admitted before all its user's logins were ended ends none of those made since.
absl::Status RefuseIfOutdated(const storage::User& user, const Principal& caller) {
  if (user.version <= caller.claims.user_version) return absl::OkStatus();
  return Refusal(absl::StatusCode::kUnauthenticated, reason::kTokenRevoked,
                 "the token has been revoked");
}

absl::StatusOr<storage::User> FindUser(Repositories& in, const UserId& id) {
  TESSERA_ASSIGN_OR_RETURN(std::optional<storage::User> user, in.users.Find(id));
  if (user.has_value()) return *std::move(user);
  return Refusal(absl::StatusCode::kNotFound, reason::kUserNotFound, "no such user");
}

// For the administrator whose write this is, or for the user, so that neither fails for the other.
absl::Status TakeTurn(Repositories& in, const UserId& actor, const UserId& user) {
  return actor == user ? in.roles.TakeTurn() : RefuseUnlessAdministrator(in, actor);
}

}  // namespace

absl::StatusOr<SessionFacade::Page> SessionFacade::List(const CallInfo& call,
                                                        const Principal& caller,
                                                        const SessionsAsked& asked) const {
  TESSERA_ASSIGN_OR_RETURN(const UserId user, TargetOf(call, caller, asked.user));
  TESSERA_ASSIGN_OR_RETURN(const int size, PageSize(asked.page_size));
  TESSERA_ASSIGN_OR_RETURN(std::string before, ReadPageToken(PageOf::kSessions, asked.page_token));
  const SessionId start(std::move(before));
  const absl::Time now = parts_.clock.Now();
  Page page;
  page.current = caller.claims.session_id;
  TESSERA_RETURN_IF_ERROR(
      parts_.store.Read(call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_ASSIGN_OR_RETURN(page.sessions,
                                 repositories.sessions.ListLive(user, now, start, size + 1));
        return absl::OkStatus();
      }));
  if (page.sessions.size() > static_cast<size_t>(size)) {
    page.sessions.pop_back();
    page.next_page_token = MakePageToken(PageOf::kSessions, page.sessions.back().id.str());
  }
  return page;
}

absl::Status SessionFacade::Revoke(const CallInfo& call, const Principal& caller,
                                   const SessionId& id) const {
  TESSERA_ASSIGN_OR_RETURN(const bool own, MayEnd(call, caller, id));
  const absl::Time now = RowTime(parts_.clock.Now());
  bool ended = false;
  const absl::Status written = parts_.store.Write(
      Repeat::kIdempotent, call.deadline, [&](Repositories& repositories) -> absl::Status {
        if (!own) TESSERA_RETURN_IF_ERROR(RefuseUnlessAdministrator(repositories, IdOf(caller)));
        const auto take_down = [&] {
          return parts_.audit.AppendIn(repositories, call,
                                       {event::kSessionRevoked, caller.claims.subject, id.str()});
        };
        TESSERA_ASSIGN_OR_RETURN(const bool lived, EndSessionIn(repositories, id, now, take_down));
        ended = ended || lived;  // a second run, behind a COMMIT without an answer, finds it ended
        return absl::OkStatus();
      });
  TESSERA_RETURN_IF_ERROR(written);
  if (ended) {
    parts_.log.Info(event::kSessionRevoked,
                    {{"session", id.str()}, {"actor", caller.claims.subject}, {"peer", call.peer}});
  }
  return parts_.feed.CatchUp(call.deadline);
}

absl::StatusOr<int64_t> SessionFacade::RevokeAll(const CallInfo& call, const Principal& caller,
                                                 const SessionsToEnd& which) const {
  TESSERA_ASSIGN_OR_RETURN(const UserId user, TargetOf(call, caller, which.user));
  if (caller.kind != PrincipalKind::kUser && user == IdOf(caller)) {
    return Refusal(absl::StatusCode::kPermissionDenied, reason::kCallerKind,
                   "service accounts have no sessions");
  }
  if (which.keep_current && user != IdOf(caller)) {
    return FieldInvalid("keep_current", "only with the caller's own sessions");
  }
  absl::StatusOr<int64_t> ended =
      which.keep_current ? EndOthers(call, caller) : EndEvery(call, caller, user);
  TESSERA_RETURN_IF_ERROR(ended.status());
  parts_.log.Info(event::kSessionsEnded, {{"user", user.str()},
                                          {"count", absl::StrCat(*ended)},
                                          {"kept_current", which.keep_current ? "yes" : "no"},
                                          {"actor", caller.claims.subject},
                                          {"peer", call.peer}});
  TESSERA_RETURN_IF_ERROR(parts_.feed.CatchUp(call.deadline));
  return ended;
}

// Another's without the power is refused before anything is read.
absl::StatusOr<UserId> SessionFacade::TargetOf(const CallInfo& call, const Principal& caller,
                                               const UserId& asked) const {
  if (asked.empty() || asked == IdOf(caller)) return IdOf(caller);
  if (caller.HasRole(kAdminRole)) return asked;
  const absl::Status refused =
      Refusal(absl::StatusCode::kPermissionDenied, reason::kRoleRequired,
              "other users' sessions ask for a role that the caller lacks");
  LogRefusal(call, caller, refused);
  return refused;
}

// Whether it is the caller's own, or another's and the caller an administrator. It only reads, so
// that guessing costs the others no turn.
absl::StatusOr<bool> SessionFacade::MayEnd(const CallInfo& call, const Principal& caller,
                                           const SessionId& id) const {
  std::optional<storage::Session> session;
  TESSERA_RETURN_IF_ERROR(
      parts_.store.Read(call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_ASSIGN_OR_RETURN(session, repositories.sessions.Find(id));
        return absl::OkStatus();
      }));
  const bool own = session.has_value() && session->user_id == IdOf(caller);
  if (own || (session.has_value() && caller.HasRole(kAdminRole))) return own;
  LogRefusal(call, caller, SessionNotFound());
  return SessionNotFound();
}

// A second run, behind a COMMIT without an answer, finds the version that the first has written,
// and leaves the logins that were made meanwhile alone.
absl::StatusOr<int64_t> SessionFacade::EndEvery(const CallInfo& call, const Principal& caller,
                                                const UserId& user) const {
  const UserId actor = IdOf(caller);
  const absl::Time now = RowTime(parts_.clock.Now());
  int64_t live = 0;
  std::optional<int64_t> raised;
  const absl::Status written = parts_.store.Write(
      Repeat::kIdempotent, call.deadline, [&](Repositories& repositories) -> absl::Status {
        TESSERA_RETURN_IF_ERROR(TakeTurn(repositories, actor, user));
        TESSERA_ASSIGN_OR_RETURN(storage::User found, FindUser(repositories, user));
        if (raised == found.version) return absl::OkStatus();
        if (user == actor) TESSERA_RETURN_IF_ERROR(RefuseIfOutdated(found, caller));
        raised = found.version + 1;
        TESSERA_ASSIGN_OR_RETURN(live, EndAllOf(repositories, found, now));
        TESSERA_RETURN_IF_ERROR(parts_.audit.AppendIn(
            repositories, call, {event::kSessionsEnded, actor.str(), user.str()}));
        return repositories.revocations.Append({RevokeUserEntry(user, found.version, now)});
      });
  TESSERA_RETURN_IF_ERROR(written);
  return live;
}

// From the newest again and again, so that none is passed over for the clock of the replica that
// named it. Counted by their ids: a second run, behind a COMMIT without an answer, finds others.
absl::StatusOr<int64_t> SessionFacade::EndOthers(const CallInfo& call,
                                                 const Principal& caller) const {
  const absl::Time now = RowTime(parts_.clock.Now());
  const UserId user = IdOf(caller);
  std::set<SessionId> live;
  bool told = false;  // once, and not at all where nothing ends
  for (bool more = true; more;) {
    bool tells = false;
    const absl::Status written = parts_.store.Write(
        Repeat::kIdempotent, call.deadline, [&](Repositories& repositories) -> absl::Status {
          TESSERA_ASSIGN_OR_RETURN(const storage::User found, FindUser(repositories, user));
          TESSERA_RETURN_IF_ERROR(RefuseIfOutdated(found, caller));
          TESSERA_ASSIGN_OR_RETURN(
              const EndedSessions ended,
              EndOtherSessionsIn(repositories, user, caller.claims.session_id, now));
          live.insert(ended.live.begin(), ended.live.end());
          more = ended.more;
          tells = !told && !ended.entries.empty();
          if (tells) {
            TESSERA_RETURN_IF_ERROR(parts_.audit.AppendIn(
                repositories, call,
                {event::kSessionsEnded, user.str(), user.str(), true, "all_others"}));
          }
          return repositories.revocations.Append(ended.entries);
        });
    TESSERA_RETURN_IF_ERROR(written);
    told = told || tells;
  }
  return static_cast<int64_t>(live.size());
}

void SessionFacade::LogRefusal(const CallInfo& call, const Principal& caller,
                               const absl::Status& why) const {
  parts_.log.Warning(
      event::kSessionRefused,
      {{"reason", ReasonOf(why)}, {"actor", caller.claims.subject}, {"peer", call.peer}});
}

}  // namespace tessera::server
