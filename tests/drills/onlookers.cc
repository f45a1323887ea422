#include "tests/drills/onlookers.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "tessera/base/clock.h"
#include "tessera/caller/reason.h"

namespace tessera::testing {
namespace {

// A slow machine may take its time; a database that is away must not.
constexpr absl::Duration kCallLimit = absl::Seconds(20);
constexpr absl::Duration kAwaitLimit = absl::Minutes(1);
constexpr useconds_t kPauseMicros = 20'000;
constexpr char kPassword[] = "onlookers password";

std::string FeedToken(Tesserad& server) {
  v1::IssueTokenRequest request;
  request.set_secret(server.FeedSecret());
  v1::IssueTokenResponse response;
  const grpc::Status status = server.Auth()->IssueToken(ContextWith({}).get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response.access_token();
}

}  // namespace

Onlookers::Onlookers(Tesserad& server)
    : calls_(server.NewChannel(), kCallLimit), feed_(server.Auth()) {
  server.AddUser("onlooker", kPassword);
  good_ = server.Login("onlooker", kPassword, "orders").access_token();
  revoked_ = server.Login("onlooker", kPassword, "orders").access_token();
  feed_token_ = FeedToken(server);
  EXPECT_TRUE(calls_.Revoke(revoked_).done());
  EXPECT_TRUE(calls_.Jwks(jwks_).done());
  orders_ = std::make_unique<GuardedOrders>(server, Transport::kPlaintext, Api::kCallback);
  looking_ = std::thread([this] { Look(); });
  follower_ = std::thread([this] { Follow(); });
}

Onlookers::~Onlookers() {
  stop_ = true;
  following_.TryCancel();
  looking_.join();
  follower_.join();
}

bool Onlookers::AwaitMore(int rounds, int heartbeats) {
  const absl::Time limit = SystemClock().Now() + kAwaitLimit;
  MutexLock lock(mu_);
  const int wanted_rounds = rounds_ + rounds, wanted_heartbeats = heartbeats_ + heartbeats;
  while (rounds_ < wanted_rounds || heartbeats_ < wanted_heartbeats) {
    const absl::Duration left = limit - SystemClock().Now();
    if (left <= absl::ZeroDuration()) return false;
    changed_.WaitFor(mu_, left);
  }
  return true;
}

absl::Duration Onlookers::age() const {
  MutexLock lock(mu_);
  return age_;
}

std::vector<std::string> Onlookers::Wrong() const {
  MutexLock lock(mu_);
  return wrong_;
}

void Onlookers::Look() {
  while (!stop_) {
    LookOnce();
    {
      MutexLock lock(mu_);
      ++rounds_;
      changed_.NotifyAll();
    }
    usleep(kPauseMicros);
  }
}

void Onlookers::LookOnce() {
  ExpectKnown(good_, v1::ERROR_REASON_UNSPECIFIED);
  ExpectKnown(revoked_, v1::ERROR_REASON_TOKEN_REVOKED);
  std::string jwks;
  const Answer answer = calls_.Jwks(jwks);
  if (jwks != jwks_) Note("the key set: " + answer.Text());
  ExpectGuarded(good_, "");
  ExpectGuarded(revoked_, "TOKEN_REVOKED");
  ExpectGuarded("", "TOKEN_MISSING");
}

void Onlookers::ExpectKnown(const std::string& token, v1::ErrorReason reason) {
  v1::ValidateTokenResponse known;
  const Answer answer = calls_.Validate(token, known);
  const bool active = reason == v1::ERROR_REASON_UNSPECIFIED;
  if (answer.done() && known.active() == active && known.reason() == reason) return;
  Note(absl::StrCat("ValidateToken: ", answer.Text(), ", ", v1::ErrorReason_Name(known.reason())));
}

void Onlookers::ExpectGuarded(const std::string& token, const std::string& reason) {
  const std::vector<std::string> tokens(token.empty() ? 0 : 1, token);
  orders::v1::ListMyOrdersResponse response;
  const grpc::Status status =
      orders_->Stub()->ListMyOrders(ContextWith(tokens).get(), {}, &response);
  if (status.ok() ? reason.empty() : ReasonOf(status) == reason) return;
  Note("a guarded call: " + Answer{status}.Text());
}

void Onlookers::Follow() {
  following_.AddMetadata("authorization", "Bearer " + feed_token_);
  const auto stream = feed_->WatchRevocations(&following_);
  v1::WatchRevocationsRequest request;
  request.mutable_resume();
  stream->Write(request);
  v1::WatchRevocationsResponse response;
  while (stream->Read(&response)) {
    if (!response.has_heartbeat()) continue;
    MutexLock lock(mu_);
    ++heartbeats_;
    age_ = absl::Seconds(response.heartbeat().age().seconds()) +
           absl::Nanoseconds(response.heartbeat().age().nanos());
    changed_.NotifyAll();
  }
  const grpc::Status status = stream->Finish();
  if (!stop_) Note("the feed ended: " + Answer{status}.Text());
}

void Onlookers::Note(const std::string& what) {
  MutexLock lock(mu_);
  wrong_.push_back(what);
}

}  // namespace tessera::testing
