// Keys that rotate every second cause no false refusal, while guards restart. Eight seconds;
// TESSERA_DRILL_SECONDS says otherwise.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tessera/base/clock.h"
#include "tessera/base/mutex.h"
#include "tessera/base/random.h"
#include "tests/drills/calls.h"
#include "tests/drills/servers.h"
#include "tests/e2e/guarded_orders.h"
#include "tests/e2e/tesserad.h"
#include "tests/mariadb/mariadb.h"

namespace tessera::testing {
namespace {

constexpr int kDefaultSeconds = 8;
constexpr int kClients = 4;
constexpr char kPassword[] = "clients password";
constexpr useconds_t kPauseMicros = 10'000;
// A client logs in anew after so many renewals, and shows so many of its tokens again.
constexpr int kRenewalsOfASession = 20;
constexpr size_t kOldTokens = 32;
constexpr absl::Duration kMoreTime = absl::Minutes(1);
constexpr absl::Duration kGuardLives = absl::Milliseconds(1700);

int Seconds() {
  const char* const wanted = std::getenv("TESSERA_DRILL_SECONDS");
  return wanted == nullptr ? kDefaultSeconds : std::max(1, std::atoi(wanted));
}

Tesserad::Options RotatingOften() {
  Tesserad::Options options;
  options.environment = {"TESSERA_KEYS_PUBLISH_AHEAD=0s", "TESSERA_KEYS_ROTATE_EVERY=1s"};
  return options;
}

// A guarded service that goes and comes back. Thread-safe.
class Service {
 public:
  explicit Service(Tesserad& server) : server_(server) { Come(); }

  void Come() {
    auto orders = std::make_shared<GuardedOrders>(server_, Transport::kPlaintext, Api::kCallback);
    MutexLock lock(mu_);
    orders_.swap(orders);
  }
  void Go() {
    std::shared_ptr<GuardedOrders> orders;
    MutexLock lock(mu_);
    orders_.swap(orders);
  }
  // Null while it is away.
  std::shared_ptr<GuardedOrders> orders() const {
    MutexLock lock(mu_);
    return orders_;
  }

 private:
  Tesserad& server_;
  mutable Mutex mu_;
  std::shared_ptr<GuardedOrders> orders_ ABSL_GUARDED_BY(mu_);
};

class RotatingKeys {
 public:
  RotatingKeys(std::string engine, const std::vector<Tesserad*>& tesserads)
      : engine_(std::move(engine)), servers_(tesserads) {
    Tesserad& first = *tesserads.front();
    for (int i = 0; i < kClients; ++i) first.AddUser(absl::StrCat("client", i), kPassword);
    admin_ = first.LoginAdmin();
    auth_ = first.Auth();
    services_.push_back(std::make_unique<Service>(*tesserads.front()));
    services_.push_back(std::make_unique<Service>(*tesserads.back()));
  }

  void Run() {
    std::vector<std::thread> threads;
    for (int i = 0; i < kClients; ++i) threads.emplace_back([this, i] { Client(i); });
    threads.emplace_back([this] { Rotate(); });
    for (auto& service : services_) threads.emplace_back([this, &service] { Restart(*service); });
    const absl::Time end = SystemClock().Now() + absl::Seconds(Seconds());
    while (SystemClock().Now() < end) usleep(kPauseMicros);
    // A slow machine gets more time for as many rotations as are asked for.
    while (Replaced(v1::KEY_PURPOSE_SIGN) < Wanted() && SystemClock().Now() < end + kMoreTime) {
      usleep(kPauseMicros);
    }
    stop_ = true;
    for (std::thread& thread : threads) thread.join();
    Tell();
  }

 private:
  // Logs in and renews at any server, and shows tokens, the newest at once, to both services.
  void Client(int number) {
    const std::string name = absl::StrCat("client", number);
    std::vector<std::string> old;
    while (!stop_) {
      v1::TokenGrant grant;
      if (!Good("login", Server()->Login(name, kPassword, "orders", grant))) continue;
      for (int i = 0; i < kRenewalsOfASession && !stop_; ++i) {
        Show(grant.access_token());
        if (!old.empty()) Show(old[RandomBelow(old.size())]);
        old.size() < kOldTokens
            ? old.push_back(grant.access_token())
            : std::swap(old[RandomBelow(old.size())], *grant.mutable_access_token());
        const std::string refresh = grant.refresh_token();
        const Answer answer = AskUntilClear([&] { return Server()->Renew(refresh, grant); });
        if (!Good("renewal", answer)) break;
      }
    }
  }

  std::shared_ptr<const Calls> Server() const { return servers_[RandomBelow(servers_.size())]; }

  void Show(const std::string& token) {
    for (const auto& service : services_) {
      const std::shared_ptr<GuardedOrders> orders = service->orders();
      if (orders == nullptr) continue;
      orders::v1::ListMyOrdersResponse response;
      const grpc::Status status =
          orders->Stub()->ListMyOrders(ContextWith({token}).get(), {}, &response);
      Good("call", Answer{status});
    }
    v1::ValidateTokenResponse known;
    const Answer answer = Server()->Validate(token, known);
    if (!Good("validation", answer)) return;
    if (!known.active()) Note(absl::StrCat("inactive: ", v1::ErrorReason_Name(known.reason())));
  }

  // False if there is nothing to go on with. What is no clear answer refuses nobody,
  // as long as few are so: MostOpen.
  bool Good(const std::string& what, const Answer& answer) {
    answer.done() ? ++done_ : answer.open() ? ++open_ : ++refused_;
    if (!answer.done() && !answer.open()) Note(absl::StrCat(what, ": ", answer.Text()));
    return answer.done();
  }

  void Note(const std::string& wrong) {
    MutexLock lock(mu_);
    wrong_.push_back(wrong);
  }

  // By command, beside the rotation by age.
  void Rotate() {
    while (!stop_) {
      v1::RotateSigningKeyResponse response;
      const grpc::Status status = auth_->RotateSigningKey(
          ContextWith({admin_.access_token()}).get(), v1::RotateSigningKeyRequest(), &response);
      const bool under_way = status.error_code() == grpc::StatusCode::FAILED_PRECONDITION;
      if (!under_way) Good("rotation", Answer{status});
      Pause(absl::Seconds(1));
    }
  }

  void Restart(Service& service) {
    while (!stop_) {
      Pause(kGuardLives);
      service.Go();
      service.Come();
      ++restarts_;
    }
  }

  void Pause(absl::Duration length) const {
    const absl::Time end = SystemClock().Now() + length;
    while (!stop_ && SystemClock().Now() < end) usleep(kPauseMicros);
  }

  static int Wanted() { return std::max(1, Seconds() / 4); }

  int Replaced(v1::KeyPurpose purpose) {
    v1::ListSigningKeysResponse keys;
    const grpc::Status listed = auth_->ListSigningKeys(ContextWith({admin_.access_token()}).get(),
                                                       v1::ListSigningKeysRequest(), &keys);
    EXPECT_TRUE(listed.ok()) << listed.error_message();
    return static_cast<int>(
        std::count_if(keys.keys().begin(), keys.keys().end(), [&](const v1::SigningKeyInfo& key) {
          return key.purpose() == purpose && key.state() == v1::KEY_STATE_RETIRING;
        }));
  }

  // A guard that answers UNAVAILABLE for a key that it should know refuses as well, so this is as
  // much as restarts explain: what is under way when a guard goes, one call of each client at most.
  // And one in a hundred, for calls that miss their deadlines on a slow machine; usually none does.
  int MostOpen() const { return restarts_ * kClients + done_ / 100; }

  void Tell() {
    const int signing = Replaced(v1::KEY_PURPOSE_SIGN);
    const int macs = Replaced(v1::KEY_PURPOSE_REFRESH);
    std::fprintf(stderr,
                 "keys %s: %ds, %d signing and %d refresh keys replaced, %d guards restarted; %d "
                 "answers, %d open, %d refused\n",
                 engine_.c_str(), Seconds(), signing, macs, restarts_.load(), done_.load(),
                 open_.load(), refused_.load());
    EXPECT_GE(signing, Wanted()) << "the keys hardly rotated";
    EXPECT_GT(macs, 0) << "the keys hardly rotated";
    EXPECT_GT(done_, 0);
    EXPECT_LE(open_, MostOpen()) << "refusals that look like an outage";
    MutexLock lock(mu_);
    for (const std::string& wrong : wrong_) ADD_FAILURE() << wrong;
  }

  const std::string engine_;
  Servers servers_;
  v1::TokenGrant admin_;
  std::unique_ptr<v1::AuthService::Stub> auth_;
  std::vector<std::unique_ptr<Service>> services_;
  std::atomic<bool> stop_ = false;
  std::atomic<int> done_ = 0, open_ = 0, refused_ = 0, restarts_ = 0;
  Mutex mu_;
  std::vector<std::string> wrong_ ABSL_GUARDED_BY(mu_);
};

TEST(RotatingKeys, Sqlite) {
  Tesserad tesserad(RotatingOften());
  ASSERT_NO_FATAL_FAILURE(tesserad.Start());
  RotatingKeys("sqlite", {&tesserad}).Run();
  tesserad.Stop();
}

TEST(RotatingKeys, TwoReplicasOnMariaDb) {
  MariaDbDatabase database(MariaDb::Shared());
  Tesserad::Options options = RotatingOften();
  options.installation = std::make_shared<Installation>(database);
  Tesserad a(options), b(options);
  ASSERT_NO_FATAL_FAILURE(a.Start());
  ASSERT_NO_FATAL_FAILURE(b.Start());
  RotatingKeys("mariadb", {&a, &b}).Run();
  a.Stop();
  b.Stop();
}

}  // namespace
}  // namespace tessera::testing
