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
#include "tessera/token/jwk_set.h"

namespace grpc {
class Channel;
}

namespace tessera {

// Thread-safe. Current is called for every token and never blocks.
class KeySource {
 public:
  virtual ~KeySource() = default;

  // The keys trusted now; never null, empty until the first fetch.
  virtual std::shared_ptr<const JwkSet> Current() const = 0;

  // The newest keys are wanted because one is unknown. `done` is called exactly once, on any
  // thread, maybe before Fetch returns; all who ask while a fetch runs share it. OK: Current is as
  // new as can be had now. UNAVAILABLE KEYS_UNAVAILABLE: the fetch failed.
  virtual void Fetch(std::function<void(absl::Status)> done) = 0;
};

// These keys, for ever.
std::shared_ptr<KeySource> KeysInHand(JwkSet keys);

// A JWK set in a file; read again when a key is unknown, at most once a second.
std::shared_ptr<KeySource> KeysFromFile(std::string path, LogSink& log);

// AuthService.GetJwks over `channel`. An unknown key causes at most one fetch per `min_interval`;
// keys are kept through failed fetches for at most `max_age`, then Current is empty. `clock` and
// `log` must outlive the source.
struct ServerKeysOptions {
  absl::Duration min_interval = absl::Seconds(1);
  absl::Duration max_age = absl::Hours(24);
  absl::Duration fetch_timeout = absl::Seconds(5);
};
std::shared_ptr<KeySource> KeysFromServer(std::shared_ptr<grpc::Channel> channel,
                                          const ServerKeysOptions& options, const Clock& clock,
                                          LogSink& log);

}  // namespace tessera

#endif  // TESSERA_GUARD_KEY_SOURCE_H_
