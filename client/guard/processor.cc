#include "tessera/guard/processor.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "tessera/base/reason.h"
#include "tessera/base/secret.h"
#include "tessera/guard/connection_peer.h"
#include "tessera/guard/presented.h"

namespace tessera::guard {
namespace {

constexpr size_t kMaxTimeoutDigits = 8;  // gRPC over HTTP/2, "Timeout"

std::string_view View(const grpc_slice& slice) {
  return {reinterpret_cast<const char*>(GRPC_SLICE_START_PTR(slice)), GRPC_SLICE_LENGTH(slice)};
}

// What the guard wants of a call's headers; views that die with the callback.
struct Headers {
  std::string_view path;
  Presented presented;
  std::optional<absl::Duration> timeout;
};

Headers Read(const TokenCookie& cookie, const grpc_metadata* metadata, size_t count) {
  Headers headers;
  PresentedScan scan(cookie);
  for (size_t i = 0; i < count; ++i) {
    const std::string_view key = View(metadata[i].key);
    const std::string_view value = View(metadata[i].value);
    if (key == ":path") headers.path = value;
    if (key == "grpc-timeout") headers.timeout = ParseGrpcTimeout(value);
    scan.See(key, value);
  }
  headers.presented = scan.Result();
  return headers;
}

// What gRPC keeps for a port.
struct Port {
  const std::shared_ptr<Core> core;
  const ClientCertificates certificates;
};

// gRPC's callback, to be called exactly once, also after the call was cancelled.
struct Reply {
  grpc_process_auth_metadata_done_cb done;
  void* user_data;

  void Give(const absl::Status& verdict) const {
    const std::string message(verdict.message());
    done(user_data, nullptr, 0, nullptr, 0, static_cast<grpc_status_code>(verdict.code()),
         verdict.ok() ? nullptr : message.c_str());
  }
};

// A call that waits for keys, with its own copy of what the decision needs.
struct WaitingCall {
  std::shared_ptr<Core> core;
  std::string path;
  Secret token;
  std::string device_id;
  bool several_devices;
  ReadPeer peer;
  Reply reply;
};

void Resume(const WaitingCall& call, absl::Status fetched) {
  const Bearer bearer{Bearer::Kind::kOne, call.token.Reveal()};
  const Presented presented{bearer, call.device_id, call.several_devices, &call.peer};
  call.core->NoteFetch(fetched);
  const absl::Status verdict =
      fetched.ok() ? call.core->Admit(call.path, presented, true) : std::move(fetched);
  if (!verdict.ok()) call.core->NoteRefusal(call.path, bearer, verdict);
  call.reply.Give(verdict);
}

// OK: the call is parked, and somebody else replies.
absl::Status Park(const std::shared_ptr<Core>& core, const Headers& headers, Reply reply) {
  const Presented& shown = headers.presented;
  const auto call = std::make_shared<const WaitingCall>(
      WaitingCall{core, std::string(headers.path), Secret::CopyOf(shown.bearer.token),
                  std::string(shown.device_id), shown.several_devices,
                  ReadPeer(shown.peer->CertificateThumbprint()), reply});
  const absl::Duration limit =
      std::min(headers.timeout.value_or(absl::InfiniteDuration()), core->options().max_park);
  return core->parking().Park([call](absl::Status fetched) { Resume(*call, std::move(fetched)); },
                              limit);
}

void Process(void* state, grpc_auth_context* context, const grpc_metadata* metadata, size_t count,
             grpc_process_auth_metadata_done_cb done, void* user_data) {
  const auto& port = *static_cast<const Port*>(state);
  const std::shared_ptr<Core>& core = port.core;
  const ConnectionPeer peer(context, port.certificates == ClientCertificates::kVerified,
                            core->certificates());
  Headers headers = Read(core->options().cookie, metadata, count);
  headers.presented.peer = &peer;
  const Reply reply{done, user_data};
  absl::Status verdict = core->Admit(headers.path, headers.presented);
  if (!verdict.ok() && ReasonOf(verdict) == reason::kTokenUnknownKey) {
    verdict = Park(core, headers, reply);
    if (verdict.ok()) return;
  }
  if (!verdict.ok()) core->NoteRefusal(headers.path, headers.presented.bearer, verdict);
  reply.Give(verdict);
}

void Destroy(void* state) { delete static_cast<Port*>(state); }

}  // namespace

std::optional<absl::Duration> ParseGrpcTimeout(std::string_view text) {
  if (text.size() < 2 || text.size() > kMaxTimeoutDigits + 1) return std::nullopt;
  int64_t count = 0;
  for (const char c : text.substr(0, text.size() - 1)) {
    if (c < '0' || c > '9') return std::nullopt;
    count = count * 10 + (c - '0');
  }
  switch (text.back()) {
    case 'H':
      return absl::Hours(count);
    case 'M':
      return absl::Minutes(count);
    case 'S':
      return absl::Seconds(count);
    case 'm':
      return absl::Milliseconds(count);
    case 'u':
      return absl::Microseconds(count);
    case 'n':
      return absl::Nanoseconds(count);
    default:
      return std::nullopt;
  }
}

grpc_auth_metadata_processor MakeProcessor(const std::shared_ptr<Core>& core,
                                           ClientCertificates certificates) {
  // On the heap: gRPC calls `destroy` only for a state that is not null.
  return {&Process, &Destroy, new Port{core, certificates}};
}

}  // namespace tessera::guard
