#include "server/audit/audit_retention.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/audit/chain_writer.h"
#include "server/auth/clock_watch.h"
#include "server/auth/store_cleaner.h"
#include "tessera/base/random.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

using storage::Repositories;

constexpr char kLeaseName[] = "audit-retention";
constexpr absl::Duration kStoreTimeout = absl::Seconds(5);
constexpr absl::Duration kDropTimeout = absl::Milliseconds(500);
// As StoreCleaner's: a tenth of the time at most.
constexpr absl::Duration kPause = absl::Milliseconds(20);
constexpr int kPauseShare = 9;
constexpr int kChainsAtOnce = 50;

}  // namespace

AuditRetention::AuditRetention(Policy policy, Parts parts, absl::Duration interval)
    : policy_(policy),
      parts_(parts),
      interval_(interval),
      me_(RandomId("adt_", parts.clock.Now())),
      pruning_(parts.clock),
      thread_([this] { Run(); }) {}

AuditRetention::~AuditRetention() {
  {
    MutexLock lock(mu_);
    stop_ = true;
  }
  stop_changed_.NotifyAll();
  thread_.join();
  {
    MutexLock lock(mu_);
    if (!held_) return;
  }
  parts_.store
      .Write(storage::Repeat::kIdempotent, parts_.clock.Now() + kDropTimeout,
             [&](Repositories& in) { return in.replicas.DropLease(kLeaseName, me_); })
      .IgnoreError();  // it ends by itself
}

absl::StatusOr<AuditRetention::Step> AuditRetention::PruneSome(const std::string& chain,
                                                               absl::Time before, int limit) {
  const absl::Time now = parts_.clock.Now();
  Step step;
  std::optional<AuditFault> fault;
  TESSERA_RETURN_IF_ERROR(parts_.store.Write(
      storage::Repeat::kIdempotent, now + kStoreTimeout, [&](Repositories& in) -> absl::Status {
        step = Step();
        TESSERA_ASSIGN_OR_RETURN(step.mine,
                                 in.replicas.TakeLease(kLeaseName, me_, now, now + kLease));
        if (!step.mine) return absl::OkStatus();
        TESSERA_ASSIGN_OR_RETURN(PrunedChain pruned,
                                 PruneChain(in, *parts_.keys.Current(), chain, before, limit));
        step.removed = pruned.removed;
        step.more = pruned.more;
        fault = std::move(pruned.fault);
        return absl::OkStatus();
      }));
  {
    MutexLock lock(mu_);
    held_ = step.mine;
  }
  if (fault.has_value()) {
    parts_.log.Error("audit.fault_found", {{"replica", fault->replica_id},
                                           {"sequence", absl::StrCat(fault->sequence)},
                                           {"finding", fault->finding}});
  }
  return step;
}

// The next one that has something to give, without a write.
absl::StatusOr<std::string> AuditRetention::NextChain(const std::string& after, absl::Time before) {
  std::string next;
  const auto look = [&](Repositories& in) -> absl::Status {
    next.clear();
    std::string from = after;
    while (next.empty()) {
      TESSERA_ASSIGN_OR_RETURN(const auto chains, in.audit.ListChains(from, kChainsAtOnce));
      if (chains.empty()) return absl::OkStatus();
      for (const storage::AuditChain& chain : chains) {
        TESSERA_ASSIGN_OR_RETURN(const auto first,
                                 in.audit.ListChain(chain.replica_id, chain.floor_sequence, 1));
        const absl::Time oldest = first.empty() ? chain.updated_at : first.front().at;
        if (next.empty() && oldest < before) next = chain.replica_id;
      }
      from = chains.back().replica_id;
    }
    return absl::OkStatus();
  };
  TESSERA_RETURN_IF_ERROR(parts_.store.Read(parts_.clock.Now() + kStoreTimeout, look));
  return next;
}

// What was pruned by before a restart, so that a clock that is ahead now ages nothing.
absl::Status AuditRetention::Remember() {
  return parts_.store.Read(parts_.clock.Now() + kStoreTimeout,
                           [&](Repositories& in) -> absl::Status {
                             TESSERA_ASSIGN_OR_RETURN(const std::optional<absl::Time> before,
                                                      in.revocations.PruningTime());
                             pruning_.GoOnFrom(before);
                             return absl::OkStatus();
                           });
}

absl::StatusOr<int64_t> AuditRetention::PruneAll() {
  TESSERA_ASSIGN_OR_RETURN(const absl::Duration difference,
                           ClockDifference(parts_.store, parts_.clock, kStoreTimeout));
  if (absl::AbsDuration(difference) > StoreCleaner::kMaxClockDifference) return 0;
  TESSERA_RETURN_IF_ERROR(Remember());
  TESSERA_ASSIGN_OR_RETURN(const int64_t old, PruneOld());
  TESSERA_ASSIGN_OR_RETURN(const int64_t early, PruneExcess());
  return old + early;
}

bool AuditRetention::RestBehind(absl::Duration began, const Step& step) {
  const absl::Duration took = parts_.clock.Monotonic() - began;
  return step.removed == 0 || Rest(std::max(kPause, kPauseShare * took));
}

absl::StatusOr<int64_t> AuditRetention::PruneOld() {
  const absl::Time before = pruning_.Now() - policy_.kept;
  int64_t removed = 0;
  TESSERA_ASSIGN_OR_RETURN(std::string chain, NextChain("", before));
  while (!chain.empty()) {
    const absl::Duration began = parts_.clock.Monotonic();
    TESSERA_ASSIGN_OR_RETURN(const Step step, PruneSome(chain, before, kBatch));
    removed += step.removed;
    if (!step.mine || !RestBehind(began, step)) break;
    if (step.more) continue;
    TESSERA_ASSIGN_OR_RETURN(chain, NextChain(chain, before));
  }
  return removed;
}

// How many there are the chains say; the last event of each stays, or a replica that lives would
// find its chain gone.
absl::StatusOr<AuditRetention::Excess> AuditRetention::FindExcess(
    const std::set<std::string>& passed_over) {
  Excess excess;
  const auto look = [&](Repositories& in) -> absl::Status {
    excess = Excess();
    int64_t total = 0;
    int64_t of_oldest = 0;
    absl::Time oldest = absl::InfiniteFuture();
    std::vector<storage::AuditChain> some;
    do {
      TESSERA_ASSIGN_OR_RETURN(
          some, in.audit.ListChains(some.empty() ? "" : some.back().replica_id, kChainsAtOnce));
      for (const storage::AuditChain& chain : some) {
        const int64_t events = chain.sequence - chain.floor_sequence;
        total += events;
        if (events < 2 || passed_over.count(chain.replica_id) > 0) continue;
        TESSERA_ASSIGN_OR_RETURN(const auto first,
                                 in.audit.ListChain(chain.replica_id, chain.floor_sequence, 1));
        if (first.empty() || first.front().at >= oldest) continue;
        oldest = first.front().at;
        of_oldest = events - 1;
        excess.chain = chain.replica_id;
      }
    } while (!some.empty());
    excess.count =
        static_cast<int>(std::min({total - policy_.max_events, of_oldest, int64_t{kBatch}}));
    if (excess.count <= 0) excess.chain.clear();
    return absl::OkStatus();
  };
  TESSERA_RETURN_IF_ERROR(parts_.store.Read(parts_.clock.Now() + kStoreTimeout, look));
  return excess;
}

absl::StatusOr<int64_t> AuditRetention::PruneExcess() {
  int64_t removed = 0;
  std::set<std::string> passed_over;  // that have a fault
  TESSERA_ASSIGN_OR_RETURN(Excess excess, FindExcess(passed_over));
  while (!excess.chain.empty()) {
    const absl::Duration began = parts_.clock.Monotonic();
    TESSERA_ASSIGN_OR_RETURN(const Step step,
                             PruneSome(excess.chain, absl::InfiniteFuture(), excess.count));
    removed += step.removed;
    if (!step.mine || !RestBehind(began, step)) break;
    if (step.removed < excess.count) passed_over.insert(excess.chain);
    TESSERA_ASSIGN_OR_RETURN(excess, FindExcess(passed_over));
  }
  if (removed > 0) {
    parts_.log.Warning("audit.pruned_early", {{"events", absl::StrCat(removed)}});
  }
  return removed;
}

void AuditRetention::Run() {
  while (Rest(interval_)) {
    const absl::StatusOr<int64_t> removed = PruneAll();
    if (!removed.ok()) {
      parts_.log.Warning("audit.prune_failed", {{"reason", ReasonOf(removed.status())}});
    } else if (*removed > 0) {
      parts_.log.Info("audit.pruned", {{"events", absl::StrCat(*removed)}});
    }
  }
}

// False when it is time to go, at once.
bool AuditRetention::Rest(absl::Duration limit) {
  MutexLock lock(mu_);
  bool in_time = true;
  while (!stop_ && in_time) in_time = stop_changed_.WaitFor(mu_, limit);
  return !stop_;
}

}  // namespace tessera::server
