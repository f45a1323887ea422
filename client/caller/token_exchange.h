// Keeps exchanged tokens: one request for each, however many calls want it.
#ifndef TESSERA_CALLER_TOKEN_EXCHANGE_H_
#define TESSERA_CALLER_TOKEN_EXCHANGE_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/base/mutex.h"
#include "tessera/caller/exchange_source.h"
#include "tessera/caller/token_life.h"
#include "tessera/caller/token_supply.h"

namespace tessera {

// Thread-safe. Bounded: the token that was used longest ago makes room for a new one. Must be
// closed.
class TokenExchange : public std::enable_shared_from_this<TokenExchange> {
 public:
  struct Limits {
    size_t tokens = Caller::kMaxExchangedTokens;
    size_t under_way = Caller::kMaxExchangesUnderWay;  // less than `tokens`
  };
  // What tesserad refused is asked for again after this long.
  static constexpr absl::Duration kRefusalPause = absl::Seconds(1);
  // A token that a server refused is replaced at most this often.
  static constexpr absl::Duration kDropPause = absl::Seconds(1);

  TokenExchange(std::unique_ptr<ExchangeSource> source, Limits limits, const Clock& clock,
                LogSink& log)
      : source_(std::move(source)), limits_(limits), clock_(clock), log_(log) {}

  // Thread-safe; keeps this exchange alive.
  std::shared_ptr<TokenSupply> SupplyFor(ExchangeWish wish);

  // Answers all who wait (UNAVAILABLE CALLER_CLOSED) and abandons the requests.
  void Close();

 private:
  class Supply;
  using Waiters = std::unordered_map<const TokenWaiter*, std::shared_ptr<TokenWaiter>>;
  struct Entry {
    bool under_way = false;
    std::shared_ptr<const LiveToken> token;  // null: none, or dropped
    std::optional<TokenLife> life;           // of token
    absl::Status refusal;                    // of tesserad; answers until retry_at
    absl::Duration retry_at;                 // monotonic, as the next
    absl::Duration drop_at;
    Waiters waiters;
    std::list<std::string>::iterator place;  // in order_
  };

  std::optional<TokenResult> Look(const Entry& entry) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::optional<TokenResult> Current(const std::string& key, const ExchangeWish& wish);
  std::optional<TokenResult> CurrentOrWait(const std::string& key, const ExchangeWish& wish,
                                           std::shared_ptr<TokenWaiter> waiter);
  void Forget(const std::string& key, const TokenWaiter& waiter);
  void Refused(const std::string& key, uint64_t serial);

  // The entry of `key`, made if there is none.
  Entry& Enter(const std::string& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void MakeRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Ask(const std::string& key, const ExchangeWish& wish);
  void Landed(const std::string& key, const std::string& token, absl::StatusOr<Grant> result);
  TokenResult Adopt(Entry& entry, Grant grant) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Report(const std::string& token, const absl::Status& status) const;

  const std::unique_ptr<ExchangeSource> source_;
  const Limits limits_;
  const Clock& clock_;
  LogSink& log_;

  mutable Mutex mu_;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  size_t under_way_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t last_serial_ ABSL_GUARDED_BY(mu_) = 0;
  std::list<std::string> order_ ABSL_GUARDED_BY(mu_);  // keys, the latest used first
  std::unordered_map<std::string, Entry> entries_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tessera

#endif  // TESSERA_CALLER_TOKEN_EXCHANGE_H_
