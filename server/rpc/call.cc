#include "server/rpc/call.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_replace.h"
#include "server/rpc/status_to_wire.h"
#include "tessera/base/random.h"
#include "tessera/base/reason.h"

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
  const CallSource trusts_nobody;
  const CallSource& sources = port.source == nullptr ? trusts_nobody : *port.source;
  const std::string peer = PeerAddress(context.peer());
  const std::vector<std::string_view> forwarded = sources.ForwardedIn(context);
  info.peer = sources.AddressOf(peer, forwarded);
  info.source = sources.Of(peer, forwarded);
  info.deadline = clock.Now() + WorkTime(TimeLeft(context));
  info.certificate = CertificateOf(context, port.certificates);
  absl::StatusOr<std::string> device_id = DeviceIdOf(context);
  metadata = device_id.status();
  if (device_id.ok()) info.device_id = *std::move(device_id);
  info.correlation_id = CorrelationOf(context, clock);
  return info;
}

// Refusals that rest on who calls, or on what would be left of the administration: not those of
// what is asked (a token handed in as an argument may be revoked, too).
bool IsAboutCaller(const absl::Status& status) {
  static constexpr std::string_view kReasons[] = {reason::kLastAdministrator, reason::kRoleRequired,
                                                  reason::kTokenRevoked};
  if (status.ok() || absl::IsInvalidArgument(status)) return false;
  return std::find(std::begin(kReasons), std::end(kReasons), ReasonOf(status)) !=
         std::end(kReasons);
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
      port_(port),
      log_(log) {
  context.AddTrailingMetadata(kCorrelationMetadata, info_.correlation_id);
}

void Call::TellIfRefused(const absl::Status& status) const {
  if (port_.guard == nullptr || !IsAboutCaller(status)) return;
  const std::string actor = port_.guard->PrincipalOf(context_)->claims.subject;
  if (actor.empty()) return;  // who shows a token in the request is told of by what reads it
  log_.Warning("call.refused",
               {{"method", "/" + std::string(port_.service) + "/" + std::string(port_.method)},
                {"reason", ReasonOf(status)},
                {"actor", actor},
                {"peer", info_.peer}});
}

void Call::Finish(const absl::Status& status) {
  const CallScope scope(info_);
  TellIfRefused(status);
  reactor_->Finish(ToWire(status, log_));
}

}  // namespace tessera::server
