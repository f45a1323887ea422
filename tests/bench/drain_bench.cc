// Login while a cleaner removes expired sessions, against Login alone.
#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/auth/auth_facade.h"
#include "server/auth/key_ring.h"
#include "server/auth/login_throttle.h"
#include "server/auth/password_hasher.h"
#include "server/auth/revocation_feed.h"
#include "server/auth/store_cleaner.h"
#include "tessera/base/clock.h"
#include "tessera/base/status_macros.h"
#include "tests/bench/processes.h"
#include "tests/bench/suite.h"

namespace tessera::bench {
namespace {

constexpr char kName[] = "drain";
constexpr Budget kBudget{Budget::Side::kAtMost, 1.2};
constexpr char kUser[] = "usr_bench";
constexpr char kUsername[] = "bench";
constexpr int64_t kInsertBatch = 100'000;
constexpr char kAgainst[] = "the same before and behind the removal";
constexpr char kNote[] =
    "one caller, who logs in again and again below gRPC, with the password's default cost; cleaner "
    "and store as tesserad has them, in one process; the database is on the disk";

template <typename T>
T Must(absl::StatusOr<T> value) {
  if (!value.ok()) throw std::runtime_error(value.status().ToString());
  return *std::move(value);
}

// What tesserad logs in with, without gRPC.
class LoginRoom {
 public:
  LoginRoom(storage::Store& store, const TesseradFiles& files)
      : keys_(Must(server::KeyRing::Open(store,
                                         Must(server::MasterKeys::FromFile(files.master_key())),
                                         Algorithm::kEs256, SystemClock(), NoLog()))),
        hasher_(Must(server::PasswordHasher::Create({}))),
        feed_(Must(server::RevocationFeed::Open(store, *keys_, {}, SystemClock(), NoLog()))),
        throttle_({}, {store, *keys_, SystemClock(), NoLog()}),
        auth_(Policy(), {store, *keys_, hasher_, *feed_, SystemClock(), NoLog(), throttle_}) {
    storage::User user;
    user.id = UserId(kUser);
    user.username = kUsername;
    user.created_at = user.updated_at = SystemClock().Now();
    user.password_hash = Must(hasher_.Hash(server::PrepareForLogin(Password())));
    const absl::Status made =
        store.Write(storage::Repeat::kOnce, SystemClock().Now() + absl::Seconds(30),
                    [&](storage::Repositories& in) { return in.users.Insert(user); });
    if (!made.ok()) throw std::runtime_error(made.ToString());
  }

  // Milliseconds.
  double Login() const {
    const absl::Duration start = SystemClock().Monotonic();
    const absl::Status done = TryLogin();
    if (!done.ok()) throw std::runtime_error(done.ToString());
    return absl::ToDoubleMilliseconds(SystemClock().Monotonic() - start);
  }

 private:
  static server::TokenPolicy Policy() {
    server::TokenPolicy policy;
    policy.issuer = kIssuer;
    return policy;
  }
  static Secret Password() { return Secret::CopyOf(kAdminPassword); }

  absl::Status TryLogin() const {
    const server::CallInfo call{"127.0.0.1", SystemClock().Now() + absl::Seconds(30)};
    TESSERA_ASSIGN_OR_RETURN(server::LoginAttempt attempt,
                             auth_.BeginLogin(call, {kUsername, Password(), ""}));
    TESSERA_ASSIGN_OR_RETURN(const server::VerifiedLogin login,
                             auth_.CheckPassword(call, std::move(attempt)));
    return auth_.OpenSession(call, login).status();
  }

  const std::unique_ptr<server::KeyRing> keys_;
  const server::PasswordHasher hasher_;
  const std::unique_ptr<server::RevocationFeed> feed_;
  const server::LoginThrottle throttle_;
  const server::AuthFacade auth_;
};

// Logs in again and again while `more` says so.
std::vector<double> LoginsWhile(const LoginRoom& room, const std::function<bool()>& more) {
  std::vector<double> millis;
  do {
    millis.push_back(room.Login());
  } while (more());
  return millis;
}

std::vector<double> LoginsFor(const LoginRoom& room, absl::Duration time) {
  const absl::Duration end = SystemClock().Monotonic() + time;
  return LoginsWhile(room, [end] { return SystemClock().Monotonic() < end; });
}

void AddExpired(const Database& database, int64_t count) {
  const auto connection = database.Connect();
  for (int64_t first = 0; first < count; first += kInsertBatch) {
    connection->AddExpired(kUser, first, std::min(kInsertBatch, count - first));
  }
}

struct Drain {
  std::vector<double> logins;  // milliseconds
  int64_t left = 0;
  double seconds = 0;
};

Drain DrainUnderLogins(const LoginRoom& room, storage::Store& store) {
  // One thread cleans, as in tesserad; here it is this one's, so that it begins at once.
  server::StoreCleaner cleaner(store, SystemClock(), NoLog(), absl::Hours(24));
  std::atomic<bool> draining = true;
  absl::StatusOr<server::StoreCleaner::Removed> removed = absl::UnknownError("nothing yet");
  Drain drain;
  const absl::Duration start = SystemClock().Monotonic();
  std::thread cleaning([&] {
    removed = cleaner.CleanAll();
    drain.seconds = absl::ToDoubleSeconds(SystemClock().Monotonic() - start);
    draining = false;
  });
  try {
    drain.logins = LoginsWhile(room, [&] { return draining.load(); });
  } catch (...) {
    cleaning.join();
    throw;
  }
  cleaning.join();
  Must(removed);
  drain.left = Must(cleaner.CleanAll()).sessions;
  return drain;
}

void Tell(const std::string& engine, int64_t count, const Drain& drain,
          const std::vector<double>& idle, Report& report) {
  const std::string what = absl::StrCat("Login on ", engine, ", ", count, " expired sessions: ");
  for (const auto& [name, part] : {std::pair("p50", 0.5), std::pair("p99", 0.99)}) {
    Figure figure =
        Compared(kName, what + name, "ms",
                 Pairs{{Quantile(drain.logins, part)}, {Quantile(idle, part)}}, kAgainst);
    if (part == 0.5) figure.budget = kBudget;
    figure.note = kNote;
    report.Add(figure);
  }
  Figure rate;
  rate.benchmark = kName;
  rate.what = absl::StrCat("sessions removed on ", engine, " meanwhile");
  rate.unit = "1/s";
  rate.value = static_cast<double>(count) / drain.seconds;
  rate.note = kNote;
  report.Add(rate);
}

void MeasureEngine(const Scale& scale, const std::string& name,
                   const std::unique_ptr<Database>& database, Report& report) {
  const TesseradFiles files;
  const auto store = database->Open();
  const LoginRoom room(*store, files);
  LoginsFor(room, scale.slow_slice);  // warms up
  std::vector<double> idle = LoginsFor(room, 4 * scale.slow_slice);
  AddExpired(*database, scale.expired_sessions);
  const Drain drain = DrainUnderLogins(room, *store);
  if (drain.left != 0) throw std::runtime_error("expired sessions were left");
  for (const double millis : LoginsFor(room, 4 * scale.slow_slice)) idle.push_back(millis);
  Tell(name, scale.expired_sessions, drain, idle, report);
}

}  // namespace

void MeasureDrain(const Scale& scale, Report& report) {
  MeasureEngine(scale, "SQLite", MakeSqlite(), report);
  MeasureEngine(scale, "MariaDB", MakeMariaDbOnDisk(), report);
}

}  // namespace tessera::bench
