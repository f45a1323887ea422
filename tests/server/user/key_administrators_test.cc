// Who changes keys must be an administrator in the transaction of the change.
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/auth/key_facade.h"
#include "server/user/administrators.h"
#include "tessera/base/reason.h"
#include "tests/server/user/replicas_room.h"

namespace tessera::server {
namespace {

MasterKeys Masters(const std::vector<std::string>& names) {
  MasterKeys keys;
  for (const std::string& name : names) {
    keys.entries.push_back({name, Secret(std::string(32, name == "m1" ? 'k' : 'l'))});
  }
  return keys;
}

KeyPolicy AtOncePolicy() {
  KeyPolicy policy;
  policy.publish_ahead = absl::ZeroDuration();
  policy.rotate_every = absl::ZeroDuration();
  policy.max_clock_difference = absl::InfiniteDuration();  // MariaDB's clock is not the test's
  return policy;
}

// The keys' side of a replica, as the server puts it together.
struct KeySide {
  KeySide(storage::Store& store, const KeyRing& keys, RevocationFeed& feed, const Clock& clock,
          const std::vector<std::string>& masters)
      : sealer(Must(Sealer::Create(Masters(masters)))),
        changes(AtOncePolicy(), sealer, {store, clock, NoLog()}),
        rotator({"rep_b", [] { return std::optional<int64_t>(); }, ""},
                {store, keys, changes, feed, clock, NoLog()}),
        facade(sealer,
               {store, changes, rotator, feed, clock, NoLog(), audit, RefuseUnlessAdministrator}) {}

  Sealer sealer;
  KeyChanges changes;
  NoAuditTrail audit;
  KeyRotator rotator;
  KeyFacade facade;
};

class KeyAdministrators : public TwoReplicas {
 protected:
  using Change = std::function<absl::Status(const KeyFacade&, const std::string& actor)>;

  void SetUp() override {
    TwoReplicas::SetUp();
    second_ = AddAdministrator(first_, "second");
    signing_ = On(1).keys->Current()->signing->kid();
  }
  KeySide SideOf(int replica, const std::vector<std::string>& masters) {
    return {database_.Of(replica), *On(replica).keys, *On(replica).feed, clock_, masters};
  }
  // Every change, the one that ends all others last.
  std::vector<std::pair<std::string, Change>> All() {
    return {
        {"rotate", [&](const KeyFacade& keys,
                       const std::string& actor) { return keys.Rotate(call_, actor).status(); }},
        {"revoke", [&](const KeyFacade& keys,
                       const std::string& actor) { return keys.Revoke(call_, actor, signing_); }},
        {"rewrap", [&](const KeyFacade& keys,
                       const std::string& actor) { return keys.Rewrap(call_, actor).status(); }},
        {"mark restored",
         [&](const KeyFacade& keys, const std::string& actor) {
           return keys.MarkRestored(call_, actor).status();
         }},
    };
  }
  void ExpectAllRefused(const std::string& actor, std::string_view why) {
    KeySide side = SideOf(1, {"m2", "m1"});  // so that there is what to rewrap
    const StoredKeySet before = Must(ReadKeySet(database_.Of(0), absl::InfiniteFuture()));
    for (const auto& [name, change] : All()) {
      EXPECT_EQ(ReasonOf(change(side.facade, actor)), why) << name;
    }
    const StoredKeySet after = Must(ReadKeySet(database_.Of(0), absl::InfiniteFuture()));
    EXPECT_EQ(after.version, before.version);
    EXPECT_EQ(after.store_epoch, before.store_epoch);
  }

  UserId second_;
  std::string signing_;
};

TEST_F(KeyAdministrators, WhoseRoleWasTakenOnAnotherReplicaChangesNoKey) {
  ASSERT_TRUE(On(0).roles.Revoke(call_, first_, kAdminRole, second_).ok());
  ExpectAllRefused(second_.str(), reason::kRoleRequired);
}

TEST_F(KeyAdministrators, WhoWasDisabledOnAnotherReplicaChangesNoKey) {
  UserChange change;
  change.id = second_;
  change.state = storage::UserState::kDisabled;
  ASSERT_TRUE(On(0).users.Update(call_, first_, change).ok());
  ExpectAllRefused(second_.str(), reason::kTokenRevoked);
}

TEST_F(KeyAdministrators, NobodyKnownChangesNoKey) {
  ExpectAllRefused("usr_nobody", reason::kTokenRevoked);
  ExpectAllRefused("svc_nobody", reason::kTokenRevoked);
  ExpectAllRefused("", reason::kTokenRevoked);
}

TEST_F(KeyAdministrators, WhoMayChangesAll) {
  KeySide side = SideOf(1, {"m1"});
  for (const auto& [name, change] : All()) {
    const absl::Status done = change(side.facade, second_.str());
    EXPECT_TRUE(done.ok()) << name << ": " << done;
  }
}

}  // namespace
}  // namespace tessera::server
