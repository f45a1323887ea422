// How long ValidateToken takes while everybody logs in.
#include <algorithm>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/bench/processes.h"
#include "tests/bench/suite.h"

namespace tessera::bench {
namespace {

constexpr char kName[] = "storm";
constexpr Budget kBudget{Budget::Side::kAtMost, 2};
constexpr double kLoad = 0.2;       // of capacity
constexpr double kLeastRate = 100;  // calls a second, so that every slice has some
constexpr int kOutstanding = 16;
constexpr int kStormOutstanding = 32;
constexpr double kStormLead = 0.3;  // seconds until it blows
constexpr char kNote[] =
    "calls at fixed times, whether answered or not, at 20 % of what tesserad answers at most; the "
    "loader's threads share the cores with the hashing, so their own waiting is in both figures";

LoadTarget TargetOf(const Tesserad& tesserad) {
  v1::ValidateTokenRequest request;
  request.set_token(tesserad.LoginAdmin().access_token());
  LoadTarget target;
  target.name = "ValidateToken";
  target.address = tesserad.address();
  target.method = "/tessera.v1.AuthService/ValidateToken";
  target.server = tesserad.pid();
  target.messages = {request.SerializeAsString()};
  return target;
}

LoadTarget StormOn(const Tesserad& tesserad) {
  v1::LoginRequest request;
  request.set_username("admin");
  request.set_password(kAdminPassword);
  LoadTarget target;
  target.name = "Login";
  target.address = tesserad.address();
  target.method = "/tessera.v1.AuthService/Login";
  target.server = tesserad.pid();
  target.messages = {request.SerializeAsString()};
  return target;
}

double Capacity(const Scale& scale, const LoadTarget& target, Report& report) {
  LoadPlan plan = PlanOf(scale, 64);
  plan.rounds = 1;
  plan.targets = {target};
  return Sorted(Loader(plan).Results(), kName, report).at(target.name).front().CallsPerSecond();
}

LoadResult Validate(const LoadPlan& plan, Report& report) {
  return Sorted(Loader(plan).Results(), kName, report).at("ValidateToken").front();
}

}  // namespace

void MeasureStorm(const Scale& scale, Report& report) {
  const TesseradFiles files;
  const auto database = MakeSqlite();
  const Tesserad tesserad(files, *database, HashCost::kDefault);
  LoadPlan calm = PlanOf(scale, kOutstanding);
  calm.rounds = 1;
  calm.seconds = absl::ToDoubleSeconds(scale.slow_slice);
  calm.targets = {TargetOf(tesserad)};
  calm.rate = std::max(kLeastRate, kLoad * Capacity(scale, calm.targets.front(), report));
  LoadPlan storm = PlanOf(scale, kStormOutstanding);
  storm.rounds = 1;
  storm.warm_up_seconds = kStormLead;
  storm.seconds = calm.warm_up_seconds + calm.seconds + kStormLead;
  storm.targets = {StormOn(tesserad)};

  Pairs p50, p99;
  std::vector<double> logins;
  for (int round = 0; round < scale.slow_rounds; ++round) {
    const LoadResult idle = Validate(calm, report);
    Loader storming(storm);
    absl::SleepFor(absl::Seconds(kStormLead));
    const LoadResult stormed = Validate(calm, report);
    const auto blown = Sorted(storming.Results(), kName, report).at("Login").front();
    p50.figure.push_back(stormed.p50);
    p50.baseline.push_back(idle.p50);
    p99.figure.push_back(stormed.p99);
    p99.baseline.push_back(idle.p99);
    logins.push_back(blown.CallsPerSecond());
  }
  const std::string what = absl::StrCat("ValidateToken, ", static_cast<int>(calm.rate), "/s, in ",
                                        static_cast<int>(Median(logins)), " logins/s: ");
  Figure median = Compared(kName, what + "p50", "us", p50, "the same without logins");
  Figure tail = Compared(kName, what + "p99", "us", p99, "the same without logins");
  tail.budget = kBudget;
  tail.note = kNote;
  report.Add(median);
  report.Add(tail);
}

}  // namespace tessera::bench
