// The caller: every call of a gRPC client carries a live token, which renews itself.
//
//   tessera::CallerOptions options;
//   options.auth_server = grpc::CreateChannel("dns:///tessera:7443", credentials);
//   options.login = {"alice", read_password, "orders"};
//   auto caller = tessera::Caller::Create(options);
//   auto orders = OrderService::NewStub((*caller)->CreateChannel("dns:///orders:50051",
//   credentials));
#ifndef TESSERA_CALLER_CALLER_H_
#define TESSERA_CALLER_CALLER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

// Reasons of calls that the caller failed by itself; they head the message, as all reasons do
// (ReasonOf in tessera/caller/reason.h). A refused login shows the reason of tesserad.
namespace reason {
inline constexpr std::string_view kAuthServerUnavailable = "AUTH_SERVER_UNAVAILABLE";
inline constexpr std::string_view kPlaintextChannel = "PLAINTEXT_CHANNEL";
inline constexpr std::string_view kAuthorizationSet = "AUTHORIZATION_SET";
inline constexpr std::string_view kPasswordSource = "PASSWORD_SOURCE";
inline constexpr std::string_view kCredentialSource = "CREDENTIAL_SOURCE";  // a service account's
inline constexpr std::string_view kCallerClosed = "CALLER_CLOSED";
}  // namespace reason

// The tokens of one session. Never printable.
struct Grant {
  Secret access_token;
  absl::Time access_expires_at;
  Secret refresh_token;  // empty: a service account's, which has no session
  absl::Time refresh_expires_at;
  std::string session_id;
};

// Called whenever it is needed, on a thread of the caller's own; reads a file, say. It must return:
// the caller's destructor waits for it. UNAVAILABLE: asked again later; any other error refuses the
// calls that wait.
using SecretSource = std::function<absl::StatusOr<Secret>()>;

// A user's name and password, and the service whose tokens are wanted.
struct UserLogin {
  std::string username = {};
  SecretSource password = {};
  std::string audience = {};  // empty: tessera itself
  // Binds the session to this device: 16 to 128 printable ASCII characters without spaces
  // that only the device knows. Renewals show it, and calls carry it as `tessera-device-id`. Empty:
  // none.
  Secret device_id = {};
  std::string device_label = {};  // what lists of sessions call it
  std::vector<std::string> scopes = {};
};

// A key that signs for a service account (RFC 7523).
struct AssertionKey {
  std::string service_account_id;  // `svc_...`
  std::string key_file;            // a private JWK; read again each time
  std::string issuer;              // of tesserad (`tokens.issuer`), whom the assertions are for
};

// How a service account proves itself: exactly one of the first four is set.
struct ServiceCredentials {
  SecretSource secret = {};  // `tss_...`
  std::optional<AssertionKey> assertion = {};
  std::string kubernetes_token_file = {};  // a projected token; read again each time
  bool certificate = false;                // the client certificate of `auth_server`'s connection
  std::string audience = {};               // empty: tessera itself
  std::vector<std::string> scopes = {};
};

// A source that reads the first line of a file, each time anew: UNAVAILABLE while that fails or the
// line is empty.
SecretSource SecretFromFile(std::string path);

struct CallerOptions {
  // Required: to tesserad, without the caller's interceptor.
  std::shared_ptr<grpc::Channel> auth_server;
  // Exactly one of the two.
  UserLogin login;
  std::optional<ServiceCredentials> service;
  // The loud way to send passwords and tokens over connections without TLS, to tesserad as well.
  bool allow_plaintext = false;
  // A call waits for its token this long at most, less if its deadline is nearer; while it waits,
  // an auth server that cannot be reached is tried again and again.
  absl::Duration wait_limit = absl::Seconds(10);
  absl::Duration request_timeout = absl::Seconds(5);  // of one request to tesserad
  // Part of the access token's life, in (0, 1); up to 10 % of it earlier by chance, so that many
  // programs do not renew at once.
  double renew_at = 0.8;
  const Clock* clock = &SystemClock();  // of the tokens' life; must outlive the caller
  LogSink* log = &NoLog();              // must outlive the caller
};

// Thread-safe. One request to tesserad is in flight at a time, however many calls wait. Logs in
// when first needed, renews early in the background, logs in anew when the session has ended. A
// service account's tokens are asked for again instead. Where tesserad renews only what has expired
// (ACCESS_TOKEN_NOT_EXPIRED), the session's tokens are kept to their end, and then renewed. While
// a live token is at hand, no call waits. Its destructor fails the calls that still wait
// (UNAVAILABLE CALLER_CLOSED) and leaves the session to expire; channels may outlive it. Like a
// channel, it is to be destroyed on a thread of the program's own, not in a callback of gRPC's.
class Caller {
 public:
  // No network. INVALID_ARGUMENT: an option is missing or out of bounds; the message names it.
  static absl::StatusOr<std::shared_ptr<Caller>> Create(CallerOptions options);
  virtual ~Caller() = default;

  // A channel whose calls carry the token, and whose connections are given up when they have died
  // silently: pinged after 20 s without a byte while calls are under way, then 10 s for the answer.
  // For other channel arguments take Interceptor. A call fails without being sent with
  // - UNAUTHENTICATED and tesserad's reason: the credentials are wrong;
  // - UNAVAILABLE AUTH_SERVER_UNAVAILABLE: no answer from tesserad before the call's deadline or
  //   `wait_limit`;
  // - FAILED_PRECONDITION PLAINTEXT_CHANNEL: its connection brings neither TLS nor ALTS, and there
  //   is no `allow_plaintext`;
  // - FAILED_PRECONDITION otherwise: tesserad refused the login, but not for the credentials;
  // - INVALID_ARGUMENT AUTHORIZATION_SET: the call brings `authorization` metadata of its own.
  virtual std::shared_ptr<grpc::Channel> CreateChannel(
      const std::string& target, const std::shared_ptr<grpc::ChannelCredentials>& credentials) = 0;

  // The same for channels made elsewhere (grpc::experimental::CreateCustomChannelWithInterceptors).
  // Whether there is TLS is found out on the connection.
  virtual std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface> Interceptor() = 0;

  // Runs a unary call, and once more with a fresh token if it was refused because of the token
  // (UNAUTHENTICATED with a TOKEN_ reason). `call` makes a new ClientContext each time.
  virtual grpc::Status Retry(const std::function<grpc::Status()>& call) = 0;

  // Ends the session at tesserad; OK if there is none. A service account's token is dropped, and
  // left to expire. Calls made later log in anew. UNAVAILABLE: not ended, ask again. Blocks for at
  // most three times `request_timeout`.
  virtual absl::Status Logout() = 0;
};

}  // namespace tessera

#endif  // TESSERA_CALLER_CALLER_H_
