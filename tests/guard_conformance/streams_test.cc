// A running stream ends with UNAUTHENTICATED when its token is revoked, and what its handler writes
// after that reaches nobody.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/guard_conformance/theatre.h"

namespace tessera::testing {
namespace {

using speech::Heard;
using speech::Line;

// What a flooding handler writes.
struct Flood {
  std::atomic<bool> late{false};    // mark everything from now on
  std::atomic<int> late_writes{0};  // marked messages that were handed to gRPC
  std::atomic<bool> handler_done{false};

  Heard Next() {
    const bool marked = late;
    if (marked) ++late_writes;
    Heard heard;
    heard.set_text(marked ? "late" : "early");
    return heard;
  }
};

// Chat writes as fast as its client reads, whatever that says.
class SyncFlood final : public speech::Speech::Service {
 public:
  explicit SyncFlood(Flood& flood) : flood_(flood) {}

  grpc::Status Chat(grpc::ServerContext*, grpc::ServerReaderWriter<Heard, Line>* stream) override {
    while (stream->Write(flood_.Next())) {
    }
    flood_.handler_done = true;
    return grpc::Status::OK;
  }

 private:
  Flood& flood_;
};

class Flooder final : public grpc::ServerBidiReactor<Line, Heard> {
 public:
  explicit Flooder(Flood& flood) : flood_(flood) { Write(); }
  void OnWriteDone(bool ok) override {
    if (ok) return Write();
    Finish(grpc::Status::OK);
  }
  void OnDone() override {
    flood_.handler_done = true;
    delete this;
  }

 private:
  void Write() {
    heard_ = flood_.Next();
    StartWrite(&heard_);
  }

  Flood& flood_;
  Heard heard_;
};

class CallbackFlood final : public speech::Speech::CallbackService {
 public:
  explicit CallbackFlood(Flood& flood) : flood_(flood) {}

  grpc::ServerBidiReactor<Line, Heard>* Chat(grpc::CallbackServerContext*) override {
    return new Flooder(flood_);
  }

 private:
  Flood& flood_;
};

std::unique_ptr<grpc::Service> MakeFlood(Api api, Flood& flood) {
  if (api == Api::kSync) return std::make_unique<SyncFlood>(flood);
  return std::make_unique<CallbackFlood>(flood);
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

 private:
  void Run() {
    for (Heard heard; stream_->Read(&heard);) ++(heard.text() == "late" ? late_ : early_);
    status_ = stream_->Finish();
  }

  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<Line, Heard>> stream_;
  std::atomic<int> early_{0}, late_{0};
  grpc::Status status_;
  std::thread thread_;
};

void ExpectNothingAfterTheCut(Api api) {
  Flood flood;
  FakeIssuer issuer;
  RecordingLog log;
  GuardOptions options = issuer.MakeGuardOptions();
  options.log = &log;
  const auto server = *GuardedServer::Create(options);
  server->Register(MakeFlood(api, flood));
  ASSERT_TRUE(server->Start().ok());
  const auto stub = speech::Speech::NewStub(server->channel());
  const std::string token = issuer.Token("usr_alice", WithRoles({"speaker"}));
  Reader reader(*stub, BearerOf(token));
  ASSERT_TRUE(Eventually([&] { return reader.early() > 10; }));

  issuer.RevokeSession(token);
  ASSERT_TRUE(Eventually([&] { return log.text().find("guard.stream_cut") != std::string::npos; }));
  flood.late = true;  // the handler may well go on for a while
  const grpc::Status status = reader.End();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED) << status.error_message();
  EXPECT_EQ(ReasonIn(status), "TOKEN_REVOKED");
  EXPECT_EQ(reader.late(), 0) << "of " << flood.late_writes << " written";
  EXPECT_TRUE(Eventually([&] { return flood.handler_done.load(); })) << "the handler never learns";
}

TEST(Streams, ThatAreCutByARevocationDeliverNothingMore) {
  for (const Api api : {Api::kSync, Api::kCallback}) {
    SCOPED_TRACE(NameOf(api));
    ExpectNothingAfterTheCut(api);
  }
}

// A stream of one exchange that stays open.
class OpenChat {
 public:
  OpenChat(Theatre& theatre, const std::string& token) {
    Prepare(context_, BearerOf(token));
    stream_ = theatre.stub().Chat(&context_);
    EXPECT_TRUE(Exchange());
  }
  bool Exchange() {
    Heard heard;
    return stream_->Write(Line()) && stream_->Read(&heard);
  }
  grpc::Status End() {
    Heard heard;
    while (stream_->Read(&heard)) {
    }
    return stream_->Finish();
  }
  grpc::Status Close() {
    stream_->WritesDone();
    return End();
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<Line, Heard>> stream_;
};

TEST(Streams, EndWithTheirTokenInEveryApiAndOnEveryTransport) {
  for (const Transport transport : kTransports) {
    for (const Api api : kApis) {
      SCOPED_TRACE(std::string(NameOf(transport)) + ", " + NameOf(api));
      Theatre theatre({transport, api});
      OpenChat other(theatre, theatre.GoodToken("usr_bob"));
      OpenChat revoked(theatre, theatre.GoodToken("usr_alice"));
      theatre.issuer.RevokeUser("usr_alice");
      const grpc::Status cut = revoked.End();
      EXPECT_EQ(cut.error_code(), grpc::StatusCode::UNAUTHENTICATED);
      EXPECT_EQ(ReasonIn(cut), "TOKEN_REVOKED") << cut.error_message();
      EXPECT_TRUE(other.Exchange());

      OpenChat expires(theatre, theatre.GoodToken("usr_alice"));  // her new version is good
      EXPECT_TRUE(other.Close().ok());
      theatre.issuer.clock().Advance(absl::Minutes(16));
      const grpc::Status expired = expires.End();
      EXPECT_EQ(expired.error_code(), grpc::StatusCode::UNAUTHENTICATED);
      EXPECT_EQ(ReasonIn(expired), "TOKEN_EXPIRED") << expired.error_message();
    }
  }
}

}  // namespace
}  // namespace tessera::testing
