#include "tests/server/user/replicas_room.h"

#include <latch>
#include <thread>

namespace tessera::server {

using storage::Repositories;

SharedDatabase::SharedDatabase(const Clock& clock) {
  const int stores = database_.HoldsReplicas() ? kReplicas : 1;
  const int connections = database_.HoldsReplicas() ? 4 : 8;
  for (int i = 0; i < stores; ++i) {
    stores_.push_back(Must(database_.Open(clock, NoLog(), connections)));
  }
}

void AtOnce(int count, const std::function<void(int)>& body) {
  std::latch start(count);
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      start.arrive_and_wait();
      body(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

std::unique_ptr<KeyRing> ReplicasTest::OpenKeys(int replica) {
  MasterKeys master;
  master.entries.push_back({"m1", Secret(std::string(32, 'k'))});
  return Must(
      KeyRing::Open(database_.Of(replica), std::move(master), Algorithm::kEs256, clock_, NoLog()));
}

std::vector<storage::User> ReplicasTest::Users() {
  std::vector<storage::User> users;
  const absl::Status read = database_.Of(0).Read(absl::InfiniteFuture(), [&](Repositories& r) {
    users = Must(r.users.List(UserId(), 100));
    return absl::OkStatus();
  });
  EXPECT_TRUE(read.ok()) << read;
  return users;
}

int64_t ReplicasTest::Administrators() {
  int64_t count = 0;
  const absl::Status read = database_.Of(0).Read(absl::InfiniteFuture(), [&](Repositories& r) {
    const auto role = Must(r.roles.FindByName(kAdminRole));
    count = role ? Must(r.roles.CountActiveHolders(role->id)) : 0;
    return absl::OkStatus();
  });
  EXPECT_TRUE(read.ok()) << read;
  return count;
}

TwoReplicas::Replica::Replica(storage::Store& store, std::unique_ptr<KeyRing> ring,
                              const PasswordHasher& hasher, const Clock& clock)
    : keys(std::move(ring)),
      feed(Must(RevocationFeed::Open(store, *keys, {}, clock, NoLog()))),
      throttle(ThrottlePolicy(), LoginThrottle::Parts{store, *keys, clock, NoLog()}),
      users(UserFacade::Parts{store, hasher, *feed, clock, NoLog(), audit, throttle,
                              PasswordPolicy(), UserPolicy{{}, true}}),
      roles({"tessera"}, RoleFacade::Parts{store, *feed, clock, NoLog(), audit}),
      groups(GroupFacade::Parts{store, *feed, clock, NoLog(), audit}) {}

UserId TwoReplicas::AddAdministrator(const UserId& by, const std::string& name) {
  NewUser fields;
  fields.username = name;
  const HashedNewUser hashed = Must(On(0).users.HashNewUser(fields, Secret::CopyOf(kPassword)));
  const UserId id = Must(On(0).users.Create(call_, by, hashed)).id;
  EXPECT_TRUE(On(0).roles.Grant(call_, by, kAdminRole, id).ok());
  return id;
}

}  // namespace tessera::server
