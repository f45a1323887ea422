#include "tessera/guard/principal_table.h"

#include <utility>

#include "absl/hash/hash.h"

namespace tessera::guard {

PrincipalTable::Shard& PrincipalTable::ShardOf(const void* context) const {
  return shards_[absl::HashOf(context) % kShards];
}

void PrincipalTable::Pin(const void* context, const void* owner,
                         std::shared_ptr<const Principal> principal) {
  Shard& shard = ShardOf(context);
  MutexLock lock(shard.mu);
  shard.pinned[context] = Pinned{owner, std::move(principal)};
}

void PrincipalTable::Unpin(const void* context, const void* owner) {
  Shard& shard = ShardOf(context);
  MutexLock lock(shard.mu);
  const auto found = shard.pinned.find(context);
  if (found != shard.pinned.end() && found->second.owner == owner) shard.pinned.erase(found);
}

void PrincipalTable::Clear(const void* context) {
  Shard& shard = ShardOf(context);
  MutexLock lock(shard.mu);
  shard.pinned.erase(context);
}

std::shared_ptr<const Principal> PrincipalTable::Find(const void* context) const {
  const Shard& shard = ShardOf(context);
  MutexLock lock(shard.mu);
  const auto found = shard.pinned.find(context);
  return found == shard.pinned.end() ? nullptr : found->second.principal;
}

}  // namespace tessera::guard
