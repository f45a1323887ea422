// What was decided and done, kept in the database so that it can be shown and cannot be changed.
#ifndef TESSERA_SERVER_AUDIT_AUDIT_TRAIL_H_
#define TESSERA_SERVER_AUDIT_AUDIT_TRAIL_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/call_info.h"
#include "storage/store.h"

namespace tessera::server {

// One decision. Never holds a secret.
struct AuditEntry {
  std::string_view event;   // a literal: `role.granted`
  std::string actor = {};   // who did it: an id; empty for nobody known
  std::string target = {};  // whom or what it concerns: an id, or a name where there is no id
  bool done = true;         // else it was refused
  std::string reason = {};  // why not, or how
  std::vector<std::pair<std::string_view, std::string>> details = {};  // keys are literals
};

// Thread-safe.
class AuditTrail {
 public:
  virtual ~AuditTrail() = default;
  // Adds an administrative event to the transaction of the change itself: both are committed, or
  // neither. Call it behind the change and before entries of the revocation feed, whose lock comes
  // last.
  virtual absl::Status AppendIn(storage::Repositories& repositories, const CallInfo& call,
                                const AuditEntry& entry) = 0;
};

// Keeps nothing. For tests of what is audited elsewhere.
class NoAuditTrail final : public AuditTrail {
 public:
  absl::Status AppendIn(storage::Repositories&, const CallInfo&, const AuditEntry&) override {
    return absl::OkStatus();
  }
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUDIT_AUDIT_TRAIL_H_
