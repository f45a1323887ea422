// What tesserad grants.
#ifndef TESSERA_CALLER_GRANT_H_
#define TESSERA_CALLER_GRANT_H_

#include <string>

#include "absl/time/time.h"
#include "tessera/base/secret.h"

namespace tessera {

// The tokens of one session. Never printable.
struct Grant {
  Secret access_token;
  absl::Time access_expires_at;
  Secret refresh_token;  // empty: a service account's, which has no session
  absl::Time refresh_expires_at;
  std::string session_id;
};

}  // namespace tessera

#endif  // TESSERA_CALLER_GRANT_H_
