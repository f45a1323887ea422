#include "server/server.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>

#include <future>
#include <string>
#include <thread>

#include "grpc/health/v1/health.pb.h"
#include "tests/server/rpc/in_process_server.h"

namespace tessera::server {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

grpc::Status CheckHealth(const std::shared_ptr<grpc::Channel>& channel, const std::string& service,
                         grpc::health::v1::HealthCheckResponse& answer) {
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(service);
  const grpc::Slice slice(request.SerializeAsString());
  const grpc::ByteBuffer bytes(&slice, 1);
  grpc::ByteBuffer response;
  grpc::ClientContext context;
  std::promise<grpc::Status> ended;
  grpc::GenericStub(channel).UnaryCall(
      &context, "/grpc.health.v1.Health/Check", {}, &bytes, &response,
      [&](grpc::Status status) { ended.set_value(std::move(status)); });
  grpc::Status status = ended.get_future().get();
  grpc::Slice whole;
  if (status.ok() && response.TrySingleSlice(&whole).ok()) {
    answer.ParseFromArray(whole.begin(), static_cast<int>(whole.size()));
  }
  return status;
}

TEST(Server, HealthNeedsNoTokenAndSaysServing) {
  InProcessServer server;
  server.Start();
  grpc::health::v1::HealthCheckResponse answer;
  const grpc::Status status = CheckHealth(server.Channel(), "", answer);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(answer.status(), grpc::health::v1::HealthCheckResponse::SERVING);
}

TEST(Server, HealthCanBeDescribedByReflection) {
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  EXPECT_NE(pool->FindFileContainingSymbol("grpc.health.v1.Health"), nullptr);
}

TEST(Server, AddressHasThePortThatWasBound) {
  InProcessServer server;
  server.Start();
  EXPECT_THAT(server.server().address(), StartsWith("127.0.0.1:"));
  EXPECT_NE(server.server().address(), "127.0.0.1:0");
}

TEST(Server, PortThatIsTakenStopsTheStart) {
  InProcessServer first, second;
  first.Start();
  second.config().server.listen = first.server().address();
  const absl::Status status = second.TryStart();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr(first.server().address()));
}

TEST(Server, PlaintextOffLoopbackStopsTheStart) {
  InProcessServer server;
  server.config().server.listen = "0.0.0.0:0";
  EXPECT_THAT(std::string(server.TryStart().message()), HasSubstr("plaintext_off_loopback"));
}

TEST(Server, NeitherTlsNorPlaintextStopsTheStart) {
  InProcessServer server;
  server.config().server.plaintext = false;
  EXPECT_THAT(std::string(server.TryStart().message()), HasSubstr("server.tls.certificate"));
}

TEST(Server, StoreOfARunningServerIsNotOpenedTwice) {
  InProcessServer first, second;
  first.Start();
  second.config().storage.url = first.config().storage.url;
  EXPECT_EQ(second.TryStart().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(Server, StartAfterAStopKeepsUsersSessionsAndRevocations) {
  InProcessServer server;
  server.Start();
  const v1::TokenGrant kept = server.LoginAdmin(), revoked = server.LoginAdmin();
  v1::RevokeTokenRequest revoke;
  revoke.set_token(revoked.access_token());
  v1::RevokeTokenResponse done;
  ASSERT_TRUE(server.Auth()->RevokeToken(With("").get(), revoke, &done).ok());
  server.server().Shutdown(absl::Seconds(5));
  server.Restart();
  v1::GetCurrentUserResponse current;
  EXPECT_TRUE(server.Users()->GetCurrentUser(With(kept.access_token()).get(), {}, &current).ok());
  EXPECT_EQ(
      ReasonOf(server.Users()->GetCurrentUser(With(revoked.access_token()).get(), {}, &current)),
      "TOKEN_REVOKED");
}

TEST(Server, ShutdownTellsWatchersAndLetsNobodyWait) {
  InProcessServer server;
  server.Start();
  const std::string token = server.IssueToken(server.AddService("guard", {"tessera.guard"}));
  const auto stub = server.Auth();
  const auto context = With(token);
  const auto stream = stub->WatchRevocations(context.get());
  v1::WatchRevocationsRequest resume;
  resume.mutable_resume();
  ASSERT_TRUE(stream->Write(resume));
  v1::WatchRevocationsResponse event;
  ASSERT_TRUE(stream->Read(&event));
  const absl::Duration began = SystemClock().Monotonic();
  std::thread stopping([&] { server.server().Shutdown(absl::Seconds(60)); });
  while (stream->Read(&event)) {
  }
  const grpc::Status status = stream->Finish();
  stopping.join();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(status), "SHUTTING_DOWN");
  EXPECT_LT(SystemClock().Monotonic() - began, absl::Seconds(30));
}

TEST(Server, WatchIsCutWhenItsGuardsAccountIsDeleted) {
  InProcessServer server;
  server.Start();
  const std::string token = server.IssueToken(server.AddService("guard", {"tessera.guard"}));
  const auto stub = server.Auth();
  const auto context = With(token);
  const auto stream = stub->WatchRevocations(context.get());
  v1::WatchRevocationsRequest resume;
  resume.mutable_resume();
  ASSERT_TRUE(stream->Write(resume));
  v1::WatchRevocationsResponse event;
  ASSERT_TRUE(stream->Read(&event));
  const auto users = server.Users();
  const std::string admin = server.LoginAdmin().access_token();
  v1::ListServiceAccountsResponse accounts;
  ASSERT_TRUE(users->ListServiceAccounts(With(admin).get(), {}, &accounts).ok());
  v1::DeleteServiceAccountRequest remove;
  remove.set_service_account_id(accounts.service_accounts(0).id());
  v1::DeleteServiceAccountResponse removed;
  ASSERT_TRUE(users->DeleteServiceAccount(With(admin).get(), remove, &removed).ok());
  while (stream->Read(&event)) {
  }
  EXPECT_EQ(ReasonOf(stream->Finish()), "TOKEN_REVOKED");
}

TEST(Server, RevokedAdministratorCannotGiveTheRoleBackToItself) {
  InProcessServer server;
  server.Start();
  const std::string id = server.AddUser("second", "second password", "tessera.admin");
  const v1::TokenGrant held = server.Login("second", "second password");
  v1::RevokeRoleRequest revoke;
  revoke.set_role("tessera.admin");
  revoke.set_user_id(id);
  v1::RevokeRoleResponse revoked;
  ASSERT_TRUE(server.Users()
                  ->RevokeRole(With(server.LoginAdmin().access_token()).get(), revoke, &revoked)
                  .ok());
  v1::GrantRoleRequest grant;
  grant.set_role("tessera.admin");
  grant.set_user_id(id);
  v1::GrantRoleResponse granted;
  EXPECT_EQ(ReasonOf(server.Users()->GrantRole(With(held.access_token()).get(), grant, &granted)),
            "TOKEN_REVOKED");
  const std::string fresh = server.Login("second", "second password").access_token();
  EXPECT_EQ(ReasonOf(server.Users()->GrantRole(With(fresh).get(), grant, &granted)),
            "ROLE_REQUIRED");
}

}  // namespace
}  // namespace tessera::server
