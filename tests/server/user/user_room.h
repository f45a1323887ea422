// The user room on a real store of the engine under test, with real keys, hashes and revocations.
#ifndef TESSERA_TESTS_SERVER_USER_USER_ROOM_H_
#define TESSERA_TESTS_SERVER_USER_USER_ROOM_H_

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/auth/auth_facade.h"
#include "server/auth/key_ring.h"
#include "server/auth/password_hasher.h"
#include "server/auth/revocation_feed.h"
#include "server/user/bootstrap.h"
#include "server/user/role_facade.h"
#include "server/user/user_facade.h"
#include "tessera/base/mutex.h"
#include "tessera/base/reason.h"
#include "tests/base/fake_clock.h"
#include "tests/base/temporary_folder.h"
#include "tests/mariadb/database_under_test.h"
#include "tests/server/user/recording_trail.h"

namespace tessera::server {

// Keeps the names and all values of the events.
class RecordingLog final : public LogSink {
 public:
  void Write(const LogEvent& event) override {
    MutexLock lock(mu_);
    text_.append(event.name);
    for (const auto& [key, value] : event.fields) text_.append(" " + value);
    text_ += '\n';
  }
  std::string Text() const {
    MutexLock lock(mu_);
    return text_;
  }

 private:
  mutable Mutex mu_;
  std::string text_ ABSL_GUARDED_BY(mu_);
};

inline constexpr char kPassword[] = "correct horse battery";

class UserRoom : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = database_.Open(clock_, log_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
    MasterKeys master;
    master.entries.push_back({"m1", Secret(std::string(32, 'k'))});
    auto keys = KeyRing::Open(*store_, std::move(master), Algorithm::kEs256, clock_, log_);
    ASSERT_TRUE(keys.ok()) << keys.status();
    keys_ = *std::move(keys);
    auto hasher = PasswordHasher::Create({8192, 1});
    ASSERT_TRUE(hasher.ok());
    hasher_ = *std::move(hasher);
    auto feed = RevocationFeed::Open(*store_, *keys_, {}, clock_, log_);
    ASSERT_TRUE(feed.ok()) << feed.status();
    feed_ = *std::move(feed);
    throttle_.emplace(ThrottlePolicy(), LoginThrottle::Parts{*store_, *keys_, clock_, log_});
    TokenPolicy policy;
    policy.issuer = "https://tessera.test";
    policy.audiences = {"orders"};
    auth_ = std::make_unique<AuthFacade>(
        policy, AuthFacade::Parts{*store_, *keys_, *hasher_, *feed_, clock_, log_, *throttle_});
    users_ = std::make_unique<UserFacade>(
        UserFacade::Parts{*store_, *hasher_, *feed_, clock_, log_, audit_, *throttle_});
    roles_ = std::make_unique<RoleFacade>(std::vector<std::string>{"orders", "tessera"},
                                          RoleFacade::Parts{*store_, *feed_, clock_, log_, audit_});
  }

  // What the first start does: the administrator is `admin`.
  void Start() {
    BootstrapOptions options{"tessera", "admin", folder_.Write("pw", kPassword), nullptr, ""};
    const absl::Status started = Bootstrap(options, *store_, *hasher_, clock_, log_);
    ASSERT_TRUE(started.ok()) << started;
    admin_ = Named("admin").id;
  }

  storage::User Add(const std::string& name) {
    NewUser fields;
    fields.username = name;
    auto hashed = users_->HashNewUser(fields, Secret::CopyOf(kPassword));
    EXPECT_TRUE(hashed.ok()) << hashed.status();
    auto user = users_->Create(call_, admin_, *hashed);
    EXPECT_TRUE(user.ok()) << user.status();
    return *user;
  }
  storage::User Named(const std::string& name) {
    auto user = users_->Get(call_, UserKey(name));
    EXPECT_TRUE(user.ok()) << user.status();
    return user.ok() ? *user : storage::User();
  }
  storage::User AddAdministrator(const std::string& name) {
    storage::User user = Add(name);
    const absl::Status granted = roles_->Grant(call_, admin_, kAdminRole, user.id);
    EXPECT_TRUE(granted.ok()) << granted;
    return user;
  }

  // A login up to the point where the password has been checked.
  absl::StatusOr<VerifiedLogin> CheckLogin(const std::string& name,
                                           const std::string& password = kPassword) {
    auto attempt = auth_->BeginLogin(call_, {name, Secret::CopyOf(password), ""});
    if (!attempt.ok()) return attempt.status();
    return auth_->CheckPassword(call_, *std::move(attempt));
  }
  absl::StatusOr<IssuedGrant> Login(const std::string& name,
                                    const std::string& password = kPassword) {
    auto verified = CheckLogin(name, password);
    if (!verified.ok()) return verified.status();
    return auth_->OpenSession(call_, *verified);
  }
  // Why the token is not active; empty if it is.
  std::string WhyInactive(const Secret& token) {
    auto known = auth_->Validate(token);
    EXPECT_TRUE(known.ok()) << known.status();
    return known->inactive_reason;
  }

  absl::StatusOr<storage::User> SetState(const UserId& id, storage::UserState state) {
    UserChange change;
    change.id = id;
    change.state = state;
    return users_->Update(call_, admin_, change);
  }

  testing::TemporaryFolder folder_;
  testing::DatabaseUnderTest database_;
  testing::FakeClock clock_;
  RecordingLog log_;
  RecordingTrail audit_;
  CallInfo call_{"127.0.0.1", absl::InfiniteFuture()};
  UserId admin_;
  std::unique_ptr<storage::Store> store_;
  std::unique_ptr<KeyRing> keys_;
  std::optional<PasswordHasher> hasher_;
  std::unique_ptr<RevocationFeed> feed_;
  std::optional<LoginThrottle> throttle_;
  std::unique_ptr<AuthFacade> auth_;
  std::unique_ptr<UserFacade> users_;
  std::unique_ptr<RoleFacade> roles_;
};

}  // namespace tessera::server

#endif  // TESSERA_TESTS_SERVER_USER_USER_ROOM_H_
