// What Caller::OnBehalfOf returns.
#ifndef TESSERA_CALLER_ON_BEHALF_H_
#define TESSERA_CALLER_ON_BEHALF_H_

#include <functional>
#include <memory>
#include <utility>

#include "tessera/base/mutex.h"
#include "tessera/caller/caller.h"
#include "tessera/caller/token_exchange.h"
#include "tessera/caller/token_keeper.h"
#include "tessera/caller/token_supply.h"

namespace tessera {

// Thread-safe. An exchange needs the service account's token for tesserad itself: that is the
// caller's own where it is for tesserad, and otherwise one that is kept apart from the calls, from
// the first exchange on.
class OnBehalf {
 public:
  // `own`: of the caller.
  OnBehalf(CallerOptions options, std::shared_ptr<TokenKeeper> own)
      : options_(std::move(options)), own_(std::move(own)) {}

  std::shared_ptr<TokenSupply> SupplyFor(std::shared_ptr<const KeptToken> subject,
                                         const Exchange& exchange) ABSL_LOCKS_EXCLUDED(mu_);

  // After the caller's own keeper.
  void Close() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  std::shared_ptr<TokenExchange> TheExchange() ABSL_LOCKS_EXCLUDED(mu_);
  std::shared_ptr<TokenKeeper> KeeperForTesserad();

  const CallerOptions options_;
  const std::shared_ptr<TokenKeeper> own_;

  Mutex mu_;
  std::shared_ptr<TokenKeeper> keeper_ ABSL_GUARDED_BY(mu_);  // null: own_ does, or none yet
  std::shared_ptr<TokenExchange> exchange_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tessera

#endif  // TESSERA_CALLER_ON_BEHALF_H_
