// Keys from a JWK set that is published under a URL: by whoever hosts tessera's, or another issuer.
#ifndef TESSERA_KEYS_FROM_URL_KEYS_FROM_URL_H_
#define TESSERA_KEYS_FROM_URL_KEYS_FROM_URL_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/guard/key_source.h"

namespace tessera {

// `min_interval`, `max_age`, `fetch_timeout` and `cache_file` are those of ServerKeysOptions.
struct UrlKeysOptions {
  // PEM file: the authorities that may vouch for the URL's host; empty: the machine's own.
  std::string ca_file;
  // Take `http://` too, where the host is 127.0.0.1, [::1] or localhost: whoever can answer there
  // decides which tokens are good.
  bool allow_plaintext_on_loopback = false;
  // A key that is published within `min_interval` after a fetch may be unknown until it is over.
  absl::Duration min_interval = absl::Seconds(10);
  absl::Duration max_age = absl::Hours(24);
  absl::Duration fetch_timeout = absl::Seconds(5);
  // How often it is fetched where the answer does not say (Cache-Control: max-age). What the answer
  // says counts from kMinUrlRefresh up to half of max_age. A key that the publisher takes back is
  // trusted until then.
  absl::Duration refresh_every = absl::Minutes(5);
  std::string cache_file;
};
inline constexpr absl::Duration kMinUrlRefresh = absl::Minutes(1);

// GET of `url`, and of nothing else: no redirect is followed, no proxy asked, no cookie sent; the
// server's certificate must be good and name the host (TLS 1.2 or newer). An answer with an ETag is
// asked for again by If-None-Match. Larger answers than JwkSet::kMaxBytes, sets without a key of
// ours and sets with a shared (`oct`) key are failures: what was there stays, for at most
// `max_age`. Takes what is offered, and an older set (KeySetVersion, where the published set says
// it) as KeysFromServer does. No network before somebody asks for keys.
//
// Loads libcurl.so.4 when it is called. Keeps a thread of its own, whose end may take a second, and
// which blocks SIGPIPE while it asks. `clock` and `log` must outlive the source. Events as of
// KeysFromServer: `keys.fetch_failed`, `keys.cache_refused`, `keys.cache_not_written`.
//
// INVALID_ARGUMENT: the URL is not https, or has a user or password in it; a time is not above
// zero. UNAVAILABLE: this machine has no libcurl (7.85 or newer).
absl::StatusOr<std::shared_ptr<KeySource>> KeysFromUrl(std::string url,
                                                       const UrlKeysOptions& options,
                                                       const Clock& clock, LogSink& log);

}  // namespace tessera

#endif  // TESSERA_KEYS_FROM_URL_KEYS_FROM_URL_H_
