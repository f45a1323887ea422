// FOR TESTS: your own service behind a real guard and a real port, in the test's own process.
//
//   FakeIssuer issuer;
//   auto server = *GuardedServer::Create(issuer.MakeGuardOptions());
//   server->Register(std::make_unique<OrdersService>(server->guard()));
//   ASSERT_TRUE(server->Start().ok());
//   auto alice = Orders::NewStub(server->ChannelAs(issuer.Token("usr_alice")));
#ifndef TESSERA_TESTING_GUARDED_SERVER_H_
#define TESSERA_TESTING_GUARDED_SERVER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tessera/guard/guard.h"

namespace grpc {
class Channel;
class ChannelCredentials;
class Server;
class ServerBuilder;
class ServerCredentials;
class Service;
}  // namespace grpc

namespace tessera::testing {

// Where the server listens, and how its channels get there.
struct ServerPlace {
  std::string address = "127.0.0.1:0";  // port 0: a free one; or `unix:/path/of/a/socket`
  // Null: Guard::Plaintext. Guard::Ssl and all others of the guard's are as good.
  std::function<std::shared_ptr<grpc::ServerCredentials>(Guard&)> credentials;
  // Null: none. What fits `credentials`.
  std::shared_ptr<grpc::ChannelCredentials> channel_credentials;
};

using MetadataMap = std::multimap<std::string, std::string>;

// Not thread-safe, but for guard() and the channels.
class GuardedServer {
 public:
  // What Guard::Create says of `options`.
  static absl::StatusOr<std::unique_ptr<GuardedServer>> Create(GuardOptions options,
                                                               ServerPlace place = ServerPlace());
  ~GuardedServer();  // stops

  // For the service's PrincipalOf.
  Guard& guard();

  // Before Start. The service lives until the server has stopped.
  void Register(std::unique_ptr<grpc::Service> service);
  // For whatever else belongs to the server: completion queues, generic services, options. Its
  // port is there already; interceptors go to Start.
  grpc::ServerBuilder& builder();

  // What Guard::Start says: a method without a rule is named here.
  absl::Status Start(
      std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
          interceptors);
  absl::Status Start();

  // After Start.
  const std::string& address() const;
  grpc::Server& server();
  // One connection, shared by all who ask.
  const std::shared_ptr<grpc::Channel>& channel() const;
  // A connection of its own, whose every call brings `authorization: Bearer TOKEN`.
  std::shared_ptr<grpc::Channel> ChannelAs(const std::string& token) const;
  // Likewise, with any metadata. Keys are lower case. Null: the place's credentials.
  std::shared_ptr<grpc::Channel> ChannelWith(
      const MetadataMap& metadata,
      const std::shared_ptr<grpc::ChannelCredentials>& credentials = nullptr) const;

  // In the order that a service should stop in: no more calls wait for keys, then the calls that
  // run may end within `limit`, then they are cancelled. Once; the destructor does it, too.
  void Stop(absl::Duration limit = absl::Seconds(5));

 private:
  struct Parts;
  explicit GuardedServer(std::unique_ptr<Parts> parts);

  const std::unique_ptr<Parts> parts_;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTING_GUARDED_SERVER_H_
