// Where a guard has its keys from.
#ifndef TESSERA_GUARD_KEY_SOURCE_H_
#define TESSERA_GUARD_KEY_SOURCE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/guard/key_set_version.h"
#include "tessera/token/jwk_set.h"

namespace grpc {
class Channel;
}

namespace tessera {

// Thread-safe. Current is called for every token and never blocks. As long as the keys are the
// same it should return the same pointer: other than the pointer, a guard has no cheap sign that a
// key it has checked with is still trusted, and it verifies each token anew when it changes.
class KeySource {
 public:
  virtual ~KeySource() = default;

  // The keys trusted now; never null, empty until the first fetch.
  virtual std::shared_ptr<const JwkSet> Current() const = 0;

  // The newest keys are wanted because one is unknown. `done` is called exactly once, on any
  // thread, maybe before Fetch returns; all who ask while a fetch runs share it. OK: Current is at
  // least as new as when the fetch began that SinceFetch tells of; a source that fetches only so
  // often gives that fetch's answer again in between. UNAVAILABLE KEYS_UNAVAILABLE: the fetch
  // failed, or brought an older set than Current. Must not block for long; a guard calls it on a
  // thread of its own, one call at a time.
  virtual void Fetch(std::function<void(absl::Status)> done) = 0;

  // How long ago the fetch began whose OK was given last: zero, as here, for a source that fetches
  // whenever it is asked; infinite before the first. A key that was published since may be unknown
  // here. Never blocks, and waits for no lock that is held while `done` is called.
  virtual absl::Duration SinceFetch() const;

  // A trusted road (the revocation feed) has brought the key set, whole. True: taken, Current holds
  // these keys. Sources with another road of their own ignore it, as this does: false.
  virtual bool Offer(std::shared_ptr<const JwkSet> keys);
  // Likewise, with the version that the road told: sources that know Current's answer false to a
  // set that is older. This one forgets the version and offers the keys.
  virtual bool OfferVersion(std::shared_ptr<const JwkSet> keys, const KeySetVersion& version);
};

// These keys, for ever.
std::shared_ptr<KeySource> KeysInHand(JwkSet keys);

// A JWK set in a file; read now, within a second of a change, and when a key is unknown, at most
// once a second. What was read last stays when the file cannot be read; while nothing could be,
// Current is empty. A file with a shared (`oct`) key is refused. Keeps a thread of its own. `log`
// must outlive the source.
std::shared_ptr<KeySource> KeysFromFile(std::string path, LogSink& log);

// Likewise, and shared keys (HS256) count. Whoever can read such a file can sign tokens too: it is
// for services that the auth server trusts like itself, and it must be 0600 and its reader's own.
std::shared_ptr<KeySource> KeysFromFileWithSharedKeys(std::string path, LogSink& log);

// AuthService.GetJwks over `channel`. An unknown key causes at most one fetch per `min_interval`:
// within it the last fetch's answer is given again. Half of `max_age` after the last fetch or offer
// it fetches by itself; keys are kept through failed fetches for at most `max_age`, then Current is
// empty. Takes what is offered. Shared (`oct`) keys do not come this way: a set with one is a
// failure. Keeps a thread of its own. `clock` and `log` must outlive the source.
//
// A set that says of itself that it is older than the one held (of the same store, KeySetVersion)
// is not taken, on either road, for as long as the newer one is held: a replica that lost its
// database does not bring back what others have replaced. A restored store has a new epoch, and its
// keys are taken at once; so are those of a replica that has not heard of the restoration, until
// the next fetch or offer. Where one of both does not say, the answer to a fetch that began before
// an offer does not replace what was offered.
//
// `cache_file` (empty: none) keeps the keys for a restart while the server is away: it is written
// whenever they are new and once an hour, 0600, and read at the start if it is ours, private and
// younger than `max_age`, which goes on counting from when the keys were fetched. The server is
// still asked at once, and again every few seconds until it answers. The file keeps no version.
struct ServerKeysOptions {
  absl::Duration min_interval = absl::Seconds(1);
  absl::Duration max_age = absl::Hours(24);
  absl::Duration fetch_timeout = absl::Seconds(5);
  std::string cache_file;
};
std::shared_ptr<KeySource> KeysFromServer(std::shared_ptr<grpc::Channel> channel,
                                          const ServerKeysOptions& options, const Clock& clock,
                                          LogSink& log);

}  // namespace tessera

#endif  // TESSERA_GUARD_KEY_SOURCE_H_
