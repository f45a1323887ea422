// Several replicas that do the same thing, or opposite things, at the same moment: on MariaDB each
// has a store of its own, on SQLite all threads share the one.
#ifndef TESSERA_TESTS_SERVER_USER_REPLICAS_ROOM_H_
#define TESSERA_TESTS_SERVER_USER_REPLICAS_ROOM_H_

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "server/audit/audit_trail.h"
#include "server/auth/key_ring.h"
#include "server/auth/revocation_feed.h"
#include "server/user/bootstrap.h"
#include "server/user/group_facade.h"
#include "server/user/role_facade.h"
#include "server/user/user_facade.h"
#include "tests/base/fake_clock.h"
#include "tests/base/temporary_folder.h"
#include "tests/mariadb/database_under_test.h"

namespace tessera::server {

inline constexpr int kReplicas = 3;
inline constexpr int kRounds = 8;

template <typename T>
T Must(absl::StatusOr<T> value) {
  if (!value.ok()) throw std::runtime_error(value.status().ToString());
  return *std::move(value);
}

// An empty database, and the stores of its replicas.
class SharedDatabase {
 public:
  explicit SharedDatabase(const Clock& clock);
  storage::Store& Of(int replica) {
    return *stores_[static_cast<size_t>(replica) % stores_.size()];
  }

 private:
  testing::DatabaseUnderTest database_;
  std::vector<std::unique_ptr<storage::Store>> stores_;
};

// Runs `body(i)` for each replica at the same moment.
void AtOnce(int count, const std::function<void(int)>& body);

// On an empty database.
class ReplicasTest : public ::testing::Test {
 protected:
  static constexpr char kPassword[] = "correct horse battery";

  std::unique_ptr<KeyRing> OpenKeys(int replica);
  absl::Status Boot(int replica, const BootstrapOptions& options) {
    return Bootstrap(options, database_.Of(replica), hasher_, clock_, NoLog());
  }
  BootstrapOptions WithPasswordFile() const {
    return {"tessera", "admin", folder_.Write("pw", kPassword), nullptr, ""};
  }
  std::string GeneratedFile(int replica) const {
    return folder_.Path("generated-" + std::to_string(replica));
  }

  std::vector<storage::User> Users();
  // How many there are who can log in.
  int64_t Administrators();

  const testing::TemporaryFolder folder_;
  testing::FakeClock clock_;
  SharedDatabase database_{clock_};
  const PasswordHasher hasher_ = Must(PasswordHasher::Create({8192, 1}));
};

// Two replicas, and one administrator.
class TwoReplicas : public ReplicasTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(Boot(0, WithPasswordFile()).ok());
    first_ = Users().front().id;
    for (int i = 0; i < 2; ++i) {
      parts_[static_cast<size_t>(i)] =
          std::make_unique<Replica>(database_.Of(i), OpenKeys(i), hasher_, clock_);
    }
  }

  struct Replica {
    Replica(storage::Store& store, std::unique_ptr<KeyRing> ring, const PasswordHasher& hasher,
            const Clock& clock);
    NoAuditTrail audit;
    std::unique_ptr<KeyRing> keys;
    std::unique_ptr<RevocationFeed> feed;
    LoginThrottle throttle;
    UserFacade users;
    RoleFacade roles;
    GroupFacade groups;
  };
  Replica& On(int i) { return *parts_[static_cast<size_t>(i)]; }

  UserId AddAdministrator(const UserId& by, const std::string& name);
  bool IsAdministrator(const UserId& id) {
    const RoleLookup lookup = Must(On(0).roles.Lookup(call_, UserKey(id)));
    return lookup.kind == UserKind::kAdmin;
  }

  CallInfo call_{"127.0.0.1", absl::InfiniteFuture()};
  UserId first_;
  std::array<std::unique_ptr<Replica>, 2> parts_;
};

}  // namespace tessera::server

#endif  // TESSERA_TESTS_SERVER_USER_REPLICAS_ROOM_H_
