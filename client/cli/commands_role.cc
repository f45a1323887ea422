// role create, list, delete, grant, revoke, lookup.
#include <vector>

#include "tessera/base/status_macros.h"
#include "tessera/cli/commands.h"
#include "tessera/cli/paging.h"
#include "tessera/cli/render.h"

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
  if (invocation.json()) {
    invocation.PrintJson(ToJson(answer));
  } else {
    PrintFields(RoleFields(answer.role()), invocation.world().out);
  }
  return absl::OkStatus();
}

absl::Status List(Invocation& invocation, const PageArguments& arguments) {
  const auto next = [&invocation](const ListRolesRequest& request) {
    return invocation.CallUsers(&UserStub::ListRoles, request);
  };
  const auto take = [](ListRolesResponse& all, ListRolesResponse& page) {
    for (Role& role : *page.mutable_roles()) *all.add_roles() = std::move(role);
  };
  TESSERA_ASSIGN_OR_RETURN(const ListRolesResponse answer,
                           (Pages<ListRolesRequest, ListRolesResponse>(arguments, next, take)));
  if (invocation.json()) {
    invocation.PrintJson(ToJson(answer));
    return absl::OkStatus();
  }
  RoleTable({answer.roles().begin(), answer.roles().end()}).Print(invocation.world().out);
  PrintNextPage(answer.next_page_token(), invocation.world().err);
  return absl::OkStatus();
}

struct DeleteArguments {
  std::string role;
};

absl::Status Delete(Invocation& invocation, const DeleteArguments& arguments) {
  DeleteRoleRequest request;
  request.set_role(arguments.role);
  TESSERA_ASSIGN_OR_RETURN(const DeleteRoleResponse answer,
                           invocation.CallUsers(&UserStub::DeleteRole, request));
  if (invocation.json()) invocation.PrintJson(ToJson(answer));
  invocation.PrintLine("Deleted role " + arguments.role + " and its grants.");
  return absl::OkStatus();
}

struct GrantArguments {
  std::string role;
  std::string user;
};

absl::Status Grant(Invocation& invocation, const GrantArguments& arguments) {
  GrantRoleRequest request;
  request.set_role(arguments.role);
  TESSERA_ASSIGN_OR_RETURN(*request.mutable_user_id(), ResolveUserId(invocation, arguments.user));
  TESSERA_ASSIGN_OR_RETURN(const GrantRoleResponse answer,
                           invocation.CallUsers(&UserStub::GrantRole, request));
  if (invocation.json()) invocation.PrintJson(ToJson(answer));
  invocation.PrintLine(arguments.user + " holds " + arguments.role +
                       "; tokens carry it from the next renewal or login on.");
  return absl::OkStatus();
}

absl::Status Revoke(Invocation& invocation, const GrantArguments& arguments) {
  RevokeRoleRequest request;
  request.set_role(arguments.role);
  TESSERA_ASSIGN_OR_RETURN(*request.mutable_user_id(), ResolveUserId(invocation, arguments.user));
  TESSERA_ASSIGN_OR_RETURN(const RevokeRoleResponse answer,
                           invocation.CallUsers(&UserStub::RevokeRole, request));
  if (invocation.json()) invocation.PrintJson(ToJson(answer));
  invocation.PrintLine(arguments.user + " does not hold " + arguments.role + ".");
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
};

absl::Status Lookup(Invocation& invocation, const LookupArguments& arguments) {
  LookupRolesRequest request;
  if (IsUserId(arguments.user)) {
    request.set_user_id(arguments.user);
  } else {
    request.set_username(arguments.user);
  }
  TESSERA_ASSIGN_OR_RETURN(const LookupRolesResponse answer,
                           invocation.CallUsers(&UserStub::LookupRoles, request));
  if (invocation.json()) {
    invocation.PrintJson(ToJson(answer));
    return absl::OkStatus();
  }
  PrintFields({{"kind", KindName(answer.kind())}, {"user_id", answer.user_id()}},
              invocation.world().out);
  if (answer.roles().empty()) return absl::OkStatus();
  Table table({"role", "direct", "audiences", "description"});
  for (const EffectiveRole& held : answer.roles()) {
    const Role& role = held.role();
    table.Add({role.name(), held.direct() ? "true" : "false",
               Join({role.audiences().begin(), role.audiences().end()}), role.description()});
  }
  table.Print(invocation.world().out);
  return absl::OkStatus();
}

void AddGrantCommand(CLI::App& role, Command& chosen, const char* name, const char* text,
                     absl::Status (*run)(Invocation&, const GrantArguments&)) {
  auto arguments = std::make_shared<GrantArguments>();
  CLI::App* sub = role.add_subcommand(name, text);
  sub->add_option("role", arguments->role, "The role's name")->required();
  sub->add_option("user", arguments->user, "Name or id")->required();
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
  RunWith(*sub, chosen, removal, &Delete);

  AddGrantCommand(*role, chosen, "grant", "Give a role to a user", &Grant);
  AddGrantCommand(*role, chosen, "revoke", "Take a role from a user", &Revoke);

  auto lookup = std::make_shared<LookupArguments>();
  sub = role->add_subcommand("lookup", "Show the roles that a user holds, and the kind of user");
  sub->add_option("user", lookup->user, "Name or id")->required();
  RunWith(*sub, chosen, lookup, &Lookup);
}

}  // namespace tessera::cli
