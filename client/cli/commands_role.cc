// role create, list, delete, grant, revoke, lookup, check.
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

struct CreateArguments {
  std::string name;
  std::string description;
  std::vector<std::string> audiences;
};

absl::Status Create(Invocation& invocation, const CreateArguments& arguments) {
  CreateRoleRequest request;
  request.mutable_role()->set_name(arguments.name);
  request.mutable_role()->set_description(arguments.description);
  for (const std::string& audience : arguments.audiences) {
    request.mutable_role()->add_audiences(audience);
  }
  TESSERA_ASSIGN_OR_RETURN(const CreateRoleResponse answer,
                           invocation.CallUsers(&UserStub::CreateRole, request));
  Show(invocation, answer, RoleFields(answer.role()));
  return absl::OkStatus();
}

constexpr Listing<ListRolesRequest, ListRolesResponse, Role> kRoles = {
    &UserStub::ListRoles, &ListRolesResponse::mutable_roles, &RoleTable};

absl::Status List(Invocation& invocation, const PageArguments& arguments) {
  return RunListing(invocation, arguments, ListRolesRequest(), kRoles);
}

struct DeleteArguments {
  std::string role;
  bool yes = false;
};

absl::Status Delete(Invocation& invocation, const DeleteArguments& arguments) {
  TESSERA_RETURN_IF_ERROR(AskToDelete(
      invocation, arguments.yes, "a role",
      "Delete role " + EscapeForTerminal(arguments.role) + " for good? Nobody holds it then."));
  DeleteRoleRequest request;
  request.set_role(arguments.role);
  TESSERA_ASSIGN_OR_RETURN(const DeleteRoleResponse answer,
                           invocation.CallUsers(&UserStub::DeleteRole, request));
  if (invocation.json()) invocation.PrintJson(ToJson(answer));
  invocation.PrintLine("Deleted role " + arguments.role + " and its grants.");
  return absl::OkStatus();
}

// To or from a user, or a group.
struct GrantArguments {
  std::string role;
  std::string user;
  std::string group;
};

// `request` is a GrantRoleRequest or a RevokeRoleRequest.
template <typename Request>
absl::Status Name(Invocation& invocation, const GrantArguments& arguments, Request& request) {
  if (arguments.user.empty() == arguments.group.empty()) {
    return UsageError("whom is it about? give a user, or --group");
  }
  request.set_role(arguments.role);
  if (!arguments.group.empty()) {
    request.set_group(arguments.group);
    return absl::OkStatus();
  }
  TESSERA_ASSIGN_OR_RETURN(*request.mutable_user_id(), ResolveUserId(invocation, arguments.user));
  return absl::OkStatus();
}

absl::Status Grant(Invocation& invocation, const GrantArguments& arguments) {
  GrantRoleRequest request;
  TESSERA_RETURN_IF_ERROR(Name(invocation, arguments, request));
  TESSERA_ASSIGN_OR_RETURN(const GrantRoleResponse answer,
                           invocation.CallUsers(&UserStub::GrantRole, request));
  if (invocation.json()) invocation.PrintJson(ToJson(answer));
  invocation.PrintLine(arguments.user + arguments.group + " holds " + arguments.role +
                       "; tokens carry it from the next renewal or login on.");
  return absl::OkStatus();
}

absl::Status Revoke(Invocation& invocation, const GrantArguments& arguments) {
  RevokeRoleRequest request;
  TESSERA_RETURN_IF_ERROR(Name(invocation, arguments, request));
  TESSERA_ASSIGN_OR_RETURN(const RevokeRoleResponse answer,
                           invocation.CallUsers(&UserStub::RevokeRole, request));
  if (invocation.json()) invocation.PrintJson(ToJson(answer));
  const bool by_group = !arguments.group.empty();
  invocation.PrintLine(by_group ? arguments.group + " does not hold " + arguments.role + "."
                                : arguments.user + " does not hold " + arguments.role +
                                      ", unless a group gives it.");
  return absl::OkStatus();
}

std::string KindName(UserKind kind) {
  switch (kind) {
    case USER_KIND_NO_ONE:
      return "no_one";
    case USER_KIND_USER:
      return "user";
    case USER_KIND_ADMIN:
      return "admin";
    default:
      return "unspecified";
  }
}

struct LookupArguments {
  std::string user;
  bool by_email = false;
};

// `request` is a LookupRolesRequest or a CheckRoleRequest.
template <typename Request>
void NameUser(const LookupArguments& arguments, Request& request) {
  if (arguments.by_email) {
    request.set_email(arguments.user);
  } else if (IsUserId(arguments.user)) {
    request.set_user_id(arguments.user);
  } else {
    request.set_username(arguments.user);
  }
}

absl::Status Lookup(Invocation& invocation, const LookupArguments& arguments) {
  LookupRolesRequest request;
  NameUser(arguments, request);
  TESSERA_ASSIGN_OR_RETURN(const LookupRolesResponse answer,
                           invocation.CallUsers(&UserStub::LookupRoles, request));
  if (invocation.json()) {
    invocation.PrintJson(ToJson(answer));
    return absl::OkStatus();
  }
  PrintFields({{"kind", KindName(answer.kind())}, {"user_id", answer.user_id()}},
              invocation.world().out);
  if (answer.roles().empty()) return absl::OkStatus();
  Table table({"role", "direct", "groups", "audiences", "description"});
  for (const EffectiveRole& held : answer.roles()) {
    const Role& role = held.role();
    table.Add({role.name(), held.direct() ? "true" : "false",
               Join({held.groups().begin(), held.groups().end()}),
               Join({role.audiences().begin(), role.audiences().end()}), role.description()});
  }
  table.Print(invocation.world().out);
  return absl::OkStatus();
}

struct CheckArguments {
  std::string role;
  LookupArguments who;
};

// What a script branches on is the exit status.
absl::Status Check(Invocation& invocation, const CheckArguments& arguments) {
  CheckRoleRequest request;
  request.set_role(arguments.role);
  NameUser(arguments.who, request);
  TESSERA_ASSIGN_OR_RETURN(const CheckRoleResponse answer,
                           invocation.CallUsers(&UserStub::CheckRole, request));
  if (invocation.json()) {
    invocation.PrintJson(ToJson(answer));
  } else {
    PrintFields({{"held", answer.held() ? "true" : "false"},
                 {"direct", answer.direct() ? "true" : "false"},
                 {"groups", Join({answer.groups().begin(), answer.groups().end()})},
                 {"kind", KindName(answer.kind())}},
                invocation.world().out);
  }
  if (answer.held()) return absl::OkStatus();
  return Refusal(absl::StatusCode::kPermissionDenied, reason::kRoleRequired,
                 arguments.who.user + " does not hold " + arguments.role);
}

void AddWhoOptions(CLI::App& sub, LookupArguments& who) {
  sub.add_option("user", who.user, "Name or id")->required();
  sub.add_flag("--by-email", who.by_email, "It is an email address");
}

void AddGrantCommand(CLI::App& role, Command& chosen, const char* name, const char* text,
                     absl::Status (*run)(Invocation&, const GrantArguments&)) {
  auto arguments = std::make_shared<GrantArguments>();
  CLI::App* sub = role.add_subcommand(name, text);
  sub->add_option("role", arguments->role, "The role's name")->required();
  sub->add_option("user", arguments->user, "Name or id");
  sub->add_option("--group", arguments->group, "A group, instead of a user");
  RunWith(*sub, chosen, arguments, run);
}

}  // namespace

void AddRoleCommands(CLI::App& app, Command& chosen) {
  CLI::App* role = app.add_subcommand("role", "Manage roles and who holds them");
  role->require_subcommand(1);

  auto create = std::make_shared<CreateArguments>();
  CLI::App* sub = role->add_subcommand("create", "Add a role");
  sub->add_option("name", create->name, "1 to 64 of a-z 0-9 . _ -")->required();
  sub->add_option("--description", create->description, "For people to read");
  sub->add_option("--audience", create->audiences,
                  "Only tokens for this audience carry the role; may be repeated")
      ->allow_extra_args(false);
  RunWith(*sub, chosen, create, &Create);

  auto list = std::make_shared<PageArguments>();
  sub = role->add_subcommand("list", "Show all roles, or one page of them");
  AddPageOptions(*sub, *list);
  RunWith(*sub, chosen, list, &List);

  auto removal = std::make_shared<DeleteArguments>();
  sub = role->add_subcommand("delete", "Remove a role and all its grants");
  sub->add_option("role", removal->role, "The role's name")->required();
  AddYesOption(*sub, removal->yes);
  RunWith(*sub, chosen, removal, &Delete);

  AddGrantCommand(*role, chosen, "grant", "Give a role to a user or a group", &Grant);
  AddGrantCommand(*role, chosen, "revoke", "Take a role from a user or a group", &Revoke);

  auto lookup = std::make_shared<LookupArguments>();
  sub = role->add_subcommand("lookup", "Show the roles that a user holds, and the kind of user");
  AddWhoOptions(*sub, *lookup);
  RunWith(*sub, chosen, lookup, &Lookup);

  auto check = std::make_shared<CheckArguments>();
  sub = role->add_subcommand("check", "Whether a user holds a role; exit status 4 if not");
  sub->add_option("role", check->role, "The role's name")->required();
  AddWhoOptions(*sub, check->who);
  RunWith(*sub, chosen, check, &Check);
}

}  // namespace tessera::cli
