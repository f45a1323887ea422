// Keys that are fetched from somewhere, again and again: what all such sources have in common.
#ifndef TESSERA_GUARD_FETCHED_KEYS_H_
#define TESSERA_GUARD_FETCHED_KEYS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/guard/key_source.h"

namespace tessera::guard {

struct FetchedKeySet {
  JwkSet keys;
  KeySetVersion version;
  // The keys are fetched again so long after this.
  absl::Duration refresh_after;
};

// Where the keys are.
class KeyFetcher {
 public:
  virtual ~KeyFetcher() = default;
  // On the source's own thread, one at a time; may block. The message of a failure goes to the log.
  virtual absl::StatusOr<FetchedKeySet> Fetch() = 0;
  // Makes the Fetch that runs, and every later one, fail soon. On any thread.
  virtual void Cancel() = 0;
};

struct FetchedKeysOptions {
  absl::Duration min_interval;
  absl::Duration max_age;
  std::string cache_file;  // empty: none
};

// Fetches by itself and when a key is unknown, at most once per `min_interval`: within it the last
// fetch's answer is given again. Keeps the keys through failed fetches for at most `max_age`, then
// Current is empty. Takes what is offered. A set that is empty or holds a shared key is a failure,
// and so is one that is older than the one held; a fetch that began before an offer replaces it
// only with a newer one. Keeps a thread of its own, which makes plain calls. `clock` and `log` must
// outlive it.
std::shared_ptr<KeySource> MakeFetchedKeys(std::unique_ptr<KeyFetcher> fetcher,
                                           FetchedKeysOptions options, const Clock& clock,
                                           LogSink& log);

}  // namespace tessera::guard

#endif  // TESSERA_GUARD_FETCHED_KEYS_H_
