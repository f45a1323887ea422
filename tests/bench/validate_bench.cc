// ValidateToken, tesserad's own guard included, against a bare echo that moves as many bytes.
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "tests/bench/processes.h"
#include "tests/bench/suite.h"

namespace tessera::bench {
namespace {

constexpr char kName[] = "validate";
constexpr Budget kBudget{Budget::Side::kAtMost, 1.2};
constexpr char kAgainst[] =
    "a callback echo without credentials' processor or interceptor, whose messages have the same "
    "size";

LoadTarget TargetOf(const Tesserad& tesserad) {
  v1::ValidateTokenRequest request;
  request.set_token(tesserad.LoginAdmin().access_token());
  v1::ValidateTokenResponse response;
  Check(tesserad.Auth()->ValidateToken(ContextWith("").get(), request, &response), "ValidateToken");
  if (!response.active()) throw std::runtime_error("a fresh token is not active");
  LoadTarget target;
  target.name = "ValidateToken";
  target.address = tesserad.address();
  target.method = "/tessera.v1.AuthService/ValidateToken";
  target.server = tesserad.pid();
  target.messages = {request.SerializeAsString()};
  target.reply_bytes = response.ByteSizeLong();
  return target;
}

LoadTarget EchoLike(const LoadTarget& other, const EchoServer& server) {
  LoadTarget target;
  target.name = "echo";
  target.address = server.address();
  target.method = "/tessera.bench.Echo/Say";
  target.server = server.pid();
  target.messages = {EchoOfSize(other.messages.front().size(), other.reply_bytes)};
  target.reply_bytes = other.reply_bytes;
  return target;
}

void Tell(const Results& results, int outstanding, Report& report) {
  const auto& figure = results.at("ValidateToken");
  const auto& baseline = results.at("echo");
  const auto add = [&](const char* what, const char* unit, auto of) -> Figure {
    return Compared(kName, absl::StrCat("ValidateToken, ", outstanding, " outstanding: ", what),
                    unit, PairsOf(figure, baseline, of), kAgainst);
  };
  Figure cpu = add("server CPU", "us/call",
                   [](const LoadResult& result) { return result.ServerMicrosPerCall(); });
  cpu.budget = kBudget;
  report.Add(cpu);
  report.Add(add("calls", "1/s", [](const LoadResult& result) { return result.CallsPerSecond(); }));
  report.Add(add("p50", "us", [](const LoadResult& result) { return result.p50; }));
  report.Add(add("p99", "us", [](const LoadResult& result) { return result.p99; }));
}

}  // namespace

void MeasureValidate(const Scale& scale, Report& report) {
  const TesseradFiles files;
  const auto database = MakeSqlite();
  const Tesserad tesserad(files, *database, HashCost::kLeast);
  const EchoServer echo(EchoServer::Processor::kNone);
  const LoadTarget validate = TargetOf(tesserad);
  for (const int outstanding : scale.outstanding) {
    LoadPlan plan = PlanOf(scale, outstanding);
    plan.targets = {validate, EchoLike(validate, echo)};
    Tell(Sorted(Loader(plan).Results(), kName, report), outstanding, report);
  }
}

}  // namespace tessera::bench
