#include "server/auth/stored_revocation_feed.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tessera/base/random.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

using storage::Revocation;

constexpr absl::Duration kStoreTimeout = absl::Seconds(2);
constexpr absl::Duration kPruneEvery = absl::Seconds(10);
// No transaction reads more entries: however many there are, each is short.
constexpr int kPage = 10'000;
constexpr int kMaxTries = 3;

RevokedThing ThingOf(storage::RevocationKind kind) {
  switch (kind) {
    case storage::RevocationKind::kToken:
      return RevokedThing::kToken;
    case storage::RevocationKind::kSession:
      return RevokedThing::kSession;
    case storage::RevocationKind::kUser:
      return RevokedThing::kUser;
    case storage::RevocationKind::kKey:
      break;
  }
  return RevokedThing::kKey;
}

std::vector<RevocationNotice> NoticesOf(const std::vector<Revocation>& entries) {
  std::vector<RevocationNotice> notices;
  notices.reserve(entries.size());
  for (const Revocation& entry : entries) {
    RevocationNotice notice;
    notice.thing = ThingOf(entry.kind);
    std::copy_n(entry.id_hash.begin(), std::min(entry.id_hash.size(), notice.id_hash.size()),
                notice.id_hash.begin());
    notice.min_user_version = entry.min_user_version;
    notice.expires_at = entry.expires_at;
    notices.push_back(notice);
  }
  return notices;
}

// The newest of `newest` and of `entries`, which come behind them.
void KeepNewest(std::vector<Revocation> entries, std::deque<Revocation>& newest) {
  newest.insert(newest.end(), std::make_move_iterator(entries.begin()),
                std::make_move_iterator(entries.end()));
  if (newest.size() <= FeedLog::kMostEntries) return;
  newest.erase(newest.begin(), newest.end() - FeedLog::kMostEntries);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RevocationFeed>> RevocationFeed::Open(storage::Store& store,
                                                                     KeyRing& keys, Options options,
                                                                     const Clock& clock,
                                                                     LogSink& log) {
  auto feed = std::make_unique<StoredRevocationFeed>(
      options, StoredRevocationFeed::Parts{store, keys, clock, log});
  TESSERA_RETURN_IF_ERROR(feed->Start());
  return std::unique_ptr<RevocationFeed>(std::move(feed));
}

StoredRevocationFeed::StoredRevocationFeed(Options options, Parts parts)
    : options_(options),
      parts_(parts),
      view_(std::make_shared<RevocationView>(parts.clock)),
      pruning_(parts.clock) {}

StoredRevocationFeed::~StoredRevocationFeed() {
  {
    MutexLock lock(mu_);
    stop_ = true;
  }
  wake_.NotifyAll();
  answered_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

absl::Status StoredRevocationFeed::Start() {
  TESSERA_RETURN_IF_ERROR(ReadPruningTime());
  TESSERA_RETURN_IF_ERROR(ReadOnce());
  cleaner_ = std::make_unique<StoreCleaner>(parts_.store, parts_.clock, parts_.log);
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

void StoredRevocationFeed::Run() {
  uint64_t ticket = 0;
  while (Rest(ticket)) {
    const absl::Status status = ReadOnce();
    Report(status);
    Answer(ticket, status);
    Prune();
  }
}

absl::Status StoredRevocationFeed::ReadPruningTime() {
  std::optional<absl::Time> remembered;
  TESSERA_RETURN_IF_ERROR(
      parts_.store.Read(parts_.clock.Now() + kStoreTimeout, [&](storage::Repositories& in) {
        TESSERA_ASSIGN_OR_RETURN(remembered, in.revocations.PruningTime());
        return absl::OkStatus();
      }));
  pruning_.GoOnFrom(remembered);
  return absl::OkStatus();
}

// Waits for the next turn; false when it is time to go. Those who asked up to `ticket` are served
// by the reading that follows: it begins after they have asked.
bool StoredRevocationFeed::Rest(uint64_t& ticket) {
  MutexLock lock(mu_);
  bool in_time = true;
  while (!stop_ && asked_ == served_ && in_time) in_time = wake_.WaitFor(mu_, options_.poll);
  ticket = asked_;
  return !stop_;
}

void StoredRevocationFeed::Answer(uint64_t ticket, const absl::Status& status) {
  {
    MutexLock lock(mu_);
    served_ = ticket;
    outcome_ = status;
  }
  answered_.NotifyAll();
}

// One event when readings begin to fail and one when they succeed again.
void StoredRevocationFeed::Report(const absl::Status& status) {
  if (status.ok() && failing_) parts_.log.Info("feed.recovered");
  if (!status.ok() && !failing_) {
    parts_.log.Error("feed.read_failed", {{"reason", ReasonOf(status)}});
  }
  failing_ = !status.ok();
}

absl::Status StoredRevocationFeed::CatchUp(absl::Time deadline) {
  MutexLock lock(mu_);
  const uint64_t ticket = ++asked_;
  wake_.NotifyAll();
  bool in_time = true;
  while (served_ < ticket && !stop_ && in_time) {
    in_time = answered_.WaitFor(mu_, deadline - parts_.clock.Now());
  }
  // A later reading may have been served since: it covers this one too.
  if (served_ >= ticket && outcome_.ok()) return absl::OkStatus();
  return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kOutcomeUnknown,
                          "kept, but this server may not act on it yet", absl::Seconds(1));
}

// Up to the head that was there when the reading began, or further.
absl::Status StoredRevocationFeed::ReadOnce() {
  const absl::Duration started = parts_.clock.Monotonic();
  if (!view_->loaded()) return ReadWhole(started);
  bool complete = false;
  while (!complete) {
    TESSERA_ASSIGN_OR_RETURN(Reading reading, ReadTail());
    if (IsWholeWanted(reading)) return ReadWhole(started);
    complete = reading.complete;
    const bool keys_changed = RefreshKeys(reading);
    const bool entries_changed = !reading.entries.empty();
    Take(std::move(reading), started);
    if (keys_changed || entries_changed) listeners_.Notify();
  }
  return absl::OkStatus();
}

absl::StatusOr<StoredRevocationFeed::Reading> StoredRevocationFeed::ReadPage(int64_t after) {
  if (IsStopping()) return absl::CancelledError("the feed ends");
  Reading reading;
  TESSERA_RETURN_IF_ERROR(parts_.store.Read(
      parts_.clock.Now() + kStoreTimeout, [&](storage::Repositories& in) -> absl::Status {
        TESSERA_ASSIGN_OR_RETURN(reading.store_epoch, in.keys.StoreEpoch());
        TESSERA_ASSIGN_OR_RETURN(reading.key_set_version, in.keys.Version());
        TESSERA_ASSIGN_OR_RETURN(reading.head, in.revocations.Head());
        TESSERA_ASSIGN_OR_RETURN(reading.entries, in.revocations.ListAfter(after, kPage));
        return absl::OkStatus();
      }));
  reading.complete = reading.entries.size() < size_t{kPage};
  return reading;
}

// What the store holds behind the head, and at it.
absl::StatusOr<StoredRevocationFeed::Reading> StoredRevocationFeed::ReadTail() {
  const int64_t head = Head();
  TESSERA_ASSIGN_OR_RETURN(Reading tail, ReadPage(head - 1));
  if (!tail.entries.empty() && tail.entries.front().seq == head) {
    tail.at_head = std::move(tail.entries.front());
    tail.entries.erase(tail.entries.begin());
  }
  return tail;
}

// All live entries, page by page, into the view; the last page's state. What an earlier try has
// brought stays: it was revoked.
absl::StatusOr<StoredRevocationFeed::Reading> StoredRevocationFeed::ReadAll(
    std::deque<Revocation>& newest) {
  std::string store_epoch;
  int64_t after = 0;
  while (true) {
    TESSERA_ASSIGN_OR_RETURN(Reading page, ReadPage(after));
    if (after == 0) store_epoch = page.store_epoch;
    if (page.store_epoch != store_epoch || page.head < after) {
      return absl::AbortedError("the store became another one while it was read");
    }
    view_->Merge(NoticesOf(page.entries));
    if (!page.entries.empty()) after = page.entries.back().seq;
    KeepNewest(std::exchange(page.entries, {}), newest);
    if (page.complete) return page;
  }
}

absl::Status StoredRevocationFeed::ReadWhole(absl::Duration started) {
  for (int tries = 0; tries < kMaxTries; ++tries) {
    std::deque<Revocation> newest;
    absl::StatusOr<Reading> last = ReadAll(newest);
    if (absl::IsAborted(last.status())) continue;
    TESSERA_RETURN_IF_ERROR(last.status());
    RefreshKeys(*last);
    const std::string history = went_back_ ? RandomId("", parts_.clock.Now()) : "";
    {
      MutexLock lock(mu_);
      log_.Restart(std::move(newest), last->head);
      if (went_back_) history_ = history;
    }
    went_back_ = false;
    Take(*std::move(last), started);
    listeners_.Notify();
    return absl::OkStatus();
  }
  return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kStorageUnavailable,
                          "the store does not come to rest", absl::Seconds(1));
}

// A tail that does not fit what is held: another store, a store that went back, or a hole.
bool StoredRevocationFeed::IsWholeWanted(const Reading& tail) {
  bool same_epoch = false;
  FeedLog::Fit fit = FeedLog::Fit::kFits;
  int64_t held = 0;
  {
    MutexLock lock(mu_);
    same_epoch = tail.store_epoch == store_epoch_;
    fit = log_.Judge(tail.entries, tail.head, tail.complete);
    const bool other = log_.IsContradicted(tail.at_head, parts_.clock.Now());
    if (fit == FeedLog::Fit::kFits && other) fit = FeedLog::Fit::kWentBack;
    held = log_.head();
  }
  if (same_epoch && fit == FeedLog::Fit::kFits) return false;
  const std::string_view event = !same_epoch                      ? "feed.store_epoch_changed"
                                 : fit == FeedLog::Fit::kWentBack ? "feed.store_went_back"
                                                                  : "feed.hole";
  // What has been lost has to be looked after; the others mend themselves.
  const bool lost = same_epoch && fit == FeedLog::Fit::kWentBack;
  went_back_ = went_back_ || lost;
  parts_.log.Write({lost ? Severity::kError : Severity::kWarning,
                    event,
                    {{"held", absl::StrCat(held)}, {"head", absl::StrCat(tail.head)}}});
  return true;
}

// The view first: whoever sees an entry here may rely on the view.
void StoredRevocationFeed::Take(Reading reading, absl::Duration started) {
  if (!reading.entries.empty()) view_->Merge(NoticesOf(reading.entries));
  if (reading.complete) view_->MarkCurrent();
  MutexLock lock(mu_);
  log_.Append(std::move(reading.entries));
  store_epoch_ = std::move(reading.store_epoch);
  if (reading.complete) read_at_ = started;
}

int64_t StoredRevocationFeed::Head() const {
  MutexLock lock(mu_);
  return log_.head();
}

bool StoredRevocationFeed::IsStopping() const {
  MutexLock lock(mu_);
  return stop_;
}

// A failure leaves the keys as they are; the next turn tries again. True if they changed.
bool StoredRevocationFeed::RefreshKeys(const Reading& reading) {
  const std::shared_ptr<const KeySnapshot> before = parts_.keys.Current();
  if (before->version == reading.key_set_version && before->store_epoch == reading.store_epoch) {
    return false;
  }
  const absl::Status refreshed = parts_.keys.Refresh();
  if (!refreshed.ok() && !keys_failing_) {
    parts_.log.Error("keys.refresh_failed", {{"reason", ReasonOf(refreshed)}});
  }
  keys_failing_ = !refreshed.ok();
  return parts_.keys.Current() != before;
}

void StoredRevocationFeed::Prune() {
  const absl::Duration now = parts_.clock.Monotonic();
  if (now - pruned_at_ < kPruneEvery) return;
  pruned_at_ = now;
  const absl::Time expired_before = pruning_.Now();
  view_->Prune(expired_before);
}

RevocationFeed::Position StoredRevocationFeed::Now() const {
  Position position;
  position.key_set_version = parts_.keys.Current()->version;
  MutexLock lock(mu_);
  position.head_seq = log_.head();
  position.store_epoch = store_epoch_;
  position.history = history_;
  position.age = parts_.clock.Monotonic() - read_at_;
  return position;
}

absl::StatusOr<std::vector<Revocation>> StoredRevocationFeed::After(int64_t seq,
                                                                    size_t limit) const {
  MutexLock lock(mu_);
  return log_.After(seq, limit);
}

std::shared_ptr<void> StoredRevocationFeed::Subscribe(std::function<void()> listener) {
  return listeners_.Add(std::move(listener));
}

}  // namespace tessera::server
