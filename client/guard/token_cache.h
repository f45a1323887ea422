// Tokens that were verified before, and the admissions that are on their way from the decision to
// the handler.
#ifndef TESSERA_GUARD_TOKEN_CACHE_H_
#define TESSERA_GUARD_TOKEN_CACHE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "tessera/base/mutex.h"
#include "tessera/base/secret.h"
#include "tessera/guard/known_token.h"

namespace tessera::guard {

// Thread-safe; sharded, so that calls with different tokens rarely meet. The least recently used
// tokens go when the bytes are spent.
//
// gRPC hands nothing from the credentials' processor (which decides) to the interceptor (which
// tells the handler who calls), so both name the admission by token and method: Admit counts it,
// TakeAdmitted counts it off. A token with admissions on the way is not evicted, whatever expires
// or is revoked meanwhile. An admission that nobody takes (the caller has gone) holds its token
// for kMaxOnTheWay only.
class TokenCache {
 public:
  static constexpr size_t kShards = 16;
  static constexpr absl::Duration kMaxOnTheWay = absl::Minutes(1);
  // What tokens with admissions on the way may take beyond the cache's own bytes.
  static constexpr size_t kOnTheWayBytes = 16 << 20;

  explicit TokenCache(size_t bytes);

  // Null if the token is not known. The whole token is compared.
  std::shared_ptr<const KnownToken> Find(std::string_view token);

  // `known` is admitted to `method` at `now` (monotonic).
  void Admit(std::string_view token, const std::shared_ptr<const KnownToken>& known,
             const void* method, absl::Duration now);
  // Counts one admission off. Null if none is on the way.
  std::shared_ptr<const KnownToken> TakeAdmitted(std::string_view token, const void* method);

  // Drops a token that is refused now, unless admissions are on the way.
  void Forget(std::string_view token);

  size_t bytes() const;
  size_t size() const;

 private:
  struct Entry {
    Secret text;
    std::shared_ptr<const KnownToken> known;
    size_t bytes = 0;
    std::vector<std::pair<const void*, uint32_t>> on_the_way;  // method, how often
    absl::Duration admitted_at;
  };
  struct Hash {
    size_t operator()(std::string_view token) const;
  };
  struct Shard {
    mutable Mutex mu;
    std::list<Entry> entries ABSL_GUARDED_BY(mu);  // most recently used first
    std::unordered_map<std::string_view, std::list<Entry>::iterator, Hash> index
        ABSL_GUARDED_BY(mu);
    size_t bytes ABSL_GUARDED_BY(mu) = 0;
  };

  Shard& ShardOf(std::string_view token);
  static Entry* Touch(Shard& shard, std::string_view token) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mu);
  static Entry& Insert(Shard& shard, std::string_view token,
                       const std::shared_ptr<const KnownToken>& known)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mu);
  static void Erase(Shard& shard, std::list<Entry>::iterator entry)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mu);
  void Shrink(Shard& shard, absl::Duration now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mu);

  const size_t shard_bytes_;
  std::array<Shard, kShards> shards_;
};

}  // namespace tessera::guard

#endif  // TESSERA_GUARD_TOKEN_CACHE_H_
