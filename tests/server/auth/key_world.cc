#include "tests/server/auth/key_world.h"

#include <algorithm>
#include <utility>

#include "tessera/base/status_macros.h"

namespace tessera::server {

MasterKeys MasterKeysNamed(const std::vector<std::string>& seeds) {
  MasterKeys keys;
  for (const std::string& seed : seeds) {
    keys.entries.push_back({seed, MasterKeysOf(seed).entries.front().key});
  }
  return keys;
}

std::shared_ptr<storage::Store> KeyGround::Store() {
  if (database.HoldsReplicas()) return Require(database.Open(clock, log));
  if (shared == nullptr) shared = Require(database.Open(clock, log));
  return shared;
}

StoredKeySet KeyGround::Rows() { return Require(ReadKeySet(*Store(), absl::InfiniteFuture())); }

int KeyGround::Count(storage::KeyUse use, storage::KeyState state) {
  const StoredKeySet rows = Rows();
  return static_cast<int>(std::count_if(
      rows.keys.begin(), rows.keys.end(),
      [&](const storage::StoredKey& key) { return key.use == use && key.state == state; }));
}

storage::StoredKey KeyGround::Row(storage::KeyUse use, storage::KeyState state) {
  std::optional<storage::StoredKey> found;
  for (const storage::StoredKey& key : Rows().keys) {
    if (key.use != use || key.state != state) continue;
    if (found.has_value()) Require(absl::InternalError("two such keys"));
    found = key;
  }
  if (!found.has_value()) Require(absl::InternalError("no such key"));
  return *found;
}

std::vector<storage::Revocation> KeyGround::Feed() {
  std::vector<storage::Revocation> entries;
  Require(Store()->Read(absl::InfiniteFuture(), [&](storage::Repositories& in) {
    TESSERA_ASSIGN_OR_RETURN(entries, in.revocations.ListAfter(0, 1000));
    return absl::OkStatus();
  }));
  return entries;
}

void KeyGround::Change(const std::function<absl::Status(storage::Repositories&)>& work,
                       bool announced) {
  Require(Store()->Write(storage::Repeat::kOnce, absl::InfiniteFuture(),
                         [&](storage::Repositories& in) -> absl::Status {
                           TESSERA_ASSIGN_OR_RETURN(const int64_t version, in.keys.Version());
                           if (announced) in.keys.AdvanceVersion(version).status().IgnoreError();
                           return work(in);
                         }));
}

KeyPolicy KeyReplica::AtOnce() {
  KeyPolicy policy;
  policy.publish_ahead = absl::ZeroDuration();
  policy.rotate_every = absl::ZeroDuration();
  policy.max_clock_difference = absl::InfiniteDuration();  // MariaDB's clock is not the test's
  return policy;
}

KeyReplica::KeyReplica(KeyGround& ground) : KeyReplica(ground, Options()) {}

KeyReplica::KeyReplica(KeyGround& ground, Options given)
    : options(std::move(given)),
      owned(ground.Store()),
      store(*owned, ground.clock),
      sealer(Require(Sealer::Create(MasterKeysNamed(options.master)))),
      keys(Require(KeyRing::Open(store, MasterKeysNamed(options.master), options.policy.algorithm,
                                 ground.clock, ground.log))),
      feed(Require(RevocationFeed::Open(*owned, *keys, {}, ground.clock, ground.log))),
      changes(options.policy, sealer, {store, ground.clock, ground.log}) {
  KeyRotator::Options turning;
  turning.replica_id = options.id;
  turning.guards_key_set = [this] { return guards; };
  turning.shared_key_file = options.shared_key_file;
  rotator = std::make_unique<KeyRotator>(
      turning, KeyRotator::Parts{store, *keys, changes, *feed, ground.clock, ground.log});
  facade = std::make_unique<KeyFacade>(
      sealer, KeyFacade::Parts{store, changes, *rotator, *feed, ground.clock, ground.log, audit,
                               options.check});
  Require(rotator->Turn());
}

void KeyReplica::Turn() {
  Require(feed->CatchUp(absl::InfiniteFuture()));
  Require(rotator->Turn());
}

}  // namespace tessera::server
