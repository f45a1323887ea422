#include "tessera/cli/wire_status.h"

#include <google/protobuf/unknown_field_set.h>
#include <grpcpp/support/status.h>

#include <optional>
#include <string_view>

#include "absl/strings/cord.h"
#include "nlohmann/json.hpp"
#include "tessera/base/reason.h"
#include "tessera/caller/reason.h"

namespace tessera::cli {
namespace {

using google::protobuf::UnknownField;
using google::protobuf::UnknownFieldSet;

constexpr char kViolationsUrl[] = "tessera/cli/field_violations";
constexpr std::string_view kBadRequest = "type.googleapis.com/google.rpc.BadRequest";
// Field numbers of google.rpc.Status, Any, BadRequest and BadRequest.FieldViolation.
constexpr int kStatusDetails = 3;
constexpr int kAnyType = 1;
constexpr int kAnyValue = 2;
constexpr int kViolations = 1;
constexpr int kField = 1;
constexpr int kDescription = 2;

// The values of a length-delimited field.
std::vector<std::string> Values(const std::string& message, int number) {
  std::vector<std::string> values;
  UnknownFieldSet fields;
  if (!fields.ParseFromString(message)) return values;
  for (int i = 0; i < fields.field_count(); ++i) {
    const UnknownField& field = fields.field(i);
    if (field.number() == number && field.type() == UnknownField::TYPE_LENGTH_DELIMITED) {
      values.push_back(field.length_delimited());
    }
  }
  return values;
}

std::string LastValue(const std::string& message, int number) {
  std::vector<std::string> values = Values(message, number);
  return values.empty() ? std::string() : std::move(values.back());
}

std::vector<FieldViolation> DecodeViolations(const std::string& details) {
  std::vector<FieldViolation> violations;
  for (const std::string& any : Values(details, kStatusDetails)) {
    if (LastValue(any, kAnyType) != kBadRequest) continue;
    for (const std::string& violation : Values(LastValue(any, kAnyValue), kViolations)) {
      violations.push_back({LastValue(violation, kField), LastValue(violation, kDescription)});
    }
  }
  return violations;
}

void AttachViolations(const std::vector<FieldViolation>& violations, absl::Status& status) {
  if (violations.empty()) return;
  nlohmann::json list = nlohmann::json::array();
  for (const FieldViolation& violation : violations) {
    list.push_back({violation.field, violation.description});
  }
  constexpr auto kReplace = nlohmann::json::error_handler_t::replace;
  status.SetPayload(kViolationsUrl, absl::Cord(list.dump(-1, ' ', true, kReplace)));
}

std::string TextOf(const grpc::Status& status, const std::string& why, const std::string& server) {
  std::string text = status.error_message();
  const std::string head = why + ": ";
  if (!why.empty() && text.compare(0, head.size(), head) == 0) return text.substr(head.size());
  if (why.empty() && status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    text = "cannot talk to " + server + ": " + text;
    if (text.find("SSL") != std::string::npos || text.find("handshake") != std::string::npos) {
      text += " (does the server speak TLS, and is its CA the one given with --ca?)";
    }
  }
  if (why.empty() && status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    text = "no answer from " + server + " in time (--timeout)";
  }
  return text;
}

}  // namespace

absl::Status FromWire(const grpc::Status& status, const std::string& server) {
  if (status.ok()) return absl::OkStatus();
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  std::string why = tessera::ReasonOf(status);
  const std::string text = TextOf(status, why, server);
  if (why.empty()) why = absl::StatusCodeToString(code);
  const std::optional<absl::Duration> delay = tessera::RetryDelayOf(status);
  absl::Status result =
      delay.has_value() ? RetryableRefusal(code, why, text, *delay) : Refusal(code, why, text);
  AttachViolations(DecodeViolations(status.error_details()), result);
  return result;
}

std::vector<FieldViolation> FieldViolationsOf(const absl::Status& status) {
  std::vector<FieldViolation> violations;
  const auto payload = status.GetPayload(kViolationsUrl);
  if (!payload.has_value()) return violations;
  const nlohmann::json list = nlohmann::json::parse(std::string(*payload), nullptr, false);
  for (const nlohmann::json& item : list) {
    violations.push_back({item.at(0).get<std::string>(), item.at(1).get<std::string>()});
  }
  return violations;
}

}  // namespace tessera::cli
