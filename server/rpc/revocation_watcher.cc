#include "server/rpc/revocation_watcher.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/rpc/call.h"
#include "server/rpc/status_to_wire.h"
#include "server/rpc/to_wire.h"
#include "tessera/base/clock.h"
#include "tessera/base/reason.h"
#include "tessera/token/base64url.h"

namespace tessera::server {
namespace {

// The feed's numbers are signed inside and unsigned on the wire.
int64_t FromWire(uint64_t value) {
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  return static_cast<int64_t>(std::min(value, kMost));
}

// The store's epoch is bytes inside and text on the wire. A store that went back is another one to
// a guard: its place in the old one is none in the new one.
std::string WireEpoch(const RevocationFeed::Position& position) {
  const std::string epoch = Base64UrlEncode(position.store_epoch);
  return position.history.empty() ? epoch : absl::StrCat(epoch, ".", position.history);
}

constexpr absl::Duration kRetryDelay = absl::Seconds(1);

absl::Status Late() {
  return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kOverloaded,
                          "the guard is too slow", kRetryDelay);
}

absl::Duration MonotonicNow() { return SystemClock().Monotonic(); }

}  // namespace

RevocationWatcher::RevocationWatcher(RevocationHub& hub, grpc::CallbackServerContext& context,
                                     std::string subject)
    : hub_(hub),
      context_(context),
      subject_(std::move(subject)),
      peer_(PeerAddress(context.peer())),
      began_(MonotonicNow()) {}

void RevocationWatcher::Begin(std::shared_ptr<RevocationWatcher> self) {
  {
    MutexLock lock(mu_);
    self_ = std::move(self);
  }
  hub_.log().Info("watch.began", {{"user", subject_}, {"peer", peer_}});
  Listen();
}

void RevocationWatcher::Listen() {
  StartRead(&request_);
  {
    MutexLock lock(mu_);
    --inside_;
  }
  Pump();
}

void RevocationWatcher::Wake() {
  if (EndIfLate()) {
    context_.TryCancel();
    MutexLock lock(mu_);
    --inside_;
  }
  Pump();
}

bool RevocationWatcher::EndIfLate() {
  MutexLock lock(mu_);
  if (finished_ || cut_off_) return false;
  const absl::Duration now = MonotonicNow();
  const bool stuck = writing_ && now - last_told_ >= hub_.limits().write;
  if (!stuck && (resumed_ || now - began_ < hub_.limits().resume)) return false;
  EndLocked(ToWire(Late(), hub_.log()));
  if (stuck) ++inside_;
  cut_off_ = stuck;
  return stuck;
}

void RevocationWatcher::End(const grpc::Status& status) {
  {
    MutexLock lock(mu_);
    EndLocked(status);
  }
  Pump();
}

void RevocationWatcher::EndLocked(const grpc::Status& status) {
  if (!ending_.has_value()) ending_ = status;
}

void RevocationWatcher::OnReadDone(bool ok) {
  bool read_on = false;
  {
    MutexLock lock(mu_);
    const absl::Status taken = ok ? Take() : absl::OkStatus();
    if (!ok || !taken.ok()) EndLocked(ToWire(taken, hub_.log()));
    read_on = !ending_.has_value();
    if (read_on) ++inside_;
  }
  read_on ? Listen() : Pump();
}

void RevocationWatcher::OnWriteDone(bool ok) {
  {
    MutexLock lock(mu_);
    writing_ = false;
    if (!ok) EndLocked({grpc::StatusCode::CANCELLED, "the guard has gone"});
  }
  Pump();
}

void RevocationWatcher::OnCancel() { End({grpc::StatusCode::CANCELLED, "the guard has gone"}); }

void RevocationWatcher::OnDone() {
  std::shared_ptr<RevocationWatcher> self;  // dies last, outside the lock
  LogSink::Fields fields{{"user", subject_}, {"peer", peer_}};
  {
    MutexLock lock(mu_);
    self = std::move(self_);
    fields.emplace_back("told_seq", absl::StrCat(seq_));
    fields.emplace_back("acknowledged_seq", absl::StrCat(acknowledged_seq_));
    fields.emplace_back("acknowledged_keys", absl::StrCat(acknowledged_keys_));
  }
  hub_.log().Info("watch.ended", std::move(fields));
  hub_.Remove(this);
}

// Does what is to be done next. gRPC is called outside the lock; the flags that Claim sets keep
// everybody else from calling it meanwhile.
void RevocationWatcher::Pump() {
  switch (Claim()) {
    case Act::kNothing:
      return;
    case Act::kWrite:
      return StartWrite(&response_);
    case Act::kFinish: {
      grpc::Status status;
      {
        MutexLock lock(mu_);
        status = *ending_;
      }
      return Finish(status);
    }
  }
}

RevocationWatcher::Act RevocationWatcher::Claim() {
  MutexLock lock(mu_);
  if (finished_ || writing_) return Act::kNothing;
  if (ending_.has_value()) {
    if (inside_ > 0) return Act::kNothing;  // whoever is inside comes by here next
    finished_ = true;
    return Act::kFinish;
  }
  if (!resumed_ || !NextMessage()) return Act::kNothing;
  writing_ = true;
  last_told_ = MonotonicNow();
  return Act::kWrite;
}

absl::Status RevocationWatcher::Take() {
  if (!resumed_) {
    if (!request_.has_resume()) return FieldInvalid("resume", "the first message resumes");
    Resume(request_.resume());
    return absl::OkStatus();
  }
  if (!request_.has_acknowledgement()) {
    return FieldInvalid("acknowledgement", "all messages but the first acknowledge");
  }
  acknowledged_seq_ = std::min(FromWire(request_.acknowledgement().seq()), seq_);
  acknowledged_keys_ =
      std::min(FromWire(request_.acknowledgement().key_set_version()), key_set_version_);
  return absl::OkStatus();
}

void RevocationWatcher::Resume(const v1::RevocationResume& resume) {
  resumed_ = true;
  const int64_t seq = FromWire(resume.seq());
  store_epoch_ = WireEpoch(hub_.feed().Now());
  const bool same_store = resume.store_epoch() == store_epoch_;
  if (same_store && hub_.feed().After(seq, 1).ok()) {
    seq_ = seq;
  } else {
    wants_snapshot_ = true;
  }
}

bool RevocationWatcher::NextMessage() {
  response_.Clear();
  FollowStore();
  return NextKeySet() || NextSnapshotPart() || NextHeartbeat() || NextChanges();
}

void RevocationWatcher::FollowStore() {
  std::string store_epoch = WireEpoch(hub_.feed().Now());
  if (store_epoch == store_epoch_) return;
  store_epoch_ = std::move(store_epoch);
  wants_snapshot_ = true;
  walk_.reset();
  beat_.reset();
}

bool RevocationWatcher::NextKeySet() {
  const std::shared_ptr<const KeySnapshot> keys = hub_.keys().Current();
  if (keys->version == key_set_version_) return false;
  response_.mutable_key_set()->set_version(static_cast<uint64_t>(keys->version));
  response_.mutable_key_set()->set_jwks_json(keys->jwks_json);
  // In a store that went back, a lower version says nothing of what was acknowledged.
  if (keys->version < key_set_version_) acknowledged_keys_ = 0;
  key_set_version_ = keys->version;
  return true;
}

bool RevocationWatcher::NextSnapshotPart() {
  if (!wants_snapshot_) return false;
  if (!walk_.has_value()) walk_ = Walk{hub_.feed().Now(), {}};
  v1::RevocationSnapshot& part = *response_.mutable_snapshot();
  part.set_store_epoch(WireEpoch(walk_->position));
  part.set_seq(static_cast<uint64_t>(walk_->position.head_seq));
  const auto entries = hub_.feed().view()->ListPage(walk_->cursor, kMaxEntriesInMessage);
  for (const RevocationNotice& entry : entries) Write(entry, part.add_entries());
  part.set_last(entries.size() < kMaxEntriesInMessage);
  if (part.last()) {
    seq_ = walk_->position.head_seq;
    store_epoch_ = WireEpoch(walk_->position);
    walk_.reset();
    wants_snapshot_ = false;
    beat_.reset();
    last_beat_ = -absl::InfiniteDuration();  // due at once: only it says how old all this is
  }
  return true;
}

bool RevocationWatcher::NextChanges() {
  const auto entries = hub_.feed().After(seq_, kMaxEntriesInMessage);
  if (!entries.ok()) {  // too far behind
    wants_snapshot_ = true;
    return NextSnapshotPart();
  }
  if (entries->empty()) return false;
  for (const storage::Revocation& entry : *entries) {
    Write(entry, response_.mutable_changes()->add_entries());
  }
  seq_ = entries->back().seq;
  return true;
}

// The feed's place is looked at when a heartbeat is due, and told once the guard has all up to
// there: however fast entries come, the guard hears how old its view is.
bool RevocationWatcher::NextHeartbeat() {
  const absl::Duration now = MonotonicNow();
  if (!beat_.has_value() && now - last_beat_ < kHeartbeat) return false;
  if (!beat_.has_value()) beat_ = Beat{hub_.feed().Now(), now};
  if (seq_ < beat_->position.head_seq || !hub_.feed().After(seq_, 0).ok()) return false;
  v1::RevocationHeartbeat& heartbeat = *response_.mutable_heartbeat();
  heartbeat.set_head_seq(static_cast<uint64_t>(seq_));
  Write(beat_->position.age + (now - beat_->taken_at), heartbeat.mutable_age());
  heartbeat.set_store_epoch(WireEpoch(beat_->position));
  beat_.reset();
  last_beat_ = now;
  return true;
}

}  // namespace tessera::server
