#include "server/mesh/mesh_call.h"

#include <gtest/gtest.h>

#include <string>

#include "tessera/base/reason.h"

namespace tessera::server {
namespace {

using Kind = guard::Bearer::Kind;

constexpr char kPath[] = "/orders.v1.OrderService/CancelOrder";

envoy::service::auth::v3::CheckRequest Request() {
  envoy::service::auth::v3::CheckRequest request;
  auto& http = *request.mutable_attributes()->mutable_request()->mutable_http();
  http.set_path(kPath);
  (*http.mutable_headers())[":path"] = kPath;
  return request;
}
auto& HttpOf(envoy::service::auth::v3::CheckRequest& request) {
  return *request.mutable_attributes()->mutable_request()->mutable_http();
}

TEST(MeshCall, ShowsPathAndToken) {
  auto request = Request();
  (*HttpOf(request).mutable_headers())["authorization"] = "Bearer t0ken";
  (*HttpOf(request).mutable_headers())["tessera-device-id"] = "phone";
  const auto call = ReadCall(request);
  ASSERT_TRUE(call.ok()) << call.status();
  EXPECT_EQ(call->path, kPath);
  EXPECT_EQ(call->presented.bearer.kind, Kind::kOne);
  EXPECT_EQ(call->presented.bearer.token, "t0ken");
  EXPECT_EQ(call->presented.device_id, "phone");
  EXPECT_EQ(call->presented.peer, nullptr);
}

TEST(MeshCall, RawHeadersCountAsWell) {
  auto request = Request();
  auto& header = *HttpOf(request).mutable_header_map()->add_headers();
  header.set_key("authorization");
  header.set_raw_value("Bearer t0ken");
  EXPECT_EQ(ReadCall(request)->presented.bearer.token, "t0ken");
}

// A proxy joins headers of one name by a comma, or sends them one by one.
TEST(MeshCall, TwoTokensAreSeveralHoweverTheyCome) {
  auto joined = Request();
  (*HttpOf(joined).mutable_headers())["authorization"] = "Bearer a,Bearer b";
  EXPECT_EQ(ReadCall(joined)->presented.bearer.kind, Kind::kSeveral);
  auto apart = Request();
  for (const char* token : {"Bearer a", "Bearer b"}) {
    auto& header = *HttpOf(apart).mutable_header_map()->add_headers();
    header.set_key("authorization");
    header.set_raw_value(token);
  }
  EXPECT_EQ(ReadCall(apart)->presented.bearer.kind, Kind::kSeveral);
}

TEST(MeshCall, ACookieIsNoToken) {
  auto request = Request();
  (*HttpOf(request).mutable_headers())["cookie"] = "__Host-tessera-access=t0ken";
  EXPECT_EQ(ReadCall(request)->presented.bearer.kind, Kind::kNone);
}

TEST(MeshCall, WithoutAPathOrWithTwoThereIsNoCallToJudge) {
  envoy::service::auth::v3::CheckRequest nothing;
  EXPECT_EQ(ReasonOf(ReadCall(nothing).status()), reason::kMethodUnruled);
  auto two = Request();
  (*HttpOf(two).mutable_headers())[":path"] = "/orders.v1.OrderService/GetStatus";
  EXPECT_EQ(ReasonOf(ReadCall(two).status()), reason::kMethodUnruled);
  auto raw = Request();
  auto& header = *HttpOf(raw).mutable_header_map()->add_headers();
  header.set_key(":path");
  header.set_raw_value("/orders.v1.OrderService/GetStatus");
  EXPECT_EQ(ReasonOf(ReadCall(raw).status()), reason::kMethodUnruled);
}

}  // namespace
}  // namespace tessera::server
