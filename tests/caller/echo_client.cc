#include "tests/caller/echo_client.h"

#include <grpcpp/completion_queue.h>

#include <utility>

namespace tessera::testing {
namespace {

namespace pb = test::guard;

class Sync final : public EchoClient {
 public:
  explicit Sync(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(pb::Echo::NewStub(channel)) {}
  std::string name() const override { return "sync"; }
  Outcome Call(Shape shape, grpc::ClientContext& context) override {
    switch (shape) {
      case Shape::kUnary:
        return Say(context);
      case Shape::kClientStream:
        return Collect(context);
      case Shape::kServerStream:
        return Tail(context);
      case Shape::kBidi:
        return Chat(context);
    }
    return {};
  }

 private:
  Outcome Say(grpc::ClientContext& context) {
    pb::EchoResponse response;
    const grpc::Status status = stub_->Say(&context, {}, &response);
    return {status, status.ok() ? 1 : 0};
  }
  Outcome Collect(grpc::ClientContext& context) {
    pb::EchoResponse response;
    const auto stream = stub_->Collect(&context, &response);
    for (int i = 0; i < SentIn(Shape::kClientStream); ++i) stream->Write({});
    stream->WritesDone();
    const grpc::Status status = stream->Finish();
    return {status, status.ok() ? 1 : 0};
  }
  Outcome Tail(grpc::ClientContext& context) {
    pb::EchoResponse response;
    const auto stream = stub_->Tail(&context, {});
    int received = 0;
    while (stream->Read(&response)) ++received;
    return {stream->Finish(), received};
  }
  Outcome Chat(grpc::ClientContext& context) {
    pb::EchoResponse response;
    const auto stream = stub_->Chat(&context);
    for (int i = 0; i < SentIn(Shape::kBidi); ++i) stream->Write({});
    stream->WritesDone();
    int received = 0;
    while (stream->Read(&response)) ++received;
    return {stream->Finish(), received};
  }

  const std::unique_ptr<pb::Echo::Stub> stub_;
};

// A completion queue of one call's.
class OwnQueue {
 public:
  ~OwnQueue() {
    queue_.Shutdown();
    while (Next()) {
    }
  }
  // Whether the operation begun last succeeded.
  bool Next() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }
  grpc::CompletionQueue* get() { return &queue_; }

 private:
  grpc::CompletionQueue queue_;
};

class Queue final : public EchoClient {
 public:
  explicit Queue(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(pb::Echo::NewStub(channel)) {}
  std::string name() const override { return "completion queue"; }
  Outcome Call(Shape shape, grpc::ClientContext& context) override {
    OwnQueue queue;
    Outcome outcome;
    switch (shape) {
      case Shape::kUnary:
        Say(context, queue, outcome);
        break;
      case Shape::kClientStream:
        Collect(context, queue, outcome);
        break;
      case Shape::kServerStream:
        Tail(context, queue, outcome);
        break;
      case Shape::kBidi:
        Chat(context, queue, outcome);
        break;
    }
    return outcome;
  }

 private:
  void Say(grpc::ClientContext& context, OwnQueue& queue, Outcome& outcome) {
    pb::EchoResponse response;
    const auto call = stub_->PrepareAsyncSay(&context, {}, queue.get());
    call->StartCall();
    call->Finish(&response, &outcome.status, this);
    queue.Next();
    outcome.messages = outcome.status.ok() ? 1 : 0;
  }
  template <typename Stream>
  void Send(Stream& stream, Shape shape, OwnQueue& queue) {
    for (int i = 0; i < SentIn(shape); ++i) {
      stream.Write({}, this);
      queue.Next();
    }
    stream.WritesDone(this);
    queue.Next();
  }
  template <typename Stream>
  void Receive(Stream& stream, OwnQueue& queue, Outcome& outcome) {
    pb::EchoResponse response;
    for (stream.Read(&response, this); queue.Next(); stream.Read(&response, this)) {
      ++outcome.messages;
    }
  }
  template <typename Stream>
  void Finish(Stream& stream, OwnQueue& queue, Outcome& outcome) {
    stream.Finish(&outcome.status, this);
    queue.Next();
  }
  void Collect(grpc::ClientContext& context, OwnQueue& queue, Outcome& outcome) {
    pb::EchoResponse response;
    const auto stream = stub_->PrepareAsyncCollect(&context, &response, queue.get());
    stream->StartCall(this);
    queue.Next();
    Send(*stream, Shape::kClientStream, queue);
    Finish(*stream, queue, outcome);
    outcome.messages = outcome.status.ok() ? 1 : 0;
  }
  void Tail(grpc::ClientContext& context, OwnQueue& queue, Outcome& outcome) {
    const auto stream = stub_->PrepareAsyncTail(&context, {}, queue.get());
    stream->StartCall(this);
    queue.Next();
    Receive(*stream, queue, outcome);
    Finish(*stream, queue, outcome);
  }
  void Chat(grpc::ClientContext& context, OwnQueue& queue, Outcome& outcome) {
    const auto stream = stub_->PrepareAsyncChat(&context, queue.get());
    stream->StartCall(this);
    queue.Next();
    Send(*stream, Shape::kBidi, queue);
    Receive(*stream, queue, outcome);
    Finish(*stream, queue, outcome);
  }

  const std::unique_ptr<pb::Echo::Stub> stub_;
};

}  // namespace

int SentIn(Shape shape) { return shape == Shape::kUnary || shape == Shape::kServerStream ? 1 : 2; }

int ReceivedIn(Shape shape) {
  return shape == Shape::kUnary || shape == Shape::kClientStream ? 1 : 2;
}

std::unique_ptr<EchoClient> SyncEchoClient(const std::shared_ptr<grpc::Channel>& channel) {
  return std::make_unique<Sync>(channel);
}

std::unique_ptr<EchoClient> QueueEchoClient(const std::shared_ptr<grpc::Channel>& channel) {
  return std::make_unique<Queue>(channel);
}

std::vector<std::unique_ptr<EchoClient>> EveryEchoClient(
    const std::shared_ptr<grpc::Channel>& channel) {
  std::vector<std::unique_ptr<EchoClient>> clients;
  for (const auto& make : {SyncEchoClient, QueueEchoClient, CallbackEchoClient, GenericEchoClient,
                           TypedGenericEchoClient}) {
    clients.push_back(make(channel));
  }
  return clients;
}

}  // namespace tessera::testing
