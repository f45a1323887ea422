// What a renewal is worth: a pure judgement over what was shown and what the store says.
#ifndef TESSERA_SERVER_AUTH_RENEWAL_VERDICT_H_
#define TESSERA_SERVER_AUTH_RENEWAL_VERDICT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "storage/records.h"

namespace tessera::server {

enum class RenewalVerdict {
  kStep,      // the refresh token is the current one: the next generation begins
  kGrace,     // it was replaced a moment ago: its successor again
  kExtend,    // the current access token alone: another one, of the same generation
  kEnded,     // the session is over, or its user may not go on
  kReuse,     // it was replaced long ago, or another device shows it again: two hold the session
  kForeign,   // it came with another access token than the one it was given out with, or with none
              // where the rules ask for one: likewise
  kWentBack,  // it is newer than the row: the store has lost something
  kAccessUnproven,     // the key that could tell whether the access token is ours is gone
  kAccessReplaced,     // the access token alone is not of the current generation
  kNotExpired,         // the access token is good still, and the rules ask to wait
  kDeviceDiffers,      // the session is bound to another device
  kCertificateDiffers  // or to another client certificate
};

// How an access token stands to the refresh token that it came with.
enum class AccessProof {
  kNone,        // there is none
  kFits,        // same session, same generation, our signature; alive or not
  kDiffers,     // another one's, or no token of ours
  kUnknownKey,  // a key that is not known any more, or not yet, signed it
};

// What was shown.
struct RenewalShown {
  int64_t generation = 0;
  bool by_access_token = false;  // `generation` is that of a live access token; nothing else came
  AccessProof access = AccessProof::kNone;
  std::string device_hash;  // of the device that the call names; empty for none
  std::string certificate;  // thumbprint of the connection's; empty for none
};

// `tokens.reuse_grace` and `tokens.renewal_...`.
struct RenewalRules {
  absl::Duration grace;
  bool needs_access_token = false;
  bool only_after_expiry = false;
};

// The grace lasts from rotated_at, that last instant included; a clock that went back counts as no
// time. A session is over from its idle and absolute end on, those instants included; an access
// token has expired from its `exp` on. Within the grace a client need not wait for that.
RenewalVerdict JudgeRenewal(const std::optional<storage::SessionStanding>& found,
                            const RenewalShown& shown, const RenewalRules& rules, absl::Time now);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_RENEWAL_VERDICT_H_
