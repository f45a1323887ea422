#include "tests/guard_conformance/calls.h"

namespace tessera::testing {
namespace {

using test::conformance::Heard;
using test::conformance::Line;
using test::conformance::Speech;

Line Hello() {
  Line line;
  line.set_text("hello");
  return line;
}

std::vector<Heard> One(const grpc::Status& status, const Heard& heard) {
  return status.ok() ? std::vector{heard} : std::vector<Heard>();
}

Outcome CallUnary(Speech::Stub& stub, grpc::ClientContext& context) {
  Heard heard;
  const grpc::Status status = stub.Say(&context, Hello(), &heard);
  return {status, One(status, heard)};
}

Outcome CallClientStream(Speech::Stub& stub, grpc::ClientContext& context) {
  Heard heard;
  const auto writer = stub.Collect(&context, &heard);
  writer->Write(Hello());
  writer->WritesDone();
  const grpc::Status status = writer->Finish();
  return {status, One(status, heard)};
}

Outcome CallServerStream(Speech::Stub& stub, grpc::ClientContext& context) {
  const auto reader = stub.Tail(&context, Hello());
  Outcome outcome;
  for (Heard heard; reader->Read(&heard);) outcome.replies.push_back(heard);
  outcome.status = reader->Finish();
  return outcome;
}

Outcome CallBidi(Speech::Stub& stub, grpc::ClientContext& context) {
  const auto stream = stub.Chat(&context);
  stream->Write(Hello());
  stream->WritesDone();
  Outcome outcome;
  for (Heard heard; stream->Read(&heard);) outcome.replies.push_back(heard);
  outcome.status = stream->Finish();
  return outcome;
}

}  // namespace

const char* NameOf(Shape shape) {
  constexpr const char* kNames[] = {"unary", "client stream", "server stream", "bidi"};
  return kNames[static_cast<int>(shape)];
}

Outcome Call(Speech::Stub& stub, Shape shape, const Headers& headers) {
  grpc::ClientContext context;
  Prepare(context, headers);
  switch (shape) {
    case Shape::kUnary:
      return CallUnary(stub, context);
    case Shape::kClientStream:
      return CallClientStream(stub, context);
    case Shape::kServerStream:
      return CallServerStream(stub, context);
    case Shape::kBidi:
      break;
  }
  return CallBidi(stub, context);
}

}  // namespace tessera::testing
