// The guard: no call reaches a handler of a gRPC server without a token that the method's rule
// accepts.
//
//   tessera::GuardOptions options;
//   options.issuer = "https://auth.example";
//   options.audience = "orders";
//   options.keys = tessera::KeysFromServer(...);
//   options.revocations = tessera::RevocationsFromServer(...);
//   auto guard = tessera::Guard::Create(std::move(options));
//
//   grpc::ServerBuilder builder;
//   builder.AddListeningPort("127.0.0.1:50051", (*guard)->Plaintext());
//   builder.RegisterService(&orders);
//   auto server = (*guard)->Start(builder);  // refuses unguarded ports and methods without a rule
//   ...
//   auto caller = guard->PrincipalOf(*context);  // in a handler
#ifndef TESSERA_GUARD_GUARD_H_
#define TESSERA_GUARD_GUARD_H_

#include <grpc/grpc_security_constants.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tessera/guard/explain.h"
#include "tessera/guard/guard_options.h"
#include "tessera/guard/metrics.h"
#include "tessera/guard/principal.h"

namespace grpc {
class Server;
class ServerBuilder;
class ServerContextBase;
class ServerCredentials;
struct SslServerCredentialsOptions;
namespace experimental {
class ServerInterceptorFactoryInterface;
}  // namespace experimental
}  // namespace grpc

namespace tessera {

// Whether a port's handshake verifies the certificates of clients that show one. Ignored, they
// prove nothing: tokens that are bound to one are refused.
enum class ClientCertificates { kIgnored, kVerified };

// Thread-safe. Must outlive the server that Start returned. Not guarded, because gRPC shows them to
// no credentials' processor: calls through Server::InProcessChannel and over connections handed in
// with grpc::AddInsecureChannelFromFd. They are judged late: the handler of a refused call runs, as
// nobody and cancelled. And where the same token was let in to the same method by a call that then
// went away before its handler, such a call takes that admission, and is not judged anew.
class Guard {
 public:
  // No network. INVALID_ARGUMENT: an option is missing or out of bounds; the message names it.
  static absl::StatusOr<std::unique_ptr<Guard>> Create(GuardOptions options);
  virtual ~Guard() = default;

  // Waits until keys and the list of revocations are there. DEADLINE_EXCEEDED names what is
  // missing.
  virtual absl::Status WaitUntilReady(absl::Duration limit) = 0;

  // Guarded credentials, for ServerBuilder::AddListeningPort.
  virtual std::shared_ptr<grpc::ServerCredentials> Plaintext() = 0;
  // For one machine: LOCAL_TCP is loopback only, UDS a socket in the file system only. Like
  // plaintext, neither encrypts. (Plaintext serves a `unix:` address, too.)
  virtual std::shared_ptr<grpc::ServerCredentials> Local(grpc_local_connect_type type) = 0;
  virtual std::shared_ptr<grpc::ServerCredentials> Ssl(
      const grpc::SslServerCredentialsOptions& options) = 0;
  // TLS with certificate and key read again when the files change; `client_ca` empty: no client
  // certificates. INVALID_ARGUMENT: a file cannot be read.
  struct TlsFiles {
    std::string certificate;
    std::string key;
    std::string client_ca;
  };
  virtual absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> Tls(const TlsFiles& files) = 0;

  // Guards credentials that somebody else built (xDS, ALTS, TLS with a provider of your own), for
  // AddListeningPort as they are; Start knows them. Call it before the server starts, and set no
  // processor on them afterwards: it would replace the guard. One guard for one such object.
  // `certificates`: kVerified only if its handshake refuses clients whose certificate it did not
  // verify.
  // gRPC gives such credentials a synchronous road only, so a call whose token has an unknown key
  // does not wait: it is answered UNAVAILABLE KEYS_UNAVAILABLE while the keys are fetched, and for
  // five seconds after a fetch an unknown key is TOKEN_UNKNOWN_KEY.
  // INVALID_ARGUMENT: null. FAILED_PRECONDITION: plaintext credentials of gRPC, which cannot be
  // guarded (Plaintext can), or they are guarded already.
  virtual absl::Status Protect(const std::shared_ptr<grpc::ServerCredentials>& credentials,
                               ClientCertificates certificates) = 0;
  absl::Status Protect(const std::shared_ptr<grpc::ServerCredentials>& credentials);

  // Adds the guard's interceptor, and starts the server. It sees each call before `interceptors`,
  // the service's own: to them the token is hidden, and PrincipalOf knows who calls. Interceptors
  // that the builder has been given are replaced: hand them in here instead, and give it none
  // afterwards. FAILED_PRECONDITION: names each port that is not guarded and each method without a
  // rule, or there are external connection acceptors or passive listeners, or this guard has
  // started a server already; UNAVAILABLE: gRPC could not start it, and the message names all
  // ports, since gRPC does not say which of them it could not open. Nothing was started.
  virtual absl::StatusOr<std::unique_ptr<grpc::Server>> Start(
      grpc::ServerBuilder& builder,
      std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
          interceptors) = 0;
  absl::StatusOr<std::unique_ptr<grpc::Server>> Start(grpc::ServerBuilder& builder);

  // Answers the calls that wait for keys (UNAVAILABLE), and lets no more wait; call it before
  // Server::Shutdown, which would wait for them. All other calls go on as before.
  virtual void Drain() = 0;

  // Who is calling; never null. Anonymous for a public method, and for a context that this guard
  // did not admit. A call is judged before its handler is chosen; should its admission be lost on
  // the way to the handler (kept for about 4,000 waiting calls) it is judged again there, and if
  // that refuses it, the handler runs, but cancelled and anonymous.
  virtual std::shared_ptr<const Principal> PrincipalOf(
      const grpc::ServerContextBase& context) const = 0;

  // Why a call was or would be refused, by this guard's rules, keys and revocations of now. For
  // operators: whoever may ask learns what a rule asks for. Nothing is fetched: an unknown key is
  // KEYS_UNAVAILABLE where there are no keys or the latest fetch that a call waited for failed,
  // else TOKEN_UNKNOWN_KEY, though a call would first wait for a fetch.
  virtual Explanation Explain(const ShownCall& call) const = 0;

  // What the guard has done so far and how it stands. Goes through all methods: for a scrape, not
  // for every call.
  virtual GuardMetrics Metrics() const = 0;
};

}  // namespace tessera

#endif  // TESSERA_GUARD_GUARD_H_
