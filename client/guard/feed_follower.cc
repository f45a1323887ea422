#include "tessera/guard/feed_follower.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace tessera::guard {
namespace {

// The head may be ahead of us at one heartbeat, its changes being under way; not at two.
constexpr int kMaxBeatsBehind = 2;

std::optional<RevokedThing> ThingOf(v1::RevocationKind kind) {
  switch (kind) {
    case v1::REVOCATION_KIND_TOKEN:
      return RevokedThing::kToken;
    case v1::REVOCATION_KIND_SESSION:
      return RevokedThing::kSession;
    case v1::REVOCATION_KIND_USER:
      return RevokedThing::kUser;
    case v1::REVOCATION_KIND_KEY:
      return RevokedThing::kKey;
    default:
      return std::nullopt;
  }
}

absl::Time TimeOf(const google::protobuf::Timestamp& stamp) {
  return absl::FromUnixSeconds(stamp.seconds()) + absl::Nanoseconds(stamp.nanos());
}

std::optional<RevocationNotice> NoticeOf(const v1::RevocationEntry& entry) {
  const auto thing = ThingOf(entry.kind());
  RevocationNotice notice;
  if (!thing.has_value() || entry.id_hash().size() != notice.id_hash.size()) return std::nullopt;
  notice.thing = *thing;
  std::copy(entry.id_hash().begin(), entry.id_hash().end(), notice.id_hash.begin());
  notice.min_user_version = entry.min_user_version();
  notice.expires_at = TimeOf(entry.expires_at());
  return notice;
}

}  // namespace

FeedFollower::FeedFollower(std::shared_ptr<RevocationView> view, std::shared_ptr<KeySource> keys,
                           LogSink& log)
    : view_(std::move(view)), keys_(std::move(keys)), log_(log) {}

v1::RevocationResume FeedFollower::ResumePoint() const {
  v1::RevocationResume resume;
  resume.set_store_epoch(epoch_);
  resume.set_seq(seq_);
  return resume;
}

v1::RevocationAcknowledgement FeedFollower::Acknowledgement() const {
  v1::RevocationAcknowledgement acknowledgement;
  acknowledgement.set_seq(seq_);
  acknowledgement.set_key_set_version(key_set_version_);
  return acknowledgement;
}

absl::Status FeedFollower::Take(const v1::WatchRevocationsResponse& message) {
  switch (message.event_case()) {
    case v1::WatchRevocationsResponse::kSnapshot:
      return TakeSnapshot(message.snapshot());
    case v1::WatchRevocationsResponse::kChanges:
      return TakeChanges(message.changes());
    case v1::WatchRevocationsResponse::kHeartbeat:
      return TakeHeartbeat(message.heartbeat());
    case v1::WatchRevocationsResponse::kKeySet:
      TakeKeySet(message.key_set());
      return absl::OkStatus();
    case v1::WatchRevocationsResponse::EVENT_NOT_SET:
      break;
  }
  return absl::OkStatus();  // an event of a later version
}

template <typename Entries>
void FeedFollower::Merge(const Entries& entries) {
  std::vector<RevocationNotice> notices;
  for (const v1::RevocationEntry& entry : entries) {
    if (auto notice = NoticeOf(entry); notice.has_value()) {
      notices.push_back(*notice);
    } else {
      log_.Error("revocations.entry_refused",
                 {{"seq", absl::StrCat(entry.seq())}, {"kind", absl::StrCat(entry.kind())}});
    }
  }
  view_->Merge(notices);
}

absl::Status FeedFollower::TakeSnapshot(const v1::RevocationSnapshot& snapshot) {
  Merge(snapshot.entries());
  if (!snapshot.last()) return absl::OkStatus();
  epoch_ = snapshot.store_epoch();
  seq_ = snapshot.seq();
  beats_behind_ = 0;
  return absl::OkStatus();
}

absl::Status FeedFollower::TakeChanges(const v1::RevocationChanges& changes) {
  // What came is true in any case; a gap only says that there is more.
  Merge(changes.entries());
  if (epoch_.empty()) return StartOver("changes before a snapshot");
  for (const v1::RevocationEntry& entry : changes.entries()) {
    if (entry.seq() <= seq_) continue;
    if (entry.seq() != seq_ + 1) return StartOver("a gap");
    seq_ = entry.seq();
  }
  beats_behind_ = 0;
  return absl::OkStatus();
}

absl::Status FeedFollower::TakeHeartbeat(const v1::RevocationHeartbeat& heartbeat) {
  if (epoch_.empty()) return absl::OkStatus();
  if (heartbeat.store_epoch() != epoch_) return StartOver("another store epoch");
  if (heartbeat.head_seq() < seq_) return StartOver("the store went back");
  if (heartbeat.head_seq() > seq_) {
    return ++beats_behind_ >= kMaxBeatsBehind ? StartOver("behind the head") : absl::OkStatus();
  }
  beats_behind_ = 0;
  const auto age =
      absl::Seconds(heartbeat.age().seconds()) + absl::Nanoseconds(heartbeat.age().nanos());
  view_->MarkCurrent(std::max(age, absl::ZeroDuration()));
  return absl::OkStatus();
}

void FeedFollower::TakeKeySet(const v1::KeySetUpdate& update) {
  auto keys = JwkSet::Parse(update.jwks_json());
  if (!keys.ok()) {
    log_.Error("revocations.key_set_refused", {{"version", absl::StrCat(update.version())}});
    return;
  }
  if (keys_ == nullptr) return;
  // None is no news: the keys of this server are shared ones, which it publishes nowhere.
  const bool holds_all =
      keys->empty() || keys_->OfferVersion(std::make_shared<const JwkSet>(*std::move(keys)),
                                           VersionIn(update.jwks_json()));
  // What another replica's set was says nothing of this one's.
  key_set_version_ = holds_all ? update.version() : 0;
}

void FeedFollower::WantSnapshot() {
  epoch_.clear();
  seq_ = 0;
  beats_behind_ = 0;
}

absl::Status FeedFollower::StartOver(const char* why) {
  WantSnapshot();
  return absl::AbortedError(why);
}

}  // namespace tessera::guard
