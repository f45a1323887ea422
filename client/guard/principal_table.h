// Who is calling, by the call's context: the way from the interceptor to the handler. (The
// AuthContext would not do: all calls of a connection share it.)
#ifndef TESSERA_GUARD_PRINCIPAL_TABLE_H_
#define TESSERA_GUARD_PRINCIPAL_TABLE_H_

#include <array>
#include <memory>
#include <unordered_map>

#include "tessera/base/mutex.h"
#include "tessera/guard/principal.h"

namespace tessera::guard {

// Thread-safe; sharded. Contexts are named by their address and never touched.
class PrincipalTable {
 public:
  // `owner` is the one who will unpin.
  void Pin(const void* context, const void* owner, std::shared_ptr<const Principal> principal);
  // Does nothing if the address has meanwhile become somebody else's.
  void Unpin(const void* context, const void* owner);
  // For a call that gets no principal: forgets whoever had the address before.
  void Clear(const void* context);
  // Null if nothing is pinned.
  std::shared_ptr<const Principal> Find(const void* context) const;

 private:
  static constexpr size_t kShards = 16;
  struct Pinned {
    const void* owner;
    std::shared_ptr<const Principal> principal;
  };
  struct Shard {
    mutable Mutex mu;
    std::unordered_map<const void*, Pinned> pinned ABSL_GUARDED_BY(mu);
  };

  Shard& ShardOf(const void* context) const;

  mutable std::array<Shard, kShards> shards_;
};

}  // namespace tessera::guard

#endif  // TESSERA_GUARD_PRINCIPAL_TABLE_H_
