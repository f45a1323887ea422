#include "tessera/caller/token_supply.h"

#include "absl/strings/str_cat.h"
#include "tessera/base/reason.h"
#include "tessera/caller/caller.h"

namespace tessera {

absl::Status WaitedInVain(const absl::Status& last_failure) {
  const absl::string_view cause = last_failure.ok() ? "no answer yet" : last_failure.message();
  return Refusal(absl::StatusCode::kUnavailable, reason::kAuthServerUnavailable,
                 absl::StrCat("no token came while the call could wait: ", cause));
}

absl::Status CallerClosed() {
  return Refusal(absl::StatusCode::kUnavailable, reason::kCallerClosed,
                 "the caller has been destroyed");
}

}  // namespace tessera
