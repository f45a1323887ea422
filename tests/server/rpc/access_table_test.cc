// Who may call what, held against the table below, method by method as the descriptors list them.
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/server/rpc/in_process_server.h"

namespace tessera::server {
namespace {

enum class Who {
  kAnybody,
  kSignedIn,
  kUser,
  kUserWithSecondFactor,
  kService,
  kAdministrator,
  kAdministratorInPerson,  // a user, who has logged in of late
  kGuard,
  kIntrospector,
  kAuditor
};

// The design's own list (ARCHITECTURE sections 4 and 14), written apart from the proto options.
const std::map<std::string, Who>& Table() {
  static const std::map<std::string, Who> table = {
      {"/tessera.v1.AuthService/Login", Who::kAnybody},
      {"/tessera.v1.AuthService/CompleteLogin", Who::kAnybody},
      {"/tessera.v1.AuthService/IssueToken", Who::kAnybody},
      {"/tessera.v1.AuthService/ExchangeToken", Who::kService},
      {"/tessera.v1.AuthService/RenewToken", Who::kAnybody},
      {"/tessera.v1.AuthService/ValidateToken", Who::kAnybody},
      {"/tessera.v1.AuthService/BatchValidateTokens", Who::kIntrospector},
      {"/tessera.v1.AuthService/RevokeToken", Who::kAnybody},
      {"/tessera.v1.AuthService/Logout", Who::kAnybody},
      // Whose sessions is no method rule (below).
      {"/tessera.v1.AuthService/ListSessions", Who::kSignedIn},
      {"/tessera.v1.AuthService/RevokeSession", Who::kSignedIn},
      {"/tessera.v1.AuthService/RevokeAllSessions", Who::kUser},
      {"/tessera.v1.AuthService/GetJwks", Who::kAnybody},
      {"/tessera.v1.AuthService/ListSigningKeys", Who::kAdministrator},
      {"/tessera.v1.AuthService/RotateSigningKey", Who::kAdministrator},
      {"/tessera.v1.AuthService/RevokeSigningKey", Who::kAdministrator},
      {"/tessera.v1.AuthService/RewrapKeys", Who::kAdministrator},
      {"/tessera.v1.AuthService/MarkStoreRestored", Who::kAdministrator},
      {"/tessera.v1.AuthService/WatchRevocations", Who::kGuard},
      {"/tessera.v1.UserService/CreateUser", Who::kAdministrator},
      {"/tessera.v1.UserService/GetUser", Who::kAdministrator},
      {"/tessera.v1.UserService/GetCurrentUser", Who::kSignedIn},
      {"/tessera.v1.UserService/ListUsers", Who::kAdministrator},
      {"/tessera.v1.UserService/UpdateUser", Who::kAdministrator},
      {"/tessera.v1.UserService/DeleteUser", Who::kAdministrator},
      {"/tessera.v1.UserService/RegisterUser", Who::kAnybody},
      {"/tessera.v1.UserService/ImportUsers", Who::kAdministrator},
      {"/tessera.v1.UserService/ChangePassword", Who::kUser},
      {"/tessera.v1.UserService/ResetPassword", Who::kAdministratorInPerson},
      {"/tessera.v1.UserService/CompletePasswordReset", Who::kAnybody},
      {"/tessera.v1.UserService/EnrollTotp", Who::kUser},
      {"/tessera.v1.UserService/ConfirmTotp", Who::kUser},
      {"/tessera.v1.UserService/DisableTotp", Who::kUserWithSecondFactor},
      {"/tessera.v1.UserService/RegenerateRecoveryCodes", Who::kUserWithSecondFactor},
      {"/tessera.v1.UserService/ResetTotp", Who::kAdministratorInPerson},
      {"/tessera.v1.UserService/LookupRoles", Who::kAdministrator},
      {"/tessera.v1.UserService/CheckRole", Who::kAdministrator},
      {"/tessera.v1.UserService/CreateRole", Who::kAdministrator},
      {"/tessera.v1.UserService/ListRoles", Who::kAdministrator},
      {"/tessera.v1.UserService/DeleteRole", Who::kAdministrator},
      {"/tessera.v1.UserService/GrantRole", Who::kAdministrator},
      {"/tessera.v1.UserService/RevokeRole", Who::kAdministrator},
      {"/tessera.v1.UserService/CreateGroup", Who::kAdministrator},
      {"/tessera.v1.UserService/ListGroups", Who::kAdministrator},
      {"/tessera.v1.UserService/DeleteGroup", Who::kAdministrator},
      {"/tessera.v1.UserService/AddGroupMember", Who::kAdministrator},
      {"/tessera.v1.UserService/RemoveGroupMember", Who::kAdministrator},
      {"/tessera.v1.UserService/ListGroupMembers", Who::kAdministrator},
      {"/tessera.v1.UserService/CreateServiceAccount", Who::kAdministrator},
      {"/tessera.v1.UserService/ListServiceAccounts", Who::kAdministrator},
      {"/tessera.v1.UserService/UpdateServiceAccount", Who::kAdministrator},
      {"/tessera.v1.UserService/DeleteServiceAccount", Who::kAdministrator},
      {"/tessera.v1.UserService/RotateServiceAccountSecret", Who::kAdministrator},
      {"/tessera.v1.UserService/ListAuditEvents", Who::kAuditor},
      {"/tessera.v1.UserService/VerifyAuditTrail", Who::kAuditor},
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

constexpr char kNoToken[] = "16 TOKEN_MISSING";
constexpr char kNoRole[] = "7 ROLE_REQUIRED";
constexpr char kWrongKind[] = "7 CALLER_KIND";
constexpr char kStepUp[] = "7 STEP_UP_REQUIRED";
constexpr char kIn[] = "in";

class AccessTable : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.Start();
    stub_ = std::make_unique<grpc::GenericStub>(server_.Channel());
  }

  // An empty request: whoever is let in gets OK, or a complaint that says something else than who
  // may call (a service is no user that could be shown).
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
    for (const char* let_in : {"", "FIELD_INVALID", "USER_NOT_FOUND", "ROLE_NOT_FOUND",
                               "GROUP_NOT_FOUND", "ROTATION_UNDER_WAY", "REGISTRATION_DISABLED",
                               "CHALLENGE_INVALID", "RESET_TOKEN_INVALID", "TOTP_NOT_ENROLLED"}) {
      if (reason == let_in && (status.ok() || !reason.empty())) return kIn;
    }
    return std::to_string(status.error_code()) + " " + reason;
  }

  // Calls every method, each with a token of its own: some of them end what they are called with.
  void Walk(const std::function<std::string()>& token,
            const std::function<std::string(Who)>& expected) {
    for (const auto& [method, who] : Table()) {
      EXPECT_EQ(Call(method, token()), expected(who)) << method;
    }
  }
  std::function<std::string()> LoginsOf(const std::string& name, const std::string& role = "") {
    server_.AddUser(name, name + "s password", role);
    return [this, name] { return server_.Login(name, name + "s password").access_token(); };
  }
  std::function<std::string()> TokensOf(const std::string& service,
                                        const std::vector<std::string>& roles = {}) {
    const std::string secret = server_.AddService(service, roles);
    return [this, secret] { return server_.IssueToken(secret); };
  }

  InProcessServer server_;
  std::unique_ptr<grpc::GenericStub> stub_;
};

bool IsForAnyUser(Who who) {
  return who == Who::kAnybody || who == Who::kSignedIn || who == Who::kUser;
}
bool IsForAnyService(Who who) {
  return who == Who::kAnybody || who == Who::kSignedIn || who == Who::kService;
}
// What a user is told who has no `role` for it.
std::string ToUser(Who who) {
  if (IsForAnyUser(who)) return kIn;
  if (who == Who::kUserWithSecondFactor) return kStepUp;
  return who == Who::kService || who == Who::kGuard ? kWrongKind : kNoRole;
}
std::string ToService(Who who) {
  if (IsForAnyService(who)) return kIn;
  const bool for_people =
      who == Who::kUser || who == Who::kUserWithSecondFactor || who == Who::kAdministratorInPerson;
  return for_people ? kWrongKind : kNoRole;
}

TEST_F(AccessTable, ListsEveryMethodThatThereIs) {
  std::set<std::string> listed;
  for (const auto& [method, who] : Table()) listed.insert(method);
  EXPECT_EQ(DescribedMethods(), listed);
}

TEST_F(AccessTable, WithoutTokenOnlyPublicMethodsAnswer) {
  Walk([] { return ""; }, [](Who who) { return who == Who::kAnybody ? kIn : kNoToken; });
}

TEST_F(AccessTable, PlainUserGetsNoFurtherThanSignedIn) { Walk(LoginsOf("plain"), ToUser); }

TEST_F(AccessTable, PlainServiceGetsNoFurtherThanSignedIn) { Walk(TokensOf("plain"), ToService); }

TEST_F(AccessTable, AdministratorGetsEverywhereButIntoTheFeedAndOthersTokens) {
  Walk([this] { return server_.LoginAdmin().access_token(); },
       [](Who who) {
         const bool own = who == Who::kAdministrator || who == Who::kAdministratorInPerson;
         return own ? kIn : ToUser(who);
       });
}

TEST_F(AccessTable, ServiceThatIsAdministratorIsOneAndHasNoSessions) {
  Walk(TokensOf("robot", {"tessera.admin"}),
       [](Who who) { return who == Who::kAdministrator ? kIn : ToService(who); });
}

TEST_F(AccessTable, GuardGetsIntoTheFeedIfItIsAServiceAndAdministersNothing) {
  Walk(LoginsOf("guard", "tessera.guard"), ToUser);
  Walk(TokensOf("orders", {"tessera.guard"}),
       [](Who who) { return who == Who::kGuard ? kIn : ToService(who); });
}

TEST_F(AccessTable, IntrospectorAsksAboutTokensAndAdministersNothing) {
  Walk(TokensOf("gateway", {"tessera.introspect"}),
       [](Who who) { return who == Who::kIntrospector ? kIn : ToService(who); });
  Walk(LoginsOf("auditor", "tessera.introspect"),
       [](Who who) { return who == Who::kIntrospector ? kIn : ToUser(who); });
}

TEST_F(AccessTable, AuditorReadsTheTrailAndAdministersNothing) {
  Walk(TokensOf("watcher", {"tessera.audit"}),
       [](Who who) { return who == Who::kAuditor ? kIn : ToService(who); });
  Walk(LoginsOf("reviewer", "tessera.audit"),
       [](Who who) { return who == Who::kAuditor ? kIn : ToUser(who); });
}

TEST_F(AccessTable, AdministratorsTokenForAnotherAudienceIsNoTokenHere) {
  Walk([this] { return server_.LoginAdmin("orders").access_token(); },
       [](Who who) { return who == Who::kAnybody ? kIn : "16 TOKEN_AUDIENCE"; });
}

TEST_F(AccessTable, AnotherUsersSessionsAreForAdministratorsAlone) {
  const std::string other = server_.AddUser("other", "others password");
  const v1::TokenGrant session = server_.Login("other", "others password");
  server_.AddUser("plain", "plain password");
  const auto told = [&](const std::string& token) {
    v1::ListSessionsRequest list;
    list.set_user_id(other);
    v1::ListSessionsResponse listed;
    v1::RevokeSessionRequest one;
    one.set_session_id(session.session_id());
    v1::RevokeSessionResponse ended;
    v1::RevokeAllSessionsRequest all;
    all.set_user_id(other);
    v1::RevokeAllSessionsResponse all_ended;
    const auto auth = server_.Auth();
    return ReasonOf(auth->ListSessions(With(token).get(), list, &listed)) + " " +
           ReasonOf(auth->RevokeSession(With(token).get(), one, &ended)) + " " +
           ReasonOf(auth->RevokeAllSessions(With(token).get(), all, &all_ended));
  };
  EXPECT_EQ(told(server_.Login("plain", "plain password").access_token()),
            "ROLE_REQUIRED SESSION_NOT_FOUND ROLE_REQUIRED");
  EXPECT_EQ(told(server_.LoginAdmin().access_token()), "  ");
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
