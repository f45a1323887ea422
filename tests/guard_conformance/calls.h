// Calls of each shape: one message there, one back.
#ifndef TESSERA_TESTS_GUARD_CONFORMANCE_CALLS_H_
#define TESSERA_TESTS_GUARD_CONFORMANCE_CALLS_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "speech.grpc.pb.h"

namespace tessera::testing {

enum class Shape { kUnary, kClientStream, kServerStream, kBidi };
inline constexpr Shape kShapes[] = {Shape::kUnary, Shape::kClientStream, Shape::kServerStream,
                                    Shape::kBidi};
const char* NameOf(Shape shape);

using Headers = std::vector<std::pair<std::string, std::string>>;
Headers BearerOf(const std::string& token);

struct Outcome {
  grpc::Status status;
  std::vector<test::conformance::Heard> replies;
};

// With a generous deadline.
Outcome Call(test::conformance::Speech::Stub& stub, Shape shape, const Headers& headers);

// A unary call of any path, with an empty message.
grpc::Status CallPath(const std::shared_ptr<grpc::Channel>& channel, const std::string& path,
                      const Headers& headers);

void Prepare(grpc::ClientContext& context, const Headers& headers);

// The reason at the head of a status's message.
std::string ReasonIn(const grpc::Status& status);

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_GUARD_CONFORMANCE_CALLS_H_
