// One service, called through each of gRPC's client interfaces.
#ifndef TESSERA_TESTS_CALLER_ECHO_CLIENT_H_
#define TESSERA_TESTS_CALLER_ECHO_CLIENT_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <memory>
#include <string>
#include <vector>

#include "echo.grpc.pb.h"

namespace tessera::testing {

enum class Shape { kUnary, kClientStream, kServerStream, kBidi };
inline constexpr Shape kEveryShape[] = {Shape::kUnary, Shape::kClientStream, Shape::kServerStream,
                                        Shape::kBidi};

struct Outcome {
  grpc::Status status;
  int messages = 0;  // that the client received
};

// How many messages a client sends and receives in a call that succeeds.
int SentIn(Shape shape);
int ReceivedIn(Shape shape);

// Makes calls of test.guard.Echo, and waits for their end. Thread-safe.
class EchoClient {
 public:
  virtual ~EchoClient() = default;
  virtual Outcome Call(Shape shape, grpc::ClientContext& context) = 0;
  virtual std::string name() const = 0;
};

// Synchronous, completion queue, callback, GenericStub, TemplatedGenericStub.
std::vector<std::unique_ptr<EchoClient>> EveryEchoClient(
    const std::shared_ptr<grpc::Channel>& channel);

// The parts of EveryEchoClient.
std::unique_ptr<EchoClient> SyncEchoClient(const std::shared_ptr<grpc::Channel>& channel);
std::unique_ptr<EchoClient> QueueEchoClient(const std::shared_ptr<grpc::Channel>& channel);
std::unique_ptr<EchoClient> CallbackEchoClient(const std::shared_ptr<grpc::Channel>& channel);
std::unique_ptr<EchoClient> GenericEchoClient(const std::shared_ptr<grpc::Channel>& channel);
std::unique_ptr<EchoClient> TypedGenericEchoClient(const std::shared_ptr<grpc::Channel>& channel);

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_CALLER_ECHO_CLIENT_H_
