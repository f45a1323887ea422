#include "tessera/guard/revocation_view.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <numeric>
#include <shared_mutex>
#include <utility>

#include "tessera/base/mutex.h"
#include "tessera/guard/revocation_table.h"
#include "tessera/token/jws.h"
#include "tessera/token/token_signer.h"

namespace tessera {
namespace {

constexpr size_t kShards = 1024;
constexpr int64_t kNever = std::numeric_limits<int64_t>::min();

class ABSL_LOCKABLE SharedMutex {
 public:
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  void Unlock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }
  void LockShared() ABSL_SHARED_LOCK_FUNCTION() { mutex_.lock_shared(); }
  void UnlockShared() ABSL_UNLOCK_FUNCTION() { mutex_.unlock_shared(); }

 private:
  std::shared_mutex mutex_;
};

class ABSL_SCOPED_LOCKABLE WriterLock {
 public:
  explicit WriterLock(SharedMutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_.Lock();
  }
  ~WriterLock() ABSL_UNLOCK_FUNCTION() { mutex_.Unlock(); }
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;

 private:
  SharedMutex& mutex_;
};

class ABSL_SCOPED_LOCKABLE ReaderLock {
 public:
  explicit ReaderLock(SharedMutex& mutex) ABSL_SHARED_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_.LockShared();
  }
  ~ReaderLock() ABSL_UNLOCK_FUNCTION() { mutex_.UnlockShared(); }
  ReaderLock(const ReaderLock&) = delete;
  ReaderLock& operator=(const ReaderLock&) = delete;

 private:
  SharedMutex& mutex_;
};

// Readers of one shard share its lock; a writer holds one shard for one entry, and while a shard
// grows it holds a thousandth of all.
struct Shard {
  mutable SharedMutex mu;
  guard::RevocationTable entries ABSL_GUARDED_BY(mu);
};

// One listener, and how many calls of it are under way.
class Subscriber {
 public:
  explicit Subscriber(std::function<void()> listener) : listener_(std::move(listener)) {}

  void Call() {
    {
      MutexLock lock(mu_);
      if (ended_) return;
      ++running_;
    }
    listener_();
    MutexLock lock(mu_);
    --running_;
    idle_.NotifyAll();
  }
  void End() {
    MutexLock lock(mu_);
    ended_ = true;
    while (running_ > 0) idle_.Wait(mu_);
  }

 private:
  const std::function<void()> listener_;
  Mutex mu_;
  CondVar idle_;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  int running_ ABSL_GUARDED_BY(mu_) = 0;
};

// Outlives the view if a handle does.
class Subscribers {
 public:
  void Add(std::shared_ptr<Subscriber> one) {
    MutexLock lock(mu_);
    all_.push_back(std::move(one));
  }
  void Remove(const std::shared_ptr<Subscriber>& one) {
    {
      MutexLock lock(mu_);
      all_.erase(std::remove(all_.begin(), all_.end(), one), all_.end());
    }
    one->End();
  }
  void CallAll() {
    std::vector<std::shared_ptr<Subscriber>> all;
    {
      MutexLock lock(mu_);
      all = all_;
    }
    for (const auto& one : all) one->Call();
  }

 private:
  Mutex mu_;
  std::vector<std::shared_ptr<Subscriber>> all_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

struct RevocationView::Impl {
  explicit Impl(const Clock& time)
      : clock(time), wall_start(time.Now()), monotonic_start(time.Monotonic()) {}

  // Where the wall clock should be now.
  absl::Time ExpectedNow() {
    MutexLock lock(start_mu);
    return wall_start + (clock.Monotonic() - monotonic_start);
  }

  const Shard& ShardOf(const IdHash& id_hash) const {
    return shards[(size_t{id_hash[0]} << 8 | id_hash[1]) % kShards];
  }
  Shard& ShardOf(const IdHash& id_hash) {
    return const_cast<Shard&>(std::as_const(*this).ShardOf(id_hash));
  }

  // True if this tells something new.
  bool Add(const RevocationNotice& notice) {
    if (static_cast<size_t>(notice.thing) >= counts.size()) return false;
    Shard& shard = ShardOf(notice.id_hash);
    WriterLock lock(shard.mu);
    const size_t before = shard.entries.size();
    const bool news = shard.entries.Add(notice);
    counts[static_cast<size_t>(notice.thing)] += shard.entries.size() - before;
    return news;
  }

  bool Has(RevokedThing thing, const IdHash& id_hash) const {
    if (counts[static_cast<size_t>(thing)] == 0) return false;
    const Shard& shard = ShardOf(id_hash);
    ReaderLock lock(shard.mu);
    return shard.entries.Has(thing, id_hash);
  }

  bool IsUserBelow(const IdHash& id_hash, int64_t version) const {
    constexpr auto kUser = RevokedThing::kUser;
    if (counts[static_cast<size_t>(kUser)] == 0) return false;
    const Shard& shard = ShardOf(id_hash);
    ReaderLock lock(shard.mu);
    return version < shard.entries.MinVersion(kUser, id_hash);
  }

  // What a token was exchanged from is named by its id, and by its key where that is another.
  bool HasAncestor(const VerifiedToken& token) const {
    const auto& parents = token.parent_hashes();
    return std::any_of(parents.begin(), parents.end(), [&](const IdHash& parent) {
      return Has(RevokedThing::kToken, parent) || Has(RevokedThing::kKey, parent);
    });
  }

  bool HasActor(const VerifiedToken& token) const {
    const std::vector<Actor>& actors = token.claims().actors;
    for (size_t i = 0; i < actors.size(); ++i) {
      if (IsUserBelow(token.actor_hashes()[i], actors[i].user_version)) return true;
    }
    return false;
  }

  // How many are gone. Most shards have nothing to forget, and are only looked at.
  size_t Prune(Shard& shard, absl::Time limit) {
    {
      ReaderLock lock(shard.mu);
      if (!shard.entries.HasExpired(limit)) return 0;
    }
    WriterLock lock(shard.mu);
    const guard::RevocationTable::Counts gone = shard.entries.Prune(limit);
    for (size_t thing = 0; thing < gone.size(); ++thing) counts[thing] -= gone[thing];
    return std::accumulate(gone.begin(), gone.end(), size_t{0});
  }

  const Clock& clock;
  Mutex start_mu;
  absl::Time wall_start ABSL_GUARDED_BY(start_mu);
  absl::Duration monotonic_start ABSL_GUARDED_BY(start_mu);
  // Whatever expired before, some of it at least, has been forgotten.
  absl::Time pruned_to ABSL_GUARDED_BY(start_mu) = absl::InfinitePast();
  std::array<Shard, kShards> shards;
  // By thing: of most things there are none, and then no shard need be asked.
  std::array<std::atomic<size_t>, guard::RevocationTable::kThings> counts{};
  std::atomic<int64_t> whole_at{kNever};  // monotonic nanoseconds
  std::atomic<bool> has_holes{false};
  const std::shared_ptr<Subscribers> subscribers = std::make_shared<Subscribers>();
};

RevocationView::RevocationView(const Clock& clock) : impl_(std::make_unique<Impl>(clock)) {}
RevocationView::~RevocationView() = default;

void RevocationView::Merge(const std::vector<RevocationNotice>& notices) {
  bool news = false;
  for (const RevocationNotice& notice : notices) {
    if (impl_->Add(notice)) news = true;
  }
  if (news) impl_->subscribers->CallAll();
}

void RevocationView::MarkCurrent(absl::Duration age) {
  impl_->whole_at = absl::ToInt64Nanoseconds(impl_->clock.Monotonic() - age);
  impl_->has_holes = false;
}

bool RevocationView::loaded() const { return impl_->whole_at != kNever; }

bool RevocationView::has_holes() const { return impl_->has_holes; }

absl::Duration RevocationView::Age() const {
  const int64_t whole_at = impl_->whole_at;
  if (whole_at == kNever) return absl::InfiniteDuration();
  return impl_->clock.Monotonic() - absl::Nanoseconds(whole_at);
}

bool RevocationView::IsRevoked(const VerifiedToken& token) const {
  const bool has_session = !token.claims().session_id.empty();
  return impl_->Has(RevokedThing::kToken, token.token_hash()) ||
         (has_session && impl_->Has(RevokedThing::kSession, token.session_hash())) ||
         impl_->IsUserBelow(token.subject_hash(), token.claims().user_version) ||
         IsKeyRevoked(token.key_hash()) || impl_->HasAncestor(token) || impl_->HasActor(token);
}

bool RevocationView::IsKeyRevoked(const IdHash& key_hash) const {
  return impl_->Has(RevokedThing::kKey, key_hash);
}

bool RevocationView::NamesRevokedKey(std::string_view token) const {
  const absl::StatusOr<CompactJws> jws = ParseCompactJws(token, kMaxTokenBytes);
  return jws.ok() && !jws->header.kid.empty() && IsKeyRevoked(IdHashOf(jws->header.kid));
}

size_t RevocationView::Prune(absl::Time now) {
  const absl::Time limit = std::min(now, impl_->ExpectedNow());
  size_t gone = 0;
  for (Shard& shard : impl_->shards) gone += impl_->Prune(shard, limit);
  if (gone > 0) {
    MutexLock lock(impl_->start_mu);
    impl_->pruned_to = std::max(impl_->pruned_to, limit);
  }
  return size();
}

bool RevocationView::WasSetBack(absl::Time now) {
  if (now >= impl_->ExpectedNow() - kSetBack) return false;
  MutexLock lock(impl_->start_mu);
  impl_->wall_start = now;
  impl_->monotonic_start = impl_->clock.Monotonic();
  if (impl_->pruned_to <= now) return true;  // the next one may still be behind it
  impl_->has_holes = true;
  impl_->whole_at = kNever;
  impl_->pruned_to = absl::InfinitePast();
  return true;
}

size_t RevocationView::size() const {
  return std::accumulate(impl_->counts.begin(), impl_->counts.end(), size_t{0});
}

size_t RevocationView::bytes() const {
  size_t bytes = sizeof(Impl);
  for (const Shard& shard : impl_->shards) {
    ReaderLock lock(shard.mu);
    bytes += shard.entries.bytes();
  }
  return bytes;
}

std::vector<RevocationNotice> RevocationView::ListPage(RevocationCursor& cursor,
                                                       size_t limit) const {
  std::vector<RevocationNotice> page;
  while (page.size() < limit && cursor.part < kShards) {
    const Shard& shard = impl_->shards[cursor.part];
    bool done = false;
    {
      ReaderLock lock(shard.mu);
      const RevocationNotice* const last = cursor.last.has_value() ? &*cursor.last : nullptr;
      done = shard.entries.ListAfter(last, limit - page.size(), page);
    }
    if (!done) {
      cursor.last = page.back();
      continue;
    }
    ++cursor.part;
    cursor.last.reset();
  }
  return page;
}

std::shared_ptr<void> RevocationView::Subscribe(std::function<void()> listener) {
  auto subscriber = std::make_shared<Subscriber>(std::move(listener));
  impl_->subscribers->Add(subscriber);
  // The handle's value is of no use to anybody; its deleter is what counts.
  return std::shared_ptr<void>(subscriber.get(), [subscribers = impl_->subscribers, subscriber](
                                                     void*) { subscribers->Remove(subscriber); });
}

}  // namespace tessera
