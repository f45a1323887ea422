// From the acknowledgement of a revocation to its first refusal, wherever the token is shown.
#include <algorithm>
#include <functional>
#include <stdexcept>
#include <thread>

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
    "each place is asked in a tight loop of its own; a refusal before the acknowledgement counts "
    "as 0; the budget is of the 99th percentile";

// Somebody who is shown a token again and again until he refuses it.
struct Place {
  std::string name;
  Budget budget;
  std::function<bool(const std::string& token)> admits;
};

std::function<bool(const std::string&)> AskingReplica(const Tesserad& tesserad) {
  const std::shared_ptr<v1::AuthService::Stub> stub = tesserad.Auth();
  return [stub](const std::string& token) {
    v1::ValidateTokenRequest request;
    request.set_token(token);
    v1::ValidateTokenResponse response;
    Check(stub->ValidateToken(ContextWith("").get(), request, &response), "ValidateToken");
    return response.active();
  };
}

std::function<bool(const std::string&)> AskingGuard(const EchoServer& server) {
  const std::shared_ptr<Echo::Stub> stub =
      Echo::NewStub(grpc::CreateChannel(server.address(), grpc::InsecureChannelCredentials()));
  return [stub](const std::string& token) {
    EchoResponse response;
    const grpc::Status status = stub->Say(ContextWith(token).get(), EchoRequest(), &response);
    if (status.error_code() == grpc::StatusCode::UNAUTHENTICATED) return false;
    Check(status, "Say");
    return true;
  };
}

// When the place refused the token, on the monotonic clock.
absl::Duration FirstRefusal(const Place& place, const std::string& token) {
  const absl::Duration end = SystemClock().Monotonic() + kLimit;
  while (SystemClock().Monotonic() < end) {
    if (!place.admits(token)) return SystemClock().Monotonic();
  }
  throw std::runtime_error(place.name + " never refused a revoked token");
}

// Milliseconds for each place.
std::vector<double> RevokeOnce(v1::AuthService::Stub& revoker, const std::string& token,
                               const std::vector<Place>& places) {
  for (const Place& place : places) {
    if (!place.admits(token)) throw std::runtime_error(place.name + " refuses a good token");
  }
  std::vector<absl::Duration> refused(places.size(), absl::InfiniteDuration());
  std::vector<std::thread> threads;
  threads.reserve(places.size());
  for (size_t i = 0; i < places.size(); ++i) {
    threads.emplace_back([&, i] {
      try {
        refused[i] = FirstRefusal(places[i], token);
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
  here.AddUser(kFeedUser, {"tessera.guard"});
  const EchoServer guard_here(files, here);
  std::vector<Place> places = {{engine.shared_by_replicas ? "guard of the same replica" : "guard",
                                kGuardBudget, AskingGuard(guard_here)}};
  if (!engine.shared_by_replicas) {
    return MeasurePlaces(scale, engine.name, here, places, report);
  }
  const Tesserad there(files, *database, HashCost::kLeast);
  const EchoServer guard_there(files, there);
  places.push_back({"the other replica", kReplicaBudget, AskingReplica(there)});
  places.push_back({"guard of the other replica", kGuardBudget, AskingGuard(guard_there)});
  MeasurePlaces(scale, engine.name, here, places, report);
}

}  // namespace

void MeasureRefusal(const Scale& scale, Report& report) {
  for (const Engine& engine : Engines()) MeasureEngine(scale, engine, report);
}

}  // namespace tessera::bench
