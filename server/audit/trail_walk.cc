#include "server/audit/trail_walk.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "server/audit/chain_mac.h"
#include "server/audit/head_notes.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

using storage::AuditChain;
using storage::AuditEvent;

constexpr int kChainsAtOnce = 500;
constexpr int64_t kBeforeAll = std::numeric_limits<int64_t>::min();

}  // namespace

absl::Status TrailWalk::CheckRegister() {
  TESSERA_ASSIGN_OR_RETURN(const storage::AuditRegister content, in_.audit.ReadRegister());
  const Secret* key = AuditKey(keys_, content.kid);
  std::string chains = FirstAuditMac();
  std::vector<AuditChain> some;
  do {
    TESSERA_ASSIGN_OR_RETURN(
        some, in_.audit.ListChains(some.empty() ? "" : some.back().replica_id, kChainsAtOnce));
    for (const AuditChain& chain : some) {
      if (key != nullptr) chains = ToggleAuditChain(*key, chains, chain.replica_id);
    }
  } while (!some.empty());
  if (!RegisterHolds(keys_, content)) {
    faults_.push_back({"", 0, "the register of the chains is not what was written"});
  } else if (chains != content.chains) {
    faults_.push_back({"", 0, "a whole chain was put in or taken out"});
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> TrailWalk::NextAfter(const std::string& id) {
  TESSERA_ASSIGN_OR_RETURN(const auto chains, in_.audit.ListChains(id, 1));
  TESSERA_ASSIGN_OR_RETURN(const std::string with_events, in_.audit.NextWithEvents(id));
  if (chains.empty() || with_events.empty()) {
    return chains.empty() ? with_events : chains.front().replica_id;
  }
  return std::min(chains.front().replica_id, with_events);
}

std::optional<int64_t> TrailWalk::Note(std::optional<AuditFault> fault) {
  if (fault.has_value()) faults_.push_back(*std::move(fault));
  return std::nullopt;
}

absl::StatusOr<std::optional<AuditFault>> TrailWalk::CheckBeginning(const AuditChain& chain) {
  if (auto fault = ChainCheck::CheckFloor(keys_, chain); fault.has_value()) return fault;
  TESSERA_ASSIGN_OR_RETURN(const auto first, in_.audit.ListChain(chain.replica_id, kBeforeAll, 1));
  if (first.empty() || first.front().sequence > chain.floor_sequence) {
    return std::optional<AuditFault>();
  }
  return std::optional(AuditFault{chain.replica_id, first.front().sequence,
                                  "the event stands before the beginning of the chain"});
}

// Absent: the chain is done with; else the last event that was right, where there was no time for
// more.
absl::StatusOr<std::optional<int64_t>> TrailWalk::CheckChain(const std::string& id, int64_t from) {
  TESSERA_ASSIGN_OR_RETURN(const std::optional<AuditChain> chain, in_.audit.FindChain(id));
  if (!chain.has_value()) {
    return Note(AuditFault{id, 1, "the event belongs to no chain that there is"});
  }
  if (from == 0) {
    TESSERA_ASSIGN_OR_RETURN(std::optional<AuditFault> fault, CheckBeginning(*chain));
    if (fault.has_value()) return Note(std::move(fault));
  }
  // Retention may have come past the place meanwhile.
  if (from <= chain->floor_sequence) {
    return CheckEvents(*chain, {keys_, *chain, chain->floor_sequence, chain->floor_mac});
  }
  TESSERA_ASSIGN_OR_RETURN(const auto last, in_.audit.ListChain(id, from - 1, 1));
  if (last.empty() || last.front().sequence != from) {
    return Note(AuditFault{id, from, "the event is missing"});
  }
  return CheckEvents(*chain, {keys_, *chain, from, last.front().mac});
}

// One fault for each chain, though many have noted it.
absl::Status TrailWalk::CheckWhatItNotes(const AuditEvent& event) {
  if (event.event != kHeadNoted) return absl::OkStatus();
  TESSERA_ASSIGN_OR_RETURN(std::optional<AuditFault> fault, CheckHeadNote(in_, event));
  const bool told = std::any_of(faults_.begin(), faults_.end(), [&](const AuditFault& other) {
    return fault.has_value() && other.replica_id == fault->replica_id;
  });
  if (!told) Note(std::move(fault));
  return absl::OkStatus();
}

absl::StatusOr<std::optional<int64_t>> TrailWalk::CheckEvents(const AuditChain& chain,
                                                              ChainCheck check) {
  TESSERA_ASSIGN_OR_RETURN(const std::vector<AuditEvent> events,
                           in_.audit.ListChain(chain.replica_id, check.sequence(), left_));
  for (const AuditEvent& event : events) {
    std::optional<AuditFault> fault = check.Check(event);
    if (fault.has_value()) return Note(std::move(fault));
    ++count_;
    TESSERA_RETURN_IF_ERROR(CheckWhatItNotes(event));
  }
  const bool out_of_time = events.size() == static_cast<size_t>(left_);
  left_ -= static_cast<int>(events.size());
  if (out_of_time) return std::optional(check.sequence());
  return Note(check.CheckHead());
}

absl::StatusOr<std::optional<storage::AuditPosition>> TrailWalk::GoOnFrom(Place place) {
  std::string id = place.replica_id;
  int64_t from = place.sequence;
  if (id.empty() || from == kWholeChain) {
    TESSERA_ASSIGN_OR_RETURN(id, NextAfter(id));
    from = 0;
  }
  while (!id.empty()) {
    TESSERA_ASSIGN_OR_RETURN(const std::optional<int64_t> stopped, CheckChain(id, from));
    if (stopped.has_value()) {
      return std::optional(storage::AuditPosition{absl::UnixEpoch(), id, *stopped});
    }
    if (left_ <= 0) {
      return std::optional(storage::AuditPosition{absl::UnixEpoch(), id, kWholeChain});
    }
    TESSERA_ASSIGN_OR_RETURN(id, NextAfter(id));
    from = 0;
  }
  return std::optional<storage::AuditPosition>();
}

}  // namespace tessera::server
