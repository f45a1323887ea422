// session list, revoke, revoke-all.
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tessera/base/status_macros.h"
#include "tessera/cli/commands.h"
#include "tessera/cli/listing.h"

namespace tessera::cli {
namespace {

using namespace tessera::v1;  // NOLINT(google-build-using-namespace): requests and responses only

// The user's id; empty for the caller's own.
absl::StatusOr<std::string> TargetOf(Invocation& invocation, const std::string& user) {
  if (user.empty()) return std::string();
  return ResolveUserId(invocation, user);
}

struct ListArguments {
  std::string user;
  PageArguments page;
};

absl::Status List(Invocation& invocation, const ListArguments& arguments) {
  TESSERA_ASSIGN_OR_RETURN(const std::string user, TargetOf(invocation, arguments.user));
  const auto next = [&](ListSessionsRequest request) {
    request.set_user_id(user);
    return invocation.CallAuthAsUser(&AuthStub::ListSessions, request);
  };
  const auto take = [](ListSessionsResponse& all, ListSessionsResponse& page) {
    for (Session& session : *page.mutable_sessions()) *all.add_sessions() = std::move(session);
  };
  TESSERA_ASSIGN_OR_RETURN(
      const ListSessionsResponse answer,
      (Pages<ListSessionsRequest, ListSessionsResponse>(arguments.page, next, take)));
  ShowList(invocation, answer, SessionTable({answer.sessions().begin(), answer.sessions().end()}));
  return absl::OkStatus();
}

struct RevokeArguments {
  std::string session;
};

absl::Status Revoke(Invocation& invocation, const RevokeArguments& arguments) {
  RevokeSessionRequest request;
  request.set_session_id(arguments.session);
  TESSERA_ASSIGN_OR_RETURN(const RevokeSessionResponse answer,
                           invocation.CallAuthAsUser(&AuthStub::RevokeSession, request));
  TESSERA_RETURN_IF_ERROR(ForgetSessions(
      invocation, [&](const StoredGrant& grant) { return grant.session_id == arguments.session; }));
  if (invocation.json()) invocation.PrintJson(ToJson(answer));
  invocation.PrintLine("Ended session " + arguments.session + ".");
  return absl::OkStatus();
}

struct RevokeAllArguments {
  std::string user;
  bool keep_current = false;
};

// The caller's own that are stored here: the server has ended them.
absl::Status ForgetEnded(Invocation& invocation, const std::optional<StoredGrant>& own,
                         bool keep_current) {
  if (!own.has_value()) return absl::OkStatus();
  return ForgetSessions(invocation, [&](const StoredGrant& grant) {
    const bool kept = keep_current && grant.session_id == own->session_id;
    return !kept && grant.server == own->server && grant.username == own->username;
  });
}

absl::Status RevokeAll(Invocation& invocation, const RevokeAllArguments& arguments) {
  RevokeAllSessionsRequest request;
  TESSERA_ASSIGN_OR_RETURN(*request.mutable_user_id(), TargetOf(invocation, arguments.user));
  request.set_keep_current(arguments.keep_current);
  TESSERA_ASSIGN_OR_RETURN(const std::optional<StoredGrant> own, invocation.credentials().Load(""));
  TESSERA_ASSIGN_OR_RETURN(const RevokeAllSessionsResponse answer,
                           invocation.CallAuthAsUser(&AuthStub::RevokeAllSessions, request));
  if (arguments.user.empty()) {
    TESSERA_RETURN_IF_ERROR(ForgetEnded(invocation, own, arguments.keep_current));
  }
  if (invocation.json()) invocation.PrintJson(ToJson(answer));
  invocation.PrintLine(absl::StrCat("Sessions ended: ", answer.revoked_count(), "."));
  return absl::OkStatus();
}

}  // namespace

void AddSessionsCommands(CLI::App& app, Command& chosen) {
  CLI::App* session =
      app.add_subcommand("session", "Show and end sessions (others' need tessera.admin)");
  session->require_subcommand(1);

  auto list = std::make_shared<ListArguments>();
  CLI::App* sub = session->add_subcommand("list", "Show your live sessions, the newest first");
  sub->add_option("--user", list->user, "Another user's: name or id");
  AddPageOptions(*sub, list->page);
  RunWith(*sub, chosen, list, &List);

  auto revoke = std::make_shared<RevokeArguments>();
  sub = session->add_subcommand("revoke", "End a session and its tokens");
  sub->add_option("session", revoke->session, "Its id, ses_...")->required();
  RunWith(*sub, chosen, revoke, &Revoke);

  auto all = std::make_shared<RevokeAllArguments>();
  sub = session->add_subcommand("revoke-all", "End all your sessions and their tokens");
  CLI::Option* keep = sub->add_flag("--keep-current", all->keep_current,
                                    "All but the session that this command uses");
  sub->add_option("--user", all->user, "Another user's: name or id")->excludes(keep);
  RunWith(*sub, chosen, all, &RevokeAll);
}

}  // namespace tessera::cli
