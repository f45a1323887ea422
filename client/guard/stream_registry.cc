#include "tessera/guard/stream_registry.h"

#include <grpc/grpc.h>

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

absl::Time StreamRegistry::ExpiryOf(const KnownToken& known) const {
  return known.token.claims().expires_at + leeway_;
}

uint64_t StreamRegistry::Register(grpc_call* call, std::shared_ptr<const KnownToken> known) {
  uint64_t id = 0;
  {
    MutexLock lock(mu_);
    id = next_id_++;
    by_expiry_.emplace(ExpiryOf(*known), id);
    streams_.emplace(id, Stream{call, known});
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
  by_expiry_.erase({ExpiryOf(*found->second.known), id});
  streams_.erase(found);
}

size_t StreamRegistry::size() const {
  MutexLock lock(mu_);
  return streams_.size();
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
  for (auto& [id, stream] : streams_) {
    if (!stream.cut && revocations_->IsRevoked(stream.known->token)) {
      cuts.push_back(Mark(stream, true));
    }
  }
}

std::vector<StreamRegistry::Cut> StreamRegistry::Collect() {
  std::vector<Cut> cuts;
  if (scan_wanted_) CollectRevoked(cuts);
  scan_wanted_ = false;
  CollectExpired(clock_.Now(), cuts);
  return cuts;
}

void StreamRegistry::CutNow(const Cut& cut) {
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
