// A guard whose connection to the feed is cut again and again while revocations come in: it misses
// none of them.
#include <grpcpp/support/client_interceptor.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tessera/guard/guard.h"
#include "tessera/token/jwk_set.h"
#include "tests/base/cutting_relay.h"
#include "tests/server/rpc/in_process_server.h"

namespace tessera::server {
namespace {

constexpr int kCuts = 200;
constexpr int kRevokers = 4;
constexpr absl::Duration kLimit = absl::Seconds(100);

// Adds the guard's own token to each call; a channel over plaintext takes no credentials.
class TokenAdder final : public grpc::experimental::Interceptor {
 public:
  explicit TokenAdder(const std::string& token) : token_(token) {}
  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            grpc::experimental::InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      methods->GetSendInitialMetadata()->emplace("authorization", "Bearer " + token_);
    }
    methods->Proceed();
  }

 private:
  const std::string& token_;
};

class TokenAdders final : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  explicit TokenAdders(std::string token) : token_(std::move(token)) {}
  grpc::experimental::Interceptor* CreateClientInterceptor(
      grpc::experimental::ClientRpcInfo*) override {
    return new TokenAdder(token_);
  }

 private:
  const std::string token_;
};

std::shared_ptr<grpc::Channel> ChannelTo(int port, const std::string& token) {
  std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> adders;
  adders.push_back(std::make_unique<TokenAdders>(token));
  return grpc::experimental::CreateCustomChannelWithInterceptors(
      "127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials(), {},
      std::move(adders));
}

bool Eventually(const std::function<bool()>& condition) {
  Mutex mu;
  CondVar never;
  const absl::Duration end = SystemClock().Monotonic() + kLimit;
  while (!condition()) {
    if (SystemClock().Monotonic() > end) return false;
    MutexLock lock(mu);
    never.WaitFor(mu, absl::Milliseconds(5));
  }
  return true;
}

class FeedCuts : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.Start();
    const std::string& address = server_.server().address();
    relay_.emplace(std::stoi(address.substr(address.rfind(':') + 1)));
    guard_token_ = server_.IssueToken(server_.AddService("watcher", {"tessera.guard"}));
    secret_ = server_.AddService("victim");
  }
  std::shared_ptr<RevocationSource> Follow() {
    return RevocationsFromServer(ChannelTo(relay_->port(), guard_token_), server_.clock(), NoLog(),
                                 nullptr, {absl::Milliseconds(2), absl::Milliseconds(20)});
  }
  // Issues tokens and revokes them until the connection has been cut often enough.
  std::vector<std::string> RevokeMeanwhile() {
    std::vector<std::string> revoked;
    const auto stub = server_.Auth();
    const absl::Duration end = SystemClock().Monotonic() + kLimit;
    while (relay_->cuts() < kCuts && SystemClock().Monotonic() < end) {
      v1::IssueTokenRequest issue;
      issue.set_secret(secret_);
      v1::IssueTokenResponse issued;
      if (!stub->IssueToken(With("").get(), issue, &issued).ok()) continue;
      v1::RevokeTokenRequest revoke;
      revoke.set_token(issued.access_token());
      v1::RevokeTokenResponse done;
      if (stub->RevokeToken(With("").get(), revoke, &done).ok()) {
        revoked.push_back(issued.access_token());
      }
    }
    return revoked;
  }
  VerifiedToken Read(const std::string& token) {
    if (!keys_.has_value()) {
      v1::GetJwksResponse jwks;
      EXPECT_TRUE(server_.Auth()->GetJwks(With("").get(), v1::GetJwksRequest(), &jwks).ok());
      keys_ = *JwkSet::Parse(jwks.jwks_json());
    }
    const auto verifier = *TokenVerifier::Create({"https://tessera.test", "tessera"});
    return *verifier.Verify(token, *keys_, server_.clock().Now());
  }

  InProcessServer server_;
  std::optional<testing::CuttingRelay> relay_;
  std::optional<JwkSet> keys_;
  std::string guard_token_;
  std::string secret_;
};

TEST_F(FeedCuts, TwoHundredInABurstLoseNothing) {
  const auto source = Follow();
  ASSERT_TRUE(Eventually([&] { return source->view()->loaded(); }));
  relay_->CutWithin(200, 3000);
  std::vector<std::vector<std::string>> revoked(kRevokers);
  std::vector<std::thread> revokers;
  for (std::vector<std::string>& mine : revoked) {
    revokers.emplace_back([&] { mine = RevokeMeanwhile(); });
  }
  for (std::thread& revoker : revokers) revoker.join();
  relay_->CutWithin(0, 0);
  EXPECT_GE(relay_->cuts(), kCuts);

  size_t count = 0;
  for (const auto& mine : revoked) count += mine.size();
  RecordProperty("revoked", static_cast<int>(count));
  ASSERT_GT(count, 0u);
  EXPECT_TRUE(Eventually([&] { return source->view()->size() >= count; }))
      << source->view()->size() << " of " << count;
  for (const auto& mine : revoked) {
    for (const std::string& token : mine) EXPECT_TRUE(source->view()->IsRevoked(Read(token)));
  }
  EXPECT_FALSE(source->view()->IsRevoked(Read(server_.IssueToken(secret_))));
}

// Cut before the first snapshot is whole, it has no view, and so lets nobody in.
TEST_F(FeedCuts, AGuardThatNeverGetsItsFirstSnapshotRefuses) {
  relay_->CutWithin(1, 60);
  const auto source = Follow();
  ASSERT_TRUE(Eventually([&] { return relay_->cuts() >= 20; }));
  EXPECT_FALSE(source->view()->loaded());
  relay_->CutWithin(0, 0);
  EXPECT_TRUE(Eventually([&] { return source->view()->loaded(); }));
}

}  // namespace
}  // namespace tessera::server
