#include "tessera/guard/revocation_table.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <tuple>
#include <utility>

namespace tessera::guard {
namespace {

constexpr size_t kFewestHomes = 8;
constexpr uint32_t kNever = UINT32_MAX;
// What stands for never where a time is wanted: the last second of the year 9999.
const absl::Time kLastExpiry = absl::FromUnixSeconds(253402300799);
constexpr int64_t kMaxVersion = (int64_t{1} << 61) - 1;

// What orders the entries: eight bytes of the hash that say nothing of which table it is in.
uint64_t OrderOf(const IdHash& id_hash) {
  uint64_t order = 0;
  std::memcpy(&order, id_hash.data() + 8, sizeof(order));
  return order;
}

// To the second above, so that nothing goes early.
uint32_t SecondsOf(absl::Time time) {
  if (time <= absl::UnixEpoch()) return 0;
  if (time > absl::FromUnixSeconds(kNever - 1)) return kNever;
  const int64_t below = absl::ToUnixSeconds(time);
  return static_cast<uint32_t>(below + (absl::FromUnixSeconds(below) < time ? 1 : 0));
}

// The most that fit so many homes, and the fewest homes for so many.
size_t RoomIn(size_t homes) {
  return static_cast<size_t>(static_cast<double>(homes) * RevocationTable::kMaxLoad);
}
size_t Grown(size_t homes) { return std::max(kFewestHomes, homes + homes / 4 + 1); }
// After many have gone: as if it had just grown.
size_t HomesFor(size_t entries) {
  return entries == 0 ? 0 : std::max(kFewestHomes, entries + entries / 2);
}
// Slots behind the last home that are set aside for its cluster.
size_t TailOf(size_t homes) { return kFewestHomes + homes / 64; }

}  // namespace

RevocationTable::Slot::Slot(const RevocationNotice& notice)
    : id_hash(notice.id_hash),
      version_high(0),
      thing(static_cast<uint32_t>(notice.thing) & 7),
      expires_at(SecondsOf(notice.expires_at)) {
  set_version(notice.min_user_version);
}

// A version beyond what fits revokes more, not less.
void RevocationTable::Slot::set_version(int64_t version) {
  const auto bits = static_cast<uint64_t>(std::clamp<int64_t>(version, 0, kMaxVersion));
  version_low = static_cast<uint32_t>(bits);
  version_high = static_cast<uint32_t>(bits >> 32) & ((1u << 29) - 1);
}

RevocationNotice RevocationTable::Slot::notice() const {
  RevocationNotice notice;
  notice.thing = static_cast<RevokedThing>(uint32_t{thing});
  notice.id_hash = id_hash;
  notice.min_user_version = version();
  notice.expires_at = expires_at == kNever ? kLastExpiry : absl::FromUnixSeconds(expires_at);
  return notice;
}

bool RevocationTable::Slot::ExpiredBefore(absl::Time limit) const {
  return expires_at != kNever && absl::FromUnixSeconds(expires_at) < limit;
}

size_t RevocationTable::HomeOf(const IdHash& id_hash) const {
  __extension__ using Wide = unsigned __int128;
  return static_cast<size_t>(static_cast<Wide>(OrderOf(id_hash)) * homes_ >> 64);
}

size_t RevocationTable::Place(uint32_t thing, const IdHash& id_hash) const {
  const uint64_t order = OrderOf(id_hash);
  size_t at = HomeOf(id_hash);
  for (; at < slots_.size() && slots_[at].thing != 0; ++at) {
    const Slot& slot = slots_[at];
    const uint64_t its_order = OrderOf(slot.id_hash);
    if (its_order < order) continue;
    if (its_order > order) break;
    const int compared = std::memcmp(slot.id_hash.data(), id_hash.data(), id_hash.size());
    if (compared > 0 || (compared == 0 && slot.thing >= thing)) break;
  }
  return at;
}

bool RevocationTable::IsAt(size_t place, uint32_t thing, const IdHash& id_hash) const {
  return place < slots_.size() && slots_[place].thing == thing && slots_[place].id_hash == id_hash;
}

bool RevocationTable::Has(RevokedThing thing, const IdHash& id_hash) const {
  if (size_ == 0) return false;
  const auto kind = static_cast<uint32_t>(thing);
  return IsAt(Place(kind, id_hash), kind, id_hash);
}

int64_t RevocationTable::MinVersion(RevokedThing thing, const IdHash& id_hash) const {
  if (size_ == 0) return 0;
  const auto kind = static_cast<uint32_t>(thing);
  const size_t place = Place(kind, id_hash);
  return IsAt(place, kind, id_hash) ? slots_[place].version() : 0;
}

bool RevocationTable::ListAfter(const RevocationNotice* after, size_t limit,
                                std::vector<RevocationNotice>& page) const {
  size_t at = 0;
  if (after != nullptr && size_ > 0) {
    const auto thing = static_cast<uint32_t>(after->thing);
    at = Place(thing, after->id_hash);
    if (IsAt(at, thing, after->id_hash)) ++at;
  }
  for (; at < slots_.size(); ++at) {
    if (slots_[at].thing == 0) continue;
    if (limit-- == 0) return false;
    page.push_back(slots_[at].notice());
  }
  return true;
}

bool RevocationTable::HasExpired(absl::Time limit) const {
  return size_ > 0 && earliest_ != kNever && absl::FromUnixSeconds(earliest_) < limit;
}

RevocationTable::Counts RevocationTable::Prune(absl::Time limit) {
  Counts gone{};
  for (Slot& slot : slots_) {
    if (slot.thing == 0 || !slot.ExpiredBefore(limit)) continue;
    ++gone[slot.thing];
    slot.thing = 0;
    --size_;
  }
  Rebuild(size_ * 2 < RoomIn(homes_) ? HomesFor(size_) : homes_);
  return gone;
}

bool RevocationTable::Add(const RevocationNotice& notice) {
  const Slot added(notice);
  size_t place = size_ == 0 ? 0 : Place(added.thing, added.id_hash);
  if (size_ > 0 && IsAt(place, added.thing, added.id_hash)) {
    Slot& known = slots_[place];
    const bool higher = added.version() > known.version();
    if (higher) known.set_version(added.version());
    known.expires_at = std::max(known.expires_at, added.expires_at);
    return higher;
  }
  if (size_ + 1 > RoomIn(homes_)) {
    Rebuild(Grown(homes_));
    place = Place(added.thing, added.id_hash);
  }
  InsertAt(place, added);
  return true;
}

// Those behind move one on, up to the next free slot.
void RevocationTable::InsertAt(size_t place, const Slot& slot) {
  size_t free = place;
  while (free < slots_.size() && slots_[free].thing != 0) ++free;
  if (free == slots_.size()) GrowTail(free + 1);
  std::move_backward(slots_.begin() + static_cast<ptrdiff_t>(place),
                     slots_.begin() + static_cast<ptrdiff_t>(free),
                     slots_.begin() + static_cast<ptrdiff_t>(free) + 1);
  slots_[place] = slot;
  earliest_ = std::min(earliest_, slot.expires_at);
  ++size_;
}

// Not by half of all, as the vector would.
void RevocationTable::GrowTail(size_t slots) {
  if (slots > slots_.capacity()) slots_.reserve(slots + kFewestHomes);
  slots_.resize(slots);
}

void RevocationTable::Append(const Slot& slot, size_t& next) {
  const size_t place = std::max(HomeOf(slot.id_hash), next);
  if (place >= slots_.size()) GrowTail(place + 1);
  slots_[place] = slot;
  next = place + 1;
  earliest_ = std::min(earliest_, slot.expires_at);
}

void RevocationTable::Rebuild(size_t homes) {
  const std::vector<Slot> old = std::exchange(slots_, {});
  homes_ = homes;
  earliest_ = kNever;
  if (homes_ > 0) slots_.reserve(homes_ + TailOf(homes_));
  slots_.resize(homes_);
  size_t next = 0;
  for (const Slot& slot : old) {
    if (slot.thing != 0) Append(slot, next);
  }
}

}  // namespace tessera::guard
