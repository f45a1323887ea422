// A running stream ends with UNAUTHENTICATED when its token is revoked, and what its handler writes
// after that reaches nobody.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <limits>
#include <optional>
#include <thread>

#include "tests/guard_conformance/theatre.h"

namespace tessera::testing {
namespace {

using speech::Heard;
using speech::Line;

// What a handler of Chat writes: `early` messages, then, once GoOn was called, kLate more.
// Thread-safe.
class Script {
 public:
  static constexpr int kLate = 100;
  static constexpr int kNoPause = std::numeric_limits<int>::max();

  explicit Script(int early) : early_(early) {}
  ~Script() {
    if (waiting_.joinable()) waiting_.join();
  }

  // The next message; none after the last.
  std::optional<Heard> Next() {
    const bool late = written_ >= early_;
    if (late && late_writes_ == kLate) return std::nullopt;
    ++(late ? late_writes_ : written_);
    Heard heard;
    heard.set_text(late ? "late" : "early");
    return heard;
  }
  // The next message is the first after the pause: to be asked for after GoOn.
  bool AtPause() const { return written_ == early_ && late_writes_ == 0; }
  void AwaitGoOn() {
    MutexLock lock(mu_);
    while (!may_go_on_) changed_.Wait(mu_);
  }
  // Likewise, on a thread of the script's own.
  void AfterGoOn(std::function<void()> then) {
    waiting_ = std::thread([this, then = std::move(then)] {
      AwaitGoOn();
      then();
    });
  }
  void NoteEnd() { ended_ = true; }

  void GoOn() {
    MutexLock lock(mu_);
    may_go_on_ = true;
    changed_.NotifyAll();
  }
  int late_writes() const { return late_writes_; }  // given to gRPC
  bool ended() const { return ended_; }             // the handler has

 private:
  const int early_;
  std::atomic<int> written_{0}, late_writes_{0};
  std::atomic<bool> ended_{false};
  std::thread waiting_;
  Mutex mu_;
  CondVar changed_;
  bool may_go_on_ ABSL_GUARDED_BY(mu_) = false;
};

class SyncActor final : public speech::Speech::Service {
 public:
  explicit SyncActor(Script& script) : script_(script) {}

  grpc::Status Chat(grpc::ServerContext*, grpc::ServerReaderWriter<Heard, Line>* stream) override {
    for (;;) {
      if (script_.AtPause()) script_.AwaitGoOn();
      const std::optional<Heard> heard = script_.Next();
      if (!heard.has_value() || !stream->Write(*heard)) break;
    }
    script_.NoteEnd();
    return grpc::Status::OK;
  }

 private:
  Script& script_;
};

class ActorReactor final : public grpc::ServerBidiReactor<Line, Heard> {
 public:
  explicit ActorReactor(Script& script) : script_(script) { Write(); }
  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    if (script_.AtPause()) return script_.AfterGoOn([this] { Write(); });
    Write();
  }
  void OnDone() override {
    script_.NoteEnd();
    delete this;
  }

 private:
  void Write() {
    std::optional<Heard> heard = script_.Next();
    if (!heard.has_value()) return Finish(grpc::Status::OK);
    heard_ = *std::move(heard);
    StartWrite(&heard_);
  }

  Script& script_;
  Heard heard_;
};

class CallbackActor final : public speech::Speech::CallbackService {
 public:
  explicit CallbackActor(Script& script) : script_(script) {}

  grpc::ServerBidiReactor<Line, Heard>* Chat(grpc::CallbackServerContext*) override {
    return new ActorReactor(script_);
  }

 private:
  Script& script_;
};

std::unique_ptr<grpc::Service> MakeActor(Api api, Script& script) {
  if (api == Api::kSync) return std::make_unique<SyncActor>(script);
  return std::make_unique<CallbackActor>(script);
}

// A client that reads all that comes. Thread-safe.
class Reader {
 public:
  Reader(speech::Speech::Stub& stub, const Headers& headers) {
    Prepare(context_, headers);
    stream_ = stub.Chat(&context_);
    thread_ = std::thread([this] { Run(); });
  }
  ~Reader() {
    if (thread_.joinable()) thread_.join();
  }
  int early() const { return early_; }
  int late() const { return late_; }
  grpc::Status End() {
    thread_.join();
    return status_;
  }
  // After End: when the last message was read.
  absl::Duration last() const { return last_; }

 private:
  void Run() {
    for (Heard heard; stream_->Read(&heard);) {
      last_ = SystemClock().Monotonic();
      ++(heard.text() == "late" ? late_ : early_);
    }
    status_ = stream_->Finish();
  }

  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<Line, Heard>> stream_;
  std::atomic<int> early_{0}, late_{0};
  absl::Duration last_;
  grpc::Status status_;
  std::thread thread_;
};

// A guarded server whose Chat follows a script, and a client that reads it.
class Play {
 public:
  Play(Api api, int early) : script(early) {
    GuardOptions options = issuer_.MakeGuardOptions();
    options.log = &log_;
    server_ = *GuardedServer::Create(options);
    server_->Register(MakeActor(api, script));
    EXPECT_TRUE(server_->Start().ok());
    stub_ = speech::Speech::NewStub(server_->channel());
    token_ = issuer_.Token("usr_alice", WithRoles({"speaker"}));
    reader_ = std::make_unique<Reader>(*stub_, BearerOf(token_));
  }
  ~Play() { script.GoOn(); }  // or the handler would hold up the server's end

  // Returns once the guard has cut the stream.
  void Revoke() {
    issuer_.RevokeSession(token_);
    EXPECT_TRUE(
        Eventually([&] { return log_.text().find("guard.stream_cut") != std::string::npos; }));
  }
  void ExpectCut() {
    const grpc::Status status = reader_->End();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED) << status.error_message();
    EXPECT_EQ(ReasonIn(status), "TOKEN_REVOKED");
    EXPECT_TRUE(Eventually([&] { return script.ended(); })) << "the handler never learns";
  }
  const Reader& reader() const { return *reader_; }

  Script script;

 private:
  FakeIssuer issuer_;
  RecordingLog log_;
  std::unique_ptr<GuardedServer> server_;
  std::unique_ptr<speech::Speech::Stub> stub_;
  std::string token_;
  std::unique_ptr<Reader> reader_;
};

TEST(Streams, ThatWereCutDeliverNothingThatIsWrittenAfterwards) {
  constexpr int kEarly = 10;
  for (const Api api : {Api::kSync, Api::kCallback}) {
    SCOPED_TRACE(NameOf(api));
    Play play(api, kEarly);
    EXPECT_TRUE(Eventually([&] { return play.reader().early() == kEarly; }));
    EXPECT_EQ(play.script.late_writes(), 0);
    play.Revoke();
    play.script.GoOn();
    play.ExpectCut();
    EXPECT_GT(play.script.late_writes(), 0) << "nothing was tried";
    EXPECT_EQ(play.reader().late(), 0);
    EXPECT_EQ(play.reader().early(), kEarly);
  }
}

// As fast as the client reads, and whatever gRPC says.
TEST(Streams, OfAHandlerThatNeverPausesFallSilentAtARevocation) {
  constexpr absl::Duration kSlack = absl::Seconds(20);  // of a loaded machine; it is milliseconds
  for (const Api api : {Api::kSync, Api::kCallback}) {
    SCOPED_TRACE(NameOf(api));
    Play play(api, Script::kNoPause);
    EXPECT_TRUE(Eventually([&] { return play.reader().early() > 10; }));
    const absl::Duration revoked = SystemClock().Monotonic();
    play.Revoke();
    play.ExpectCut();
    EXPECT_LT(play.reader().last() - revoked, kSlack);
  }
}

// A stream of one shape that stays open, and whose handler runs.
class OpenStream {
 public:
  OpenStream(Theatre& theatre, Shape shape, const std::string& token) : shape_(shape) {
    const int before = theatre.entered();
    Prepare(context_, BearerOf(token));
    Open(theatre.stub());
    EXPECT_TRUE(Eventually([&] { return theatre.entered() == before + 1; })) << NameOf(shape);
  }
  // Waits for the end that somebody else makes.
  grpc::Status End() {
    if (writer_ != nullptr) return writer_->Finish();
    Heard heard;
    if (reader_ != nullptr) {
      while (reader_->Read(&heard)) {
      }
      return reader_->Finish();
    }
    while (chat_->Read(&heard)) {
    }
    return chat_->Finish();
  }
  // Of kBidi.
  bool Exchange() {
    Heard heard;
    return chat_->Write(Line()) && chat_->Read(&heard);
  }
  grpc::Status Close() {
    chat_->WritesDone();
    return End();
  }
  void ExpectEnd(const std::string& reason) {
    const grpc::Status status = End();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED) << NameOf(shape_);
    EXPECT_EQ(ReasonIn(status), reason) << NameOf(shape_) << ": " << status.error_message();
  }

 private:
  void Open(speech::Speech::Stub& stub) {
    Line line;
    line.set_text(kForEver);
    Heard heard;
    if (shape_ == Shape::kClientStream) {
      writer_ = stub.Collect(&context_, &collected_);
      EXPECT_TRUE(writer_->Write(line));
    } else if (shape_ == Shape::kServerStream) {
      reader_ = stub.Tail(&context_, line);
      EXPECT_TRUE(reader_->Read(&heard));
    } else {
      chat_ = stub.Chat(&context_);
      EXPECT_TRUE(Exchange());
    }
  }

  const Shape shape_;
  grpc::ClientContext context_;
  Heard collected_;
  std::unique_ptr<grpc::ClientWriter<Line>> writer_;
  std::unique_ptr<grpc::ClientReader<Heard>> reader_;
  std::unique_ptr<grpc::ClientReaderWriter<Line, Heard>> chat_;
};

// One of each shape.
class OpenStreams {
 public:
  OpenStreams(Theatre& theatre, const std::string& subject) {
    for (const Shape shape : {Shape::kClientStream, Shape::kServerStream, Shape::kBidi}) {
      streams_.push_back(std::make_unique<OpenStream>(theatre, shape, theatre.GoodToken(subject)));
    }
  }
  void ExpectEnd(const std::string& reason) {
    for (const auto& stream : streams_) stream->ExpectEnd(reason);
  }

 private:
  std::vector<std::unique_ptr<OpenStream>> streams_;
};

TEST(Streams, OfEveryShapeEndWithTheirTokenInEveryApiAndOnEveryTransport) {
  for (const Transport transport : kTransports) {
    for (const Api api : kApis) {
      SCOPED_TRACE(std::string(NameOf(transport)) + ", " + NameOf(api));
      Theatre theatre({transport, api});
      OpenStream other(theatre, Shape::kBidi, theatre.GoodToken("usr_bob"));
      OpenStreams revoked(theatre, "usr_alice");
      theatre.issuer.RevokeUser("usr_alice");
      revoked.ExpectEnd("TOKEN_REVOKED");
      EXPECT_TRUE(other.Exchange());

      OpenStreams expires(theatre, "usr_alice");  // her new version is good
      EXPECT_TRUE(other.Close().ok());
      theatre.issuer.clock().Advance(absl::Minutes(16));
      expires.ExpectEnd("TOKEN_EXPIRED");
    }
  }
}

// gRPC tells nobody the shapes of its methods.
TEST(Streams, AreAllCallsToAGenericService) {
  for (const Api api : {Api::kAsyncGeneric, Api::kCallbackGeneric}) {
    SCOPED_TRACE(NameOf(api));
    Theatre theatre({Transport::kPlaintext, api});
    grpc::ClientContext context;
    Prepare(context, BearerOf(theatre.GoodToken("usr_alice")));
    Line line;
    line.set_text(kForEver);
    Heard heard;
    auto unary = std::async(std::launch::async,
                            [&] { return theatre.stub().Say(&context, line, &heard).ok(); });
    const Guard& guard = theatre.server().guard();
    EXPECT_TRUE(Eventually([&] { return guard.Metrics().streams == 1; }));
    theatre.issuer.RevokeUser("usr_alice");
    EXPECT_TRUE(Eventually([&] { return guard.Metrics().streams_cut_by_revocation == 1; }));
    // Its client looks for no second message, nor for what is behind it.
    context.TryCancel();
    EXPECT_FALSE(unary.get());
  }
}

}  // namespace
}  // namespace tessera::testing
