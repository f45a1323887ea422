// The audit trail at rest: a chain of events for each replica, and the register of the chains.
#ifndef TESSERA_STORAGE_AUDIT_REPOSITORY_H_
#define TESSERA_STORAGE_AUDIT_REPOSITORY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace tessera::storage {

// The longest text of a column, in bytes; `actor` and `target` take kMaxAuditName.
inline constexpr size_t kMaxAuditText = 64;
inline constexpr size_t kMaxAuditName = 255;

// What was decided or done. No text holds a NUL.
struct AuditEvent {
  std::string replica_id;  // whose chain
  int64_t sequence = 0;    // from 1, without gaps
  absl::Time at;
  std::string event;
  std::string actor;
  std::string target;
  std::string source;
  bool done = true;
  std::string reason;
  std::string correlation_id;
  std::string details;  // as the server encodes them; empty for none
  int64_t count = 1;
  std::string kid;  // of the key that `mac` was made with
  std::string mac;  // 32 bytes, over this event and the one before
};

// Where a chain ends and where it begins: what came before was removed.
struct AuditChain {
  std::string replica_id;
  int64_t sequence = 0;  // of the last event; 0 before the first
  std::string kid;       // of the keys of `mac` and `tag`
  std::string mac;       // the last event's; 32 bytes
  std::string tag;       // 32 bytes, over all this
  int64_t floor_sequence = 0;
  std::string floor_kid;
  std::string floor_mac;
  std::string floor_tag;
  absl::Time updated_at;  // when the last event was added
};

// Which chains there are, so that none goes without notice.
struct AuditRegister {
  std::string chains;  // 32 bytes, made of the ids of all chains
  std::string kid;     // empty before the first chain
  std::string tag;
  std::string config;  // of the replica that began last; empty before the first
};

// Each that is set must fit. `event` ending in a dot: all names that begin so.
struct AuditFilter {
  std::string event;
  std::string actor;
  std::string target;
  std::string source;
  std::string correlation_id;
  std::optional<bool> done;
  absl::Time start = absl::InfinitePast();  // not before
  absl::Time end = absl::InfiniteFuture();  // before
};

// Where a list of events, the newest first, goes on.
struct AuditPosition {
  absl::Time at = absl::InfiniteFuture();
  std::string replica_id;
  int64_t sequence = 0;
};

// Exists inside a transaction only. Every method may also fail as storage/store.h says.
class AuditRepository {
 public:
  virtual ~AuditRepository() = default;

  // The chain, which no other transaction changes until this one ends; absent if there is none.
  virtual absl::StatusOr<std::optional<AuditChain>> TakeChain(std::string_view replica_id) = 0;
  // ALREADY_EXISTS: there is one.
  virtual absl::Status InsertChain(const AuditChain& chain) = 0;
  virtual absl::Status UpdateChain(const AuditChain& chain) = 0;
  virtual absl::Status DeleteChain(std::string_view replica_id) = 0;
  // Likewise, without holding it.
  virtual absl::StatusOr<std::optional<AuditChain>> FindChain(std::string_view replica_id) = 0;
  // In the order of ids, behind `after`.
  virtual absl::StatusOr<std::vector<AuditChain>> ListChains(std::string_view after, int limit) = 0;

  // In few statements.
  virtual absl::Status Append(const std::vector<AuditEvent>& events) = 0;
  // The events of a chain behind a place, in order.
  virtual absl::StatusOr<std::vector<AuditEvent>> ListChain(std::string_view replica_id,
                                                            int64_t after, int limit) = 0;
  // Removes those up to `last`, which is included.
  virtual absl::Status DeleteThrough(std::string_view replica_id, int64_t last) = 0;
  // The next replica behind `after` that has events, in the order of ids; empty for none.
  virtual absl::StatusOr<std::string> NextWithEvents(std::string_view after) = 0;
  // The newest first, behind `from`.
  virtual absl::StatusOr<std::vector<AuditEvent>> List(const AuditFilter& filter,
                                                       const AuditPosition& from, int limit) = 0;

  // As TakeChain; there always is one.
  virtual absl::StatusOr<AuditRegister> TakeRegister() = 0;
  virtual absl::StatusOr<AuditRegister> ReadRegister() = 0;
  virtual absl::Status UpdateRegister(const AuditRegister& content) = 0;
};

}  // namespace tessera::storage

#endif  // TESSERA_STORAGE_AUDIT_REPOSITORY_H_
