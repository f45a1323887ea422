// Forged tokens stay out of the lane in which renewals and logouts wait for the store.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "tests/server/rpc/in_process_server.h"
#include "tests/storage/raw_sqlite.h"

namespace tessera::server {
namespace {

// Logouts under way.
class Logouts {
 public:
  explicit Logouts(v1::AuthService::Stub& stub) : stub_(stub) {}

  void Start(const std::string& refresh_token) {
    calls_.push_back(std::make_unique<Call>());
    Call& call = *calls_.back();
    v1::LogoutRequest request;
    request.set_refresh_token(refresh_token);
    call.reader = stub_.AsyncLogout(&call.context, request, &queue_);
    call.reader->Finish(&call.response, &call.status, &call);
  }
  // How many end well; waits for all.
  size_t Await() {
    size_t ended = 0;
    for (size_t i = 0; i < calls_.size(); ++i) {
      void* tag = nullptr;
      bool ok = false;
      queue_.Next(&tag, &ok);
      if (static_cast<Call*>(tag)->status.ok()) ++ended;
    }
    return ended;
  }
  // True if one has ended.
  bool AnyEnded() {
    void* tag = nullptr;
    bool ok = false;
    const auto now = std::chrono::system_clock::now();
    return queue_.AsyncNext(&tag, &ok, now) == grpc::CompletionQueue::GOT_EVENT;
  }

 private:
  struct Call {
    grpc::ClientContext context;
    v1::LogoutResponse response;
    grpc::Status status;
    std::unique_ptr<grpc::ClientAsyncResponseReader<v1::LogoutResponse>> reader;
  };
  v1::AuthService::Stub& stub_;
  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<Call>> calls_;
};

std::string Forged(std::string token) {
  char& byte = token[token.size() / 2];
  byte = byte == 'A' ? 'B' : 'A';
  return token;
}

// A context for a call that must not have to wait.
std::unique_ptr<grpc::ClientContext> Soon() {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
  return context;
}

TEST(UrgentLane, ForgedTokensAreAnsweredWhileItsThreadsWaitForTheStore) {
  InProcessServer server;
  server.Start();
  const auto stub = server.Auth();
  std::vector<v1::TokenGrant> grants;
  for (int i = 0; i <= 2 * kUrgentThreads; ++i) grants.push_back(server.LoginAdmin());
  const v1::TokenGrant mine = grants.back();
  grants.pop_back();
  testing::RawSqlite other(SqlitePath(server.config().storage));
  other.Run("BEGIN IMMEDIATE");
  Logouts logouts(*stub);
  for (const v1::TokenGrant& grant : grants) logouts.Start(grant.refresh_token());

  v1::RenewTokenRequest renew;
  renew.set_refresh_token(Forged(mine.refresh_token()));
  v1::RenewTokenResponse renewed;
  EXPECT_EQ(ReasonOf(stub->RenewToken(Soon().get(), renew, &renewed)), "TOKEN_SIGNATURE");
  v1::LogoutRequest logout;
  logout.set_refresh_token(Forged(mine.refresh_token()));
  v1::LogoutResponse logged_out;
  EXPECT_EQ(ReasonOf(stub->Logout(Soon().get(), logout, &logged_out)), "TOKEN_SIGNATURE");
  for (const std::string& token : {mine.refresh_token(), mine.access_token()}) {
    v1::RevokeTokenRequest revoke;
    revoke.set_token(Forged(token));
    v1::RevokeTokenResponse revoked;
    EXPECT_TRUE(stub->RevokeToken(Soon().get(), revoke, &revoked).ok());
  }

  EXPECT_FALSE(logouts.AnyEnded());
  other.Run("ROLLBACK");
  EXPECT_EQ(logouts.Await(), grants.size());
}

}  // namespace
}  // namespace tessera::server
