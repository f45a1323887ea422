#include "server/audit/auditing_log.h"

#include <optional>
#include <utility>

#include "server/audit/audited_events.h"
#include "server/audit/call_scope.h"

namespace tessera::server {

void AuditingLog::Write(const LogEvent& event) {
  const CallInfo* call = CallScope::Current();
  std::optional<storage::AuditEvent> decision = DecisionOf(event, call, clock_.Now());
  if (decision.has_value()) queue_.Add(*std::move(decision));
  if (call == nullptr || call->correlation_id.empty()) return log_.Write(event);
  LogEvent told = event;
  told.fields.emplace_back("correlation", call->correlation_id);
  log_.Write(told);
}

}  // namespace tessera::server
