#include "tessera/guard/stream_registry.h"

#include <grpc/grpc.h>

#include <utility>

#include "tessera/base/reason.h"

namespace tessera::guard {
namespace {

constexpr char kExpiredMessage[] = "TOKEN_EXPIRED: the token expired while the stream ran";
constexpr char kRevokedMessage[] = "TOKEN_REVOKED: the token was revoked while the stream ran";

}  // namespace

StreamRegistry::StreamRegistry(std::shared_ptr<RevocationView> revocations, absl::Duration leeway,
                               const Clock& clock, LogSink& log)
    : revocations_(std::move(revocations)), leeway_(leeway), clock_(clock), log_(log) {
  if (revocations_ != nullptr) {
    subscription_ = revocations_->Subscribe([this] { WantScan(); });
  }
  thread_ = std::thread([this] { Run(); });
}

StreamRegistry::~StreamRegistry() { Stop(); }

void StreamRegistry::Stop() {
  subscription_.reset();
  {
    MutexLock lock(mu_);
    stopped_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

absl::Time StreamRegistry::EndOf(const Stream& stream) const {
  return stream.known->token.claims().expires_at + leeway_ + stream.grace;
}

uint64_t StreamRegistry::Register(grpc_call* call, std::shared_ptr<const KnownToken> known,
                                  const StreamEnd& end) {
  if (end.policy == StreamPolicy::kNever) return 0;
  Stream stream;
  stream.call = call;
  stream.known = known;
  stream.grace = end.policy == StreamPolicy::kAfterGrace ? end.grace : absl::ZeroDuration();
  uint64_t id = 0;
  {
    MutexLock lock(mu_);
    id = next_id_++;
    by_expiry_.emplace(EndOf(stream), id);
    streams_.emplace(id, std::move(stream));
    changed_.NotifyAll();
  }
  // A revocation between the decision and now was told before we were in the list.
  if (revocations_ != nullptr && revocations_->IsRevoked(known->token)) WantScan();
  return id;
}

void StreamRegistry::Unregister(uint64_t id) {
  MutexLock lock(mu_);
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  by_expiry_.erase({EndOf(found->second), id});
  by_grace_.erase({found->second.revoked_until, id});
  streams_.erase(found);
}

size_t StreamRegistry::size() const {
  MutexLock lock(mu_);
  return streams_.size();
}

size_t StreamRegistry::in_grace() const {
  MutexLock lock(mu_);
  return by_grace_.size();
}

void StreamRegistry::WantScan() {
  MutexLock lock(mu_);
  scan_wanted_ = true;
  changed_.NotifyAll();
}

StreamRegistry::Cut StreamRegistry::Mark(Stream& stream, bool revoked) {
  stream.cut = true;
  grpc_call_ref(stream.call);
  return Cut{stream.call, stream.known, revoked};
}

void StreamRegistry::CollectExpired(absl::Time now, std::vector<Cut>& cuts) {
  while (!by_expiry_.empty() && by_expiry_.begin()->first <= now) {
    Stream& stream = streams_.at(by_expiry_.begin()->second);
    by_expiry_.erase(by_expiry_.begin());
    if (!stream.cut) cuts.push_back(Mark(stream, false));
  }
}

void StreamRegistry::CollectRevoked(std::vector<Cut>& cuts) {
  const absl::Duration now = clock_.Monotonic();
  for (auto& [id, stream] : streams_) {
    const bool seen = stream.cut || stream.revoked_until != absl::InfiniteDuration();
    if (seen || !revocations_->IsRevoked(stream.known->token)) continue;
    if (stream.grace == absl::ZeroDuration()) {
      cuts.push_back(Mark(stream, true));
    } else {
      stream.revoked_until = now + stream.grace;
      by_grace_.emplace(stream.revoked_until, id);
    }
  }
}

void StreamRegistry::CollectAfterGrace(absl::Duration now, std::vector<Cut>& cuts) {
  while (!by_grace_.empty() && by_grace_.begin()->first <= now) {
    Stream& stream = streams_.at(by_grace_.begin()->second);
    by_grace_.erase(by_grace_.begin());
    if (!stream.cut) cuts.push_back(Mark(stream, true));
  }
}

std::vector<StreamRegistry::Cut> StreamRegistry::Collect() {
  std::vector<Cut> cuts;
  if (scan_wanted_) CollectRevoked(cuts);
  scan_wanted_ = false;
  CollectAfterGrace(clock_.Monotonic(), cuts);
  CollectExpired(clock_.Now(), cuts);
  return cuts;
}

void StreamRegistry::CutNow(const Cut& cut) {
  ++(cut.revoked ? cut_by_revocation_ : cut_by_expiry_);
  grpc_call_cancel_with_status(cut.call, GRPC_STATUS_UNAUTHENTICATED,
                               cut.revoked ? kRevokedMessage : kExpiredMessage, nullptr);
  grpc_call_unref(cut.call);
  const std::string_view reason = cut.revoked ? reason::kTokenRevoked : reason::kTokenExpired;
  log_.Info("guard.stream_cut",
            {{"reason", std::string(reason)}, {"subject", cut.known->token.claims().subject}});
}

void StreamRegistry::Run() {
  for (;;) {
    std::vector<Cut> cuts;
    {
      MutexLock lock(mu_);
      if (stopped_) return;
      cuts = Collect();
      if (cuts.empty()) {
        changed_.WaitFor(mu_, by_expiry_.empty() ? absl::InfiniteDuration() : kTick);
      }
    }
    for (const Cut& cut : cuts) CutNow(cut);
  }
}

}  // namespace tessera::guard
