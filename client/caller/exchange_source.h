// Where exchanged tokens come from.
#ifndef TESSERA_CALLER_EXCHANGE_SOURCE_H_
#define TESSERA_CALLER_EXCHANGE_SOURCE_H_

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tessera/caller/caller.h"
#include "tessera/caller/grant.h"
#include "tessera/token/kept_token.h"

namespace tessera {

// Whose token is to be exchanged, and for what.
struct ExchangeWish {
  std::shared_ptr<const KeptToken> subject;  // not null
  Exchange exchange;                         // with an audience
};

// Thread-safe; many requests at a time. Nothing but Close blocks.
class ExchangeSource {
 public:
  using Done = std::function<void(absl::StatusOr<Grant>)>;

  virtual ~ExchangeSource() = default;
  // `done` is called once, on any thread, maybe before this returns, and not after Close has
  // returned. Errors as GrantSource has them; UNAUTHENTICATED with a TOKEN_ reason speaks of the
  // subject's token.
  virtual void Ask(const ExchangeWish& wish, Done done) = 0;
  // Why the program's own token could not be had; OK if it could.
  virtual absl::Status LastFailure() const = 0;
  // Abandons what is under way, and waits until no `done` can run any more.
  virtual void Close() = 0;
};

}  // namespace tessera

#endif  // TESSERA_CALLER_EXCHANGE_SOURCE_H_
