// Reading the audit trail, and checking it, without gRPC.
#ifndef TESSERA_SERVER_AUDIT_AUDIT_FACADE_H_
#define TESSERA_SERVER_AUDIT_AUDIT_FACADE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/audit/chain_check.h"
#include "server/auth/key_ring.h"
#include "server/call_info.h"
#include "storage/store.h"

namespace tessera::server {

// Thread-safe. Both block on the store.
class AuditFacade {
 public:
  // A request for a part of the check reads no more events.
  static constexpr int kCheckedAtOnce = 2000;

  // All references must outlive the facade.
  struct Parts {
    storage::Store& store;
    const KeyRing& keys;
  };
  explicit AuditFacade(Parts parts) : parts_(parts) {}

  struct Page {
    std::vector<storage::AuditEvent> events;  // the newest first
    std::string next_page_token;              // empty on the last page
  };
  // Stable: what is added meanwhile stands before the first page. `page_size` and FIELD_INVALID as
  // UserFacade::List.
  absl::StatusOr<Page> List(const CallInfo& call, const storage::AuditFilter& filter, int page_size,
                            std::string_view page_token) const;

  struct Checked {
    int64_t count = 0;                 // events that are as they were written
    std::vector<AuditFault> faults;    // the first of each chain
    std::string next_page_token = {};  // empty: all has been checked
  };
  // A part of the check, in one view of the store; the first one checks which chains there are too.
  // FIELD_INVALID: a token that is none of ours.
  absl::StatusOr<Checked> Verify(const CallInfo& call, std::string_view page_token) const;

 private:
  const Parts parts_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUDIT_AUDIT_FACADE_H_
