#include "tests/e2e/calls.h"

#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <future>

#include "absl/time/clock.h"
#include "grpc/health/v1/health.pb.h"
#include "tessera/caller/reason.h"

namespace tessera::testing {
namespace {

constexpr absl::Duration kLook = absl::Milliseconds(10);

std::unique_ptr<grpc::ClientContext> ContextFor(absl::Duration limit) {
  auto context = ContextWith({});
  context->set_deadline(absl::ToChronoTime(absl::Now() + limit));
  return context;
}

std::string WordFor(const grpc::Status& status) {
  if (status.ok()) return "ACTIVE";
  const std::string reason = ReasonOf(status);
  return reason.empty() ? "NO_ANSWER" : reason;
}

}  // namespace

bool Within(absl::Duration limit, const std::function<bool()>& condition) {
  const absl::Time until = absl::Now() + limit;
  while (!condition()) {
    if (absl::Now() > until) return false;
    absl::SleepFor(kLook);
  }
  return true;
}

Renewal Renew(v1::AuthService::Stub& auth, const std::string& refresh_token) {
  v1::RenewTokenRequest request;
  request.set_refresh_token(refresh_token);
  v1::RenewTokenResponse response;
  const grpc::Status status = auth.RenewToken(ContextFor(kSoon).get(), request, &response);
  return {status.ok() ? "" : WordFor(status), response.grant()};
}

grpc::Status Revoke(v1::AuthService::Stub& auth, const std::string& token, absl::Duration limit) {
  v1::RevokeTokenRequest request;
  request.set_token(token);
  v1::RevokeTokenResponse response;
  return auth.RevokeToken(ContextFor(limit).get(), request, &response);
}

grpc::Status Logout(v1::AuthService::Stub& auth, const std::string& refresh_token) {
  v1::LogoutRequest request;
  request.set_refresh_token(refresh_token);
  v1::LogoutResponse response;
  return auth.Logout(ContextFor(kSoon).get(), request, &response);
}

std::string Verdict(v1::AuthService::Stub& auth, const std::string& token) {
  v1::ValidateTokenRequest request;
  request.set_token(token);
  v1::ValidateTokenResponse response;
  const grpc::Status status = auth.ValidateToken(ContextFor(kSoon).get(), request, &response);
  if (!status.ok() || response.active()) return WordFor(status);
  const std::string name = v1::ErrorReason_Name(response.reason());
  const std::string prefix = "ERROR_REASON_";
  return name.substr(name.rfind(prefix, 0) == 0 ? prefix.size() : 0);
}

std::string Verdict(GuardedOrders& orders, const std::string& token) {
  orders::v1::ListMyOrdersResponse response;
  return WordFor(orders.Stub()->ListMyOrders(ContextWith({token}).get(), {}, &response));
}

std::string TokenIdOf(v1::AuthService::Stub& auth, const std::string& token) {
  v1::ValidateTokenRequest request;
  request.set_token(token);
  v1::ValidateTokenResponse response;
  const grpc::Status status = auth.ValidateToken(ContextFor(kSoon).get(), request, &response);
  EXPECT_TRUE(status.ok() && response.active()) << status.error_message();
  return response.token_id();
}

bool IsServing(const Tesserad& server) {
  const grpc::Slice empty(grpc::health::v1::HealthCheckRequest().SerializeAsString());
  const grpc::ByteBuffer request(&empty, 1);
  grpc::ByteBuffer response;
  const auto context = ContextFor(kSoon);
  const auto channel = server.NewChannel();
  std::promise<grpc::Status> ended;
  grpc::GenericStub(channel).UnaryCall(
      context.get(), "/grpc.health.v1.Health/Check", {}, &request, &response,
      [&](grpc::Status status) { ended.set_value(std::move(status)); });
  if (!ended.get_future().get().ok()) return false;
  grpc::Slice whole;
  grpc::health::v1::HealthCheckResponse answer;
  return response.TrySingleSlice(&whole).ok() &&
         answer.ParseFromArray(whole.begin(), static_cast<int>(whole.size())) &&
         answer.status() == grpc::health::v1::HealthCheckResponse::SERVING;
}

}  // namespace tessera::testing
