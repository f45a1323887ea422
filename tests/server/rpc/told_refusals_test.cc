// What a method refuses to a caller whom the guard had admitted stands in the audit trail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/server/rpc/in_process_server.h"

namespace tessera::server {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kUserPassword[] = "a plain user's password";

class ToldRefusals : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.Start();
    server_.AddUser("auditor", kUserPassword, "tessera.audit");
    admin_ = server_.LoginAdmin().access_token();
    v1::GetCurrentUserResponse own;
    ASSERT_TRUE(server_.Users()->GetCurrentUser(With(admin_).get(), {}, &own).ok());
    admin_id_ = own.user().id();
  }
  // All that is told of refused calls. The end of the server writes what waits.
  std::vector<v1::AuditEvent> Told() {
    server_.Restart();
    v1::ListAuditEventsRequest request;
    request.set_event("call.refused");
    v1::ListAuditEventsResponse response;
    const std::string auditor = server_.Login("auditor", kUserPassword).access_token();
    const grpc::Status status =
        server_.Users()->ListAuditEvents(With(auditor).get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return {response.events().begin(), response.events().end()};
  }

  InProcessServer server_;
  std::string admin_;
  std::string admin_id_;
};

TEST_F(ToldRefusals, TheLastAdministratorStays) {
  v1::RevokeRoleRequest revoke;
  revoke.set_role("tessera.admin");
  revoke.set_user_id(admin_id_);
  v1::RevokeRoleResponse response;
  const auto context = With(admin_);
  context->AddMetadata("x-request-id", "attempt-1");
  ASSERT_EQ(ReasonOf(server_.Users()->RevokeRole(context.get(), revoke, &response)),
            "LAST_ADMINISTRATOR");
  const std::vector<v1::AuditEvent> told = Told();
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_EQ(told[0].actor_id(), admin_id_);
  EXPECT_EQ(told[0].target_id(), "/tessera.v1.UserService/RevokeRole");
  EXPECT_EQ(told[0].reason(), "LAST_ADMINISTRATOR");
  EXPECT_EQ(told[0].source(), "127.0.0.1");
  EXPECT_EQ(told[0].correlation_id(), "attempt-1");
  EXPECT_EQ(told[0].outcome(), v1::AUDIT_OUTCOME_REFUSED);
}

TEST_F(ToldRefusals, AMethodAsksForARoleThatTheGuardDoesNot) {
  const std::string ada = server_.AddUser("ada", kUserPassword);
  v1::ListSessionsRequest list;
  list.set_user_id(admin_id_);
  v1::ListSessionsResponse response;
  const std::string token = server_.Login("ada", kUserPassword).access_token();
  ASSERT_EQ(ReasonOf(server_.Auth()->ListSessions(With(token).get(), list, &response)),
            "ROLE_REQUIRED");
  const std::vector<v1::AuditEvent> told = Told();
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_EQ(told[0].actor_id(), ada);
  EXPECT_EQ(told[0].target_id(), "/tessera.v1.AuthService/ListSessions");
  EXPECT_EQ(told[0].reason(), "ROLE_REQUIRED");
}

// What is asked is wrong, and the caller may ask: no decision about the caller.
TEST_F(ToldRefusals, WrongFieldsAreNotTold) {
  v1::UpdateUserRequest update;
  update.mutable_user()->set_id(admin_id_);
  update.mutable_user()->set_etag("another");
  update.mutable_update_mask()->add_paths("display_name");
  v1::UpdateUserResponse updated;
  EXPECT_FALSE(server_.Users()->UpdateUser(With(admin_).get(), update, &updated).ok());
  v1::RevokeRoleRequest revoke;
  revoke.set_role("no.such.role");
  revoke.set_user_id(admin_id_);
  v1::RevokeRoleResponse response;
  EXPECT_EQ(ReasonOf(server_.Users()->RevokeRole(With(admin_).get(), revoke, &response)),
            "ROLE_NOT_FOUND");
  EXPECT_THAT(Told(), IsEmpty());
}

}  // namespace
}  // namespace tessera::server
