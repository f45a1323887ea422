// Logins a second against what Argon2id alone allows.
#include <atomic>
#include <stdexcept>
#include <thread>

#include "absl/strings/str_cat.h"
#include "server/auth/password_hasher.h"
#include "server/lanes/cores.h"
#include "tessera/base/clock.h"
#include "tests/bench/processes.h"
#include "tests/bench/suite.h"

namespace tessera::bench {
namespace {

constexpr char kName[] = "login";
constexpr Budget kBudget{Budget::Side::kAtLeast, 0.9};
constexpr int kUsers = 8;
constexpr int kOutstanding = 16;
constexpr char kAgainst[] =
    "Argon2id of the same cost, in tessera's arenas, on as many threads as tesserad hashes with";
constexpr char kNote[] =
    "the loader, tesserad's other work and the database share the cores that hash, so the ratio "
    "cannot reach 1";

std::string LoginRequestOf(int user) {
  v1::LoginRequest request;
  request.set_username(absl::StrCat("user", user));
  request.set_password(kAdminPassword);
  request.set_audience(kAudience);
  return request.SerializeAsString();
}

LoadTarget TargetOf(const Tesserad& tesserad) {
  LoadTarget target;
  target.name = "Login";
  target.address = tesserad.address();
  target.method = "/tessera.v1.AuthService/Login";
  target.server = tesserad.pid();
  target.messages.reserve(kUsers);
  for (int user = 0; user < kUsers; ++user) target.messages.push_back(LoginRequestOf(user));
  return target;
}

// Password checks a second.
double ArgonRate(absl::Duration slice) {
  const server::PasswordHasher hasher = server::PasswordHasher::Create({}).value();
  const Secret password = Secret::CopyOf(kAdminPassword);
  const std::string stored = hasher.Hash(password).value();
  std::atomic<int> checks = 0;
  std::atomic<bool> wrong = false;
  const absl::Duration start = SystemClock().Monotonic();
  const auto work = [&] {
    do {
      const auto verdict = hasher.Verify(password, stored);
      if (!verdict.ok() || !verdict->matches) wrong = true;
      ++checks;
    } while (SystemClock().Monotonic() - start < slice);
  };
  const int workers = server::UsableCores();
  std::vector<std::thread> threads;
  threads.reserve(static_cast<size_t>(workers));
  for (int i = 0; i < workers; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  if (wrong) throw std::runtime_error("a right password did not match");
  return checks / absl::ToDoubleSeconds(SystemClock().Monotonic() - start);
}

}  // namespace

void MeasureLogin(const Scale& scale, Report& report) {
  const TesseradFiles files;
  const auto database = MakeSqlite();
  const Tesserad tesserad(files, *database, HashCost::kDefault);
  for (int user = 0; user < kUsers; ++user) tesserad.AddUser(absl::StrCat("user", user));
  LoadPlan plan = PlanOf(scale, kOutstanding);
  plan.targets = {TargetOf(tesserad)};
  plan.rounds = 1;
  // A login takes long: enough of them for the figure not to hang on the last one.
  plan.seconds = 2 * absl::ToDoubleSeconds(scale.slow_slice);
  Pairs rates;
  for (int round = 0; round < scale.slow_rounds; ++round) {
    const bool reverse = round % 2 == 1;
    if (reverse) rates.baseline.push_back(ArgonRate(2 * scale.slow_slice));
    const auto results = Sorted(Loader(plan).Results(), kName, report).at("Login");
    rates.figure.push_back(results.front().CallsPerSecond());
    if (!reverse) rates.baseline.push_back(ArgonRate(2 * scale.slow_slice));
  }
  Figure figure = Compared(kName, absl::StrCat("Login, ", kOutstanding, " outstanding"), "1/s",
                           rates, kAgainst);
  figure.budget = kBudget;
  figure.note = kNote;
  report.Add(figure);
}

}  // namespace tessera::bench
