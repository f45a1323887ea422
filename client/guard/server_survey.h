// What a ServerBuilder is about to start: its ports and its methods.
#ifndef TESSERA_GUARD_SERVER_SURVEY_H_
#define TESSERA_GUARD_SERVER_SURVEY_H_

#include <memory>
#include <string>
#include <vector>

namespace grpc {
class ServerBuilder;
class ServerCredentials;
}  // namespace grpc

namespace tessera::guard {

struct SurveyedPort {
  std::string address;
  std::shared_ptr<grpc::ServerCredentials> credentials;
};

struct ServerSurvey {
  std::vector<SurveyedPort> ports;
  std::vector<std::string> paths;  // `/pkg.Service/Method` of each registered service
  // Methods that were marked generic: their names cannot be seen, so they cannot be ruled.
  size_t nameless_methods = 0;
  // An AsyncGenericService or a CallbackGenericService is registered: it owns every other path.
  bool generic_service = false;
  // Of AddExternalConnectionAcceptor: roads to the server whose credentials cannot be seen.
  size_t acceptors = 0;
  // Of AddPassiveListener, in gRPC that has it: likewise.
  size_t passive_listeners = 0;
};

// Services that a plug-in registers and gRPC's own health service stay invisible.
ServerSurvey Survey(grpc::ServerBuilder& builder);

}  // namespace tessera::guard

#endif  // TESSERA_GUARD_SERVER_SURVEY_H_
