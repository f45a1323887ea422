// Where the keys of a Kubernetes cluster come from: a file, or a URL.
#ifndef TESSERA_SERVER_KUBERNETES_KEYS_H_
#define TESSERA_SERVER_KUBERNETES_KEYS_H_

#include <memory>

#include "server/config/config.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/guard/key_source.h"

namespace tessera::server {

// A file is looked at this often, and when a key is unknown, at most once in the latter.
inline constexpr absl::Duration kKeyFileEvery = absl::Seconds(10);
inline constexpr absl::Duration kKeyFileOnDemand = absl::Seconds(1);
// A URL likewise, and how long one answer may take.
inline constexpr absl::Duration kKeyUrlEvery = absl::Minutes(5);
inline constexpr absl::Duration kKeyUrlOnDemand = absl::Seconds(10);
inline constexpr absl::Duration kKeyUrlTimeout = absl::Seconds(5);
// Keys that could not be loaded again for so long are trusted no more.
inline constexpr absl::Duration kKeysMaxAge = absl::Hours(24);

// Null where `config` names no source. Does no I/O itself: a thread of its own does, and what it
// cannot load is in the log. `clock` and `log` must outlive the source.
std::shared_ptr<KeySource> KubernetesKeys(const KubernetesConfig& config, const Clock& clock,
                                          LogSink& log);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_KUBERNETES_KEYS_H_
