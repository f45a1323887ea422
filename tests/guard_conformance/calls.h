// Calls of each shape: one message there, one back.
#ifndef TESSERA_TESTS_GUARD_CONFORMANCE_CALLS_H_
#define TESSERA_TESTS_GUARD_CONFORMANCE_CALLS_H_

#include <grpcpp/grpcpp.h>

#include <vector>

#include "speech.grpc.pb.h"
#include "tests/guard/call.h"

namespace tessera::testing {

inline constexpr Shape kShapes[] = {Shape::kUnary, Shape::kClientStream, Shape::kServerStream,
                                    Shape::kBidi};
const char* NameOf(Shape shape);

struct Outcome {
  grpc::Status status;
  std::vector<test::conformance::Heard> replies;
};

// With a generous deadline.
Outcome Call(test::conformance::Speech::Stub& stub, Shape shape, const Headers& headers);

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_GUARD_CONFORMANCE_CALLS_H_
