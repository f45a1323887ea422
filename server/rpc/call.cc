#include "server/rpc/call.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_replace.h"
#include "server/rpc/status_to_wire.h"

namespace tessera::server {
namespace {

absl::Duration TimeLeft(const grpc::CallbackServerContext& context) {
  const auto deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return absl::InfiniteDuration();
  return absl::FromChrono(deadline) - SystemClock().Now();
}

// The device's id goes to the info, or what is wrong with it to `metadata`.
CallInfo InfoOf(const grpc::CallbackServerContext& context, const Clock& clock,
                ClientCertificates certificates, absl::Status& metadata) {
  CallInfo info{PeerAddress(context.peer()), clock.Now() + WorkTime(TimeLeft(context)),
                CertificateOf(context, certificates), ""};
  absl::StatusOr<std::string> device_id = DeviceIdOf(context);
  metadata = device_id.status();
  if (device_id.ok()) info.device_id = *std::move(device_id);
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
           ClientCertificates certificates)
    : context_(context),
      reactor_(context.DefaultReactor()),
      info_(InfoOf(context, clock, certificates, metadata_)),
      log_(log) {}

void Call::Finish(const absl::Status& status) { reactor_->Finish(ToWire(status, log_)); }

}  // namespace tessera::server
