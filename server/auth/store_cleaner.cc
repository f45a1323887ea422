#include "server/auth/store_cleaner.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/auth/clock_watch.h"
#include "server/auth/lost_roles.h"
#include "server/auth/revocations.h"
#include "tessera/base/random.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

constexpr char kLeaseName[] = "cleaner";
// Behind a batch others get their turn at the store's writer: for so long at least, and for so many
// times what the batch took, so that cleaning takes a tenth of the time at most, and most logins
// meet no batch. That is up to 3,000 rows a second, ten million in an hour.
constexpr absl::Duration kPause = absl::Milliseconds(80);
constexpr int kPauseShare = 9;
constexpr absl::Duration kStoreTimeout = absl::Seconds(5);
// What a shutdown waits for a store that does not answer.
constexpr absl::Duration kDropTimeout = absl::Milliseconds(500);
constexpr int kNoLimit = std::numeric_limits<int>::max();

using storage::Repositories;

}  // namespace

// What is removed, when it has been over for how long, and where it is counted.
struct StoreCleaner::Kind {
  absl::Duration kept;
  absl::StatusOr<int64_t> (*remove)(Repositories& in, absl::Time before);
  int64_t Removed::*count;

  static const Kind kAll[];
};

const StoreCleaner::Kind StoreCleaner::Kind::kAll[] = {
    {kRevocationSlack + kMaxAccessTtl,
     [](Repositories& in, absl::Time before) { return in.sessions.DeleteEnded(before, kBatch); },
     &Removed::sessions},
    {kRevocationSlack,
     [](Repositories& in, absl::Time before) {
       return in.revocations.DeleteExpired(before, kBatch);
     },
     &Removed::revocations},
    {kRevocationSlack,
     [](Repositories& in, absl::Time before) {
       return in.services.DeleteExpiredSecrets(before, kBatch);
     },
     &Removed::secrets},
    {kRevocationSlack,
     [](Repositories& in, absl::Time before) {
       return in.services.DeleteExpiredAssertions(before, kBatch);
     },
     &Removed::assertions},
    {kRevocationSlack,
     [](Repositories& in, absl::Time before) { return in.requests.DeleteExpired(before, kBatch); },
     &Removed::requests},
    {kThrottleSlack,
     [](Repositories& in, absl::Time before) { return in.throttle.DeleteExpired(before, kBatch); },
     &Removed::throttle},
    {kRevocationSlack,
     [](Repositories& in, absl::Time before) {
       return in.passwords.DeleteExpiredResets(before, kBatch);
     },
     &Removed::resets},
    {absl::ZeroDuration(),
     [](Repositories& in, absl::Time) { return in.passwords.ForgetUnusedHashCosts(kBatch); },
     &Removed::costs},
    {kReportLife,
     [](Repositories& in, absl::Time before) { return in.replicas.DeleteOld(before, kBatch); },
     &Removed::reports},
    {absl::ZeroDuration(),
     [](Repositories& in, absl::Time) { return in.roles.PurgeDeleted(kBatch); }, &Removed::roles},
};

StoreCleaner::StoreCleaner(storage::Store& store, const Clock& clock, LogSink& log,
                           absl::Duration interval)
    : store_(store),
      clock_(clock),
      log_(log),
      interval_(interval),
      pruning_(clock),
      me_(RandomId("cln_", clock.Now())),
      thread_([this] { Run(); }) {}

StoreCleaner::~StoreCleaner() {
  {
    MutexLock lock(mu_);
    stop_ = true;
  }
  stop_changed_.NotifyAll();
  thread_.join();
  if (HoldsLease()) DropLease();
}

absl::StatusOr<int64_t> StoreCleaner::CleanBatch(const Kind& kind) {
  const absl::Time before = pruning_.Now() - kind.kept;
  const absl::Time now = clock_.Now();
  bool mine = false;
  int64_t count = 0;
  TESSERA_RETURN_IF_ERROR(store_.Write(
      storage::Repeat::kIdempotent, now + kStoreTimeout, [&](Repositories& in) -> absl::Status {
        count = 0;
        TESSERA_ASSIGN_OR_RETURN(mine, in.replicas.TakeLease(kLeaseName, me_, now, now + kLease));
        if (!mine) return absl::OkStatus();
        TESSERA_ASSIGN_OR_RETURN(count, kind.remove(in, before));
        return absl::OkStatus();
      }));
  NoteLease(mine);
  return count;
}

// Before the first batch, what was remembered; and whoever starts next goes on from here. Behind
// the lease, so that one replica writes.
absl::Status StoreCleaner::Remember() {
  const absl::Time now = clock_.Now();
  return store_.Write(
      storage::Repeat::kIdempotent, now + kStoreTimeout, [&](Repositories& in) -> absl::Status {
        TESSERA_ASSIGN_OR_RETURN(const std::optional<absl::Time> before,
                                 in.revocations.PruningTime());
        pruning_.GoOnFrom(before);  // what is remembered below is its own
        TESSERA_ASSIGN_OR_RETURN(const bool mine,
                                 in.replicas.TakeLease(kLeaseName, me_, now, now + kLease));
        return mine ? in.revocations.RaisePruningTime(pruning_.Now()) : absl::OkStatus();
      });
}

absl::StatusOr<bool> StoreCleaner::CleanKind(const Kind& kind, int batches, Removed& removed) {
  for (int i = 0; i < batches; ++i) {
    const absl::Duration began = clock_.Monotonic();
    TESSERA_ASSIGN_OR_RETURN(const int64_t count, CleanBatch(kind));
    removed.*kind.count += count;
    if (!HoldsLease()) return false;
    if (count == 0) return true;
    const absl::Duration took = clock_.Monotonic() - began;
    if (!Rest(std::max(kPause, kPauseShare * took))) return false;
    if (count < kBatch) return true;
  }
  return true;
}

// As GroupFacade does it, in the same turns: if that is still at it, each batch is done by one.
absl::StatusOr<bool> StoreCleaner::EndLossBatch(const storage::GroupLoss& loss) {
  const absl::Time now = clock_.Now();
  bool mine = false;
  bool more = false;
  const absl::Status written = store_.Write(
      storage::Repeat::kIdempotent, now + kStoreTimeout, [&](Repositories& in) -> absl::Status {
        more = false;
        TESSERA_ASSIGN_OR_RETURN(mine, in.replicas.TakeLease(kLeaseName, me_, now, now + kLease));
        if (!mine) return absl::OkStatus();
        TESSERA_RETURN_IF_ERROR(in.roles.TakeTurn());
        TESSERA_ASSIGN_OR_RETURN(more, EndNextMembers(in, loss.group_id, loss.role_id, now));
        return absl::OkStatus();
      });
  TESSERA_RETURN_IF_ERROR(written);
  NoteLease(mine);
  return more;
}

absl::StatusOr<bool> StoreCleaner::EndLoss(const storage::GroupLoss& loss, Removed& removed) {
  bool more = true;
  while (more) {
    const absl::Duration began = clock_.Monotonic();
    TESSERA_ASSIGN_OR_RETURN(more, EndLossBatch(loss));
    if (!HoldsLease()) return false;
    ++removed.losses;
    const absl::Duration took = clock_.Monotonic() - began;
    if (!Rest(std::max(kPause, kPauseShare * took))) return false;
  }
  return true;
}

// A look alone, unless there is one: they are rare.
absl::Status StoreCleaner::EndLosses(Removed& removed) {
  while (true) {
    std::optional<storage::GroupLoss> loss;
    const absl::Status looked =
        store_.Read(clock_.Now() + kStoreTimeout, [&](Repositories& in) -> absl::Status {
          TESSERA_ASSIGN_OR_RETURN(loss, in.groups.NextLoss());
          return absl::OkStatus();
        });
    TESSERA_RETURN_IF_ERROR(looked);
    if (!loss.has_value()) return absl::OkStatus();
    TESSERA_ASSIGN_OR_RETURN(const bool go_on, EndLoss(*loss, removed));
    if (!go_on) return absl::OkStatus();
  }
}

absl::StatusOr<StoreCleaner::Removed> StoreCleaner::Clean(int batches_of_each) {
  TESSERA_RETURN_IF_ERROR(Remember());
  Removed removed;
  for (const Kind& kind : Kind::kAll) {
    TESSERA_ASSIGN_OR_RETURN(const bool more, CleanKind(kind, batches_of_each, removed));
    if (!more) return removed;
  }
  TESSERA_RETURN_IF_ERROR(EndLosses(removed));
  return removed;
}

absl::StatusOr<StoreCleaner::Removed> StoreCleaner::CleanAll() {
  TESSERA_ASSIGN_OR_RETURN(const bool right, ClockIsRight());
  if (!right) return Removed();
  return Clean(kNoLimit);
}

void StoreCleaner::NoteLease(bool held) {
  {
    MutexLock lock(mu_);
    if (held_ == held) return;
    held_ = held;
  }
  log_.Info(held ? "store.cleaner_elected" : "store.cleaner_replaced", {{"cleaner", me_}});
}

bool StoreCleaner::HoldsLease() const {
  MutexLock lock(mu_);
  return held_;
}

void StoreCleaner::DropLease() {
  store_
      .Write(storage::Repeat::kIdempotent, clock_.Now() + kDropTimeout,
             [&](Repositories& in) { return in.replicas.DropLease(kLeaseName, me_); })
      .IgnoreError();  // it ends by itself
}

absl::StatusOr<bool> StoreCleaner::ClockIsRight() {
  TESSERA_ASSIGN_OR_RETURN(const absl::Duration difference,
                           ClockDifference(store_, clock_, kStoreTimeout));
  const bool right = absl::AbsDuration(difference) <= kMaxClockDifference;
  {
    MutexLock lock(mu_);
    if (skipping_ == !right) return right;
    skipping_ = !right;
  }
  if (right) {
    log_.Info("store.clean_resumed");
  } else {
    log_.Error("store.clean_skipped", {{"clock_difference", SignedSeconds(difference)}});
  }
  return right;
}

void StoreCleaner::Run() {
  while (Rest(interval_)) {
    const absl::StatusOr<Removed> removed = CleanAll();
    if (!removed.ok()) {
      log_.Warning("store.clean_failed", {{"reason", ReasonOf(removed.status())}});
    } else if (removed->Total() > 0) {
      log_.Info("store.cleaned", {{"sessions", absl::StrCat(removed->sessions)},
                                  {"revocations", absl::StrCat(removed->revocations)},
                                  {"secrets", absl::StrCat(removed->secrets)},
                                  {"assertions", absl::StrCat(removed->assertions)},
                                  {"requests", absl::StrCat(removed->requests)},
                                  {"throttle", absl::StrCat(removed->throttle)},
                                  {"resets", absl::StrCat(removed->resets)},
                                  {"hash_costs", absl::StrCat(removed->costs)},
                                  {"replicas", absl::StrCat(removed->reports)},
                                  {"roles", absl::StrCat(removed->roles)},
                                  {"group_losses", absl::StrCat(removed->losses)}});
    }
  }
}

// False when it is time to go, at once.
bool StoreCleaner::Rest(absl::Duration limit) {
  MutexLock lock(mu_);
  bool in_time = true;
  while (!stop_ && in_time) in_time = stop_changed_.WaitFor(mu_, limit);
  return !stop_;
}

}  // namespace tessera::server
