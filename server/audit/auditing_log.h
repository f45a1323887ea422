// The log, and the decisions among its events on their way to the audit trail.
#ifndef TESSERA_SERVER_AUDIT_AUDITING_LOG_H_
#define TESSERA_SERVER_AUDIT_AUDITING_LOG_H_

#include "server/audit/decision_queue.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"

namespace tessera::server {

// Hands every event on, with the call's correlation id (`correlation`) where a call is served, and
// queues the decisions. Thread-safe; memory only.
class AuditingLog final : public LogSink {
 public:
  // The references must outlive it.
  AuditingLog(LogSink& log, DecisionQueue& queue, const Clock& clock)
      : log_(log), queue_(queue), clock_(clock) {}

  void Write(const LogEvent& event) override;

 private:
  LogSink& log_;
  DecisionQueue& queue_;
  const Clock& clock_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUDIT_AUDITING_LOG_H_
