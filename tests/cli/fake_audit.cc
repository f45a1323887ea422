// FakeTesserad's methods on the audit trail.
#include "absl/strings/str_cat.h"
#include "tests/cli/fake_tesserad.h"

namespace tessera::testing {

using namespace tessera::v1;  // NOLINT(google-build-using-namespace): requests and responses only

grpc::Status FakeTesserad::ListAuditEvents(grpc::ServerContext* context,
                                           const ListAuditEventsRequest* request,
                                           ListAuditEventsResponse* response) {
  MutexLock lock(mu_);
  const std::string asked =
      absl::StrCat("ListAuditEvents event=", request->event(), " actor=", request->actor_id(),
                   " target=", request->target_id(), " source=", request->source(),
                   " call=", request->correlation_id(), " outcome=", int{request->outcome()},
                   " from=", request->start_time().seconds(), " to=", request->end_time().seconds(),
                   " size=", request->page_size(), " page=", request->page_token());
  const grpc::Status admission = Admit(context, asked);
  if (!admission.ok()) return admission;
  AuditEvent* refused = response->add_events();
  refused->mutable_event_time()->set_seconds(1'800'000'000);
  refused->set_event("login.refused");
  refused->set_outcome(AUDIT_OUTCOME_REFUSED);
  refused->set_reason("bad_password");
  refused->set_actor_id("usr_1");
  refused->set_source("192.0.2.7");
  refused->set_count(7);
  AuditEvent* granted = response->add_events();
  granted->set_event("role.granted");
  granted->set_outcome(AUDIT_OUTCOME_DONE);
  granted->set_target_id("usr_2");
  granted->set_count(1);
  (*granted->mutable_details())["role"] = "orders.admin";
  response->set_next_page_token("more");
  return grpc::Status::OK;
}

grpc::Status FakeTesserad::VerifyAuditTrail(grpc::ServerContext* context,
                                            const VerifyAuditTrailRequest* request,
                                            VerifyAuditTrailResponse* response) {
  MutexLock lock(mu_);
  const grpc::Status admission =
      Admit(context, absl::StrCat("VerifyAuditTrail page=", request->page_token()));
  if (!admission.ok()) return admission;
  const bool first = request->page_token().empty();
  response->set_verified_count(first ? 2'000 : 34);
  if (first) response->set_next_page_token("second");
  if (first || !trail_tampered_with_) return grpc::Status::OK;
  AuditFault* fault = response->add_faults();
  fault->set_replica_id("rep_1");
  fault->set_sequence(2'035);
  fault->set_finding("the event is missing");
  return grpc::Status::OK;
}

void FakeTesserad::TamperWithTrail() {
  MutexLock lock(mu_);
  trail_tampered_with_ = true;
}

}  // namespace tessera::testing
