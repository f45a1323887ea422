#include "tests/guard/echo_services.h"

namespace tessera::testing {
namespace {

using echo::EchoRequest;
using echo::EchoResponse;
using grpc::CallbackServerContext;
using grpc::ServerContext;
using grpc::Status;

class SyncEcho final : public echo::Echo::Service {
 public:
  explicit SyncEcho(EchoRecord& record) : record_(record) {}

  Status Open(ServerContext* context, const EchoRequest* request, EchoResponse* response) override {
    return Say(context, request, response);
  }
  Status Say(ServerContext* context, const EchoRequest* request, EchoResponse* response) override {
    record_.Enter();
    *response = record_.Reply(*context, request->text());
    return Status::OK;
  }
  Status Collect(ServerContext* context, grpc::ServerReader<EchoRequest>* reader,
                 EchoResponse* response) override {
    record_.Enter();
    std::string all;
    for (EchoRequest request; reader->Read(&request);) all += request.text();
    *response = record_.Reply(*context, all);
    return Status::OK;
  }
  Status Tail(ServerContext* context, const EchoRequest* request,
              grpc::ServerWriter<EchoResponse>* writer) override {
    record_.Enter();
    writer->Write(record_.Reply(*context, request->text()));
    return Status::OK;
  }
  Status Chat(ServerContext* context,
              grpc::ServerReaderWriter<EchoResponse, EchoRequest>* stream) override {
    record_.Enter();
    for (EchoRequest request; stream->Read(&request);) {
      stream->Write(record_.Reply(*context, request.text()));
    }
    return Status::OK;
  }
  Status AdminSay(ServerContext* context, const EchoRequest* request,
                  EchoResponse* response) override {
    return Say(context, request, response);
  }
  Status AdminCollect(ServerContext* context, grpc::ServerReader<EchoRequest>* reader,
                      EchoResponse* response) override {
    return Collect(context, reader, response);
  }
  Status AdminTail(ServerContext* context, const EchoRequest* request,
                   grpc::ServerWriter<EchoResponse>* writer) override {
    return Tail(context, request, writer);
  }
  Status AdminChat(ServerContext* context,
                   grpc::ServerReaderWriter<EchoResponse, EchoRequest>* stream) override {
    return Chat(context, stream);
  }

 private:
  EchoRecord& record_;
};

class Collector final : public grpc::ServerReadReactor<EchoRequest> {
 public:
  Collector(EchoRecord& record, CallbackServerContext& context, EchoResponse& response)
      : record_(record), context_(context), response_(response) {
    StartRead(&request_);
  }
  void OnReadDone(bool ok) override {
    if (ok) {
      all_ += request_.text();
      return StartRead(&request_);
    }
    response_ = record_.Reply(context_, all_);
    Finish(Status::OK);
  }
  void OnDone() override { delete this; }

 private:
  EchoRecord& record_;
  CallbackServerContext& context_;
  EchoResponse& response_;
  EchoRequest request_;
  std::string all_;
};

class Tailer final : public grpc::ServerWriteReactor<EchoResponse> {
 public:
  explicit Tailer(EchoResponse response) : response_(std::move(response)) {
    StartWriteAndFinish(&response_, grpc::WriteOptions(), Status::OK);
  }
  void OnDone() override { delete this; }

 private:
  const EchoResponse response_;
};

class Chatter final : public grpc::ServerBidiReactor<EchoRequest, EchoResponse> {
 public:
  Chatter(EchoRecord& record, CallbackServerContext& context) : record_(record), context_(context) {
    StartRead(&request_);
  }
  void OnReadDone(bool ok) override {
    if (!ok) return Finish(Status::OK);
    response_ = record_.Reply(context_, request_.text());
    StartWrite(&response_);
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(Status::OK);
    StartRead(&request_);
  }
  void OnDone() override { delete this; }

 private:
  EchoRecord& record_;
  CallbackServerContext& context_;
  EchoRequest request_;
  EchoResponse response_;
};

class CallbackEcho final : public echo::Echo::CallbackService {
 public:
  explicit CallbackEcho(EchoRecord& record) : record_(record) {}

  grpc::ServerUnaryReactor* Open(CallbackServerContext* context, const EchoRequest* request,
                                 EchoResponse* response) override {
    return Say(context, request, response);
  }
  grpc::ServerUnaryReactor* Say(CallbackServerContext* context, const EchoRequest* request,
                                EchoResponse* response) override {
    record_.Enter();
    *response = record_.Reply(*context, request->text());
    auto* reactor = context->DefaultReactor();
    reactor->Finish(Status::OK);
    return reactor;
  }
  grpc::ServerReadReactor<EchoRequest>* Collect(CallbackServerContext* context,
                                                EchoResponse* response) override {
    record_.Enter();
    return new Collector(record_, *context, *response);
  }
  grpc::ServerWriteReactor<EchoResponse>* Tail(CallbackServerContext* context,
                                               const EchoRequest* request) override {
    record_.Enter();
    return new Tailer(record_.Reply(*context, request->text()));
  }
  grpc::ServerBidiReactor<EchoRequest, EchoResponse>* Chat(
      CallbackServerContext* context) override {
    record_.Enter();
    return new Chatter(record_, *context);
  }
  grpc::ServerUnaryReactor* AdminSay(CallbackServerContext* context, const EchoRequest* request,
                                     EchoResponse* response) override {
    return Say(context, request, response);
  }
  grpc::ServerReadReactor<EchoRequest>* AdminCollect(CallbackServerContext* context,
                                                     EchoResponse* response) override {
    return Collect(context, response);
  }
  grpc::ServerWriteReactor<EchoResponse>* AdminTail(CallbackServerContext* context,
                                                    const EchoRequest* request) override {
    return Tail(context, request);
  }
  grpc::ServerBidiReactor<EchoRequest, EchoResponse>* AdminChat(
      CallbackServerContext* context) override {
    return Chat(context);
  }

 private:
  EchoRecord& record_;
};

}  // namespace

EchoResponse EchoRecord::Reply(const grpc::ServerContextBase& context,
                               const std::string& text) const {
  const auto principal = guard_.PrincipalOf(context);
  EchoResponse response;
  response.set_text(text);
  response.set_subject(principal->claims.subject);
  response.set_anonymous(principal->kind == PrincipalKind::kAnonymous);
  for (const Actor& actor : principal->actors()) {
    response.mutable_actors()->append("[" + actor.subject + "]");
  }
  for (const auto& [key, value] : context.client_metadata()) {
    if (key == "authorization" || key == "tessera-device-id") response.set_saw_token(true);
    if (key == "cookie") {
      response.mutable_cookies()->append("[").append(value.data(), value.size()).append("]");
    }
  }
  return response;
}

std::unique_ptr<grpc::Service> MakeEcho(Api api, EchoRecord& record) {
  if (api == Api::kSync) return std::make_unique<SyncEcho>(record);
  return std::make_unique<CallbackEcho>(record);
}

}  // namespace tessera::testing
