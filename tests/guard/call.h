// What every call of a guarded test service has: headers, a deadline, a reason in its answer.
#ifndef TESSERA_TESTS_GUARD_CALL_H_
#define TESSERA_TESTS_GUARD_CALL_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tessera::testing {

enum class Shape { kUnary, kClientStream, kServerStream, kBidi };

using Headers = std::vector<std::pair<std::string, std::string>>;
// `authorization: Bearer TOKEN`.
Headers BearerOf(const std::string& token);

// Gives the call these headers, and a generous deadline.
void Prepare(grpc::ClientContext& context, const Headers& headers);

// A unary call of any path.
grpc::Status CallPath(const std::shared_ptr<grpc::Channel>& channel, const std::string& path,
                      const Headers& headers, const std::string& request = "");

// The reason at the head of a status's message.
std::string ReasonIn(const grpc::Status& status);

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_GUARD_CALL_H_
