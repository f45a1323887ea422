// One part of a revocation view: entries by hash, packed.
#ifndef TESSERA_GUARD_REVOCATION_TABLE_H_
#define TESSERA_GUARD_REVOCATION_TABLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "tessera/guard/revocation_view.h"

namespace tessera::guard {

// Not thread-safe. Open addressing with the entries in the order of their hashes, so that a search
// ends at the first greater one: a few neighbours, however many entries there are. The ids are
// hashes already. It grows by a quarter when kMaxLoad is reached; the copy is ordered, so it is one
// pass over both. 28 bytes an entry: 33 at kMaxLoad, 42 right after it grew.
class RevocationTable {
 public:
  static constexpr double kMaxLoad = 0.85;

  // True if it tells something new. Known: the higher version and the later end count.
  bool Add(const RevocationNotice& notice);
  // Whether there is an entry.
  bool Has(RevokedThing thing, const IdHash& id_hash) const;
  // The entry's minimum version; 0 without one.
  int64_t MinVersion(RevokedThing thing, const IdHash& id_hash) const;
  // Forgets what expired before `limit`; says how many of each thing. An expiry counts to the
  // second above.
  static constexpr size_t kThings = 5;  // RevokedThing, and 0 for none
  using Counts = std::array<size_t, kThings>;
  Counts Prune(absl::Time limit);
  // Whether Prune would find any. May say yes for nothing, after an entry was prolonged.
  bool HasExpired(absl::Time limit) const;

  // Appends to `page` the entries behind `after` (null: from the first), in the order of the table,
  // at most `limit`. True if that was the last of them.
  bool ListAfter(const RevocationNotice* after, size_t limit,
                 std::vector<RevocationNotice>& page) const;

  size_t size() const { return size_; }
  size_t bytes() const { return slots_.capacity() * sizeof(Slot); }

 private:
  struct Slot {
    IdHash id_hash{};
    uint32_t version_low = 0;
    uint32_t version_high : 29;
    uint32_t thing : 3;       // 0: the slot is free
    uint32_t expires_at = 0;  // seconds since 1970; the last one stands for never

    Slot() : version_high(0), thing(0) {}
    explicit Slot(const RevocationNotice& notice);
    int64_t version() const {
      return static_cast<int64_t>(uint64_t{version_high} << 32 | version_low);
    }
    void set_version(int64_t version);
    RevocationNotice notice() const;
    bool ExpiredBefore(absl::Time limit) const;
  };
  static_assert(sizeof(Slot) == 28);

  // Where the entry is, or would have to be.
  size_t Place(uint32_t thing, const IdHash& id_hash) const;
  bool IsAt(size_t place, uint32_t thing, const IdHash& id_hash) const;
  size_t HomeOf(const IdHash& id_hash) const;
  void InsertAt(size_t place, const Slot& slot);
  // Moves all entries to a table of so many homes.
  void Rebuild(size_t homes);
  void Append(const Slot& slot, size_t& next);
  void GrowTail(size_t slots);

  std::vector<Slot> slots_;  // homes_, and as many more as the last cluster needs
  size_t homes_ = 0;
  size_t size_ = 0;
  uint32_t earliest_ = UINT32_MAX;  // no entry expires before
};

}  // namespace tessera::guard

#endif  // TESSERA_GUARD_REVOCATION_TABLE_H_
