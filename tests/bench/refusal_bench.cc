// From the acknowledgement of a revocation to its first refusal, wherever the token is shown.
#include <algorithm>
#include <functional>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench.grpc.pb.h"
#include "tessera/base/clock.h"
#include "tests/bench/processes.h"
#include "tests/bench/suite.h"

namespace tessera::bench {
namespace {

constexpr char kName[] = "refusal";
constexpr Budget kReplicaBudget{Budget::Side::kAtMost, 100};
constexpr Budget kGuardBudget{Budget::Side::kAtMost, 250};
constexpr absl::Duration kLimit = absl::Seconds(10);
constexpr char kNote[] =
    "each place is asked in a tight loop of its own, and holds a stream open besides; a refusal "
    "before the acknowledgement counts as 0; the budget is of the 99th percentile";

// Shows a token until it is refused; returns then. Throws if it is not.
using Wait = std::function<void()>;

// Somebody who takes a token until it is revoked.
struct Place {
  std::string name;
  Budget budget;
  // Makes sure that the token is taken, and begins to watch it.
  std::function<Wait(const std::string& token)> watch;
};

std::function<Wait(const std::string&)> Asking(
    const std::function<bool(const std::string& token)>& admits) {
  return [admits](const std::string& token) -> Wait {
    if (!admits(token)) throw std::runtime_error("a good token is refused");
    return [admits, token] {
      const absl::Duration end = SystemClock().Monotonic() + kLimit;
      while (SystemClock().Monotonic() < end) {
        if (!admits(token)) return;
      }
      throw std::runtime_error("a revoked token is never refused");
    };
  };
}

std::function<Wait(const std::string&)> AskingReplica(const Tesserad& tesserad) {
  const std::shared_ptr<v1::AuthService::Stub> stub = tesserad.Auth();
  return Asking([stub](const std::string& token) {
    v1::ValidateTokenRequest request;
    request.set_token(token);
    v1::ValidateTokenResponse response;
    Check(stub->ValidateToken(ContextWith("").get(), request, &response), "ValidateToken");
    return response.active();
  });
}

std::shared_ptr<Echo::Stub> StubFor(const EchoServer& server) {
  return Echo::NewStub(grpc::CreateChannel(server.address(), grpc::InsecureChannelCredentials()));
}

std::function<Wait(const std::string&)> AskingGuard(const EchoServer& server) {
  return Asking([stub = StubFor(server)](const std::string& token) {
    EchoResponse response;
    const grpc::Status status = stub->Say(ContextWith(token).get(), EchoRequest(), &response);
    if (status.error_code() == grpc::StatusCode::UNAUTHENTICATED) return false;
    Check(status, "Say");
    return true;
  });
}

// A stream that stays open; its end is the refusal.
class OpenStream {
 public:
  OpenStream(std::shared_ptr<Echo::Stub> stub, const std::string& token)
      : stub_(std::move(stub)),
        context_(ContextWith(token)),
        reader_(stub_->Hold(context_.get(), EchoRequest())) {
    if (!reader_->Read(&response_)) Check(reader_->Finish(), "Hold");
  }
  void AwaitCut() {
    while (reader_->Read(&response_)) {
    }
    const grpc::Status status = reader_->Finish();
    if (status.error_code() != grpc::StatusCode::UNAUTHENTICATED) Check(status, "Hold");
  }

 private:
  const std::shared_ptr<Echo::Stub> stub_;
  const std::unique_ptr<grpc::ClientContext> context_;
  const std::unique_ptr<grpc::ClientReader<EchoResponse>> reader_;
  EchoResponse response_;
};

std::function<Wait(const std::string&)> HoldingStream(const EchoServer& server) {
  return [stub = StubFor(server)](const std::string& token) -> Wait {
    const auto stream = std::make_shared<OpenStream>(stub, token);
    return [stream] { stream->AwaitCut(); };
  };
}

// Milliseconds for each place.
std::vector<double> RevokeOnce(v1::AuthService::Stub& revoker, const std::string& token,
                               const std::vector<Place>& places) {
  std::vector<Wait> waiting;
  waiting.reserve(places.size());
  for (const Place& place : places) waiting.push_back(place.watch(token));
  std::vector<absl::Duration> refused(places.size(), absl::InfiniteDuration());
  std::vector<std::thread> threads;
  threads.reserve(places.size());
  for (size_t i = 0; i < places.size(); ++i) {
    threads.emplace_back([&, i] {
      try {
        waiting[i]();
        refused[i] = SystemClock().Monotonic();
      } catch (const std::exception&) {
      }
    });
  }
  v1::RevokeTokenRequest request;
  request.set_token(token);
  v1::RevokeTokenResponse response;
  const grpc::Status status = revoker.RevokeToken(ContextWith("").get(), request, &response);
  const absl::Duration acknowledged = SystemClock().Monotonic();
  for (std::thread& thread : threads) thread.join();
  Check(status, "RevokeToken");
  std::vector<double> waits;
  waits.reserve(refused.size());
  for (const absl::Duration at : refused) {
    if (at == absl::InfiniteDuration()) throw std::runtime_error("a revoked token is still taken");
    waits.push_back(std::max(0.0, absl::ToDoubleMilliseconds(at - acknowledged)));
  }
  return waits;
}

// A new access token of one session each time.
class TokenSource {
 public:
  explicit TokenSource(const Tesserad& tesserad)
      : auth_(tesserad.Auth()), refresh_(tesserad.LoginAdmin().refresh_token()) {}

  std::string Next() {
    v1::RenewTokenRequest request;
    request.set_refresh_token(refresh_);
    v1::RenewTokenResponse response;
    Check(auth_->RenewToken(ContextWith("").get(), request, &response), "RenewToken");
    refresh_ = response.grant().refresh_token();
    return response.grant().access_token();
  }

 private:
  const std::unique_ptr<v1::AuthService::Stub> auth_;
  std::string refresh_;
};

void Tell(const Place& place, const std::string& engine, const std::vector<double>& waits,
          Report& report) {
  const auto add = [&](const char* of, double part) {
    Figure figure;
    figure.benchmark = kName;
    figure.what = absl::StrCat(engine, ", ", place.name, ": ", of);
    figure.unit = "ms";
    figure.value = Quantile(waits, part);
    figure.note = kNote;
    if (part == 0.99) figure.budget = place.budget;
    report.Add(figure);
  };
  add("p50", 0.5);
  add("p90", 0.9);
  add("p99", 0.99);
  add("worst", 1);
}

void MeasurePlaces(const Scale& scale, const std::string& engine, const Tesserad& revoker,
                   const std::vector<Place>& places, Report& report) {
  TokenSource tokens(revoker);
  const auto stub = revoker.Auth();
  std::vector<std::vector<double>> waits(places.size());
  for (int i = 0; i < scale.revocations; ++i) {
    const std::vector<double> once = RevokeOnce(*stub, tokens.Next(), places);
    for (size_t place = 0; place < places.size(); ++place) waits[place].push_back(once[place]);
  }
  for (size_t place = 0; place < places.size(); ++place) {
    Tell(places[place], engine, waits[place], report);
  }
}

void MeasureEngine(const Scale& scale, const Engine& engine, Report& report) {
  const TesseradFiles files;
  const auto database = engine.make();
  const Tesserad here(files, *database, HashCost::kLeast);
  const std::string feed_secret = here.AddFeedReader();
  const EchoServer guard_here(feed_secret, here);
  std::vector<Place> places = {
      {engine.shared_by_replicas ? "guard of the same replica" : "guard", kGuardBudget,
       AskingGuard(guard_here)},
      {engine.shared_by_replicas ? "stream at the same replica's guard" : "stream at the guard",
       kGuardBudget, HoldingStream(guard_here)}};
  if (!engine.shared_by_replicas) {
    return MeasurePlaces(scale, engine.name, here, places, report);
  }
  const Tesserad there(files, *database, HashCost::kLeast);
  const EchoServer guard_there(feed_secret, there);
  places.push_back({"the other replica", kReplicaBudget, AskingReplica(there)});
  places.push_back({"guard of the other replica", kGuardBudget, AskingGuard(guard_there)});
  places.push_back(
      {"stream at the other replica's guard", kGuardBudget, HoldingStream(guard_there)});
  MeasurePlaces(scale, engine.name, here, places, report);
}

}  // namespace

void MeasureRefusal(const Scale& scale, Report& report) {
  for (const Engine& engine : Engines()) MeasureEngine(scale, engine, report);
}

}  // namespace tessera::bench
