// Everything that AuthFacade stands on, real: the engine under test, keys, hashes, feed.
#ifndef TESSERA_TESTS_SERVER_AUTH_AUTH_WORLD_H_
#define TESSERA_TESTS_SERVER_AUTH_AUTH_WORLD_H_

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/auth/auth_facade.h"
#include "server/auth/key_ring.h"
#include "server/auth/password_hasher.h"
#include "server/auth/revocation_feed.h"
#include "storage/store.h"
#include "tessera/base/log.h"
#include "tessera/base/mutex.h"
#include "tests/base/fake_clock.h"
#include "tests/mariadb/database_under_test.h"

namespace tessera::server {

// Keeps what was logged.
class RecordingLog final : public LogSink {
 public:
  void Write(const LogEvent& event) override;
  // How often `name` was logged, with `key`=`value` if given.
  int Count(std::string_view name, std::string_view key = {}, std::string_view value = {}) const;
  // True if any field of any event holds `text`.
  bool Mentions(std::string_view text) const;

 private:
  mutable Mutex mu_;
  std::vector<LogEvent> events_ ABSL_GUARDED_BY(mu_);
};

// Passes on to a real store, counts, and can be cut off.
class WatchedStore final : public storage::Store {
 public:
  WatchedStore(storage::Store& store, const Clock& clock) : store_(store), clock_(clock) {}
  absl::Status Read(absl::Time deadline, Work work) override;
  absl::Status Write(storage::Repeat repeat, absl::Time deadline, Work work) override;
  absl::StatusOr<std::optional<absl::Time>> DatabaseTime(absl::Time deadline) override;
  // What DatabaseTime answers; nothing: what the test's clock says, if the database has one at all.
  void set_database_time(std::optional<absl::Time> time) {
    MutexLock lock(mu_);
    database_time_ = time;
  }

  int reads() const { return reads_; }
  int writes() const { return writes_; }
  int calls() const { return reads_ + writes_; }
  void set_away(bool away) { away_ = away; }
  // Runs once, before the next write: whatever comes between a look and a write.
  void BeforeNextWrite(std::function<void()> hook) { hook_ = std::move(hook); }
  // The next write commits, and its answer is lost; an idempotent one is run again.
  void LoseNextAnswer() { lose_answer_ = true; }

 private:
  storage::Store& store_;
  const Clock& clock_;
  std::atomic<int> reads_{0};
  std::atomic<int> writes_{0};
  std::atomic<bool> away_{false};
  std::atomic<bool> lose_answer_{false};
  Mutex mu_;
  std::optional<absl::Time> database_time_ ABSL_GUARDED_BY(mu_);
  std::function<void()> hook_;  // set and run by the test's own thread
};

inline constexpr std::string_view kPassword = "correct horse battery";
inline constexpr HashCost kLowCost{8 * 1024, 1};

struct WorldOptions {
  std::string master_seed = "one master key";  // another: another master key
  HashCost cost = kLowCost;
  TokenPolicy policy = DefaultPolicy();
  ThrottlePolicy throttle = {};
  static TokenPolicy DefaultPolicy();
};

MasterKeys MasterKeysOf(std::string_view seed);

// One replica. What must not fail in a test's preparation ends it loudly.
class AuthWorld {
 public:
  explicit AuthWorld(WorldOptions options = {});
  // On a database that was there before: another life of it. A database that HoldsReplicas may have
  // several worlds at once; otherwise close the other one first.
  AuthWorld(std::shared_ptr<testing::DatabaseUnderTest> database, WorldOptions options);

  storage::User AddUser(std::string_view name, std::string_view password = kPassword);
  // Reads the user, lets `change` change it, and stores it with a new revision.
  void ChangeUser(const UserId& id, const std::function<void(storage::User&)>& change);
  void Disable(const UserId& id);
  storage::Role GrantNewRole(const UserId& user, std::string name,
                             std::vector<std::string> audiences = {});

  absl::StatusOr<IssuedGrant> TryLogin(std::string_view name, std::string_view password = kPassword,
                                       std::string audience = "");
  IssuedGrant Login(std::string_view name, std::string audience = "");
  absl::StatusOr<VerifiedLogin> CheckLogin(std::string_view name,
                                           std::string_view password = kPassword);
  Claims ClaimsOf(const Secret& access_token);
  std::string WhyInactive(const Secret& token);

  std::optional<storage::User> UserRow(const UserId& id);
  std::optional<storage::Session> SessionRow(const SessionId& id);
  std::vector<storage::Revocation> Feed();
  void Write(const std::function<absl::Status(storage::Repositories&)>& work);

  std::shared_ptr<testing::DatabaseUnderTest> database;
  testing::FakeClock clock;
  RecordingLog log;
  std::unique_ptr<storage::Store> direct;
  std::unique_ptr<WatchedStore> store;       // the facade's way to it
  std::unique_ptr<WatchedStore> feed_store;  // the feed's
  std::unique_ptr<KeyRing> keys;
  std::unique_ptr<PasswordHasher> hasher;
  std::unique_ptr<RevocationFeed> feed;
  std::unique_ptr<LoginThrottle> throttle;
  std::unique_ptr<AuthFacade> auth;
  CallInfo call{"192.0.2.7", absl::InfiniteFuture()};
};

// The reason of a refusal, or "OK".
std::string Reason(const absl::Status& status);
template <typename T>
std::string Reason(const absl::StatusOr<T>& result) {
  return Reason(result.status());
}

// Fails the test program with the status's text.
void Require(const absl::Status& status);
template <typename T>
T Require(absl::StatusOr<T> result) {
  Require(result.status());
  return *std::move(result);
}

}  // namespace tessera::server

#endif  // TESSERA_TESTS_SERVER_AUTH_AUTH_WORLD_H_
