// The revocation feed of this replica: tails the store, fills the view, and gives the watchers what
// is new.
#ifndef TESSERA_SERVER_AUTH_REVOCATION_FEED_H_
#define TESSERA_SERVER_AUTH_REVOCATION_FEED_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/auth/key_ring.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/guard/revocation_view.h"

namespace tessera::server {

// Thread-safe. A thread of its own reads the store every `poll`, and at once after CatchUp.
class RevocationFeed {
 public:
  struct Options {
    absl::Duration poll = absl::Milliseconds(50);
  };
  // Loads all live entries before it returns. All references must outlive the feed. Blocks on the
  // store.
  static absl::StatusOr<std::unique_ptr<RevocationFeed>> Open(storage::Store& store, KeyRing& keys,
                                                              Options options, const Clock& clock,
                                                              LogSink& log);
  virtual ~RevocationFeed() = default;

  // What is revoked, as this replica knows it; shared with its own guard.
  virtual const std::shared_ptr<RevocationView>& view() const = 0;

  // Behind a write's COMMIT, before its answer: reads the store now and returns when the view holds
  // everything that was committed before the call. Blocks on the store, until `deadline`.
  // UNAVAILABLE OUTCOME_UNKNOWN: what was written is kept, but this server may not act on it yet.
  virtual absl::Status CatchUp(absl::Time deadline) = 0;

  // For watchers: memory only.
  struct Position {
    int64_t head_seq = 0;
    std::string store_epoch;
    // Another one, random, each time that this replica saw the store go back without a new epoch (a
    // failover that lost the last entries); empty before. Ends a position as a new epoch does.
    std::string history;
    int64_t key_set_version = 0;
    absl::Duration age;  // since the last read that succeeded (monotonic)
  };
  virtual Position Now() const = 0;
  // The entries behind `seq`, in order, without a hole, at most `limit`. OUT_OF_RANGE: `seq` is
  // older than what is held, or ahead of the head. A position taken under another store_epoch or
  // history means nothing. In both cases: take Now(), walk over the view (ListPage), which holds
  // all live entries up to that position and among them those that the store has lost since (a
  // restored database must not un-revoke), and go on behind it.
  virtual absl::StatusOr<std::vector<storage::Revocation>> After(int64_t seq,
                                                                 size_t limit) const = 0;
  // `listener` is called after each change of entries or keys, on the feed's thread, outside locks;
  // it must be quick. Ends when the handle dies; no call is under way after that.
  virtual std::shared_ptr<void> Subscribe(std::function<void()> listener) = 0;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_REVOCATION_FEED_H_
