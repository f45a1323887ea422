// The revocation feed on the store's ordered table.
#ifndef TESSERA_SERVER_AUTH_STORED_REVOCATION_FEED_H_
#define TESSERA_SERVER_AUTH_STORED_REVOCATION_FEED_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/auth/feed_log.h"
#include "server/auth/listeners.h"
#include "server/auth/revocation_feed.h"
#include "server/auth/store_cleaner.h"
#include "tessera/base/mutex.h"

namespace tessera::server {

// Thread-safe. Only the feed's thread reads the store (before Start: the opener), so readings never
// cross; callers of CatchUp share the next one.
class StoredRevocationFeed final : public RevocationFeed {
 public:
  struct Parts {
    storage::Store& store;
    KeyRing& keys;
    const Clock& clock;
    LogSink& log;
  };
  StoredRevocationFeed(Options options, Parts parts);
  ~StoredRevocationFeed() override;

  // The first reading; then the threads. Call it once, first.
  absl::Status Start();

  const std::shared_ptr<RevocationView>& view() const override { return view_; }
  absl::Status CatchUp(absl::Time deadline) override;
  Position Now() const override;
  absl::StatusOr<std::vector<storage::Revocation>> After(int64_t seq, size_t limit) const override;
  std::shared_ptr<void> Subscribe(std::function<void()> listener) override;

 private:
  // What one transaction saw: the state, and the entries behind a seq, at most kPage.
  struct Reading {
    int64_t head = 0;
    int64_t key_set_version = 0;
    std::string store_epoch;
    bool complete = false;                       // there are no more entries
    std::optional<storage::Revocation> at_head;  // in a tail: the entry that it should continue
    std::vector<storage::Revocation> entries;
  };

  void Run();
  bool Rest(uint64_t& ticket);
  void Answer(uint64_t ticket, const absl::Status& status);
  void Report(const absl::Status& status);

  absl::Status ReadPruningTime();
  absl::Status ReadOnce();
  absl::StatusOr<Reading> ReadPage(int64_t after);
  absl::StatusOr<Reading> ReadTail();
  bool IsWholeWanted(const Reading& tail);
  void Take(Reading reading, absl::Duration started);
  absl::Status ReadWhole(absl::Duration started);
  absl::StatusOr<Reading> ReadAll(std::deque<storage::Revocation>& newest);
  int64_t Head() const;
  bool IsStopping() const;
  bool RefreshKeys(const Reading& reading);
  void Prune();

  const Options options_;
  const Parts parts_;
  const std::shared_ptr<RevocationView> view_;
  PruningClock pruning_;
  Listeners listeners_;
  bool failing_ = false;                                  // the feed's thread alone
  bool keys_failing_ = false;                             // likewise
  bool went_back_ = false;                                // likewise: history_ is to end
  absl::Duration pruned_at_ = -absl::InfiniteDuration();  // likewise

  mutable Mutex mu_;
  CondVar wake_;
  CondVar answered_;
  FeedLog log_ ABSL_GUARDED_BY(mu_);
  std::string store_epoch_ ABSL_GUARDED_BY(mu_);
  std::string history_ ABSL_GUARDED_BY(mu_);
  absl::Duration read_at_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();
  uint64_t asked_ ABSL_GUARDED_BY(mu_) = 0;    // the last ticket given to a CatchUp
  uint64_t served_ ABSL_GUARDED_BY(mu_) = 0;   // tickets up to here have had a reading
  absl::Status outcome_ ABSL_GUARDED_BY(mu_);  // of the last reading
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  std::unique_ptr<StoreCleaner> cleaner_;
  std::thread thread_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_STORED_REVOCATION_FEED_H_
