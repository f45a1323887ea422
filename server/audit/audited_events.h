// Which log events are decisions that the audit trail keeps. README.md beside this file lists every
// event; a test holds the two together.
#ifndef TESSERA_SERVER_AUDIT_AUDITED_EVENTS_H_
#define TESSERA_SERVER_AUDIT_AUDITED_EVENTS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "server/audit/audit_trail.h"
#include "server/call_info.h"
#include "storage/audit_repository.h"
#include "tessera/base/log.h"

namespace tessera::server {

// Of a log event: which field says who did it where no `actor` does (empty: nobody is known), and
// which whom or what it concerns; what else it says goes to the details.
struct AuditedEvent {
  std::string_view name;
  bool done;
  std::string_view actor;
  std::string_view target;
};

const std::vector<AuditedEvent>& AuditedEvents();

// The decision that `event` tells of; absent for an event that is none. `call`: whom it was made
// for, or null.
std::optional<storage::AuditEvent> DecisionOf(const LogEvent& event, const CallInfo* call,
                                              absl::Time now);

// An administrative event as it is kept: texts cut to their columns, without anything but visible
// ASCII and blanks.
storage::AuditEvent EventOf(const AuditEntry& entry, const CallInfo& call, absl::Time now);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUDIT_AUDITED_EVENTS_H_
