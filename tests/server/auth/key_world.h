// A replica's keys, real: the engine under test, ring, feed, changes and a rotator that turns when
// the test says so.
#ifndef TESSERA_TESTS_SERVER_AUTH_KEY_WORLD_H_
#define TESSERA_TESTS_SERVER_AUTH_KEY_WORLD_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/audit/audit_trail.h"
#include "server/auth/key_changes.h"
#include "server/auth/key_facade.h"
#include "server/auth/key_ring.h"
#include "server/auth/key_rotator.h"
#include "server/auth/revocation_feed.h"
#include "server/auth/sealer.h"
#include "tests/base/fake_clock.h"
#include "tests/mariadb/database_under_test.h"
#include "tests/server/auth/auth_world.h"

namespace tessera::server {

// Master keys by these seeds; the first one seals.
MasterKeys MasterKeysNamed(const std::vector<std::string>& seeds);

// What replicas share.
struct KeyGround {
  testing::DatabaseUnderTest database;
  testing::FakeClock clock;
  RecordingLog log;
  // The one store of all on SQLite; on MariaDB each replica has its own.
  std::shared_ptr<storage::Store> shared;

  std::shared_ptr<storage::Store> Store();
  StoredKeySet Rows();
  // Of the use, in the state; the test ends if there are not exactly one.
  storage::StoredKey Row(storage::KeyUse use, storage::KeyState state);
  int Count(storage::KeyUse use, storage::KeyState state);
  std::vector<storage::Revocation> Feed();
  // By hand, as whoever can write to the database; the version goes on if `announced`.
  void Change(const std::function<absl::Status(storage::Repositories&)>& work,
              bool announced = true);
};

struct KeyReplica {
  struct Options {
    std::string id = "rep_a";
    KeyPolicy policy = AtOnce();
    std::vector<std::string> master = {"one"};
    std::string shared_key_file = {};
    AdministratorCheck check = Everybody;
  };
  // Who may administer is the user room's to say, and asked in its tests.
  static absl::Status Everybody(storage::Repositories&, const UserId&) { return absl::OkStatus(); }
  // No publish_ahead, no rotation by age.
  static KeyPolicy AtOnce();

  explicit KeyReplica(KeyGround& ground);
  KeyReplica(KeyGround& ground, Options options);

  // Loads what there is, and turns.
  void Turn();
  std::shared_ptr<const KeySnapshot> Keys() { return keys->Current(); }
  std::string Signing() { return Keys()->signing->kid(); }

  const Options options;
  std::optional<int64_t> guards;  // what the guards connected here have acknowledged
  std::shared_ptr<storage::Store> owned;
  WatchedStore store;
  Sealer sealer;
  std::unique_ptr<KeyRing> keys;
  std::unique_ptr<RevocationFeed> feed;
  KeyChanges changes;
  NoAuditTrail audit;
  std::unique_ptr<KeyRotator> rotator;
  std::unique_ptr<KeyFacade> facade;
  CallInfo call{"192.0.2.7", absl::InfiniteFuture()};
};

// A ground, and what is asked of it most.
class KeyTest : public ::testing::Test {
 protected:
  storage::StoredKey Rotate(KeyReplica& replica) {
    return Require(replica.facade->Rotate(replica.call, "usr_admin"));
  }
  int Signing(storage::KeyState state) { return ground_.Count(storage::KeyUse::kSign, state); }

  KeyGround ground_;
};

}  // namespace tessera::server

#endif  // TESSERA_TESTS_SERVER_AUTH_KEY_WORLD_H_
