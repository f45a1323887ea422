#include "tests/guard/call.h"

#include <grpcpp/generic/generic_stub.h>

#include <chrono>

#include "tessera/base/reason.h"

namespace tessera::testing {
namespace {

constexpr std::chrono::seconds kCallLimit{60};  // far beyond what a loaded machine needs

}  // namespace

Headers BearerOf(const std::string& token) { return {{"authorization", "Bearer " + token}}; }

void Prepare(grpc::ClientContext& context, const Headers& headers) {
  context.set_deadline(std::chrono::system_clock::now() + kCallLimit);
  for (const auto& [key, value] : headers) context.AddMetadata(key, value);
}

grpc::Status CallPath(const std::shared_ptr<grpc::Channel>& channel, const std::string& path,
                      const Headers& headers, const std::string& request) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  Prepare(context, headers);
  const grpc::Slice slice(request);
  const grpc::ByteBuffer bytes(&slice, 1);
  grpc::CompletionQueue queue;
  const auto call = stub.PrepareUnaryCall(&context, path, bytes, &queue);
  call->StartCall();
  grpc::ByteBuffer answer;
  grpc::Status status;
  call->Finish(&answer, &status, &status);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  return status;
}

std::string ReasonIn(const grpc::Status& status) {
  return std::string(ReasonInMessage(status.error_message()));
}

}  // namespace tessera::testing
