// The methods of one tesserad as plain calls with a deadline and the program's errors.
#ifndef TESSERA_CLI_API_H_
#define TESSERA_CLI_API_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tessera/base/clock.h"
#include "tessera/base/secret.h"
#include "tessera/cli/wire_status.h"
#include "tessera/v1/auth_service.grpc.pb.h"
#include "tessera/v1/user_service.grpc.pb.h"

namespace tessera::cli {

using AuthStub = tessera::v1::AuthService::StubInterface;
using UserStub = tessera::v1::UserService::StubInterface;
template <typename Request, typename Response>
using AuthMethod = grpc::Status (AuthStub::*)(grpc::ClientContext*, const Request&, Response*);
template <typename Request, typename Response>
using UserMethod = grpc::Status (UserStub::*)(grpc::ClientContext*, const Request&, Response*);

// How long a repeated call waits for a connection at most.
inline constexpr absl::Duration kReconnectLimit = absl::Seconds(3);

// Thread-safe. Each call takes at most `timeout`; errors are those of FromWire.
class Api {
 public:
  struct Options {
    std::string server;
    absl::Duration timeout;
    std::optional<Secret> device_id;  // shown with every call
    bool plaintext = false;           // errors say so where it may be the cause
  };
  Api(const std::shared_ptr<grpc::Channel>& channel, Options options)
      : auth_(tessera::v1::AuthService::NewStub(channel)),
        users_(tessera::v1::UserService::NewStub(channel)),
        options_(std::move(options)) {}

  const std::optional<Secret>& device_id() const { return options_.device_id; }

  template <typename Request, typename Response>
  absl::StatusOr<Response> CallAuth(AuthMethod<Request, Response> method,
                                    const Request& request) const {
    grpc::ClientContext context;
    context.set_deadline(Deadline(options_.timeout));
    return Finish(method, *auth_, context, request);
  }

  // With an access token.
  template <typename Request, typename Response>
  absl::StatusOr<Response> CallAuth(AuthMethod<Request, Response> method, const Request& request,
                                    const Secret& token) const {
    grpc::ClientContext context;
    context.set_deadline(Deadline(options_.timeout));
    context.AddMetadata("authorization", "Bearer " + std::string(token.Reveal()));
    return Finish(method, *auth_, context, request);
  }

  // For a call whose answer was lost: waits for the connection to come back.
  template <typename Request, typename Response>
  absl::StatusOr<Response> CallAuthAgain(AuthMethod<Request, Response> method,
                                         const Request& request) const {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    context.set_deadline(Deadline(std::min(options_.timeout, kReconnectLimit)));
    return Finish(method, *auth_, context, request);
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> CallUsers(UserMethod<Request, Response> method,
                                     const Request& request) const {
    grpc::ClientContext context;
    context.set_deadline(Deadline(options_.timeout));
    return Finish(method, *users_, context, request);
  }

  // With an access token.
  template <typename Request, typename Response>
  absl::StatusOr<Response> CallUsers(UserMethod<Request, Response> method, const Request& request,
                                     const Secret& token) const {
    grpc::ClientContext context;
    context.set_deadline(Deadline(options_.timeout));
    context.AddMetadata("authorization", "Bearer " + std::string(token.Reveal()));
    return Finish(method, *users_, context, request);
  }

 private:
  static std::chrono::system_clock::time_point Deadline(absl::Duration limit) {
    return absl::ToChronoTime(SystemClock().Now() + limit);
  }

  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Finish(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                               Response*),
                                  Stub& stub, grpc::ClientContext& context,
                                  const Request& request) const {
    Response response;
    if (options_.device_id.has_value()) {
      context.AddMetadata("tessera-device-id", std::string(options_.device_id->Reveal()));
    }
    const absl::Status status =
        FromWire((stub.*method)(&context, request, &response), options_.server, options_.plaintext);
    if (!status.ok()) return status;
    return response;
  }

  std::unique_ptr<AuthStub> auth_;
  std::unique_ptr<UserStub> users_;
  Options options_;
};

}  // namespace tessera::cli

#endif  // TESSERA_CLI_API_H_
