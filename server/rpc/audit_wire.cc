#include "server/rpc/audit_wire.h"

#include <cstdint>
#include <optional>

#include "server/auth/named_texts.h"
#include "server/rpc/from_wire.h"
#include "server/rpc/to_wire.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

using google::protobuf::Timestamp;

// The years 1 to 9999, as timestamp.proto has it.
constexpr int64_t kFirstSecond = -62'135'596'800;
constexpr int64_t kLastSecond = 253'402'300'799;
constexpr int32_t kNanosOfASecond = 1'000'000'000;

absl::Status CheckText(std::string_view field, const std::string& text) {
  if (text.size() <= storage::kMaxAuditName && text.find('\0') == text.npos) {
    return absl::OkStatus();
  }
  return FieldInvalid(field, "at most 255 bytes");
}

absl::StatusOr<std::optional<bool>> DoneOf(v1::AuditOutcome outcome) {
  switch (outcome) {
    case v1::AUDIT_OUTCOME_UNSPECIFIED:
      return std::optional<bool>();
    case v1::AUDIT_OUTCOME_DONE:
      return std::optional<bool>(true);
    case v1::AUDIT_OUTCOME_REFUSED:
      return std::optional<bool>(false);
    default:
      return FieldInvalid("outcome", "an outcome that there is");
  }
}

absl::StatusOr<absl::Time> TimeOf(std::string_view field, const Timestamp& wire) {
  const bool fits = wire.seconds() >= kFirstSecond && wire.seconds() <= kLastSecond &&
                    wire.nanos() >= 0 && wire.nanos() < kNanosOfASecond;
  if (!fits) {
    return FieldInvalid(field, "a time of the years 1 to 9999");
  }
  return absl::FromUnixSeconds(wire.seconds()) + absl::Nanoseconds(wire.nanos());
}

void WriteEvent(const storage::AuditEvent& event, v1::AuditEvent* wire) {
  wire->set_replica_id(event.replica_id);
  wire->set_sequence(event.sequence);
  Write(event.at, wire->mutable_event_time());
  wire->set_event(event.event);
  wire->set_actor_id(event.actor);
  wire->set_target_id(event.target);
  wire->set_source(event.source);
  wire->set_outcome(event.done ? v1::AUDIT_OUTCOME_DONE : v1::AUDIT_OUTCOME_REFUSED);
  wire->set_reason(event.reason);
  wire->set_correlation_id(event.correlation_id);
  wire->set_count(event.count);
  const absl::StatusOr<NamedTexts> details = DecodeNamedTexts(event.details);
  if (!details.ok()) return;  // somebody has changed the row: VerifyAuditTrail says so
  for (const auto& [name, text] : *details) (*wire->mutable_details())[name] = text;
}

}  // namespace

absl::StatusOr<AuditListInput> Parse(const v1::ListAuditEventsRequest& request) {
  TESSERA_RETURN_IF_ERROR(CheckText("event", request.event()));
  TESSERA_RETURN_IF_ERROR(CheckText("actor_id", request.actor_id()));
  TESSERA_RETURN_IF_ERROR(CheckText("target_id", request.target_id()));
  TESSERA_RETURN_IF_ERROR(CheckText("source", request.source()));
  TESSERA_RETURN_IF_ERROR(CheckText("correlation_id", request.correlation_id()));
  AuditListInput input;
  input.page_size = request.page_size();
  input.page_token = request.page_token();
  storage::AuditFilter& filter = input.filter;
  filter.event = request.event();
  filter.actor = request.actor_id();
  filter.target = request.target_id();
  filter.source = request.source();
  filter.correlation_id = request.correlation_id();
  TESSERA_ASSIGN_OR_RETURN(filter.done, DoneOf(request.outcome()));
  if (request.has_start_time()) {
    TESSERA_ASSIGN_OR_RETURN(filter.start, TimeOf("start_time", request.start_time()));
  }
  if (request.has_end_time()) {
    TESSERA_ASSIGN_OR_RETURN(filter.end, TimeOf("end_time", request.end_time()));
  }
  return input;
}

absl::StatusOr<std::string> Parse(const v1::VerifyAuditTrailRequest& request) {
  return request.page_token();
}

void Write(const AuditFacade::Page& page, v1::ListAuditEventsResponse* wire) {
  for (const storage::AuditEvent& event : page.events) WriteEvent(event, wire->add_events());
  wire->set_next_page_token(page.next_page_token);
}

void Write(const AuditFacade::Checked& checked, v1::VerifyAuditTrailResponse* wire) {
  wire->set_verified_count(checked.count);
  for (const AuditFault& fault : checked.faults) {
    v1::AuditFault* found = wire->add_faults();
    found->set_replica_id(fault.replica_id);
    found->set_sequence(fault.sequence);
    found->set_finding(fault.finding);
  }
  wire->set_next_page_token(checked.next_page_token);
}

}  // namespace tessera::server
