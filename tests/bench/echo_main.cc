// An echo server on gRPC's callback API, bare or guarded: bench_echo --help.
#include <grpcpp/grpcpp.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench.grpc.pb.h"
#include "tessera/caller/caller.h"
#include "tessera/guard/guard.h"
#include "tests/base/temporary_folder.h"
#include "tests/bench/admit_all.h"

namespace tessera::bench {
namespace {

constexpr absl::Duration kReadyLimit = absl::Seconds(30);

struct Settings {
  std::string processor = "none";
  std::string tesserad;
  std::string issuer;
  std::string audience;
  std::string feed_secret_file;
};

EchoResponse AnswerOf(const EchoRequest& request) {
  EchoResponse response;
  response.set_body(std::string(request.reply_bytes(), 'x'));
  return response;
}

class Tailer final : public grpc::ServerWriteReactor<EchoResponse> {
 public:
  explicit Tailer(const EchoRequest& request)
      : response_(AnswerOf(request)), left_(request.replies()) {
    Next();
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::CANCELLED);
    Next();
  }
  void OnDone() override { delete this; }

 private:
  void Next() {
    if (left_ == 0) return Finish(grpc::Status::OK);
    --left_;
    StartWrite(&response_);
  }

  const EchoResponse response_;
  uint32_t left_;
};

class Holder final : public grpc::ServerWriteReactor<EchoResponse> {
 public:
  explicit Holder(const EchoRequest& request) : response_(AnswerOf(request)) {
    StartWrite(&response_);
  }
  void OnCancel() override { Finish(grpc::Status::CANCELLED); }
  void OnDone() override { delete this; }

 private:
  const EchoResponse response_;
};

class EchoService final : public Echo::CallbackService {
 public:
  grpc::ServerUnaryReactor* Say(grpc::CallbackServerContext* context, const EchoRequest* request,
                                EchoResponse* response) override {
    *response = AnswerOf(*request);
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
  grpc::ServerWriteReactor<EchoResponse>* Tail(grpc::CallbackServerContext*,
                                               const EchoRequest* request) override {
    return new Tailer(*request);
  }
  grpc::ServerWriteReactor<EchoResponse>* Hold(grpc::CallbackServerContext*,
                                               const EchoRequest* request) override {
    return new Holder(*request);
  }
};

// As a service in production has it: keys and revocations from tesserad.
struct Guarding {
  explicit Guarding(const Settings& settings) {
    const auto credentials = grpc::InsecureChannelCredentials();
    CallerOptions reader;
    reader.auth_server = grpc::CreateChannel(settings.tesserad, credentials);
    reader.service.emplace();
    reader.service->secret = [file = settings.feed_secret_file] {
      return Secret(testing::ReadFile(file));
    };
    reader.allow_plaintext = true;
    caller = Caller::Create(reader).value();
    GuardOptions options;
    options.issuer = settings.issuer;
    options.audience = settings.audience;
    options.keys = KeysFromServer(grpc::CreateChannel(settings.tesserad, credentials), {},
                                  SystemClock(), NoLog());
    options.revocations = RevocationsFromServer(
        caller->CreateChannel(settings.tesserad, credentials), SystemClock(), NoLog());
    guard = Guard::Create(std::move(options)).value();
  }

  std::shared_ptr<Caller> caller;
  std::unique_ptr<Guard> guard;
};

// What gRPC itself asks for a call being intercepted.
class IdleInterceptor final : public grpc::experimental::Interceptor {
 public:
  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    methods->Proceed();
  }
};

class IdleFactory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo*) override {
    return new IdleInterceptor;
  }
};

int AwaitSignal() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  int caught = 0;
  sigwait(&signals, &caught);
  return 0;
}

int ServeGuarded(const Settings& settings) {
  Guarding guarding(settings);
  EchoService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", guarding.guard->Plaintext(), &port);
  builder.RegisterService(&service);
  const auto server = guarding.guard->Start(builder);
  absl::Status ready = server.ok() ? guarding.guard->WaitUntilReady(kReadyLimit) : server.status();
  if (!ready.ok()) {
    std::cerr << "bench_echo: " << ready << "\n";
    return 1;
  }
  std::cout << "ready address=127.0.0.1:" << port << std::endl;
  AwaitSignal();
  guarding.guard->Drain();
  (*server)->Shutdown();
  return 0;
}

int ServeUnguarded(const std::shared_ptr<grpc::ServerCredentials>& credentials,
                   bool intercepted = false) {
  EchoService service;
  grpc::ServerBuilder builder;
  if (intercepted) {
    std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> creators;
    creators.push_back(std::make_unique<IdleFactory>());
    builder.experimental().SetInterceptorCreators(std::move(creators));
  }
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", credentials, &port);
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  std::cout << "ready address=127.0.0.1:" << port << std::endl;
  AwaitSignal();
  server->Shutdown();
  return 0;
}

int Serve(const Settings& settings) {
  if (settings.processor == "guard") return ServeGuarded(settings);
  if (settings.processor == "admit") return ServeUnguarded(AdmitAllCredentials());
  if (settings.processor == "idle") return ServeUnguarded(AdmitAllCredentials(), true);
  return ServeUnguarded(grpc::InsecureServerCredentials());
}

}  // namespace
}  // namespace tessera::bench

int main(int argc, char** argv) {
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);
  tessera::bench::Settings settings;
  CLI::App app("Answers with as many bytes as it is asked for", "bench_echo");
  app.add_option("--processor", settings.processor, "who judges the calls")
      ->check(CLI::IsMember({"none", "admit", "idle", "guard"}));
  app.add_option("--tesserad", settings.tesserad, "host:port, plaintext, for the guard");
  app.add_option("--issuer", settings.issuer);
  app.add_option("--audience", settings.audience);
  app.add_option("--feed-secret-file", settings.feed_secret_file, "of who reads the revocations");
  CLI11_PARSE(app, argc, argv);
  return tessera::bench::Serve(settings);
}
