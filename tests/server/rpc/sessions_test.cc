// The life of a session through a whole server, on plaintext and on TLS.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "tessera/base/mutex.h"
#include "tests/server/rpc/in_process_server.h"

namespace tessera::server {
namespace {

class Sessions : public ::testing::TestWithParam<Transport> {
 protected:
  void SetUp() override {
    server_.Start();
    auth_ = server_.Auth();
    users_ = server_.Users();
  }
  v1::ValidateTokenResponse Validate(const std::string& token) {
    v1::ValidateTokenRequest request;
    request.set_token(token);
    v1::ValidateTokenResponse response;
    const grpc::Status status = auth_->ValidateToken(With("").get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  grpc::Status Renew(const std::string& token, v1::RenewTokenResponse* response) {
    v1::RenewTokenRequest request;
    request.set_refresh_token(token);
    return auth_->RenewToken(With("").get(), request, response);
  }
  std::string RenewReason(const std::string& token) {
    v1::RenewTokenResponse response;
    return ReasonOf(Renew(token, &response));
  }
  grpc::Status Revoke(const std::string& token) {
    v1::RevokeTokenRequest request;
    request.set_token(token);
    v1::RevokeTokenResponse response;
    return auth_->RevokeToken(With("").get(), request, &response);
  }
  grpc::Status GetCurrentUser(const std::string& token,
                              v1::GetCurrentUserResponse* response = nullptr) {
    v1::GetCurrentUserResponse unused;
    return users_->GetCurrentUser(With(token).get(), {}, response != nullptr ? response : &unused);
  }

  InProcessServer server_{GetParam()};
  std::unique_ptr<v1::AuthService::Stub> auth_;
  std::unique_ptr<v1::UserService::Stub> users_;
};

INSTANTIATE_TEST_SUITE_P(On, Sessions, ::testing::Values(Transport::kPlaintext, Transport::kTls),
                         [](const auto& test) {
                           return test.param == Transport::kTls ? "Tls" : "Plaintext";
                         });

TEST_P(Sessions, LoginRenewValidateRevokeLogout) {
  const v1::TokenGrant first = server_.LoginAdmin();
  v1::ValidateTokenResponse known = Validate(first.access_token());
  EXPECT_TRUE(known.active());
  EXPECT_EQ(known.issuer(), "https://tessera.test");
  EXPECT_EQ(known.audience(), "tessera");
  EXPECT_EQ(known.session_id(), first.session_id());
  EXPECT_EQ(known.expires_at().seconds(), first.access_expires_at().seconds());
  ASSERT_EQ(known.roles_size(), 1);
  EXPECT_EQ(known.roles(0), "tessera.admin");

  v1::RenewTokenResponse renewed;
  ASSERT_TRUE(Renew(first.refresh_token(), &renewed).ok());
  const v1::TokenGrant second = renewed.grant();
  EXPECT_EQ(second.session_id(), first.session_id());
  EXPECT_NE(second.refresh_token(), first.refresh_token());
  EXPECT_TRUE(Validate(second.access_token()).active());

  ASSERT_TRUE(Revoke(second.access_token()).ok());
  known = Validate(second.access_token());
  EXPECT_FALSE(known.active());
  EXPECT_EQ(known.reason(), v1::ERROR_REASON_TOKEN_REVOKED);
  EXPECT_EQ(known.subject(), "");
  EXPECT_TRUE(Validate(first.access_token()).active());

  v1::LogoutRequest logout;
  logout.set_refresh_token(second.refresh_token());
  v1::LogoutResponse ended;
  ASSERT_TRUE(auth_->Logout(With("").get(), logout, &ended).ok());
  EXPECT_FALSE(Validate(first.access_token()).active());
  EXPECT_EQ(RenewReason(second.refresh_token()), "SESSION_ENDED");
}

// Behind a proxy that is trusted a list of sessions shows who logged in and renewed, all of the
// address; a proxy that is not trusted is the caller.
TEST(SessionAddress, IsTheOneThatATrustedProxyNames) {
  for (const bool trusted : {true, false}) {
    InProcessServer server;
    if (trusted) server.config().server.trusted_proxies = {"127.0.0.0/8", "::1"};
    server.Start();
    const auto auth = server.Auth();
    const auto from = [](const std::string& token, const std::string& address) {
      std::unique_ptr<grpc::ClientContext> context = With(token);
      context->AddMetadata("x-forwarded-for", address);
      return context;
    };
    const auto shown = [&](const v1::TokenGrant& grant) {
      v1::ListSessionsResponse listed;
      EXPECT_TRUE(auth->ListSessions(With(grant.access_token()).get(), {}, &listed).ok());
      return listed.sessions_size() == 1 ? listed.sessions(0).address() : "";
    };
    v1::LoginRequest login;
    login.set_username("admin");
    login.set_password(kAdminPassword);
    v1::LoginResponse begun;
    ASSERT_TRUE(auth->Login(from("", "203.0.113.66, 2001:db8::7").get(), login, &begun).ok());
    EXPECT_EQ(shown(begun.grant()), trusted ? "2001:db8::7" : "127.0.0.1");
    v1::RenewTokenRequest renew;
    renew.set_refresh_token(begun.grant().refresh_token());
    v1::RenewTokenResponse renewed;
    ASSERT_TRUE(auth->RenewToken(from("", "198.51.100.9").get(), renew, &renewed).ok());
    EXPECT_EQ(shown(renewed.grant()), trusted ? "198.51.100.9" : "127.0.0.1");
  }
}

TEST_P(Sessions, GuardOfTheServerItselfSeesRevocationsAtOnce) {
  const std::string token = server_.LoginAdmin().access_token();
  v1::GetCurrentUserResponse current;
  ASSERT_TRUE(GetCurrentUser(token, &current).ok());
  EXPECT_EQ(current.user().username(), "admin");
  ASSERT_TRUE(Revoke(token).ok());
  const grpc::Status status = GetCurrentUser(token);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ReasonOf(status), "TOKEN_REVOKED");
}

TEST_P(Sessions, TokenIsRefusedFromExpPlusLeewayOn) {
  const v1::TokenGrant grant = server_.LoginAdmin();
  server_.clock().Advance(absl::Minutes(15) + absl::Seconds(5) - absl::Milliseconds(1));
  EXPECT_TRUE(GetCurrentUser(grant.access_token()).ok());
  server_.clock().Advance(absl::Milliseconds(1));
  EXPECT_EQ(ReasonOf(GetCurrentUser(grant.access_token())), "TOKEN_EXPIRED");
}

TEST_P(Sessions, OldRefreshTokenBeyondTheGraceEndsTheSession) {
  const v1::TokenGrant first = server_.LoginAdmin();
  v1::RenewTokenResponse renewed;
  ASSERT_TRUE(Renew(first.refresh_token(), &renewed).ok());
  server_.clock().Advance(absl::Seconds(31));
  EXPECT_EQ(RenewReason(first.refresh_token()), "REFRESH_REUSED");
  EXPECT_EQ(RenewReason(renewed.grant().refresh_token()), "SESSION_ENDED");
  EXPECT_EQ(ReasonOf(GetCurrentUser(renewed.grant().access_token())), "TOKEN_REVOKED");
}

TEST_P(Sessions, WrongPasswordUnknownAndDisabledUserGetOneAnswer) {
  const std::string id = server_.AddUser("alice", "alice password");
  v1::UpdateUserRequest disable;
  disable.mutable_user()->set_id(id);
  disable.mutable_user()->set_state(v1::USER_STATE_DISABLED);
  disable.mutable_update_mask()->add_paths("state");
  v1::UpdateUserResponse disabled;
  ASSERT_TRUE(
      users_->UpdateUser(With(server_.LoginAdmin().access_token()).get(), disable, &disabled).ok());
  const auto refused = [this](const std::string& name, const std::string& password) {
    v1::LoginRequest request;
    request.set_username(name);
    request.set_password(password);
    v1::LoginResponse response;
    const grpc::Status status = auth_->Login(With("").get(), request, &response);
    return std::to_string(status.error_code()) + status.error_message() + status.error_details();
  };
  const std::string answer = refused("admin", "wrong password");
  EXPECT_EQ(answer.substr(0, 19), "16BAD_CREDENTIALS: ");
  EXPECT_EQ(refused("nobody", "wrong password"), answer);
  EXPECT_EQ(refused("alice", "alice password"), answer);
  EXPECT_EQ(refused("not a name!", "wrong password"), answer);
}

TEST_P(Sessions, ChangedPasswordEndsTheCallersOwnToken) {
  server_.AddUser("alice", "alice password");
  const std::string token = server_.Login("alice", "alice password").access_token();
  v1::ChangePasswordRequest request;
  request.set_old_password("alice password");
  request.set_new_password("another password");
  v1::ChangePasswordResponse response;
  ASSERT_TRUE(users_->ChangePassword(With(token).get(), request, &response).ok());
  EXPECT_EQ(ReasonOf(GetCurrentUser(token)), "TOKEN_REVOKED");
  server_.Login("alice", "another password");
}

TEST_P(Sessions, RequestBeyondTheLimitIsRefusedBeforeItIsRead) {
  v1::ValidateTokenRequest request;
  request.set_token(std::string(kMaxRequestBytes + 1, 'x'));
  v1::ValidateTokenResponse response;
  const grpc::Status status = auth_->ValidateToken(With("").get(), request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_P(Sessions, CallWhoseDeadlineIsOverIsNotServed) {
  v1::LoginRequest request;
  request.set_username("admin");
  request.set_password(kAdminPassword);
  v1::LoginResponse response;
  const auto context = With("");
  context->set_deadline(std::chrono::system_clock::now() - std::chrono::seconds(1));
  EXPECT_EQ(auth_->Login(context.get(), request, &response).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
}

// Many logins at once, each counted when it ends.
class LoginStorm {
 public:
  LoginStorm(v1::AuthService::Stub& stub, int logins) : calls_(static_cast<size_t>(logins)) {
    for (Call& call : calls_) {
      call.request.set_username("admin");
      call.request.set_password(kAdminPassword);
      stub.async()->Login(&call.context, &call.request, &call.response,
                          [this, &call](grpc::Status status) {
                            call.status = std::move(status);
                            MutexLock lock(mu_);
                            ++ended_;
                            all_ended_.NotifyAll();
                          });
    }
  }
  std::vector<grpc::Status> Await() {
    MutexLock lock(mu_);
    while (ended_ < calls_.size()) all_ended_.Wait(mu_);
    std::vector<grpc::Status> statuses;
    for (const Call& call : calls_) statuses.push_back(call.status);
    return statuses;
  }

 private:
  struct Call {
    grpc::ClientContext context;
    v1::LoginRequest request;
    v1::LoginResponse response;
    grpc::Status status;
  };
  std::vector<Call> calls_;
  Mutex mu_;
  CondVar all_ended_;
  size_t ended_ ABSL_GUARDED_BY(mu_) = 0;
};

TEST_P(Sessions, TooManyLoginsAtOnceAreRefusedWithADelayAndMemoryOnlyCallsGoOn) {
  const std::string token = server_.LoginAdmin().access_token();
  LoginStorm storm(*auth_, 700);
  EXPECT_TRUE(Validate(token).active());
  int refused = 0;
  for (const grpc::Status& status : storm.Await()) {
    if (status.ok()) continue;
    ++refused;
    EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << status.error_message();
    EXPECT_EQ(ReasonOf(status), "OVERLOADED");
    EXPECT_EQ(RetryDelayOf(status), absl::Seconds(1));
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace tessera::server
