// The service behind the two generic APIs, which see bytes and a path.
#include <grpcpp/generic/async_generic_service.h>

#include "tests/guard_conformance/completion_queue.h"
#include "tests/guard_conformance/stage.h"

namespace tessera::testing {
namespace {

using speech::Heard;
using speech::Line;

std::string TextOf(grpc::ByteBuffer& bytes) {
  Line line;
  const grpc::Status status = grpc::SerializationTraits<Line>::Deserialize(&bytes, &line);
  return status.ok() ? line.text() : "not a line";
}

grpc::ByteBuffer BytesOf(const Heard& heard) {
  grpc::ByteBuffer bytes;
  bool own = false;
  grpc::SerializationTraits<Heard>::Serialize(heard, &bytes, &own);
  return bytes;
}

bool Collects(const std::string& method) { return method == std::string(kPrefix) + "Collect"; }

// Answers each line, but those of Collect all at once.
class GenericCall final : public QueuedCall {
 public:
  GenericCall(grpc::AsyncGenericService& service, grpc::ServerCompletionQueue& queue,
              Record& record)
      : service_(service), queue_(queue), record_(record) {
    service_.RequestCall(&context_, &stream_, &queue_, &queue_, tag());
  }

  bool Step(bool ok) override {
    switch (next_) {
      case Next::kBegin:
        if (!ok) return false;  // the server stops
        new GenericCall(service_, queue_, record_);
        record_.Enter();
        return Read();
      case Next::kRead:
        return ok ? Take() : End();
      case Next::kWritten:
        return ok ? GoOn() : End();
      case Next::kLast:
        return Finish();
      case Next::kEnd:
        break;
    }
    return false;
  }

 private:
  enum class Next { kBegin, kRead, kWritten, kLast, kEnd };

  bool Read() {
    next_ = Next::kRead;
    stream_.Read(&bytes_, tag());
    return true;
  }
  bool Take() {
    const std::string text = TextOf(bytes_);
    if (Collects(context_.method())) {
      all_ += text;
      return Read();
    }
    for_ever_ = text == kForEver;
    return Write(Next::kWritten, text);
  }
  bool GoOn() { return for_ever_ ? Write(Next::kWritten, kForEver) : Read(); }
  bool Write(Next next, const std::string& text) {
    next_ = next;
    stream_.Write(BytesOf(record_.Answer(context_, text)), tag());
    return true;
  }
  bool End() { return Collects(context_.method()) ? Write(Next::kLast, all_) : Finish(); }
  bool Finish() {
    next_ = Next::kEnd;
    stream_.Finish(grpc::Status::OK, tag());
    return true;
  }

  grpc::AsyncGenericService& service_;
  grpc::ServerCompletionQueue& queue_;
  Record& record_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_{&context_};
  Next next_ = Next::kBegin;
  grpc::ByteBuffer bytes_;
  std::string all_;
  bool for_ever_ = false;
};

class AsyncGeneric final : public QueuePerformer {
 public:
  AsyncGeneric(GuardedServer& server, Record& record) : QueuePerformer(server), record_(record) {
    server.builder().RegisterAsyncGenericService(&service_);
  }
  ~AsyncGeneric() override { End(); }

 private:
  void RequestFirst() override { new GenericCall(service_, queue(), record_); }

  Record& record_;
  grpc::AsyncGenericService service_;
};

class GenericReactor final : public grpc::ServerGenericBidiReactor {
 public:
  GenericReactor(Record& record, grpc::GenericCallbackServerContext& context)
      : record_(record), context_(context), collects_(Collects(context.method())) {
    StartRead(&bytes_);
  }
  void OnReadDone(bool ok) override {
    if (!ok) return End();
    const std::string text = TextOf(bytes_);
    if (collects_) {
      all_ += text;
      return StartRead(&bytes_);
    }
    for_ever_ = text == kForEver;
    Write(text);
  }
  void OnWriteDone(bool ok) override {
    if (!ok || collects_) return Finish(grpc::Status::OK);
    if (for_ever_) return Write(kForEver);
    StartRead(&bytes_);
  }
  void OnDone() override { delete this; }

 private:
  void Write(const std::string& text) {
    answer_ = BytesOf(record_.Answer(context_, text));
    StartWrite(&answer_);
  }
  void End() { return collects_ ? Write(all_) : Finish(grpc::Status::OK); }

  Record& record_;
  grpc::GenericCallbackServerContext& context_;
  const bool collects_;
  grpc::ByteBuffer bytes_, answer_;
  std::string all_;
  bool for_ever_ = false;
};

class CallbackGeneric final : public Performer, private grpc::CallbackGenericService {
 public:
  CallbackGeneric(GuardedServer& server, Record& record) : record_(record) {
    server.builder().RegisterCallbackGenericService(this);
  }

 private:
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    record_.Enter();
    return new GenericReactor(record_, *context);
  }

  Record& record_;
};

}  // namespace

std::unique_ptr<Performer> MakeAsyncGeneric(GuardedServer& server, Record& record) {
  return std::make_unique<AsyncGeneric>(server, record);
}

std::unique_ptr<Performer> MakeCallbackGeneric(GuardedServer& server, Record& record) {
  return std::make_unique<CallbackGeneric>(server, record);
}

}  // namespace tessera::testing
