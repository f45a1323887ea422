// The service in the two APIs that gRPC runs by itself.
#include "tests/guard_conformance/stage.h"

namespace tessera::testing {
namespace {

using grpc::CallbackServerContext;
using grpc::ServerContext;
using grpc::Status;
using speech::Heard;
using speech::Line;

class SyncSpeech final : public speech::Speech::Service {
 public:
  explicit SyncSpeech(Record& record) : record_(record) {}

  Status Say(ServerContext* context, const Line* line, Heard* heard) override {
    record_.Enter();
    *heard = record_.Answer(*context, line->text());
    return Status::OK;
  }
  Status Open(ServerContext* context, const Line* line, Heard* heard) override {
    return Say(context, line, heard);
  }
  Status Collect(ServerContext* context, grpc::ServerReader<Line>* reader, Heard* heard) override {
    record_.Enter();
    std::string all;
    for (Line line; reader->Read(&line);) all += line.text();
    *heard = record_.Answer(*context, all);
    return Status::OK;
  }
  Status Tail(ServerContext* context, const Line* line,
              grpc::ServerWriter<Heard>* writer) override {
    record_.Enter();
    const Heard heard = record_.Answer(*context, line->text());
    while (writer->Write(heard) && line->text() == kForEver) {
    }
    return Status::OK;
  }
  Status Chat(ServerContext* context, grpc::ServerReaderWriter<Heard, Line>* stream) override {
    record_.Enter();
    for (Line line; stream->Read(&line);) stream->Write(record_.Answer(*context, line.text()));
    return Status::OK;
  }

 private:
  Record& record_;
};

class Collector final : public grpc::ServerReadReactor<Line> {
 public:
  Collector(Record& record, CallbackServerContext& context, Heard& heard)
      : record_(record), context_(context), heard_(heard) {
    StartRead(&line_);
  }
  void OnReadDone(bool ok) override {
    if (ok) {
      all_ += line_.text();
      return StartRead(&line_);
    }
    heard_ = record_.Answer(context_, all_);
    Finish(Status::OK);
  }
  void OnDone() override { delete this; }

 private:
  Record& record_;
  CallbackServerContext& context_;
  Heard& heard_;
  Line line_;
  std::string all_;
};

class Tailer final : public grpc::ServerWriteReactor<Heard> {
 public:
  explicit Tailer(Heard heard) : heard_(std::move(heard)) {
    if (heard_.text() == kForEver) {
      StartWrite(&heard_);
    } else {
      StartWriteAndFinish(&heard_, grpc::WriteOptions(), Status::OK);
    }
  }
  void OnWriteDone(bool ok) override {
    if (heard_.text() != kForEver) return;
    if (!ok) return Finish(Status::OK);
    StartWrite(&heard_);
  }
  void OnDone() override { delete this; }

 private:
  const Heard heard_;
};

class Chatter final : public grpc::ServerBidiReactor<Line, Heard> {
 public:
  Chatter(Record& record, CallbackServerContext& context) : record_(record), context_(context) {
    StartRead(&line_);
  }
  void OnReadDone(bool ok) override {
    if (!ok) return Finish(Status::OK);
    heard_ = record_.Answer(context_, line_.text());
    StartWrite(&heard_);
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(Status::OK);
    StartRead(&line_);
  }
  void OnDone() override { delete this; }

 private:
  Record& record_;
  CallbackServerContext& context_;
  Line line_;
  Heard heard_;
};

class CallbackSpeech final : public speech::Speech::CallbackService {
 public:
  explicit CallbackSpeech(Record& record) : record_(record) {}

  grpc::ServerUnaryReactor* Say(CallbackServerContext* context, const Line* line,
                                Heard* heard) override {
    record_.Enter();
    *heard = record_.Answer(*context, line->text());
    auto* const reactor = context->DefaultReactor();
    reactor->Finish(Status::OK);
    return reactor;
  }
  grpc::ServerUnaryReactor* Open(CallbackServerContext* context, const Line* line,
                                 Heard* heard) override {
    return Say(context, line, heard);
  }
  grpc::ServerReadReactor<Line>* Collect(CallbackServerContext* context, Heard* heard) override {
    record_.Enter();
    return new Collector(record_, *context, *heard);
  }
  grpc::ServerWriteReactor<Heard>* Tail(CallbackServerContext* context, const Line* line) override {
    record_.Enter();
    return new Tailer(record_.Answer(*context, line->text()));
  }
  grpc::ServerBidiReactor<Line, Heard>* Chat(CallbackServerContext* context) override {
    record_.Enter();
    return new Chatter(record_, *context);
  }

 private:
  Record& record_;
};

}  // namespace

std::unique_ptr<Performer> MakeSync(GuardedServer& server, Record& record) {
  server.Register(std::make_unique<SyncSpeech>(record));
  return std::make_unique<Performer>();
}

std::unique_ptr<Performer> MakeCallback(GuardedServer& server, Record& record) {
  server.Register(std::make_unique<CallbackSpeech>(record));
  return std::make_unique<Performer>();
}

}  // namespace tessera::testing
