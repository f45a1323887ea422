// The caller: every call of a gRPC client carries a live token, which renews itself.
//
//   tessera::CallerOptions options;
//   options.auth_server = grpc::CreateChannel("dns:///tessera:7443", credentials);
//   options.login = {"alice", read_password, "orders"};
//   auto caller = tessera::Caller::Create(options);
//   auto channel = (*caller)->CreateChannel("dns:///orders:50051", credentials);
//   auto orders = OrderService::NewStub(channel);
#ifndef TESSERA_CALLER_CALLER_H_
#define TESSERA_CALLER_CALLER_H_

#include <cstddef>
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
#include "tessera/caller/credentials.h"
#include "tessera/token/kept_token.h"

namespace grpc {
class CallCredentials;
class Channel;
class ChannelCredentials;
class Status;
namespace experimental {
class ClientInterceptorFactoryInterface;
}
}  // namespace grpc

namespace tessera {

// Reasons of calls that the caller failed by itself (ReasonOf in tessera/caller/reason.h). A
// refused login shows the reason of tesserad.
namespace reason {
inline constexpr std::string_view kAuthServerUnavailable = "AUTH_SERVER_UNAVAILABLE";
inline constexpr std::string_view kPlaintextChannel = "PLAINTEXT_CHANNEL";
inline constexpr std::string_view kAuthorizationSet = "AUTHORIZATION_SET";
inline constexpr std::string_view kPasswordSource = "PASSWORD_SOURCE";
inline constexpr std::string_view kCredentialSource = "CREDENTIAL_SOURCE";  // a service account's
inline constexpr std::string_view kCallerClosed = "CALLER_CLOSED";
inline constexpr std::string_view kNoKeptToken = "NO_KEPT_TOKEN";  // OnBehalfOf
inline constexpr std::string_view kServiceAccountRequired = "SERVICE_ACCOUNT_REQUIRED";  // likewise
}  // namespace reason

// Which token a call on somebody's behalf carries.
struct Exchange {
  // The service that is called: the token is exchanged for one of that audience (RFC 8693), which
  // names this program's service account as its actor. Empty, and no `scopes`: the token is sent on
  // as it came.
  std::string audience = {};
  // Asked for of the new token; empty: all that both parties have. They need an `audience`:
  // tesserad refuses an exchange for none.
  std::vector<std::string> scopes = {};
};

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

// Thread-safe. One login or renewal is in flight at a time, however many calls wait. Logs in
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
  // For other channel arguments take Interceptor. A call fails without being sent, with
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

  // For one call on a channel of CreateChannel or Interceptor, to be set on its ClientContext: it
  // carries the token of `subject`, or one exchanged for it, in place of the caller's own, and no
  // device id. `subject` is what the guard kept of the call that is being served (Principal::token,
  // where the rule has `forwards_token`). Exchanged tokens are kept until they or `subject` expire
  // or kMaxExchangedTokens are newer; calls that want the same one share one request. It takes a
  // service account that may ask for tesserad's own audience, and that serves the subject's.
  // The call fails without being sent as for CreateChannel, and with
  // - FAILED_PRECONDITION NO_KEPT_TOKEN: `subject` is null or holds nothing that can be sent;
  // - FAILED_PRECONDITION SERVICE_ACCOUNT_REQUIRED: an exchange, and this caller is a user;
  // - UNAUTHENTICATED with a TOKEN_ reason: the subject's token has expired or is worth nothing;
  // - FAILED_PRECONDITION NOT_ALLOWED and others: tesserad refuses the exchange, and is asked again
  //   a second later at the earliest;
  // - UNAVAILABLE OVERLOADED: more exchanges are under way than kMaxExchangesUnderWay.
  // On a channel that no caller made, or in composite credentials, they fail the call.
  virtual std::shared_ptr<grpc::CallCredentials> OnBehalfOf(
      std::shared_ptr<const KeptToken> subject, const Exchange& exchange = {}) = 0;
  static constexpr size_t kMaxExchangedTokens = 4096;
  static constexpr size_t kMaxExchangesUnderWay = 256;

  // The caller's own token as call credentials, for channels that cannot have its interceptor; on
  // the caller's own, calls would carry two tokens, which guards refuse. Best effort: gRPC makes
  // every failure UNAVAILABLE, with `REASON: text` in its message (ReasonOf finds it); a refused
  // token is not replaced early; a call that waits for its token holds a thread of gRPC's until
  // `wait_limit`, whatever its deadline, and fails at once (OVERLOADED) where kMaxBlockedCalls do;
  // before that others may wait behind it for a thread.
  // Over TLS or ALTS only, whatever `allow_plaintext` says.
  virtual std::shared_ptr<grpc::CallCredentials> CallCredentials() = 0;
  static constexpr int kMaxBlockedCalls = 64;

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
