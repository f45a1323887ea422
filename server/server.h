// tesserad, put together: the composition root.
#ifndef TESSERA_SERVER_SERVER_H_
#define TESSERA_SERVER_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/config/config.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"

namespace tessera::server {

// How long calls under way may take to end when the server stops.
inline constexpr absl::Duration kShutdownGrace = absl::Seconds(10);
// No request is larger.
inline constexpr int kMaxRequestBytes = 64 * 1024;
// Calls at the same time on one connection.
inline constexpr int kMaxConcurrentStreams = 1024;
// A connection without a call is closed after this long.
inline constexpr absl::Duration kMaxConnectionIdle = absl::Minutes(5);
// Threads of gRPC's synchronous services: reflection, whose open streams hold one each. Streams
// beyond them are refused with RESOURCE_EXHAUSTED; all other services go on.
inline constexpr int kMaxSyncThreads = 32;
// Threads of the lane for renew, revoke and logout: they mostly wait for the disk together, or for
// a database each.
inline constexpr int kUrgentThreads = 8;
// Niceness of the threads that hash passwords: answering goes first.
inline constexpr int kHashingNice = 10;

// True once the process has been asked to end. Thread-safe.
using StopAsked = std::function<bool()>;

// Thread-safe. Serves from Create to Shutdown.
class Server {
 public:
  // Opens the store (waiting for a database that is away, if so configured) and the keys, does what
  // a first start needs, and begins to serve. Blocks. INVALID_ARGUMENT, FAILED_PRECONDITION and
  // others: a message for the operator, who can mend it. CANCELLED: `stop_asked` while waiting.
  static absl::StatusOr<std::unique_ptr<Server>> Create(const Config& config, const Clock& clock,
                                                        LogSink& log, StopAsked stop_asked = {});
  // Shuts down without grace, if nobody has.
  ~Server();

  // `host:port` as bound; the port is never 0.
  const std::string& address() const;

  // Health says NOT_SERVING, watchers are told, calls get until `grace` to end (in real time) and
  // are cancelled then; returns when all have ended. Once.
  void Shutdown(absl::Duration grace);

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_SERVER_H_
