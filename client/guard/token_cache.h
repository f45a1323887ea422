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

#include "tessera/base/mutex.h"
#include "tessera/base/secret.h"
#include "tessera/guard/known_token.h"

namespace tessera::guard {

// Thread-safe; sharded, so that calls with different tokens rarely meet. The least recently used
// tokens go when the bytes are spent.
//
// gRPC hands nothing from the credentials' processor (which decides) to the interceptor (which
// tells the handler who calls), so both name the admission by token and method: Admit counts it,
// TakeAdmitted counts it off. Tokens with admissions on the way are kept apart, within bytes of
// their own: however long a call waits for its handler, and whatever expires or is revoked
// meanwhile, its admission stays. Admissions that nobody takes (the caller has gone) are the oldest
// when those bytes are spent.
class TokenCache {
 public:
  static constexpr size_t kShards = 16;
  // What tokens with admissions on the way may take beside the cache's own bytes; about 4,000.
  static constexpr size_t kOnTheWayBytes = 16 << 20;

  explicit TokenCache(size_t bytes);

  // Null if the token is not known. The whole token is compared.
  std::shared_ptr<const KnownToken> Find(std::string_view token);

  // Found from now on, without being admitted anywhere.
  void Keep(std::string_view token, const std::shared_ptr<const KnownToken>& known);

  // `known` is admitted to `method`.
  void Admit(std::string_view token, const std::shared_ptr<const KnownToken>& known,
             const void* method);
  // Counts one admission off. Null if none is on the way.
  std::shared_ptr<const KnownToken> TakeAdmitted(std::string_view token, const void* method);

  // Drops a token that is refused now, unless admissions are on the way.
  void Forget(std::string_view token);

  struct Totals {
    size_t tokens = 0;
    size_t bytes = 0;
    uint64_t hits = 0;  // how often Find found the token
    uint64_t misses = 0;
  };
  Totals totals() const;

 private:
  struct Entry {
    Secret text;
    std::shared_ptr<const KnownToken> known;
    size_t bytes = 0;
    std::vector<std::pair<const void*, uint32_t>> on_the_way;  // method, how often
  };
  // Most recently used first.
  struct Line {
    std::list<Entry> entries;
    size_t bytes = 0;
  };
  struct Hash {
    size_t operator()(std::string_view token) const;
  };
  struct Shard {
    mutable Mutex mu;
    uint64_t hits ABSL_GUARDED_BY(mu) = 0;
    uint64_t misses ABSL_GUARDED_BY(mu) = 0;
    Line idle ABSL_GUARDED_BY(mu);
    Line on_the_way ABSL_GUARDED_BY(mu);
    std::unordered_map<std::string_view, std::list<Entry>::iterator, Hash> index
        ABSL_GUARDED_BY(mu);
  };

  Shard& ShardOf(std::string_view token);
  static Line& LineOf(Shard& shard, const Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mu);
  // Null if the token is not known; else it is the most recently used one of its line.
  static Entry* Touch(Shard& shard, std::string_view token) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mu);
  static Entry& Insert(Shard& shard, std::string_view token,
                       const std::shared_ptr<const KnownToken>& known)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mu);
  // The token's entry, which knows `known`.
  static Entry& Set(Shard& shard, std::string_view token,
                    const std::shared_ptr<const KnownToken>& known)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mu);
  static void Erase(Shard& shard, std::list<Entry>::iterator entry)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mu);
  // The first of `from` becomes the first of `to`.
  static void MoveFirst(Line& from, Line& to);
  // Drops the least recently used of `line`, one of `shard`, until it has no more than `bytes`.
  static void Shrink(Shard& shard, Line& line, size_t bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mu);

  const size_t shard_bytes_;
  std::array<Shard, kShards> shards_;
};

}  // namespace tessera::guard

#endif  // TESSERA_GUARD_TOKEN_CACHE_H_
