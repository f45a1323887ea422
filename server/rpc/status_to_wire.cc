#include "server/rpc/status_to_wire.h"

#include <algorithm>
#include <optional>

#include "absl/time/time.h"
#include "server/rpc/wire_status.pb.h"
#include "tessera/base/reason.h"

namespace tessera::server {
namespace {

constexpr std::string_view kDomain = "tessera";
constexpr std::string_view kTypePrefix = "type.googleapis.com/google.rpc.";

void AddDetail(std::string_view type, const google::protobuf::Message& detail, rpc::Status& wire) {
  google::protobuf::Any& any = *wire.add_details();
  any.set_type_url(std::string(kTypePrefix) + std::string(type));
  detail.SerializeToString(any.mutable_value());
}

// `REASON: field: text` -> `text`: a violation names its field beside it.
std::string TextBehind(const std::string& field, std::string_view message) {
  const size_t head = ReasonInMessage(message).size() + 2 + field.size() + 2;
  return std::string(message.substr(std::min(head, message.size())));
}

void AddErrorInfo(const std::string& reason, rpc::Status& wire) {
  rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain(std::string(kDomain));
  AddDetail("ErrorInfo", info, wire);
}

void AddViolation(const std::string& field, rpc::Status& wire) {
  rpc::BadRequest bad_request;
  rpc::BadRequest::FieldViolation& violation = *bad_request.add_field_violations();
  violation.set_field(field);
  violation.set_description(TextBehind(field, wire.message()));
  AddDetail("BadRequest", bad_request, wire);
}

void AddRetryInfo(absl::Duration delay, rpc::Status& wire) {
  rpc::RetryInfo info;
  const int64_t seconds = absl::IDivDuration(delay, absl::Seconds(1), &delay);
  info.mutable_retry_delay()->set_seconds(seconds);
  info.mutable_retry_delay()->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(delay)));
  AddDetail("RetryInfo", info, wire);
}

grpc::StatusCode CodeOf(const absl::Status& status) {
  return static_cast<grpc::StatusCode>(static_cast<int>(status.code()));  // the same numbers
}

grpc::Status RefusalToWire(const absl::Status& status, const std::string& reason) {
  rpc::Status wire;
  wire.set_code(static_cast<int32_t>(status.code()));
  wire.set_message(std::string(status.message()));
  AddErrorInfo(reason, wire);
  if (const std::string field = FieldOf(status); !field.empty()) AddViolation(field, wire);
  if (const auto delay = RetryDelayOf(status)) AddRetryInfo(*delay, wire);
  return {CodeOf(status), wire.message(), wire.SerializeAsString()};
}

grpc::Status WithoutReasonToWire(const absl::Status& status, LogSink& log) {
  switch (status.code()) {
    case absl::StatusCode::kDeadlineExceeded:
      return {grpc::StatusCode::DEADLINE_EXCEEDED, "the call's time is over"};
    case absl::StatusCode::kCancelled:
      return {grpc::StatusCode::CANCELLED, "the caller has gone"};
    default:
      log.Error("rpc.internal_error", {{"code", absl::StatusCodeToString(status.code())},
                                       {"cause", std::string(status.message())}});
      return {grpc::StatusCode::INTERNAL, "internal error"};
  }
}

}  // namespace

v1::ErrorReason ReasonFromName(std::string_view name) {
  v1::ErrorReason reason = v1::ERROR_REASON_UNSPECIFIED;
  v1::ErrorReason_Parse("ERROR_REASON_" + std::string(name), &reason);
  return reason;
}

grpc::Status ToWire(const absl::Status& status, LogSink& log) {
  if (status.ok()) return grpc::Status::OK;
  const std::string reason = ReasonOf(status);
  const bool listed = ReasonFromName(reason) != v1::ERROR_REASON_UNSPECIFIED;
  return listed ? RefusalToWire(status, reason) : WithoutReasonToWire(status, log);
}

}  // namespace tessera::server
