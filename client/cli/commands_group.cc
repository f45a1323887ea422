// group create, list, delete, add, remove, members.
#include <utility>

#include "tessera/base/status_macros.h"
#include "tessera/cli/commands.h"
#include "tessera/cli/consent.h"
#include "tessera/cli/listing.h"

namespace tessera::cli {
namespace {

using namespace tessera::v1;  // NOLINT(google-build-using-namespace): requests and responses only

struct CreateArguments {
  std::string name;
  std::string description;
};

absl::Status Create(Invocation& invocation, const CreateArguments& arguments) {
  CreateGroupRequest request;
  request.mutable_group()->set_name(arguments.name);
  request.mutable_group()->set_description(arguments.description);
  TESSERA_ASSIGN_OR_RETURN(const CreateGroupResponse answer,
                           invocation.CallUsers(&UserStub::CreateGroup, request));
  Show(invocation, answer, GroupFields(answer.group()));
  return absl::OkStatus();
}

constexpr Listing<ListGroupsRequest, ListGroupsResponse, Group> kGroups = {
    &UserStub::ListGroups, &ListGroupsResponse::mutable_groups, &GroupTable};

absl::Status List(Invocation& invocation, const PageArguments& arguments) {
  return RunListing(invocation, arguments, ListGroupsRequest(), kGroups);
}

struct DeleteArguments {
  std::string group;
  bool yes = false;
};

absl::Status Delete(Invocation& invocation, const DeleteArguments& arguments) {
  TESSERA_RETURN_IF_ERROR(AskToDelete(invocation, arguments.yes, "a group",
                                      "Delete group " + EscapeForTerminal(arguments.group) +
                                          " for good? Its members lose what it gave them."));
  DeleteGroupRequest request;
  request.set_group(arguments.group);
  TESSERA_ASSIGN_OR_RETURN(const DeleteGroupResponse answer,
                           invocation.CallUsers(&UserStub::DeleteGroup, request));
  if (invocation.json()) invocation.PrintJson(ToJson(answer));
  invocation.PrintLine("Deleted group " + arguments.group + "; its members stay users.");
  return absl::OkStatus();
}

struct MemberArguments {
  std::string group;
  std::string user;
};

absl::Status AddMember(Invocation& invocation, const MemberArguments& arguments) {
  AddGroupMemberRequest request;
  request.set_group(arguments.group);
  TESSERA_ASSIGN_OR_RETURN(*request.mutable_user_id(), ResolveUserId(invocation, arguments.user));
  TESSERA_ASSIGN_OR_RETURN(const AddGroupMemberResponse answer,
                           invocation.CallUsers(&UserStub::AddGroupMember, request));
  if (invocation.json()) invocation.PrintJson(ToJson(answer));
  invocation.PrintLine(arguments.user + " is in " + arguments.group +
                       "; tokens carry its roles from the next renewal or login on.");
  return absl::OkStatus();
}

absl::Status RemoveMember(Invocation& invocation, const MemberArguments& arguments) {
  RemoveGroupMemberRequest request;
  request.set_group(arguments.group);
  TESSERA_ASSIGN_OR_RETURN(*request.mutable_user_id(), ResolveUserId(invocation, arguments.user));
  TESSERA_ASSIGN_OR_RETURN(const RemoveGroupMemberResponse answer,
                           invocation.CallUsers(&UserStub::RemoveGroupMember, request));
  if (invocation.json()) invocation.PrintJson(ToJson(answer));
  invocation.PrintLine(arguments.user + " is not in " + arguments.group + ".");
  return absl::OkStatus();
}

struct MembersArguments {
  std::string group;
  PageArguments page;
};

constexpr Listing<ListGroupMembersRequest, ListGroupMembersResponse, User> kMembers = {
    &UserStub::ListGroupMembers, &ListGroupMembersResponse::mutable_users, &UserTable};

absl::Status Members(Invocation& invocation, const MembersArguments& arguments) {
  ListGroupMembersRequest request;
  request.set_group(arguments.group);
  return RunListing(invocation, arguments.page, std::move(request), kMembers);
}

void AddMemberCommand(CLI::App& group, Command& chosen, const char* name, const char* text,
                      absl::Status (*run)(Invocation&, const MemberArguments&)) {
  auto arguments = std::make_shared<MemberArguments>();
  CLI::App* sub = group.add_subcommand(name, text);
  sub->add_option("group", arguments->group, "The group's name")->required();
  sub->add_option("user", arguments->user, "Name or id")->required();
  RunWith(*sub, chosen, arguments, run);
}

}  // namespace

void AddGroupCommands(CLI::App& app, Command& chosen) {
  CLI::App* group = app.add_subcommand("group", "Manage groups and who is in them");
  group->require_subcommand(1);

  auto create = std::make_shared<CreateArguments>();
  CLI::App* sub = group->add_subcommand("create", "Add a group");
  sub->add_option("name", create->name, "1 to 64 of a-z 0-9 . _ -")->required();
  sub->add_option("--description", create->description, "For people to read");
  RunWith(*sub, chosen, create, &Create);

  auto list = std::make_shared<PageArguments>();
  sub = group->add_subcommand("list", "Show all groups, or one page of them");
  AddPageOptions(*sub, *list);
  RunWith(*sub, chosen, list, &List);

  auto removal = std::make_shared<DeleteArguments>();
  sub = group->add_subcommand("delete", "Remove a group; its members lose what it gave them");
  sub->add_option("group", removal->group, "The group's name")->required();
  AddYesOption(*sub, removal->yes);
  RunWith(*sub, chosen, removal, &Delete);

  AddMemberCommand(*group, chosen, "add", "Put a user into a group", &AddMember);
  AddMemberCommand(*group, chosen, "remove", "Take a user out of a group", &RemoveMember);

  auto members = std::make_shared<MembersArguments>();
  sub = group->add_subcommand("members", "Show who is in a group, or one page of them");
  sub->add_option("group", members->group, "The group's name")->required();
  AddPageOptions(*sub, members->page);
  RunWith(*sub, chosen, members, &Members);
}

}  // namespace tessera::cli
