// Where each chain of the audit trail ends is noted in the others, so that it cannot be cut behind.
#ifndef TESSERA_SERVER_AUDIT_HEAD_NOTES_H_
#define TESSERA_SERVER_AUDIT_HEAD_NOTES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/audit/chain_check.h"
#include "server/auth/key_ring.h"
#include "storage/store.h"

namespace tessera::server {

// The event's name; its target is the other chain.
inline constexpr char kHeadNoted[] = "audit.head_noted";

// What `own` has to note: where each other chain ends, if that is not the newest note of it. A
// chain whose end is forged is passed over.
absl::StatusOr<std::vector<storage::AuditEvent>> HeadNotesDue(storage::Repositories& in,
                                                              const KeySnapshot& keys,
                                                              const std::string& own,
                                                              absl::Time now);

// Whether what the note tells of is still there, or gone with retention. A chain that is gone
// altogether is the register's matter. The note itself has been found to be right.
absl::StatusOr<std::optional<AuditFault>> CheckHeadNote(storage::Repositories& in,
                                                        const storage::AuditEvent& note);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUDIT_HEAD_NOTES_H_
