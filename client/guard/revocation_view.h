// What is revoked, in memory: filled from the feed, asked at every call.
#ifndef TESSERA_GUARD_REVOCATION_VIEW_H_
#define TESSERA_GUARD_REVOCATION_VIEW_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "tessera/base/clock.h"
#include "tessera/token/digest.h"
#include "tessera/token/token_verifier.h"

namespace tessera {

enum class RevokedThing { kToken = 1, kSession = 2, kUser = 3, kKey = 4 };

struct RevocationNotice {
  RevokedThing thing = RevokedThing::kToken;
  IdHash id_hash{};
  int64_t min_user_version = 0;  // kUser: tokens with a lower `uv` are revoked
  absl::Time expires_at;
};

// How far a walk over all entries has come.
struct RevocationCursor {
  size_t part = 0;
  std::optional<RevocationNotice> last;  // of this part
};

// Thread-safe; readers do not wait for each other, take no global lock, and look at a few
// neighbouring bytes however many entries there are. It grows part by part, so that no reader waits
// for more than a thousandth of it.
// `clock` must outlive the view.
class RevocationView {
 public:
  explicit RevocationView(const Clock& clock);
  ~RevocationView();

  // Takes entries in; one known already changes nothing, and nothing is ever taken back before it
  // expires.
  void Merge(const std::vector<RevocationNotice>& notices);
  // The view is whole as of `age` ago. Until the first time, and again after WasSetBack has found
  // that something may be missing, `loaded` is false and nobody is to be admitted.
  void MarkCurrent(absl::Duration age = absl::ZeroDuration());
  bool loaded() const;
  // WasSetBack found that entries may be missing, and MarkCurrent has not been called since: what
  // is let in before the first list came is not let in then.
  bool has_holes() const;
  // How long ago the view was last known to be whole (monotonic); infinite if never.
  absl::Duration Age() const;

  // The token, its session, its subject's version, its key; a token that it was exchanged from, or
  // that one's key; or the version of anyone in its chain of actors.
  bool IsRevoked(const VerifiedToken& token) const;
  bool IsKeyRevoked(const IdHash& key_hash) const;
  // Whether a token that no key verifies says that it is of a key that was revoked. Takes its word
  // for it: good for the reason of a refusal only.
  bool NamesRevokedKey(std::string_view token) const;

  // Forgets entries that expired before `now`. A wall clock that jumps ahead takes nothing back:
  // `now` counts only as far as the monotonic clock has come since the view was made. Returns how
  // many are left.
  size_t Prune(absl::Time now);
  // True, once, if the wall clock was set back: `now` is more than kSetBack behind where it should
  // be. It was ahead before, and Prune may have forgotten what is still needed: the view wants a
  // whole snapshot, and if Prune did forget what had not expired by `now`, it is not loaded until
  // MarkCurrent is called behind one. Prune counts from `now` on.
  static constexpr absl::Duration kSetBack = absl::Seconds(30);
  bool WasSetBack(absl::Time now);
  size_t size() const;
  // What the entries take in memory: at most 64 bytes each once there are a million.
  size_t bytes() const;

  // The next entries of a walk over all of them, at most `limit` (at least 1); `cursor` moves on.
  // Empty: the walk is over. What is merged meanwhile may be met or not; all else is met once, and
  // nothing is copied but the page.
  std::vector<RevocationNotice> ListPage(RevocationCursor& cursor, size_t limit) const;

  // Calls `listener` after every Merge that brought something new, on the merging thread, outside
  // locks. The subscription ends when the returned handle dies; no call is under way after that (so
  // a listener must not drop its own handle).
  std::shared_ptr<void> Subscribe(std::function<void()> listener);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tessera

#endif  // TESSERA_GUARD_REVOCATION_VIEW_H_
