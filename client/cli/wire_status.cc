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

bool Holds(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

// What `said`, of a connection that did not come about, is mostly the sign of.
const char* ConnectionHint(const std::string& said, bool plaintext) {
  if (Holds(said, "SSL") || Holds(said, "handshake")) {
    return " (does the server speak TLS, and is its CA the one given with --ca?)";
  }
  // It answers what is not TLS by hanging up.
  if (plaintext && Holds(said, "failed to connect") && Holds(said, "Socket closed")) {
    return " (does the server speak TLS? then without --plaintext)";
  }
  return "";
}

// Of a status without a reason: not tesserad's word, or not about what it serves.
std::string TextOfForeign(const grpc::Status& status, const std::string& server, bool plaintext) {
  const std::string& said = status.error_message();
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
      return "cannot talk to " + server + ": " + said + ConnectionHint(said, plaintext);
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return "no answer from " + server + " in time (--timeout)";
    case grpc::StatusCode::UNIMPLEMENTED:
      return server + " does not serve tessera's API: is it tesserad?" +
             (said.empty() ? "" : " (" + said + ")");
    default:
      return said;
  }
}

std::string TextOfRefusal(const grpc::Status& status, const std::string& why) {
  const std::string& said = status.error_message();
  const std::string head = why + ": ";
  return said.compare(0, head.size(), head) == 0 ? said.substr(head.size()) : said;
}

}  // namespace

absl::Status FromWire(const grpc::Status& status, const std::string& server, bool plaintext) {
  if (status.ok()) return absl::OkStatus();
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  std::string why = tessera::ReasonOf(status);
  const std::string text =
      why.empty() ? TextOfForeign(status, server, plaintext) : TextOfRefusal(status, why);
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
