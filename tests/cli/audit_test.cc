// The audit trail from the command line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nlohmann/json.hpp"
#include "tests/cli/cli_fixture.h"

namespace tessera::cli {
namespace {

using tessera::testing::CliTest;
using tessera::testing::Ran;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kActor[] = "usr_01arz3ndektsv4rrffq69g5fav";

class AuditCommandsTest : public CliTest {
 protected:
  void SetUp() override { ASSERT_EQ(Login().code, ExitCode::kOk); }
};

TEST_F(AuditCommandsTest, ListShowsWhoDidWhatAndWhyNot) {
  const Ran ran = Run({"audit", "list"});
  EXPECT_EQ(ran.code, ExitCode::kOk);
  EXPECT_THAT(ran.out, AllOf(HasSubstr("login.refused"), HasSubstr("bad_password"),
                             HasSubstr("usr_1"), HasSubstr("192.0.2.7"), HasSubstr("times=7"),
                             HasSubstr("role=orders.admin"), Not(HasSubstr("AUDIT_OUTCOME"))));
  EXPECT_THAT(ran.out, Not(HasSubstr("times=1")));
  EXPECT_THAT(ran.err, HasSubstr("more"));  // where the next page begins
  const auto json = nlohmann::json::parse(Run({"audit", "list", "--json"}).out);
  EXPECT_EQ(json["events"][0]["reason"], "bad_password");
  EXPECT_EQ(json["next_page_token"], "more");
}

TEST_F(AuditCommandsTest, EveryFilterIsAskedFor) {
  ASSERT_EQ(Run({"audit",
                 "list",
                 "--event",
                 "login.",
                 "--actor",
                 kActor,
                 "--target",
                 "usr_2",
                 "--source",
                 "192.0.2.7",
                 "--correlation-id",
                 "call-1",
                 "--since",
                 "2026-11-22T09:00:00Z",
                 "--until",
                 "2026-11-22T10:00:00+01:00",
                 "--refused",
                 "--page-size",
                 "10",
                 "--page-token",
                 "more"})
                .code,
            ExitCode::kOk);
  EXPECT_THAT(server_.requests(),
              Contains("ListAuditEvents event=login. actor=" + std::string(kActor) +
                       " target=usr_2 source=192.0.2.7 call=call-1 outcome=2 from=1795338000"
                       " to=1795338000 size=10 page=more"));
}

// The trail knows nobody by name: asked for one, it would say that nothing had happened.
TEST_F(AuditCommandsTest, AnActorMayBeGivenByNameAndAnUnknownOneIsTold) {
  ASSERT_EQ(Run({"audit", "list", "--actor", "alice", "--target", "alice"}).code, ExitCode::kOk);
  EXPECT_THAT(
      server_.requests(),
      Contains(::testing::ContainsRegex("ListAuditEvents .* actor=usr_[^ ]+ target=alice ")));
  const Ran unknown = Run({"audit", "list", "--actor", "nobody"});
  EXPECT_EQ(unknown.code, ExitCode::kNotFound);
  EXPECT_EQ(unknown.out, "");
  EXPECT_THAT(unknown.err, HasSubstr("USER_NOT_FOUND"));
  server_.FailNext({grpc::StatusCode::PERMISSION_DENIED, "ROLE_REQUIRED: needs tessera.admin"});
  const Ran refused = Run({"audit", "list", "--actor", "alice"});
  EXPECT_EQ(refused.code, ExitCode::kPermissionDenied);
  EXPECT_THAT(refused.err, HasSubstr("ROLE_REQUIRED"));
}

// An account is gone, or its program asks nobody: the id is enough.
TEST_F(AuditCommandsTest, AnIdIsLookedUpNowhere) {
  for (const char* id : {kActor, "svc_01arz3ndektsv4rrffq69g5fav"}) {
    ASSERT_EQ(Run({"audit", "list", "--actor", id}).code, ExitCode::kOk);
  }
  EXPECT_THAT(server_.requests(), Not(Contains("GetUser")));
}

TEST_F(AuditCommandsTest, WhatContradictsItselfOrIsNoTimeIsRefusedHere) {
  EXPECT_EQ(Run({"audit", "list", "--done", "--refused"}).code, ExitCode::kUsage);
  EXPECT_EQ(Run({"audit", "list", "--since", "yesterday"}).code, ExitCode::kUsage);
  EXPECT_THAT(server_.requests(), Not(Contains(HasSubstr("ListAuditEvents"))));
}

// All parts are asked for.
TEST_F(AuditCommandsTest, VerifyCountsEveryPart) {
  const Ran ran = Run({"audit", "verify"});
  EXPECT_EQ(ran.code, ExitCode::kOk);
  EXPECT_THAT(ran.out, AllOf(HasSubstr("2034"), HasSubstr("Faults: 0.")));
  EXPECT_THAT(server_.requests(), Contains("VerifyAuditTrail page=second"));
}

// Scripts see it by the exit status, people by the place.
TEST_F(AuditCommandsTest, AFaultFailsAndIsNamed) {
  server_.TamperWithTrail();
  const Ran ran = Run({"audit", "verify"});
  EXPECT_EQ(static_cast<int>(ran.code), 1);
  EXPECT_THAT(ran.out, AllOf(HasSubstr("rep_1"), HasSubstr("2035"), HasSubstr("is missing")));
  EXPECT_THAT(ran.err, HasSubstr("AUDIT_FAULT"));
  const Ran json = Run({"audit", "verify", "--json"});
  EXPECT_EQ(static_cast<int>(json.code), 1);
  EXPECT_EQ(nlohmann::json::parse(json.out)["faults"][0]["replica_id"], "rep_1");
}

}  // namespace
}  // namespace tessera::cli
