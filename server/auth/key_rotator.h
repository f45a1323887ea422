// Moves the keys through their lives on this replica, and tells the others how far it is.
#ifndef TESSERA_SERVER_AUTH_KEY_ROTATOR_H_
#define TESSERA_SERVER_AUTH_KEY_ROTATOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/auth/key_changes.h"
#include "server/auth/key_ring.h"
#include "server/auth/revocation_feed.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/base/mutex.h"

namespace tessera::server {

// How often the rotator looks whether anything is to be done; that costs the store nothing.
inline constexpr absl::Duration kRotatorTick = absl::Milliseconds(100);
// A replica reports this often, and at once while a key waits for it.
inline constexpr absl::Duration kReportEvery = absl::Seconds(10);

// Thread-safe. Every replica runs one; which of them takes a step does not matter, for each step is
// a compare-and-swap. So a new key signs anywhere only when every replica that is alive has loaded
// it and every guard connected to one has acknowledged it (or none has waited for too long).
class KeyRotator {
 public:
  // All references must outlive the rotator.
  struct Parts {
    storage::Store& store;
    const KeyRing& keys;
    const KeyChanges& changes;
    RevocationFeed& feed;
    const Clock& clock;
    LogSink& log;
  };
  struct Options {
    std::string replica_id;
    // The lowest version of the key set that the guards connected here have acknowledged; absent
    // without any. Memory only.
    std::function<std::optional<int64_t>()> guards_key_set;
    std::string shared_key_file;  // keys.hs256_file; empty: none
    absl::Duration tick = kRotatorTick;
  };
  KeyRotator(Options options, Parts parts);
  // Ends the thread, and takes this replica's report back.
  ~KeyRotator();
  KeyRotator(const KeyRotator&) = delete;
  KeyRotator& operator=(const KeyRotator&) = delete;

  // The first turn, before anything is served: writes the shared keys and the report. Then the
  // thread. Blocks on the store. Call it once, first.
  absl::Status Start();

  // One turn, now: writes the shared keys if the file does not hold them, reports if that is due,
  // and takes the steps that are due. Blocks on the store.
  absl::Status Turn();

 private:
  struct Told {
    int64_t version = -1;
    int64_t guards_version = -1;
    absl::Duration at = -absl::InfiniteDuration();  // monotonic
  };

  void Run();
  bool Rest();
  absl::Status WriteSharedKeys(const KeySnapshot& keys);
  absl::Status Report(const KeySnapshot& keys);
  bool IsReportDue(const Told& now, bool waited_for) const;
  bool DoesAlgorithmCount(const KeySnapshot& keys);
  absl::Status Advance(const KeySnapshot& keys);
  void Note(const absl::Status& status);

  const Options options_;
  const Parts parts_;
  Mutex file_mu_;  // held over writing the file: one at a time does; nothing else waits for it
  mutable Mutex mu_;
  CondVar wake_;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  Told told_ ABSL_GUARDED_BY(mu_);
  // Once the algorithm of the configuration has been active or been published, it is left to
  // others: replicas that are configured differently must not take turns for ever.
  bool algorithm_settled_ ABSL_GUARDED_BY(mu_) = false;
  bool failing_ = false;  // the thread's
  std::thread thread_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_KEY_ROTATOR_H_
