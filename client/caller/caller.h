// The caller: every call of a gRPC client carries a live token, which renews itself.
//
//   auto caller = tessera::Caller::Create({.auth_server = channel, .login = {"alice",
//   password_source, "orders"}}); auto orders =
//   Orders::NewStub((*caller)->CreateChannel("dns:///orders:50051", grpc::SslCredentials({})));
#ifndef TESSERA_CALLER_CALLER_H_
#define TESSERA_CALLER_CALLER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/base/secret.h"

namespace grpc {
class Channel;
class ChannelArguments;
class ChannelCredentials;
class Status;
namespace experimental {
class ClientInterceptorFactoryInterface;
}
}  // namespace grpc

namespace tessera {

// The tokens of one session. Never printable.
struct Grant {
  Secret access_token;
  absl::Time access_expires_at;
  Secret refresh_token;
  absl::Time refresh_expires_at;
  std::string session_id;
};

// A user's name and password, and the service whose tokens are wanted.
struct UserLogin {
  std::string username;
  // Called at each login, on a thread of the caller's own; reads a file, say.
  std::function<absl::StatusOr<Secret>()> password;
  std::string audience;  // empty: tessera itself
};

struct CallerOptions {
  std::shared_ptr<grpc::Channel>
      auth_server;               // required: to tesserad, without the caller's interceptor
  UserLogin login;               // required
  bool allow_plaintext = false;  // the loud way to send tokens over channels without TLS
  absl::Duration wait_limit = absl::Seconds(
      10);  // a call waits for its first token this long at most, less if its deadline is nearer
  absl::Duration request_timeout = absl::Seconds(5);  // of one request to tesserad
  double renew_at = 0.8;  // part of the access token's life, with up to 10 % of jitter before it
  const Clock* clock = &SystemClock();  // must outlive the caller
  LogSink* log = &NoLog();              // must outlive the caller
};

// Thread-safe. One request to tesserad is in flight at a time, however many calls wait. Logs in
// when first needed, renews early in the background, logs in anew when the session has ended. While
// a live token is at hand, no call waits.
class Caller {
 public:
  // No network. INVALID_ARGUMENT: an option is missing or out of bounds.
  static absl::StatusOr<std::shared_ptr<Caller>> Create(CallerOptions options);
  virtual ~Caller() = default;

  // A channel whose calls carry the token. A channel whose credentials bring no TLS fails every
  // call with FAILED_PRECONDITION unless `allow_plaintext`.
  virtual std::shared_ptr<grpc::Channel> CreateChannel(
      const std::string& target, const std::shared_ptr<grpc::ChannelCredentials>& credentials) = 0;

  // For channels made elsewhere (grpc::experimental::CreateCustomChannelWithInterceptors). A call
  // that cannot have a token fails without being sent: UNAUTHENTICATED if the credentials are
  // wrong, UNAVAILABLE if tesserad cannot be reached.
  virtual std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface> Interceptor() = 0;

  // Runs a unary call, and once more with a fresh token if it was refused because of the token
  // (UNAUTHENTICATED with a TOKEN_ reason). `call` makes a new ClientContext each time.
  virtual grpc::Status Retry(const std::function<grpc::Status()>& call) = 0;

  // Ends the session at tesserad. Calls made later log in anew.
  virtual absl::Status Logout() = 0;
};

}  // namespace tessera

#endif  // TESSERA_CALLER_CALLER_H_
