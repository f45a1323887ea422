// The callback interface, and the stubs that know no service.
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>

#include <utility>

#include "tests/caller/echo_client.h"
#include "tests/caller/fake_auth_server.h"

namespace tessera::testing {
namespace {

namespace pb = test::guard;

std::string PathOf(Shape shape) {
  const char* const method = shape == Shape::kUnary          ? "Say"
                             : shape == Shape::kClientStream ? "Collect"
                             : shape == Shape::kServerStream ? "Tail"
                                                             : "Chat";
  return std::string("/tessera.test.guard.Echo/") + method;
}

// The end of a call, as its reactor tells it.
class Ending {
 public:
  void Set(const grpc::Status& status) {
    status_ = status;
    done_.Add();
  }
  Outcome Wait(const int& messages) {
    if (!done_.WaitFor(1)) {
      return {grpc::Status(grpc::StatusCode::UNKNOWN, "the call did not end"), 0};
    }
    return {status_, messages};
  }

 private:
  grpc::Status status_;
  Counter done_;
};

class Writing final : public grpc::ClientWriteReactor<pb::EchoRequest> {
 public:
  Outcome Run(pb::Echo::Stub& stub, grpc::ClientContext& context) {
    stub.async()->Collect(&context, &response_, this);
    StartWrite(&request_);
    StartCall();
    return ending_.Wait(received_);
  }
  void OnWriteDone(bool ok) override {
    if (ok && ++sent_ < SentIn(Shape::kClientStream)) return StartWrite(&request_);
    if (ok) StartWritesDone();
  }
  void OnDone(const grpc::Status& status) override {
    received_ = status.ok() ? 1 : 0;
    ending_.Set(status);
  }

 private:
  pb::EchoRequest request_;
  pb::EchoResponse response_;
  int sent_ = 0;
  int received_ = 0;
  Ending ending_;
};

class Reading final : public grpc::ClientReadReactor<pb::EchoResponse> {
 public:
  Outcome Run(pb::Echo::Stub& stub, grpc::ClientContext& context) {
    stub.async()->Tail(&context, &request_, this);
    StartRead(&response_);
    StartCall();
    return ending_.Wait(received_);
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    ++received_;
    StartRead(&response_);
  }
  void OnDone(const grpc::Status& status) override { ending_.Set(status); }

 private:
  pb::EchoRequest request_;
  pb::EchoResponse response_;
  int received_ = 0;
  Ending ending_;
};

// Reads and writes at once, before the token is decided on.
class Chatting final : public grpc::ClientBidiReactor<pb::EchoRequest, pb::EchoResponse> {
 public:
  explicit Chatting(Shape shape) : to_send_(SentIn(shape)) {}
  Outcome Run() {
    StartRead(&response_);
    StartWrite(&request_);
    StartCall();
    return ending_.Wait(received_);
  }
  void OnWriteDone(bool ok) override {
    if (ok && ++sent_ < to_send_) return StartWrite(&request_);
    if (ok) StartWritesDone();
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    ++received_;
    StartRead(&response_);
  }
  void OnDone(const grpc::Status& status) override { ending_.Set(status); }

 private:
  const int to_send_;
  pb::EchoRequest request_;
  pb::EchoResponse response_;
  int sent_ = 0;
  int received_ = 0;
  Ending ending_;
};

class Callback final : public EchoClient {
 public:
  explicit Callback(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(pb::Echo::NewStub(channel)) {}
  std::string name() const override { return "callback"; }
  Outcome Call(Shape shape, grpc::ClientContext& context) override {
    switch (shape) {
      case Shape::kUnary:
        return Say(context);
      case Shape::kClientStream:
        return Writing().Run(*stub_, context);
      case Shape::kServerStream:
        return Reading().Run(*stub_, context);
      case Shape::kBidi: {
        Chatting chatting(shape);
        stub_->async()->Chat(&context, &chatting);
        return chatting.Run();
      }
    }
    return {};
  }

 private:
  Outcome Say(grpc::ClientContext& context) {
    const pb::EchoRequest request;
    pb::EchoResponse response;
    Ending ending;
    int received = 0;
    stub_->async()->Say(&context, &request, &response, [&](const grpc::Status& status) {
      received = status.ok() ? 1 : 0;
      ending.Set(status);
    });
    return ending.Wait(received);
  }

  const std::unique_ptr<pb::Echo::Stub> stub_;
};

// Bytes, and a completion queue.
class Generic final : public EchoClient {
 public:
  explicit Generic(const std::shared_ptr<grpc::Channel>& channel) : stub_(channel) {}
  std::string name() const override { return "generic"; }
  Outcome Call(Shape shape, grpc::ClientContext& context) override {
    grpc::CompletionQueue queue;
    Outcome outcome;
    shape == Shape::kUnary ? Unary(context, queue, outcome)
                           : Stream(shape, context, queue, outcome);
    queue.Shutdown();
    while (Next(queue)) {
    }
    return outcome;
  }

 private:
  static bool Next(grpc::CompletionQueue& queue) {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  }
  static grpc::ByteBuffer Message() {
    const grpc::Slice slice(pb::EchoRequest().SerializeAsString());
    return grpc::ByteBuffer(&slice, 1);
  }
  void Unary(grpc::ClientContext& context, grpc::CompletionQueue& queue, Outcome& outcome) {
    grpc::ByteBuffer response;
    const auto call = stub_.PrepareUnaryCall(&context, PathOf(Shape::kUnary), Message(), &queue);
    call->StartCall();
    call->Finish(&response, &outcome.status, this);
    Next(queue);
    outcome.messages = outcome.status.ok() ? 1 : 0;
  }
  void Stream(Shape shape, grpc::ClientContext& context, grpc::CompletionQueue& queue,
              Outcome& outcome) {
    const auto stream = stub_.PrepareCall(&context, PathOf(shape), &queue);
    stream->StartCall(this);
    Next(queue);
    for (int i = 0; i < SentIn(shape); ++i) {
      stream->Write(Message(), this);
      Next(queue);
    }
    stream->WritesDone(this);
    Next(queue);
    grpc::ByteBuffer response;
    for (stream->Read(&response, this); Next(queue); stream->Read(&response, this)) {
      ++outcome.messages;
    }
    stream->Finish(&outcome.status, this);
    Next(queue);
  }

  grpc::GenericStub stub_;
};

// Messages, and callbacks.
class TypedGeneric final : public EchoClient {
 public:
  explicit TypedGeneric(const std::shared_ptr<grpc::Channel>& channel) : stub_(channel) {}
  std::string name() const override { return "generic with types"; }
  Outcome Call(Shape shape, grpc::ClientContext& context) override {
    if (shape == Shape::kUnary) return Unary(context);
    Chatting chatting(shape);
    stub_.PrepareBidiStreamingCall(&context, PathOf(shape), {}, &chatting);
    return chatting.Run();
  }

 private:
  Outcome Unary(grpc::ClientContext& context) {
    const pb::EchoRequest request;
    pb::EchoResponse response;
    Ending ending;
    int received = 0;
    stub_.UnaryCall(&context, PathOf(Shape::kUnary), {}, &request, &response,
                    [&](const grpc::Status& status) {
                      received = status.ok() ? 1 : 0;
                      ending.Set(status);
                    });
    return ending.Wait(received);
  }

  grpc::TemplatedGenericStub<pb::EchoRequest, pb::EchoResponse> stub_;
};

}  // namespace

std::unique_ptr<EchoClient> CallbackEchoClient(const std::shared_ptr<grpc::Channel>& channel) {
  return std::make_unique<Callback>(channel);
}

std::unique_ptr<EchoClient> GenericEchoClient(const std::shared_ptr<grpc::Channel>& channel) {
  return std::make_unique<Generic>(channel);
}

std::unique_ptr<EchoClient> TypedGenericEchoClient(const std::shared_ptr<grpc::Channel>& channel) {
  return std::make_unique<TypedGeneric>(channel);
}

}  // namespace tessera::testing
