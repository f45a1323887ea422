#include "server/rpc/call.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_replace.h"
#include "server/rpc/status_to_wire.h"
#include "tessera/base/random.h"

namespace tessera::server {
namespace {

constexpr size_t kMaxCorrelationBytes = 64;
constexpr char kCorrelationPrefix[] = "req_";
constexpr char kCorrelationCharacters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

absl::Duration TimeLeft(const grpc::CallbackServerContext& context) {
  const auto deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return absl::InfiniteDuration();
  return absl::FromChrono(deadline) - SystemClock().Now();
}

// The caller's own where it is one; an id of ours where it gave none, several or another thing.
std::string CorrelationOf(const grpc::CallbackServerContext& context, const Clock& clock) {
  const auto values = context.client_metadata().equal_range(kCorrelationMetadata);
  if (values.first != values.second && std::next(values.first) == values.second) {
    const std::string given(values.first->second.data(), values.first->second.size());
    const bool fits = !given.empty() && given.size() <= kMaxCorrelationBytes;
    if (fits && given.find_first_not_of(kCorrelationCharacters) == given.npos) return given;
  }
  return RandomId(kCorrelationPrefix, clock.Now());
}

// The device's id goes to the info, or what is wrong with it to `metadata`.
CallInfo InfoOf(const grpc::CallbackServerContext& context, const Clock& clock,
                const CallPort& port, absl::Status& metadata) {
  CallInfo info;
  info.peer = PeerAddress(context.peer());
  info.source = port.source == nullptr ? CallSource().OfCall(info.peer, context)
                                       : port.source->OfCall(info.peer, context);
  info.deadline = clock.Now() + WorkTime(TimeLeft(context));
  info.certificate = CertificateOf(context, port.certificates);
  absl::StatusOr<std::string> device_id = DeviceIdOf(context);
  metadata = device_id.status();
  if (device_id.ok()) info.device_id = *std::move(device_id);
  info.correlation_id = CorrelationOf(context, clock);
  return info;
}

}  // namespace

absl::Duration WorkTime(absl::Duration left) {
  if (left <= absl::ZeroDuration()) return left;
  return std::min(left - std::min(left / kAnswerPart, kMaxAnswerTime), kMaxCallTime);
}

std::string PeerAddress(const std::string& peer) {
  std::string_view address(peer);
  const size_t scheme = address.find(':');
  if (scheme == std::string_view::npos) return peer;
  if (address.substr(0, 2) != "ip") return peer;  // unix and such have no port
  address.remove_prefix(scheme + 1);
  address = address.substr(0, address.rfind(':'));
  return absl::StrReplaceAll(absl::string_view(address.data(), address.size()),
                             {{"%5B", ""}, {"%5D", ""}, {"[", ""}, {"]", ""}});
}

Call::Call(grpc::CallbackServerContext& context, const Clock& clock, LogSink& log,
           const CallPort& port)
    : context_(context),
      reactor_(context.DefaultReactor()),
      info_(InfoOf(context, clock, port, metadata_)),
      log_(log) {
  context.AddTrailingMetadata(kCorrelationMetadata, info_.correlation_id);
}

void Call::Finish(const absl::Status& status) {
  const CallScope scope(info_);
  reactor_->Finish(ToWire(status, log_));
}

}  // namespace tessera::server
