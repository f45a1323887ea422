// `role` and `group` against a server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/cli/cli_fixture.h"
#include "tests/cli/pseudo_terminal.h"

namespace tessera::cli {
namespace {

using tessera::testing::CliTest;
using tessera::testing::PseudoTerminal;
using tessera::testing::Ran;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RoleTest : public CliTest {
 protected:
  RoleTest() { EXPECT_EQ(Login().code, ExitCode::kOk); }
};

TEST_F(RoleTest, ANameIsLookedUpAndAnIdIsTakenAsItIs) {
  const auto shown = nlohmann::json::parse(Run({"user", "get", "alice", "--json"}).out);
  const std::string id = shown.at("user").at("id");
  EXPECT_EQ(Run({"role", "grant", "orders.admin", "alice"}).code, ExitCode::kOk);
  EXPECT_EQ(Run({"role", "grant", "orders.admin", id}).code, ExitCode::kOk);
  const std::string granted = "GrantRole orders.admin " + id;
  EXPECT_THAT(server_.requests(), ElementsAre("GetUser", "GetUser", granted, granted));
}

TEST_F(RoleTest, LookingUpNobodyIsAnAnswer) {
  const Ran ran = Run({"role", "lookup", "nobody"});
  EXPECT_EQ(ran.code, ExitCode::kOk);
  EXPECT_EQ(ran.out, "kind     no_one\nuser_id  -\n");
}

TEST_F(RoleTest, ListShowsAPage) {
  const Ran ran = Run({"role", "list", "--page-size", "1"});
  EXPECT_EQ(ran.out,
            "name          audiences  create_time  description\n"
            "orders.admin  orders     -            -\n");
  EXPECT_EQ(ran.err, "More: --page-token for ever the same\n");
}

TEST_F(RoleTest, WhatWasMadeIsShown) {
  EXPECT_EQ(
      Run({"role", "create", "editor", "--audience", "orders"}).out,
      "id           -\nname         editor\ndescription  -\naudiences    orders\ncreate_time  -\n");
}

class GroupTest : public CliTest {
 protected:
  GroupTest() { EXPECT_EQ(Login().code, ExitCode::kOk); }
};

TEST_F(GroupTest, ListsShowAPage) {
  const Ran groups = Run({"group", "list", "--page-size", "1"});
  EXPECT_EQ(groups.out,
            "name    roles         create_time  description\n"
            "buyers  orders.admin  -            -\n");
  EXPECT_EQ(groups.err, "More: --page-token behind buyers\n");
  EXPECT_THAT(Run({"group", "members", "buyers"}).out, HasSubstr("alice"));
  EXPECT_THAT(server_.requests(), ElementsAre("ListGroups", "ListGroupMembers buyers"));
  const auto json = nlohmann::json::parse(Run({"group", "members", "buyers", "--json"}).out);
  EXPECT_EQ(json.at("users").at(0).at("username"), "alice");
  EXPECT_EQ(json.at("next_page_token"), "");
}

// What takes something from everybody who has it.
struct Deletion {
  std::vector<std::string> command;
  std::string question;
  std::string request;
  std::string done;
};

class DeletionTest : public CliTest, public ::testing::WithParamInterface<Deletion> {
 protected:
  DeletionTest() { EXPECT_EQ(Login().code, ExitCode::kOk); }
  Ran Answer(const std::string& answer) {
    PseudoTerminal tty;
    terminal_ = tty.path();
    Ran ran;
    std::thread program([&] { ran = Run(GetParam().command); });
    EXPECT_TRUE(tty.WaitFor(GetParam().question + " [y/N] "));
    tty.Type(answer + "\n");
    program.join();
    return ran;
  }
};

TEST_P(DeletionTest, WithoutTerminalNeedsYesAndAsksTheServerNothing) {
  const Ran ran = Run(GetParam().command);
  EXPECT_EQ(ran.code, ExitCode::kUsage);
  EXPECT_THAT(ran.err, HasSubstr("cannot be undone: without a terminal to confirm on, give --yes"));
  EXPECT_THAT(server_.requests(), ElementsAre());
}

TEST_P(DeletionTest, WithYesNobodyIsAsked) {
  std::vector<std::string> command = GetParam().command;
  command.push_back("--yes");
  const Ran ran = Run(command);
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_EQ(ran.out, GetParam().done);
  EXPECT_THAT(server_.requests(), ElementsAre(GetParam().request));
}

TEST_P(DeletionTest, IsDoneIfThePersonAgreesAndElseNot) {
  const Ran refused = Answer("n");
  EXPECT_NE(refused.code, ExitCode::kOk);
  EXPECT_THAT(refused.err, HasSubstr("nothing was deleted"));
  EXPECT_THAT(server_.requests(), ElementsAre());
  EXPECT_EQ(Answer("").code, refused.code);
  EXPECT_EQ(Answer("y").out, GetParam().done);
  EXPECT_THAT(server_.requests(), ElementsAre(GetParam().request));
}

INSTANTIATE_TEST_SUITE_P(
    Things, DeletionTest,
    ::testing::Values(Deletion{{"role", "delete", "editor"},
                               "Delete role editor for good? Nobody holds it then.",
                               "DeleteRole editor",
                               "Deleted role editor and its grants.\n"},
                      Deletion{{"group", "delete", "buyers"},
                               "Delete group buyers for good? Its members lose what it gave them.",
                               "DeleteGroup buyers",
                               "Deleted group buyers; its members stay users.\n"}),
    [](const ::testing::TestParamInfo<Deletion>& test) { return test.param.command.front(); });

}  // namespace
}  // namespace tessera::cli
