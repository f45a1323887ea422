// A guarded echo against a bare one, and against one whose processor admits everything.
#include "absl/strings/str_cat.h"
#include "tests/bench/processes.h"
#include "tests/bench/suite.h"

namespace tessera::bench {
namespace {

constexpr char kName[] = "guard";
constexpr Budget kOverBare{Budget::Side::kAtMost, 1.15};
constexpr Budget kOverAdmitAll{Budget::Side::kAtMost, 1.05};
constexpr size_t kMessageBytes = 128;
constexpr unsigned kReplies = 10;  // of a stream
constexpr int kStreamOutstanding = 16;
constexpr char kNote[] =
    "every call carries the same access token, whoever looks at it; messages of 128 bytes; a "
    "stream has ten of them. Bare: no processor, no interceptor. Admit-all: a processor that says "
    "yes at once. Idle: that, and an interceptor that does nothing";

struct Shape {
  std::string name;
  LoadKind kind;
  std::string method;
  std::string message;
};

struct Servers {
  const EchoServer& guarded;
  const EchoServer& admit_all;
  const EchoServer& idle;
  const EchoServer& bare;
  std::string token;
};

LoadTarget TargetOf(std::string name, const EchoServer& server, const Shape& shape,
                    const std::string& token) {
  LoadTarget target;
  target.name = std::move(name);
  target.kind = shape.kind;
  target.address = server.address();
  target.method = shape.method;
  target.server = server.pid();
  target.bearer = token;
  target.messages = {shape.message};
  target.reply_bytes = shape.kind == LoadKind::kUnary ? kMessageBytes : 0;
  return target;
}

void Tell(const std::string& what, const Results& results, Report& report) {
  const auto& guarded = results.at("guarded");
  const auto add = [&](const char* unit_of, const char* unit, const char* baseline, auto of,
                       std::optional<Budget> budget) {
    Figure figure = Compared(kName, absl::StrCat(what, ": ", unit_of), unit,
                             PairsOf(guarded, results.at(baseline), of), "");
    figure.budget = budget;
    figure.note = kNote;
    report.Add(figure);
  };
  const auto cpu = [](const LoadResult& result) { return result.ServerMicrosPerCall(); };
  const auto rate = [](const LoadResult& result) { return result.CallsPerSecond(); };
  const auto p50 = [](const LoadResult& result) { return result.p50; };
  const auto p99 = [](const LoadResult& result) { return result.p99; };
  add("server CPU, against bare", "us/call", "bare", cpu, kOverBare);
  add("server CPU, against admit-all", "us/call", "admit all", cpu, kOverAdmitAll);
  add("server CPU, against idle", "us/call", "idle", cpu, std::nullopt);
  add("calls, against bare", "1/s", "bare", rate, std::nullopt);
  add("p50, against bare", "us", "bare", p50, std::nullopt);
  add("p99, against bare", "us", "bare", p99, std::nullopt);
}

void MeasureShape(const Scale& scale, const Shape& shape, int outstanding, const Servers& servers,
                  Report& report) {
  LoadPlan plan = PlanOf(scale, outstanding);
  plan.targets = {TargetOf("guarded", servers.guarded, shape, servers.token),
                  TargetOf("admit all", servers.admit_all, shape, servers.token),
                  TargetOf("idle", servers.idle, shape, servers.token),
                  TargetOf("bare", servers.bare, shape, servers.token)};
  Tell(absl::StrCat(shape.name, ", ", outstanding, " outstanding"),
       Sorted(Loader(plan).Results(), kName, report), report);
}

}  // namespace

void MeasureGuard(const Scale& scale, Report& report) {
  const TesseradFiles files;
  const auto database = MakeSqlite();
  const Tesserad tesserad(files, *database, HashCost::kLeast);
  const EchoServer guarded(tesserad.AddFeedReader(), tesserad);
  const EchoServer admit_all(EchoServer::Processor::kAdmitAll);
  const EchoServer idle(EchoServer::Processor::kIdle);
  const EchoServer bare(EchoServer::Processor::kNone);
  const Servers servers{guarded, admit_all, idle, bare, tesserad.LoginAdmin().access_token()};

  const Shape unary{"guarded unary call", LoadKind::kUnary, "/tessera.bench.Echo/Say",
                    EchoOfSize(kMessageBytes, kMessageBytes)};
  const Shape stream{"guarded stream", LoadKind::kStream, "/tessera.bench.Echo/Tail",
                     EchoOfSize(kMessageBytes, kMessageBytes, kReplies)};
  for (const int outstanding : scale.outstanding) {
    MeasureShape(scale, unary, outstanding, servers, report);
  }
  MeasureShape(scale, stream, kStreamOutstanding, servers, report);
}

}  // namespace tessera::bench
