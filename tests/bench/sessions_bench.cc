// RenewToken and RevokeToken, 64 callers, against the same SQL alone.
#include <atomic>
#include <exception>
#include <stdexcept>
#include <thread>

#include "absl/strings/str_cat.h"
#include "server/auth/key_ring.h"
#include "tessera/base/clock.h"
#include "tessera/base/random.h"
#include "tessera/token/token_signer.h"
#include "tests/bench/processes.h"
#include "tests/bench/suite.h"

namespace tessera::bench {
namespace {

constexpr char kName[] = "sessions";
constexpr int kCallers = 64;
// Revocations a second that there are tokens for.
constexpr double kMaxRevocationRate = 6000;
constexpr Budget kRenewBudget{Budget::Side::kAtLeast, 0.7};
constexpr char kNote[] =
    "64 callers; the SQL alone has as many connections as tesserad writes over at the same time, "
    "its transactions and its durability, and two cores to itself, which tesserad shares with the "
    "loader";

// What the bare statements change.
class Rows {
 public:
  explicit Rows(const Engine& engine) : engine_(engine), database_(engine.make()) {
    const auto store = database_->Open();
    const absl::Status made =
        store->Write(storage::Repeat::kOnce, SystemClock().Now() + absl::Seconds(30),
                     [&](storage::Repositories& in) { return Insert(in); });
    if (!made.ok()) throw std::runtime_error(made.ToString());
  }

  // Of each connection in turn, on a thread of its own; transactions a second.
  double Rate(absl::Duration slice, bool renew) {
    std::atomic<int64_t> done = 0;
    std::atomic<bool> failed = false;
    const absl::Duration start = SystemClock().Monotonic();
    std::vector<std::thread> threads;
    threads.reserve(static_cast<size_t>(engine_.writers));
    for (int writer = 0; writer < engine_.writers; ++writer) {
      threads.emplace_back([&, writer] {
        try {
          const auto connection = database_->Connect();
          do {
            renew ? Rotate(*connection, writer) : connection->Revoke(kIdHash);
            ++done;
          } while (SystemClock().Monotonic() - start < slice);
        } catch (const std::exception&) {
          failed = true;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    if (failed) throw std::runtime_error("the bare SQL failed");
    return static_cast<double>(done) / absl::ToDoubleSeconds(SystemClock().Monotonic() - start);
  }

 private:
  static constexpr char kIdHash[] = "00112233445566778899aabbccddeeff";

  absl::Status Insert(storage::Repositories& in) {
    const absl::Time now = SystemClock().Now();
    storage::User user;
    user.id = UserId("usr_bench");
    user.username = "bench";
    user.created_at = user.updated_at = now;
    absl::Status status = in.users.Insert(user);
    for (int i = 0; i < kCallers && status.ok(); ++i) {
      storage::Session session;
      session.id = SessionId(absl::StrCat("ses_", 1000 + i, std::string(22, '0')));
      session.user_id = user.id;
      session.user_version = 1;
      session.mac_kid = "mac";
      session.audience = kAudience;
      session.created_at = session.auth_time = session.rotated_at = session.access_until = now;
      session.idle_expires_at = session.expires_at = now + absl::Hours(24 * 30);
      status = in.sessions.Insert(session);
      sessions_.push_back({session.id.str(), session.generation});
    }
    return status;
  }

  // The writer's own sessions in turn, as callers come in turn.
  void Rotate(BareConnection& connection, int writer) {
    const size_t step = static_cast<size_t>(engine_.writers);
    thread_local size_t next = 0;
    Row& row = sessions_[(next++ * step + static_cast<size_t>(writer)) % sessions_.size()];
    connection.Rotate(row.id, row.generation++);
  }

  struct Row {
    std::string id;
    int64_t generation;
  };
  const Engine& engine_;
  const std::unique_ptr<Database> database_;
  std::vector<Row> sessions_;
};

// Access tokens that tesserad takes for its own: signed with the key in its store, before it
// starts.
std::vector<std::string> MintTokens(const Database& database, const TesseradFiles& files,
                                    size_t count) {
  const auto store = database.Open();
  const auto ring =
      server::KeyRing::Open(*store, server::MasterKeys::FromFile(files.master_key()).value(),
                            Algorithm::kEs256, SystemClock(), NoLog());
  if (!ring.ok()) throw std::runtime_error(ring.status().ToString());
  const SigningKey key = (*ring)->Current()->signing.value();
  Claims claims;
  claims.issuer = kIssuer;
  claims.subject = "usr_bench";
  claims.audience = kAudience;
  claims.client_id = "tessera";
  claims.issued_at = claims.not_before = SystemClock().Now() - absl::Seconds(1);
  claims.expires_at = claims.issued_at + absl::Minutes(15);
  claims.session_id = SessionId("ses_bench");
  claims.user_version = 1;
  std::vector<std::string> tokens;
  tokens.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    claims.token_id = TokenId(absl::StrCat("tok_", i));
    tokens.emplace_back(SignAccessToken(claims, key).value().Reveal());
  }
  return tokens;
}

LoadTarget RenewTarget(const Tesserad& tesserad) {
  LoadTarget target;
  target.name = "RenewToken";
  target.kind = LoadKind::kRenew;
  target.address = tesserad.address();
  target.method = "/tessera.v1.AuthService/RenewToken";
  target.server = tesserad.pid();
  target.messages.reserve(kCallers);
  for (int i = 0; i < kCallers; ++i) {
    target.messages.push_back(tesserad.LoginAdmin().refresh_token());
  }
  return target;
}

LoadTarget RevokeTarget(const Tesserad& tesserad, std::vector<std::string>& tokens, size_t count) {
  LoadTarget target;
  target.name = "RevokeToken";
  target.kind = LoadKind::kRevoke;
  target.address = tesserad.address();
  target.method = "/tessera.v1.AuthService/RevokeToken";
  target.server = tesserad.pid();
  target.messages.assign(tokens.end() - static_cast<std::ptrdiff_t>(count), tokens.end());
  tokens.resize(tokens.size() - count);
  return target;
}

void Tell(const std::string& what, const std::string& engine, const Pairs& rates,
          const std::vector<LoadResult>& results, std::optional<Budget> budget, Report& report) {
  const std::string name = absl::StrCat(what, " on ", engine);
  Figure rate = Compared(kName, name, "1/s", rates, "");
  rate.budget = budget;
  rate.note = kNote;
  report.Add(rate);
  std::vector<double> cpu, p50, p99;
  for (const LoadResult& result : results) {
    cpu.push_back(result.ServerMicrosPerCall());
    p50.push_back(result.p50);
    p99.push_back(result.p99);
  }
  const auto add = [&](const char* of, const char* unit, const std::vector<double>& values) {
    Figure figure;
    figure.benchmark = kName;
    figure.what = absl::StrCat(name, ": ", of);
    figure.unit = unit;
    figure.value = Median(values);
    report.Add(figure);
  };
  add("tesserad's CPU", "us/call", cpu);
  add("p50", "us", p50);
  add("p99", "us", p99);
}

void MeasureEngine(const Scale& scale, const Engine& engine, Report& report) {
  LoadPlan plan = PlanOf(scale, kCallers);
  plan.rounds = 1;
  plan.seconds = absl::ToDoubleSeconds(scale.slow_slice);
  const auto per_round =
      static_cast<size_t>(kMaxRevocationRate * (plan.seconds + plan.warm_up_seconds));
  const TesseradFiles files;
  const auto database = engine.make();
  auto tokens = MintTokens(*database, files, per_round * static_cast<size_t>(scale.slow_rounds));
  const Tesserad tesserad(files, *database, HashCost::kLeast);
  Rows rows(engine);
  for (const bool renew : {true, false}) {
    Pairs rates;
    std::vector<LoadResult> results;
    for (int round = 0; round < scale.slow_rounds; ++round) {
      const bool reverse = round % 2 == 1;
      if (reverse) rates.baseline.push_back(rows.Rate(scale.slow_slice, renew));
      plan.targets = {renew ? RenewTarget(tesserad) : RevokeTarget(tesserad, tokens, per_round)};
      const auto seen = Sorted(Loader(plan).Results(), kName, report);
      results.push_back(seen.begin()->second.front());
      rates.figure.push_back(results.back().CallsPerSecond());
      if (!reverse) rates.baseline.push_back(rows.Rate(scale.slow_slice, renew));
    }
    Tell(renew ? "RenewToken" : "RevokeToken", engine.name, rates, results,
         renew ? std::optional(kRenewBudget) : std::nullopt, report);
  }
}

}  // namespace

void MeasureSessions(const Scale& scale, Report& report) {
  for (const Engine& engine : Engines()) MeasureEngine(scale, engine, report);
}

}  // namespace tessera::bench
