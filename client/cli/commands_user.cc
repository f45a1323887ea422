// user create, get, list, update, delete.
#include <optional>
#include <utility>
#include <vector>

#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/cli/commands.h"
#include "tessera/cli/consent.h"
#include "tessera/cli/exit_code.h"
#include "tessera/cli/listing.h"

namespace tessera::cli {
namespace {

using namespace tessera::v1;  // NOLINT(google-build-using-namespace): requests and responses only

// `NAME=VALUE`, each name once.
absl::Status AddAttributes(const std::vector<std::string>& given, User& user) {
  for (const std::string& text : given) {
    const size_t equals = text.find('=');
    if (equals == text.npos || equals == 0) {
      return UsageError("--attribute takes NAME=VALUE, not " + EscapeForTerminal(text));
    }
    const std::string name = text.substr(0, equals);
    if (!user.mutable_attributes()->insert({name, text.substr(equals + 1)}).second) {
      return UsageError("--attribute " + EscapeForTerminal(name) + " is given twice");
    }
  }
  return absl::OkStatus();
}

struct CreateArguments {
  std::string username;
  std::string email;
  std::string display_name;
  std::vector<std::string> attributes;
  std::string request_id;
  bool disabled = false;
  PasswordOption password;
};

absl::Status Create(Invocation& invocation, const CreateArguments& arguments) {
  TESSERA_RETURN_IF_ERROR(CheckPasswordOption(arguments.password));
  CreateUserRequest request;
  TESSERA_RETURN_IF_ERROR(AddAttributes(arguments.attributes, *request.mutable_user()));
  // Before the password is asked for: who is not logged in needs none.
  TESSERA_RETURN_IF_ERROR(invocation.LiveToken("").status());
  TESSERA_ASSIGN_OR_RETURN(
      const Secret password,
      ReadNewPassword(arguments.password.file, AskedPassword("Password of the new user: "),
                      invocation.world().sources));
  request.mutable_user()->set_username(arguments.username);
  request.mutable_user()->set_email(arguments.email);
  request.mutable_user()->set_display_name(arguments.display_name);
  request.set_request_id(arguments.request_id);
  request.mutable_user()->set_state(arguments.disabled ? USER_STATE_DISABLED : USER_STATE_ACTIVE);
  request.set_password(std::string(password.Reveal()));
  const auto answer = invocation.CallUsers(&UserStub::CreateUser, request);
  WipeString(*request.mutable_password());
  TESSERA_RETURN_IF_ERROR(answer.status());
  Show(invocation, *answer, UserFields(answer->user()));
  return absl::OkStatus();
}

absl::Status Register(Invocation& invocation, const CreateArguments& arguments) {
  TESSERA_RETURN_IF_ERROR(CheckPasswordOption(arguments.password));
  RegisterUserRequest request;
  TESSERA_ASSIGN_OR_RETURN(
      const Secret password,
      ReadNewPassword(arguments.password.file, AskedPassword("Your new password: "),
                      invocation.world().sources));
  request.mutable_user()->set_username(arguments.username);
  request.mutable_user()->set_display_name(arguments.display_name);
  request.set_request_id(arguments.request_id);
  request.set_password(std::string(password.Reveal()));
  const auto answer = invocation.CallUsersAsNobody(&UserStub::RegisterUser, request);
  WipeString(*request.mutable_password());
  TESSERA_RETURN_IF_ERROR(answer.status());
  Show(invocation, *answer, UserFields(answer->user()));
  return absl::OkStatus();
}

struct GetArguments {
  std::string user;
  bool by_email = false;
};

absl::StatusOr<GetUserResponse> FetchUser(Invocation& invocation, const std::string& user,
                                          bool by_email = false) {
  GetUserRequest request;
  if (by_email) {
    request.set_email(user);
    return invocation.CallUsers(&UserStub::GetUser, request);
  }
  if (IsUserId(user)) {
    request.set_user_id(user);
  } else {
    request.set_username(user);
  }
  return invocation.CallUsers(&UserStub::GetUser, request);
}

absl::Status Get(Invocation& invocation, const GetArguments& arguments) {
  TESSERA_ASSIGN_OR_RETURN(const GetUserResponse answer,
                           FetchUser(invocation, arguments.user, arguments.by_email));
  Show(invocation, answer, UserFields(answer.user()));
  return absl::OkStatus();
}

struct ListArguments {
  PageArguments page;
  std::string prefix;
  std::string role;
  std::string state;
};

UserState StateOf(const std::string& name) {
  if (name.empty()) return USER_STATE_UNSPECIFIED;
  return name == "active" ? USER_STATE_ACTIVE : USER_STATE_DISABLED;
}

constexpr Listing<ListUsersRequest, ListUsersResponse, User> kUsers = {
    &UserStub::ListUsers, &ListUsersResponse::mutable_users, &UserTable};

absl::Status List(Invocation& invocation, const ListArguments& arguments) {
  ListUsersRequest request;
  request.set_username_prefix(arguments.prefix);
  request.set_role(arguments.role);
  request.set_state(StateOf(arguments.state));
  return RunListing(invocation, arguments.page, std::move(request), kUsers);
}

struct UpdateArguments {
  std::string user;
  std::optional<std::string> username;
  std::optional<std::string> email;
  std::optional<std::string> display_name;
  std::optional<std::string> state;
  std::vector<std::string> attributes;
  bool no_attributes = false;
  std::string etag;
};

absl::StatusOr<UpdateUserRequest> ToRequest(const UpdateArguments& arguments) {
  UpdateUserRequest request;
  User& user = *request.mutable_user();
  user.set_etag(arguments.etag);
  if (arguments.username.has_value()) {
    user.set_username(*arguments.username);
    request.mutable_update_mask()->add_paths("username");
  }
  if (arguments.email.has_value()) {
    user.set_email(*arguments.email);
    request.mutable_update_mask()->add_paths("email");
  }
  if (arguments.display_name.has_value()) {
    user.set_display_name(*arguments.display_name);
    request.mutable_update_mask()->add_paths("display_name");
  }
  if (arguments.state.has_value()) {
    user.set_state(StateOf(*arguments.state));
    request.mutable_update_mask()->add_paths("state");
  }
  if (!arguments.attributes.empty() || arguments.no_attributes) {
    TESSERA_RETURN_IF_ERROR(AddAttributes(arguments.attributes, user));
    request.mutable_update_mask()->add_paths("attributes");
  }
  if (request.update_mask().paths().empty()) {
    return UsageError(
        "nothing to change: give --username, --email, --display-name, --state or --attribute");
  }
  return request;
}

absl::Status Update(Invocation& invocation, const UpdateArguments& arguments) {
  TESSERA_ASSIGN_OR_RETURN(UpdateUserRequest request, ToRequest(arguments));
  TESSERA_ASSIGN_OR_RETURN(*request.mutable_user()->mutable_id(),
                           ResolveUserId(invocation, arguments.user));
  TESSERA_ASSIGN_OR_RETURN(const UpdateUserResponse answer,
                           invocation.CallUsers(&UserStub::UpdateUser, request));
  Show(invocation, answer, UserFields(answer.user()));
  return absl::OkStatus();
}

struct StateArguments {
  std::string user;
  std::string state;
};

absl::Status SetState(Invocation& invocation, const StateArguments& arguments) {
  UpdateArguments update;
  update.user = arguments.user;
  update.state = arguments.state;
  return Update(invocation, update);
}

struct DeleteArguments {
  std::string user;
  std::string etag;
  bool yes = false;
};

absl::StatusOr<std::string> IdToDelete(Invocation& invocation, const DeleteArguments& arguments) {
  if (arguments.yes) return ResolveUserId(invocation, arguments.user);
  TESSERA_ASSIGN_OR_RETURN(Terminal terminal, OpenForConsent(invocation, "deleting a user"));
  TESSERA_ASSIGN_OR_RETURN(const GetUserResponse found, FetchUser(invocation, arguments.user));
  const User& user = found.user();
  TESSERA_RETURN_IF_ERROR(AskConsent(terminal,
                                     "Delete user " + EscapeForTerminal(user.username()) + " (" +
                                         EscapeForTerminal(user.id()) +
                                         ") for good? All sessions and grants end.",
                                     "nothing was deleted"));
  return user.id();
}

absl::Status Delete(Invocation& invocation, const DeleteArguments& arguments) {
  DeleteUserRequest request;
  TESSERA_ASSIGN_OR_RETURN(*request.mutable_user_id(), IdToDelete(invocation, arguments));
  request.set_etag(arguments.etag);
  TESSERA_ASSIGN_OR_RETURN(const DeleteUserResponse answer,
                           invocation.CallUsers(&UserStub::DeleteUser, request));
  if (invocation.json()) invocation.PrintJson(ToJson(answer));
  invocation.PrintLine("Deleted " + arguments.user + " (" + request.user_id() + ").");
  return absl::OkStatus();
}

void AddReadingCommands(CLI::App& user, Command& chosen) {
  auto get = std::make_shared<GetArguments>();
  CLI::App* sub = user.add_subcommand("get", "Show a user");
  sub->add_option("user", get->user, "Name or id")->required();
  sub->add_flag("--by-email", get->by_email, "It is an email address");
  RunWith(*sub, chosen, get, &Get);

  auto list = std::make_shared<ListArguments>();
  sub = user.add_subcommand("list", "Show users, or one page of them");
  sub->add_option("--prefix", list->prefix, "Only names that begin so");
  sub->add_option("--role", list->role, "Only those who hold this role, also by a group");
  sub->add_option("--state", list->state, "Only those in this state")
      ->check(CLI::IsMember({"active", "disabled"}));
  AddPageOptions(*sub, list->page);
  RunWith(*sub, chosen, list, &List);
}

// Those of create and register alike.
void AddNewUserOptions(CLI::App& sub, CreateArguments& arguments) {
  sub.add_option("username", arguments.username, "Letters and digits of any script, and . _ @ -")
      ->required();
  sub.add_option("--display-name", arguments.display_name, "For people to read");
  sub.add_option("--request-id", arguments.request_id,
                 "Makes it safe to repeat for an hour: the same user is answered");
  AddPasswordOption(sub, arguments.password);
}

void AddStateCommand(CLI::App& user, Command& chosen, const std::string& name,
                     const std::string& state, const std::string& what) {
  auto arguments = std::make_shared<StateArguments>();
  arguments->state = state;
  CLI::App* sub = user.add_subcommand(name, what);
  sub->add_option("user", arguments->user, "Name or id")->required();
  RunWith(*sub, chosen, arguments, &SetState);
}

void AddChangingCommands(CLI::App& user, Command& chosen) {
  auto create = std::make_shared<CreateArguments>();
  CLI::App* sub = user.add_subcommand("create", "Add a user");
  AddNewUserOptions(*sub, *create);
  sub->add_option("--email", create->email, "Of nobody else");
  sub->add_option("--attribute", create->attributes, "NAME=VALUE; may be given several times")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  sub->add_flag("--disabled", create->disabled, "Cannot log in until enabled");
  RunWith(*sub, chosen, create, &Create);

  auto registration = std::make_shared<CreateArguments>();
  sub = user.add_subcommand("register", "Become a user, where the server lets people register");
  AddNewUserOptions(*sub, *registration);
  RunWith(*sub, chosen, registration, &Register);

  AddStateCommand(user, chosen, "disable", "disabled", "End all sessions and let nobody log in");
  AddStateCommand(user, chosen, "enable", "active", "Let the user log in again");

  auto update = std::make_shared<UpdateArguments>();
  sub = user.add_subcommand("update", "Change a user");
  sub->add_option("user", update->user, "Name or id")->required();
  sub->add_option("--username", update->username, "The new name");
  sub->add_option("--email", update->email, "Of nobody else; empty: none");
  sub->add_option("--display-name", update->display_name, "For people to read; may be empty");
  sub->add_option("--state", update->state, "Disabling ends all sessions and tokens at once")
      ->check(CLI::IsMember({"active", "disabled"}));
  CLI::Option* const attributes =
      sub->add_option("--attribute", update->attributes,
                      "NAME=VALUE, several times: the user's attributes are these and no others")
          ->expected(1)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  sub->add_flag("--no-attributes", update->no_attributes, "Removes all attributes")
      ->excludes(attributes);
  sub->add_option("--etag", update->etag, "Only if the user is still as read");
  RunWith(*sub, chosen, update, &Update);

  auto removal = std::make_shared<DeleteArguments>();
  sub = user.add_subcommand("delete", "Remove a user for good");
  sub->add_option("user", removal->user, "Name or id")->required();
  sub->add_option("--etag", removal->etag, "Only if the user is still as read");
  AddYesOption(*sub, removal->yes);
  RunWith(*sub, chosen, removal, &Delete);
}

}  // namespace

bool IsUserId(const std::string& text) {
  constexpr std::string_view kPrefix = "usr_";
  constexpr size_t kDigits = 26;
  return text.size() == kPrefix.size() + kDigits && text.compare(0, kPrefix.size(), kPrefix) == 0 &&
         text.find_first_not_of("0123456789abcdefghjkmnpqrstvwxyz", kPrefix.size()) ==
             std::string::npos;
}

absl::StatusOr<std::string> ResolveUserId(Invocation& invocation, const std::string& user) {
  if (IsUserId(user)) return user;
  TESSERA_ASSIGN_OR_RETURN(const GetUserResponse found, FetchUser(invocation, user));
  return found.user().id();
}

void AddUserCommands(CLI::App& app, Command& chosen) {
  CLI::App* user = app.add_subcommand(
      "user", "Manage users (needs tessera.admin; passwd and register are yours)");
  user->require_subcommand(1);
  AddReadingCommands(*user, chosen);
  AddChangingCommands(*user, chosen);
  AddUserFileCommands(*user, chosen);
  AddUserPasswordCommands(*user, chosen);
}

}  // namespace tessera::cli
