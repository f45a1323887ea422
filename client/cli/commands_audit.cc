// audit list, audit verify.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/cli/commands.h"
#include "tessera/cli/exit_code.h"
#include "tessera/cli/listing.h"

namespace tessera::cli {
namespace {

using namespace tessera::v1;  // NOLINT(google-build-using-namespace): requests and responses only

// The trail is long: without a word about pages there is one.
constexpr int kEventsAtOnce = 50;

struct ListArguments {
  PageArguments page;
  std::string event;
  std::string actor;
  std::string target;
  std::string source;
  std::string correlation_id;
  std::string since;
  std::string until;
  bool refused = false;
  bool done = false;
};

absl::Status ReadTime(const std::string& option, const std::string& text,
                      google::protobuf::Timestamp* wire) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
    return UsageError(option + " takes a time such as 2026-11-22T09:00:00Z");
  }
  const int64_t micros = absl::ToUnixMicros(time);
  wire->set_seconds(absl::ToUnixSeconds(time));
  wire->set_nanos(static_cast<int32_t>((micros - wire->seconds() * 1'000'000) * 1'000));
  return absl::OkStatus();
}

absl::StatusOr<ListAuditEventsRequest> RequestOf(const ListArguments& arguments) {
  ListAuditEventsRequest request;
  request.set_event(arguments.event);
  request.set_target_id(arguments.target);
  request.set_source(arguments.source);
  request.set_correlation_id(arguments.correlation_id);
  if (arguments.refused) request.set_outcome(AUDIT_OUTCOME_REFUSED);
  if (arguments.done) request.set_outcome(AUDIT_OUTCOME_DONE);
  if (!arguments.since.empty()) {
    TESSERA_RETURN_IF_ERROR(ReadTime("--since", arguments.since, request.mutable_start_time()));
  }
  if (!arguments.until.empty()) {
    TESSERA_RETURN_IF_ERROR(ReadTime("--until", arguments.until, request.mutable_end_time()));
  }
  request.set_page_size(arguments.page.page_size == 0 ? kEventsAtOnce : arguments.page.page_size);
  request.set_page_token(arguments.page.page_token);
  return request;
}

std::string DetailsOf(const AuditEvent& event) {
  std::vector<std::string> parts;
  if (event.count() > 1) parts.push_back(absl::StrCat("times=", event.count()));
  for (const auto& [name, text] : event.details()) parts.push_back(absl::StrCat(name, "=", text));
  std::sort(parts.begin(), parts.end());
  return Join(parts);
}

Table EventTable(const ListAuditEventsResponse& answer) {
  Table table({"time", "event", "outcome", "reason", "actor", "target", "source", "details"});
  for (const AuditEvent& event : answer.events()) {
    table.Add({FormatUtc(ToTime(event.event_time())), event.event(),
               event.outcome() == AUDIT_OUTCOME_REFUSED ? "refused" : "done", event.reason(),
               event.actor_id(), event.target_id(), event.source(), DetailsOf(event)});
  }
  return table;
}

// The trail knows its actors by id alone: a name would find nothing, as if nothing had happened.
absl::StatusOr<std::string> ActorId(Invocation& invocation, const std::string& actor) {
  if (actor.empty() || IsServiceId(actor)) return actor;
  return ResolveUserId(invocation, actor);
}

absl::Status List(Invocation& invocation, const ListArguments& arguments) {
  TESSERA_ASSIGN_OR_RETURN(ListAuditEventsRequest request, RequestOf(arguments));
  TESSERA_ASSIGN_OR_RETURN(*request.mutable_actor_id(), ActorId(invocation, arguments.actor));
  TESSERA_ASSIGN_OR_RETURN(const ListAuditEventsResponse answer,
                           invocation.CallUsers(&UserStub::ListAuditEvents, request));
  ShowList(invocation, answer, EventTable(answer));
  return absl::OkStatus();
}

struct NoArguments {};

// All parts in one answer.
absl::StatusOr<VerifyAuditTrailResponse> VerifyAll(Invocation& invocation) {
  VerifyAuditTrailRequest request;
  VerifyAuditTrailResponse all;
  while (true) {
    TESSERA_ASSIGN_OR_RETURN(const VerifyAuditTrailResponse part,
                             invocation.CallUsers(&UserStub::VerifyAuditTrail, request));
    all.set_verified_count(all.verified_count() + part.verified_count());
    all.mutable_faults()->MergeFrom(part.faults());
    if (part.next_page_token().empty()) return all;
    if (part.next_page_token() == request.page_token()) {
      return Refusal(absl::StatusCode::kInternal, local_reason::kUnexpectedAnswer,
                     "the server names the same part again and again");
    }
    request.set_page_token(part.next_page_token());
  }
}

absl::Status Verify(Invocation& invocation, const NoArguments&) {
  TESSERA_ASSIGN_OR_RETURN(const VerifyAuditTrailResponse answer, VerifyAll(invocation));
  if (invocation.json()) {
    invocation.PrintJson(ToJson(answer));
  } else {
    Table table({"replica", "sequence", "finding"});
    for (const AuditFault& fault : answer.faults()) {
      table.Add({fault.replica_id(), absl::StrCat(fault.sequence()), fault.finding()});
    }
    if (answer.faults_size() > 0) table.Print(invocation.world().out);
    invocation.PrintLine(absl::StrCat("Events as they were written: ", answer.verified_count(),
                                      ". Faults: ", answer.faults_size(), "."));
  }
  if (answer.faults_size() == 0) return absl::OkStatus();
  return Refusal(absl::StatusCode::kDataLoss, local_reason::kAuditFault,
                 "the audit trail is not as it was written");
}

}  // namespace

void AddAuditCommands(CLI::App& app, Command& chosen) {
  CLI::App* audit =
      app.add_subcommand("audit", "What was decided and done, by whom (needs tessera.audit)");
  audit->require_subcommand(1);
  auto list = std::make_shared<ListArguments>();
  CLI::App* sub = audit->add_subcommand("list", "Show events, the newest first");
  sub->add_option("--event", list->event, "This event, or those that begin so: login.");
  sub->add_option("--actor", list->actor, "By this user (name or id) or service account (id)");
  sub->add_option("--target", list->target, "About this id or name");
  sub->add_option("--source", list->source, "Asked from this address");
  sub->add_option("--correlation-id", list->correlation_id, "All of one call");
  sub->add_option("--since", list->since, "Not before this time (RFC 3339)");
  sub->add_option("--until", list->until, "Before this time");
  CLI::Option* refused = sub->add_flag("--refused", list->refused, "Only what was refused");
  sub->add_flag("--done", list->done, "Only what was done")->excludes(refused);
  AddPageOptions(*sub, list->page);
  RunWith(*sub, chosen, list, &List);

  sub = audit->add_subcommand(
      "verify", "Check that nothing in the trail was changed or removed; exit status 1 if it was");
  RunWith(*sub, chosen, std::make_shared<NoArguments>(), &Verify);
}

}  // namespace tessera::cli
