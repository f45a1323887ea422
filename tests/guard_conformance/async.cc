// The service in the completion-queue API.
#include "tests/guard_conformance/completion_queue.h"
#include "tests/guard_conformance/stage.h"

namespace tessera::testing {
namespace {

using grpc::Status;
using speech::Heard;
using speech::Line;
using Service = speech::Speech::AsyncService;

struct Scene {
  Service& service;
  grpc::ServerCompletionQueue& queue;
  Record& record;
};

// One call; `Shape` asks for the next of its kind and goes on with an admitted one.
template <typename Shape>
class AsyncCall : public QueuedCall {
 public:
  explicit AsyncCall(const Scene& scene) : scene_(scene) {}

  static void Await(const Scene& scene) { (new Shape(scene))->Request(); }

  bool Step(bool ok) override {
    if (begun_) return static_cast<Shape*>(this)->Go(ok);
    if (!ok) return false;  // the server stops
    begun_ = true;
    Await(scene_);
    scene_.record.Enter();
    return static_cast<Shape*>(this)->Go(true);
  }

 protected:
  Heard Answer(const std::string& text) const { return scene_.record.Answer(context_, text); }

  const Scene scene_;
  grpc::ServerContext context_;
  bool begun_ = false;
  bool finished_ = false;
  Line line_;
};

template <auto kRequest>
class UnaryCall : public AsyncCall<UnaryCall<kRequest>> {
 public:
  using AsyncCall<UnaryCall<kRequest>>::AsyncCall;
  void Request() {
    const Scene& scene = this->scene_;
    (scene.service.*kRequest)(&this->context_, &this->line_, &writer_, &scene.queue, &scene.queue,
                              this->tag());
  }
  bool Go(bool) {
    if (this->finished_) return false;
    this->finished_ = true;
    writer_.Finish(this->Answer(this->line_.text()), Status::OK, this->tag());
    return true;
  }

 private:
  grpc::ServerAsyncResponseWriter<Heard> writer_{&this->context_};
};
using SayCall = UnaryCall<&Service::RequestSay>;
using OpenCall = UnaryCall<&Service::RequestOpen>;

class CollectCall : public AsyncCall<CollectCall> {
 public:
  using AsyncCall::AsyncCall;
  void Request() {
    scene_.service.RequestCollect(&context_, &reader_, &scene_.queue, &scene_.queue, tag());
  }
  bool Go(bool ok) {
    if (finished_) return false;
    if (ok) {
      all_ += line_.text();  // empty before the first
      line_.Clear();
      reader_.Read(&line_, tag());
      return true;
    }
    finished_ = true;
    reader_.Finish(Answer(all_), Status::OK, tag());
    return true;
  }

 private:
  grpc::ServerAsyncReader<Heard, Line> reader_{&context_};
  std::string all_;
};

class TailCall : public AsyncCall<TailCall> {
 public:
  using AsyncCall::AsyncCall;
  void Request() {
    scene_.service.RequestTail(&context_, &line_, &writer_, &scene_.queue, &scene_.queue, tag());
  }
  bool Go(bool ok) {
    if (finished_) return false;
    if (ok && line_.text() == kForEver) {
      writer_.Write(Answer(line_.text()), tag());
      return true;
    }
    finished_ = true;
    writer_.WriteAndFinish(Answer(line_.text()), grpc::WriteOptions(), Status::OK, tag());
    return true;
  }

 private:
  grpc::ServerAsyncWriter<Heard> writer_{&context_};
};

class ChatCall : public AsyncCall<ChatCall> {
 public:
  using AsyncCall::AsyncCall;
  void Request() {
    scene_.service.RequestChat(&context_, &stream_, &scene_.queue, &scene_.queue, tag());
  }
  bool Go(bool ok) {
    if (finished_) return false;
    if (!ok) {
      finished_ = true;
      stream_.Finish(Status::OK, tag());
    } else if (reads_next_) {
      reads_next_ = false;
      stream_.Read(&line_, tag());
    } else {
      reads_next_ = true;
      stream_.Write(Answer(line_.text()), tag());
    }
    return true;
  }

 private:
  grpc::ServerAsyncReaderWriter<Heard, Line> stream_{&context_};
  bool reads_next_ = true;
};

class AsyncPerformer final : public QueuePerformer {
 public:
  AsyncPerformer(GuardedServer& server, Record& record) : QueuePerformer(server), record_(record) {
    server.builder().RegisterService(&service_);
  }
  ~AsyncPerformer() override { End(); }

 private:
  void RequestFirst() override {
    const Scene scene{service_, queue(), record_};
    SayCall::Await(scene);
    CollectCall::Await(scene);
    TailCall::Await(scene);
    ChatCall::Await(scene);
    OpenCall::Await(scene);
  }

  Record& record_;
  Service service_;
};

}  // namespace

std::unique_ptr<Performer> MakeAsync(GuardedServer& server, Record& record) {
  return std::make_unique<AsyncPerformer>(server, record);
}

}  // namespace tessera::testing
