// What tesserad has for proxies that ask it about calls: the service, and a port of its own for it.
#ifndef TESSERA_SERVER_MESH_PORT_H_
#define TESSERA_SERVER_MESH_PORT_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/config/config.h"
#include "server/mesh/authorization_service.h"
#include "server/mesh/mesh_judge.h"
#include "tessera/guard/guard.h"

namespace tessera::server {

// Thread-safe.
class MeshPort {
 public:
  // Null if `config.mesh` is not enabled. Listens nowhere yet. INVALID_ARGUMENT: a descriptor set.
  static absl::StatusOr<std::unique_ptr<MeshPort>> Create(const Config& config,
                                                          const MeshJudge::Parts& parts);
  // Shuts down without grace, if nobody has.
  ~MeshPort();

  // For the main port, where its callers need the role `tessera.mesh`.
  grpc::Service* service() { return &service_; }

  // Opens the port of its own, if there is one in the configuration: whoever can connect there may
  // ask. On loopback and on a Unix domain socket that is everybody; elsewhere it takes a client
  // certificate of `mesh.client_ca`. INVALID_ARGUMENT, UNAVAILABLE: a message for the operator.
  absl::Status Listen();
  // As bound; empty without a port.
  const std::string& address() const { return address_; }

  // Answers the calls that wait for keys, lets no more wait, and closes the port of its own. Before
  // the main server shuts down.
  void Shutdown(absl::Duration grace);

 private:
  MeshPort(const Config& config, const MeshJudge::Parts& parts, std::unique_ptr<MeshJudge> judge);
  absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> Credentials();

  const Config config_;
  const MeshJudge::Parts parts_;
  const std::unique_ptr<MeshJudge> judge_;
  AuthorizationService service_;
  AuthorizationService own_service_;  // gRPC gives a service to one server
  std::unique_ptr<Guard> guard_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_MESH_PORT_H_
