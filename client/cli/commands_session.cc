// login, logout, whoami.
#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <ostream>
#include <utility>
#include <vector>

#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/cli/commands.h"
#include "tessera/cli/connection.h"
#include "tessera/cli/exit_code.h"
#include "tessera/cli/login_code.h"
#include "tessera/cli/render.h"
#include "tessera/cli/signal_delay.h"
#include "tessera/cli/token_source.h"
#include "tessera/token/claims.h"
#include "tessera/token/token_verifier.h"

namespace tessera::cli {
namespace {

using namespace tessera::v1;  // NOLINT(google-build-using-namespace): requests and responses only

struct LoginArguments {
  std::string username;
  std::string audience;
  std::vector<std::string> scopes;
  std::vector<std::string> claims;  // NAME=VALUE
  std::string device_label;
  bool no_device = false;
  bool groups = false;
  PasswordOption password;
  std::string code_file;
};

absl::StatusOr<std::string> UserName(Invocation& invocation, const LoginArguments& arguments) {
  if (!arguments.username.empty()) return arguments.username;
  absl::StatusOr<Terminal> terminal = Terminal::Open(invocation.world().sources.terminal);
  if (!terminal.ok()) return UsageError("who logs in? give --username");
  TESSERA_ASSIGN_OR_RETURN(std::string name, terminal->AskLine("User name: "));
  if (name.empty()) return UsageError("the user name is empty");
  return name;
}

// What a login shows besides the user's name.
struct LoginProof {
  Secret password;
  std::optional<Secret> device_id;
  Secret device_proof;  // given earlier; empty: none
  std::string device_label;
  std::vector<std::string> scopes;
  std::map<std::string, std::string> claims;
  bool groups = false;    // tokens name the user's groups
  std::string code_file;  // of the second factor; empty: it is asked for
};

absl::StatusOr<std::map<std::string, std::string>> ClaimsAsked(
    const std::vector<std::string>& given) {
  std::map<std::string, std::string> claims;
  for (const std::string& text : given) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return UsageError("--claim takes NAME=VALUE, not " + EscapeForTerminal(text));
    }
    const std::string name = text.substr(0, equals);
    if (!claims.emplace(name, text.substr(equals + 1)).second) {
      return UsageError("--claim " + EscapeForTerminal(name) + " is given twice");
    }
  }
  return claims;
}

// For the user and the audience that `grant` names.
absl::StatusOr<LoginResponse> AskServer(Invocation& invocation, const StoredGrant& grant,
                                        const LoginProof& proof) {
  LoginRequest request;
  request.set_username(grant.username);
  request.set_password(std::string(proof.password.Reveal()));
  request.set_audience(grant.audience);
  if (proof.device_id.has_value()) request.set_device_id(std::string(proof.device_id->Reveal()));
  request.set_device_proof(std::string(proof.device_proof.Reveal()));
  request.set_device_label(proof.device_label);
  *request.mutable_scopes() = {proof.scopes.begin(), proof.scopes.end()};
  request.mutable_claims()->insert(proof.claims.begin(), proof.claims.end());
  request.set_include_groups(proof.groups);
  absl::StatusOr<LoginResponse> response = invocation.CallAuth(&AuthStub::Login, request);
  WipeString(*request.mutable_password());
  WipeString(*request.mutable_device_id());
  TESSERA_RETURN_IF_ERROR(response.status());
  if (!response->has_grant() && !response->has_challenge()) {
    return Refusal(absl::StatusCode::kUnimplemented, local_reason::kUnexpectedAnswer,
                   "the server asks for a second step that this version does not know");
  }
  return response;
}

// `iss` and `aud` of a token that came from the server just now; nothing is decided by them.
Claims ClaimsOf(const Secret& token) {
  const auto shown = InspectWithoutVerifying(token.Reveal());
  if (!shown.ok()) return {};
  return ClaimsFromJson(shown->payload_json).value_or(Claims());
}

// Later commands need no flags.
absl::Status RememberServer(Invocation& invocation, const Claims& claims) {
  Context context = invocation.settings().context;
  if (!claims.issuer.empty()) context.issuer = claims.issuer;
  return invocation.contexts().Save(invocation.settings().context_name, context);
}

absl::Status EndAtServer(Invocation& invocation, const Secret& refresh_token) {
  LogoutRequest request;
  request.set_refresh_token(std::string(refresh_token.Reveal()));
  const absl::Status status = invocation.CallAuth(&AuthStub::Logout, request).status();
  WipeString(*request.mutable_refresh_token());
  // A session that the server does not know any more has ended.
  return SaysSessionIsOver(status) ? absl::OkStatus() : status;
}

// A session whose tokens nobody keeps would go on unknown to anybody: ends it, if it can.
void EndUnkept(Invocation& invocation, const Secret& refresh_token, const std::string& which) {
  const absl::Status ended = EndAtServer(invocation, refresh_token);
  if (ended.ok()) return;
  PrintWarning(which + " could not be ended: " + std::string(ended.message()), invocation.json(),
               invocation.world().err);
}

void EndReplaced(Invocation& invocation, const absl::StatusOr<std::optional<StoredGrant>>& before,
                 const StoredGrant& grant) {
  if (!before.ok() || !before->has_value() || (*before)->server != grant.server ||
      (*before)->session_id == grant.session_id) {
    return;
  }
  EndUnkept(invocation, (*before)->refresh_token, "the session before this one");
}

// No signal waits while the terminal asks; there is no session yet.
absl::StatusOr<TokenGrant> CompleteLogin(Invocation& invocation, const LoginChallenge& challenge,
                                         const LoginProof& proof,
                                         std::optional<SignalDelay>& until_saved) {
  for (int tries = 1;; ++tries) {
    until_saved.reset();
    TESSERA_ASSIGN_OR_RETURN(const Secret code, ReadCode(invocation, proof.code_file));
    until_saved.emplace();
    CompleteLoginRequest request = AnswerWith(challenge, code);
    request.set_device_proof(std::string(proof.device_proof.Reveal()));
    absl::StatusOr<CompleteLoginResponse> answer =
        invocation.CallAuth(&AuthStub::CompleteLogin, request);
    if (answer.ok()) return std::move(*answer->mutable_grant());
    if (!MayTryAgain(answer.status(), proof.code_file, tries)) return answer.status();
    PrintWarning(std::string(answer.status().message()), invocation.json(), invocation.world().err);
  }
}

// Opens the session that `grant` describes and stores it; a signal meanwhile waits. What cannot be
// stored is ended.
absl::Status OpenSession(Invocation& invocation, const LoginProof& proof,
                         const HeldCredentials& held, StoredGrant& grant) {
  std::optional<SignalDelay> until_saved(std::in_place);
  TESSERA_ASSIGN_OR_RETURN(LoginResponse answer, AskServer(invocation, grant, proof));
  if (answer.has_challenge()) {
    TESSERA_ASSIGN_OR_RETURN(*answer.mutable_grant(),
                             CompleteLogin(invocation, answer.challenge(), proof, until_saved));
  }
  TESSERA_RETURN_IF_ERROR(
      TakeTokens(*answer.mutable_grant(), invocation.world().clock.Now(), grant));
  const Claims claims = ClaimsOf(grant.access_token);
  if (!claims.audience.empty()) grant.audience = claims.audience;
  absl::Status saved = held.Save(grant);
  if (!saved.ok()) EndUnkept(invocation, grant.refresh_token, "the new session");
  if (saved.ok()) KeepProof(invocation, grant, answer.grant().device_proof());
  return saved;
}

void PrintLogin(Invocation& invocation, const StoredGrant& grant) {
  if (!invocation.json()) {
    invocation.PrintLine("Logged in at " + grant.server + " as " + grant.username +
                         " for audience " + grant.audience + "; the session " + grant.session_id +
                         " lasts until " + FormatUtc(grant.refresh_expires_at) + " if used.");
    return;
  }
  invocation.PrintJson({{"server", grant.server},
                        {"context", invocation.settings().context_name},
                        {"username", grant.username},
                        {"audience", grant.audience},
                        {"session_id", grant.session_id},
                        {"access_expires_at", FormatUtc(grant.access_expires_at)},
                        {"refresh_expires_at", FormatUtc(grant.refresh_expires_at)}});
}

absl::Status Login(Invocation& invocation, const LoginArguments& arguments) {
  TESSERA_RETURN_IF_ERROR(CheckPasswordOption(arguments.password));
  LoginProof proof;
  TESSERA_ASSIGN_OR_RETURN(proof.claims, ClaimsAsked(arguments.claims));
  proof.groups = arguments.groups;
  StoredGrant grant;
  grant.server = invocation.settings().context.server;
  grant.audience = arguments.audience;
  TESSERA_ASSIGN_OR_RETURN(grant.username, UserName(invocation, arguments));
  // Before the password is asked for: a refused connection needs none.
  TESSERA_RETURN_IF_ERROR(invocation.Server().status());
  proof.device_label = arguments.device_label;
  proof.scopes = arguments.scopes;
  proof.code_file = arguments.code_file;
  if (proof.code_file == "-" && arguments.password.file == "-") {
    return UsageError("only one of password and code can come from standard input");
  }
  TESSERA_ASSIGN_OR_RETURN(proof.password,
                           ReadPassword(arguments.password.file, AskedPassword("Password: "),
                                        invocation.world().sources));
  proof.device_proof = invocation.proofs().FindFor({grant.server, grant.username});
  if (!arguments.no_device) {
    TESSERA_ASSIGN_OR_RETURN(
        proof.device_id, invocation.devices().MakeFor(grant.server, invocation.settings().timeout));
  }
  // Before the session is opened: one that could not be stored is not asked for.
  TESSERA_ASSIGN_OR_RETURN(
      const HeldCredentials held,
      invocation.credentials().Hold(arguments.audience, invocation.settings().timeout));
  const absl::StatusOr<std::optional<StoredGrant>> before = held.Load();
  TESSERA_RETURN_IF_ERROR(OpenSession(invocation, proof, held, grant));
  EndReplaced(invocation, before, grant);
  TESSERA_RETURN_IF_ERROR(RememberServer(invocation, ClaimsOf(grant.access_token)));
  PrintLogin(invocation, grant);
  return absl::OkStatus();
}

struct LogoutArguments {
  std::string audience;
  bool all = false;
  bool local = false;
};

absl::Status EndSession(Invocation& invocation, const StoredGrant& grant) {
  if (grant.server != invocation.settings().context.server) {
    return Refusal(absl::StatusCode::kFailedPrecondition, local_reason::kNotLoggedIn,
                   "the stored login is for " + grant.server + "; give --server " + grant.server +
                       ", or --local to forget it without ending the session");
  }
  return EndAtServer(invocation, grant.refresh_token);
}

// The stored session, or why it cannot be ended and what can be done about it.
absl::StatusOr<std::optional<StoredGrant>> LoadToEnd(const HeldCredentials& held) {
  absl::StatusOr<std::optional<StoredGrant>> grant = held.Load();
  if (ReasonOf(grant.status()) != local_reason::kUnsafeFile) return grant;
  return WithAdvice(grant.status(), " (--local forgets it without ending the session)");
}

absl::Status LogoutOf(Invocation& invocation, const std::string& file, bool local) {
  TESSERA_ASSIGN_OR_RETURN(
      const HeldCredentials held,
      invocation.credentials().HoldFile(file, invocation.settings().timeout * 2));
  // Not even looked into: what is damaged can be forgotten as well.
  if (local) return held.Remove();
  TESSERA_ASSIGN_OR_RETURN(const std::optional<StoredGrant> grant, LoadToEnd(held));
  if (grant.has_value()) TESSERA_RETURN_IF_ERROR(EndSession(invocation, *grant));
  return held.Remove();
}

// The files that the command is about.
absl::StatusOr<std::vector<std::string>> FilesOf(Invocation& invocation,
                                                 const LogoutArguments& arguments) {
  TESSERA_ASSIGN_OR_RETURN(std::vector<std::string> files, invocation.credentials().Files());
  if (arguments.all) return files;
  const std::string wanted = CredentialStore::FileName(arguments.audience);
  const bool found = std::find(files.begin(), files.end(), wanted) != files.end();
  return found ? std::vector<std::string>{wanted} : std::vector<std::string>();
}

absl::Status Logout(Invocation& invocation, const LogoutArguments& arguments) {
  TESSERA_ASSIGN_OR_RETURN(const std::vector<std::string> files, FilesOf(invocation, arguments));
  int ended = 0;
  absl::Status first;
  for (const std::string& file : files) {
    const absl::Status status = LogoutOf(invocation, file, arguments.local);
    ended += status.ok() ? 1 : 0;
    // One that stays does not keep the others.
    if (status.ok() || first.ok()) {
      first.Update(status);
    } else {
      PrintWarning(std::string(status.message()), invocation.json(), invocation.world().err);
    }
  }
  TESSERA_RETURN_IF_ERROR(first);
  if (invocation.json()) invocation.PrintJson({{"sessions", ended}});
  invocation.PrintLine(ended == 0 ? "Not logged in." : "Logged out.");
  return absl::OkStatus();
}

struct WhoamiArguments {
  std::string audience;
};

absl::Status WhoamiByToken(Invocation& invocation, const std::string& audience) {
  TESSERA_ASSIGN_OR_RETURN(Secret token, invocation.LiveToken(audience));
  TESSERA_ASSIGN_OR_RETURN(ValidateTokenResponse answer, Introspect(invocation, token));
  // The session may live on without this token, as with calls to tessera itself.
  if (!answer.active() && Invocation::RenewalMends(ReasonName(answer.reason()))) {
    TESSERA_ASSIGN_OR_RETURN(token, invocation.LiveTokenInsteadOf(audience, token));
    TESSERA_ASSIGN_OR_RETURN(answer, Introspect(invocation, token));
  }
  return ShowIntrospection(invocation, answer, "; log in again with " + LoginCommand(audience));
}

absl::Status Whoami(Invocation& invocation, const WhoamiArguments& arguments) {
  if (!arguments.audience.empty()) return WhoamiByToken(invocation, arguments.audience);
  TESSERA_ASSIGN_OR_RETURN(
      const GetCurrentUserResponse answer,
      invocation.CallUsers(&UserStub::GetCurrentUser, GetCurrentUserRequest()));
  if (invocation.json()) {
    invocation.PrintJson(ToJson(answer));
    return absl::OkStatus();
  }
  Fields fields = UserFields(answer.user());
  fields.emplace_back("roles", Join({answer.roles().begin(), answer.roles().end()}));
  PrintFields(fields, invocation.world().out);
  return absl::OkStatus();
}

}  // namespace

void KeepProof(Invocation& invocation, const StoredGrant& own, const std::string& device_proof) {
  if (device_proof.empty()) return;
  const absl::Status kept = invocation.proofs().Keep(
      {own.server, own.username}, Secret::CopyOf(device_proof), invocation.settings().timeout);
  if (kept.ok()) return;
  PrintWarning("the device's proof could not be kept: " + std::string(kept.message()),
               invocation.json(), invocation.world().err);
}

absl::Status ForgetSessions(Invocation& invocation,
                            const std::function<bool(const StoredGrant&)>& which) {
  TESSERA_ASSIGN_OR_RETURN(const std::vector<std::string> files, invocation.credentials().Files());
  for (const std::string& file : files) {
    TESSERA_ASSIGN_OR_RETURN(const HeldCredentials held, invocation.credentials().HoldFile(
                                                             file, invocation.settings().timeout));
    // What cannot be read is nobody's session.
    const absl::StatusOr<std::optional<StoredGrant>> grant = held.Load();
    const bool named = grant.ok() && grant->has_value() && which(**grant);
    if (named) TESSERA_RETURN_IF_ERROR(held.Remove());
  }
  return absl::OkStatus();
}

void AddSessionCommands(CLI::App& app, Command& chosen) {
  auto login = std::make_shared<LoginArguments>();
  CLI::App* sub = app.add_subcommand("login", "Open a session and keep its tokens");
  sub->add_option("--username,-u", login->username, "Who logs in; asked for if not given");
  sub->add_option("--audience", login->audience,
                  "The service that the tokens are for (default: tessera itself)");
  sub->add_option("--scope", login->scopes, "A scope to ask for; may be given several times")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  sub->add_option("--claim", login->claims,
                  "NAME=VALUE, a claim for the tokens to carry; may be given several times")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  sub->add_option("--device-label", login->device_label,
                  "What to call this device in lists of sessions; at most 128 bytes");
  sub->add_flag("--groups", login->groups, "Let the tokens name your groups");
  sub->add_flag("--no-device", login->no_device, "Do not bind the session to this device");
  AddPasswordOption(*sub, login->password);
  sub->add_option("--code-file", login->code_file,
                  "Read the code of the second factor, or a recovery code, from this file");
  RunWith(*sub, chosen, login, &Login);

  auto logout = std::make_shared<LogoutArguments>();
  sub = app.add_subcommand("logout", "End a session and forget its tokens");
  sub->add_option("--audience", logout->audience, "Which session (default: tessera itself)");
  sub->add_flag("--all", logout->all, "All sessions of this context");
  sub->add_flag("--local", logout->local, "Forget the tokens without telling the server");
  RunWith(*sub, chosen, logout, &Logout);

  auto whoami = std::make_shared<WhoamiArguments>();
  sub = app.add_subcommand("whoami", "Show the user who is logged in, and the roles held now");
  sub->add_option("--audience", whoami->audience, "Show what the token for this audience says");
  RunWith(*sub, chosen, whoami, &Whoami);
}

}  // namespace tessera::cli
