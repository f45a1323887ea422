#include "server/rpc/status_to_wire.h"

#include <gmock/gmock.h>

#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "server/rpc/wire_status.pb.h"
#include "tessera/base/reason.h"
#include "tessera/caller/reason.h"

namespace tessera::server {
namespace {

using ::testing::HasSubstr;

class OneLog final : public LogSink {
 public:
  void Write(const LogEvent& event) override {
    text += std::string(event.name);
    for (const auto& [key, value] : event.fields) text += " " + value;
  }
  std::string text;
};

// The detail of that type; false if there is none.
bool Detail(const grpc::Status& status, const std::string& type, google::protobuf::Message& out) {
  rpc::Status wire;
  if (!wire.ParseFromString(status.error_details())) return false;
  for (const auto& any : wire.details()) {
    if (any.type_url() == "type.googleapis.com/google.rpc." + type) {
      return out.ParseFromString(any.value());
    }
  }
  return false;
}

TEST(StatusToWire, RefusalKeepsCodeMessageAndReason) {
  const grpc::Status status =
      ToWire(Refusal(absl::StatusCode::kUnauthenticated, reason::kTokenExpired, "its life is over"),
             NoLog());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(status.error_message(), "TOKEN_EXPIRED: its life is over");
  rpc::ErrorInfo info;
  ASSERT_TRUE(Detail(status, "ErrorInfo", info));
  EXPECT_EQ(info.reason(), "TOKEN_EXPIRED");
  EXPECT_EQ(info.domain(), "tessera");
  EXPECT_EQ(ReasonOf(status), "TOKEN_EXPIRED");
  EXPECT_EQ(RetryDelayOf(status), std::nullopt);
}

TEST(StatusToWire, OuterStatusRepeatsCodeAndMessage) {
  const grpc::Status status = ToWire(FieldInvalid("user.username", "required"), NoLog());
  rpc::Status wire;
  ASSERT_TRUE(wire.ParseFromString(status.error_details()));
  EXPECT_EQ(wire.code(), static_cast<int>(grpc::StatusCode::INVALID_ARGUMENT));
  EXPECT_EQ(wire.message(), status.error_message());
}

TEST(StatusToWire, FieldGoesIntoBadRequest) {
  const grpc::Status status = ToWire(FieldUnsupported("device_id"), NoLog());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(status), "FIELD_UNSUPPORTED");
  rpc::BadRequest bad_request;
  ASSERT_TRUE(Detail(status, "BadRequest", bad_request));
  ASSERT_EQ(bad_request.field_violations_size(), 1);
  EXPECT_EQ(bad_request.field_violations(0).field(), "device_id");
  EXPECT_EQ(bad_request.field_violations(0).description(), "not served by this version");
}

TEST(StatusToWire, DelayGoesIntoRetryInfo) {
  const grpc::Status status =
      ToWire(RetryableRefusal(absl::StatusCode::kUnavailable, reason::kStorageUnavailable, "away",
                              absl::Milliseconds(1500)),
             NoLog());
  rpc::RetryInfo info;
  ASSERT_TRUE(Detail(status, "RetryInfo", info));
  EXPECT_EQ(info.retry_delay().seconds(), 1);
  EXPECT_EQ(info.retry_delay().nanos(), 500'000'000);
  EXPECT_EQ(RetryDelayOf(status), absl::Milliseconds(1500));
}

TEST(StatusToWire, AnythingWithoutAReasonIsInternalAndTheCauseOnlyLogged) {
  for (const absl::Status& cause :
       {absl::InternalError("near \"SELECT secret\""), absl::UnknownError("SELECT secret"),
        absl::NotFoundError("SELECT secret"), absl::UnavailableError("SELECT secret"),
        absl::InvalidArgumentError("SELECT secret")}) {
    OneLog log;
    const grpc::Status status = ToWire(cause, log);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
    EXPECT_EQ(status.error_message(), "internal error");
    EXPECT_EQ(status.error_details(), "");
    EXPECT_THAT(log.text, HasSubstr("rpc.internal_error"));
    EXPECT_THAT(log.text, HasSubstr("SELECT secret"));
  }
}

TEST(StatusToWire, ReasonThatTheProtoDoesNotListIsInternal) {
  OneLog log;
  const grpc::Status status = ToWire(Refusal(absl::StatusCode::kNotFound, "MADE_UP", "text"), log);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_THAT(log.text, HasSubstr("MADE_UP"));
}

TEST(StatusToWire, PassedDeadlineAndGoneCallerKeepTheirCode) {
  EXPECT_EQ(ToWire(absl::DeadlineExceededError("x"), NoLog()).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(ToWire(absl::CancelledError("x"), NoLog()).error_code(), grpc::StatusCode::CANCELLED);
}

TEST(StatusToWire, OkIsOk) { EXPECT_TRUE(ToWire(absl::OkStatus(), NoLog()).ok()); }

// The reasons that client/base/reason.h declares.
std::vector<std::string> DeclaredReasons() {
  std::stringstream text;
  text << std::ifstream(REASON_HEADER).rdbuf();
  const std::string header = text.str();
  const std::regex declaration("string_view k[A-Za-z]+ = \"([A-Z_]+)\"");
  std::vector<std::string> reasons;
  for (std::sregex_iterator i(header.begin(), header.end(), declaration), end; i != end; ++i) {
    reasons.push_back((*i)[1]);
  }
  return reasons;
}

TEST(Reasons, EveryReasonInTheHeaderIsInTheProto) {
  const std::vector<std::string> reasons = DeclaredReasons();
  ASSERT_GE(reasons.size(), 34u);
  for (const std::string& reason : reasons) {
    EXPECT_NE(ReasonFromName(reason), v1::ERROR_REASON_UNSPECIFIED) << reason;
  }
}

TEST(Reasons, EveryReasonInTheProtoIsInTheHeader) {
  const std::vector<std::string> reasons = DeclaredReasons();
  const auto* proto = v1::ErrorReason_descriptor();
  const std::string prefix = "ERROR_REASON_";
  for (int i = 0; i < proto->value_count(); ++i) {
    if (proto->value(i)->number() == 0) continue;
    EXPECT_THAT(reasons, ::testing::Contains(proto->value(i)->name().substr(prefix.size())));
  }
}

}  // namespace
}  // namespace tessera::server
