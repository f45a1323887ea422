// Where a guard learns of revocations.
#ifndef TESSERA_GUARD_REVOCATION_SOURCE_H_
#define TESSERA_GUARD_REVOCATION_SOURCE_H_

#include <memory>

#include "absl/time/time.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/guard/key_source.h"
#include "tessera/guard/revocation_view.h"

namespace grpc {
class Channel;
}

namespace tessera {

// Keeps a view filled for as long as it lives. Thread-safe.
class RevocationSource {
 public:
  virtual ~RevocationSource() = default;
  // Null if this source knows of no revocations: every call is then judged by its token alone.
  virtual const std::shared_ptr<RevocationView>& view() const = 0;
};

// A view that somebody else fills (tesserad itself does).
std::shared_ptr<RevocationSource> RevocationsFromView(std::shared_ptr<RevocationView> view);

// How soon a lost connection to the feed is tried again: `first`, then twice as long each time, up
// to `last`, each by half more or less so that many guards do not come back at once.
struct FeedRetry {
  absl::Duration first = absl::Milliseconds(100);
  absl::Duration last = absl::Seconds(5);
};

// AuthService.WatchRevocations over `channel`, which brings the credentials of a service account
// with role `tessera.guard` (a channel made by tessera::Caller, say). Reconnects by itself, resumes
// where it was. `clock` and `log` must outlive the source; it keeps a thread of its own, which its
// destructor ends. The feed brings the key set too: it is offered to `keys`, if given.
std::shared_ptr<RevocationSource> RevocationsFromServer(std::shared_ptr<grpc::Channel> channel,
                                                        const Clock& clock, LogSink& log,
                                                        std::shared_ptr<KeySource> keys = nullptr,
                                                        const FeedRetry& retry = {});

// The loud way to do without: a revoked token is accepted until it expires.
std::shared_ptr<RevocationSource> WithoutRevocations();

}  // namespace tessera

#endif  // TESSERA_GUARD_REVOCATION_SOURCE_H_
