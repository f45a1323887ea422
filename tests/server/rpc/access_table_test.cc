// Who may call what, held against the table below, method by method as the descriptors list them.
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <future>
#include <map>
#include <set>
#include <string>

#include "tests/server/rpc/in_process_server.h"

namespace tessera::server {
namespace {

enum class Who { kAnybody, kSignedIn, kAdministrator, kGuard };

// The design's own list (ARCHITECTURE sections 4 and 14), written apart from the proto options.
const std::map<std::string, Who>& Table() {
  static const std::map<std::string, Who> table = {
      {"/tessera.v1.AuthService/Login", Who::kAnybody},
      {"/tessera.v1.AuthService/RenewToken", Who::kAnybody},
      {"/tessera.v1.AuthService/ValidateToken", Who::kAnybody},
      {"/tessera.v1.AuthService/RevokeToken", Who::kAnybody},
      {"/tessera.v1.AuthService/Logout", Who::kAnybody},
      {"/tessera.v1.AuthService/GetJwks", Who::kAnybody},
      {"/tessera.v1.AuthService/WatchRevocations", Who::kGuard},
      {"/tessera.v1.UserService/CreateUser", Who::kAdministrator},
      {"/tessera.v1.UserService/GetUser", Who::kAdministrator},
      {"/tessera.v1.UserService/GetCurrentUser", Who::kSignedIn},
      {"/tessera.v1.UserService/ListUsers", Who::kAdministrator},
      {"/tessera.v1.UserService/UpdateUser", Who::kAdministrator},
      {"/tessera.v1.UserService/DeleteUser", Who::kAdministrator},
      {"/tessera.v1.UserService/ChangePassword", Who::kSignedIn},
      {"/tessera.v1.UserService/LookupRoles", Who::kAdministrator},
      {"/tessera.v1.UserService/CreateRole", Who::kAdministrator},
      {"/tessera.v1.UserService/ListRoles", Who::kAdministrator},
      {"/tessera.v1.UserService/DeleteRole", Who::kAdministrator},
      {"/tessera.v1.UserService/GrantRole", Who::kAdministrator},
      {"/tessera.v1.UserService/RevokeRole", Who::kAdministrator},
  };
  return table;
}

std::set<std::string> DescribedMethods() {
  std::set<std::string> methods;
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  for (const char* name : {"tessera.v1.AuthService", "tessera.v1.UserService"}) {
    const auto* service = pool->FindServiceByName(name);
    for (int i = 0; i < service->method_count(); ++i) {
      methods.insert("/" + service->full_name() + "/" + service->method(i)->name());
    }
  }
  return methods;
}

class AccessTable : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.Start();
    server_.AddUser("plain", "plain password");
    server_.AddUser("guard", "guard password", "tessera.guard");
    stub_ = std::make_unique<grpc::GenericStub>(server_.Channel());
  }

  // An empty request: whoever is let in gets OK or a complaint about a field.
  std::string Call(const std::string& method, const std::string& token) {
    const auto context = With(token);
    const grpc::Slice nothing("", 0);
    const grpc::ByteBuffer request(&nothing, 1);
    grpc::ByteBuffer response;
    std::promise<grpc::Status> ended;
    stub_->UnaryCall(context.get(), method, {}, &request, &response,
                     [&](grpc::Status status) { ended.set_value(std::move(status)); });
    const grpc::Status status = ended.get_future().get();
    const std::string reason = ReasonOf(status);
    if (status.ok() || reason == "FIELD_INVALID") return "in";
    return std::to_string(status.error_code()) + " " + reason;
  }

  InProcessServer server_;
  std::unique_ptr<grpc::GenericStub> stub_;
};

constexpr char kNoToken[] = "16 TOKEN_MISSING";
constexpr char kNoRole[] = "7 ROLE_REQUIRED";

TEST_F(AccessTable, ListsEveryMethodThatThereIs) {
  std::set<std::string> listed;
  for (const auto& [method, who] : Table()) listed.insert(method);
  EXPECT_EQ(DescribedMethods(), listed);
}

TEST_F(AccessTable, WithoutTokenOnlyPublicMethodsAnswer) {
  for (const auto& [method, who] : Table()) {
    EXPECT_EQ(Call(method, ""), who == Who::kAnybody ? "in" : kNoToken) << method;
  }
}

TEST_F(AccessTable, PlainUserGetsNoFurtherThanSignedIn) {
  const std::string token = server_.Login("plain", "plain password").access_token();
  for (const auto& [method, who] : Table()) {
    const bool in = who == Who::kAnybody || who == Who::kSignedIn;
    EXPECT_EQ(Call(method, token), in ? "in" : kNoRole) << method;
  }
}

TEST_F(AccessTable, AdministratorGetsEverywhereButIntoTheFeed) {
  const std::string token = server_.LoginAdmin().access_token();
  for (const auto& [method, who] : Table()) {
    EXPECT_EQ(Call(method, token), who == Who::kGuard ? kNoRole : "in") << method;
  }
}

TEST_F(AccessTable, GuardGetsIntoTheFeedAndAdministersNothing) {
  const std::string token = server_.Login("guard", "guard password").access_token();
  for (const auto& [method, who] : Table()) {
    EXPECT_EQ(Call(method, token), who == Who::kAdministrator ? kNoRole : "in") << method;
  }
}

TEST_F(AccessTable, AdministratorsTokenForAnotherAudienceIsNoTokenHere) {
  const std::string token = server_.LoginAdmin("orders").access_token();
  for (const auto& [method, who] : Table()) {
    EXPECT_EQ(Call(method, token), who == Who::kAnybody ? "in" : "16 TOKEN_AUDIENCE") << method;
  }
}

TEST_F(AccessTable, PathThatNobodyServesIsUnimplementedWithAndWithoutToken) {
  const std::string token = server_.LoginAdmin().access_token();
  for (const char* method : {"/tessera.v1.AuthService/None", "/none.Service/Method",
                             "/tessera.v1.userservice/GetUser", "/tessera.v1.UserService/"}) {
    EXPECT_EQ(Call(method, "").substr(0, 2), "12") << method;
    EXPECT_EQ(Call(method, token).substr(0, 2), "12") << method;
  }
}

}  // namespace
}  // namespace tessera::server
