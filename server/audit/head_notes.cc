#include "server/audit/head_notes.h"

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/audit/audited_events.h"
#include "server/audit/chain_mac.h"
#include "server/auth/named_texts.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

using storage::AuditChain;
using storage::AuditEvent;
using storage::Repositories;

constexpr int kChainsAtOnce = 500;

AuditEvent NoteOf(const AuditChain& chain, absl::Time now) {
  AuditEntry entry{"audit.head_noted", "", chain.replica_id};
  entry.details = {{"sequence", absl::StrCat(chain.sequence)},
                   {"mac", absl::BytesToHexString(chain.mac)}};
  return EventOf(entry, CallInfo(), now);
}

absl::StatusOr<bool> IsNoted(Repositories& in, const AuditEvent& note) {
  storage::AuditFilter filter;
  filter.event = kHeadNoted;
  filter.target = note.target;
  TESSERA_ASSIGN_OR_RETURN(const auto newest, in.audit.List(filter, {}, 1));
  return !newest.empty() && newest.front().details == note.details;
}

}  // namespace

absl::StatusOr<std::vector<AuditEvent>> HeadNotesDue(Repositories& in, const KeySnapshot& keys,
                                                     const std::string& own, absl::Time now) {
  std::vector<AuditEvent> due;
  std::vector<AuditChain> some;
  do {
    TESSERA_ASSIGN_OR_RETURN(
        some, in.audit.ListChains(some.empty() ? "" : some.back().replica_id, kChainsAtOnce));
    for (const AuditChain& chain : some) {
      if (chain.replica_id == own || chain.sequence == 0 || !HeadHolds(keys, chain)) continue;
      AuditEvent note = NoteOf(chain, now);
      TESSERA_ASSIGN_OR_RETURN(const bool noted, IsNoted(in, note));
      if (!noted) due.push_back(std::move(note));
    }
  } while (!some.empty());
  return due;
}

absl::StatusOr<std::optional<AuditFault>> CheckHeadNote(Repositories& in, const AuditEvent& note) {
  std::optional<AuditFault> fault;
  TESSERA_ASSIGN_OR_RETURN(const std::optional<AuditChain> chain, in.audit.FindChain(note.target));
  if (!chain.has_value()) return fault;
  TESSERA_ASSIGN_OR_RETURN(NamedTexts details, DecodeNamedTexts(note.details));
  int64_t sequence = 0;
  if (!absl::SimpleAtoi(details["sequence"], &sequence)) return fault;
  if (sequence <= chain->floor_sequence) return fault;
  TESSERA_ASSIGN_OR_RETURN(const auto found, in.audit.ListChain(note.target, sequence - 1, 1));
  const bool there = !found.empty() && found.front().sequence == sequence &&
                     absl::BytesToHexString(found.front().mac) == details["mac"];
  if (!there) {
    fault = {note.target, sequence,
             absl::StrCat("the event is not the one that chain ", note.replica_id, " has noted")};
  }
  return fault;
}

}  // namespace tessera::server
