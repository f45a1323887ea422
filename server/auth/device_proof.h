// What shows that a login comes from a device that has logged in before, so that strangers'
// attempts do not hold it up. It lets nobody in: the password is asked for all the same.
//
// `tsd_` and the base64url of: version (1 byte), device (16, random), when it was given out (8,
// big-endian seconds), key id hash (16), HMAC-SHA-256 (32) over
// "tessera/device-proof/v2" || version || device || time || key id hash || user's version (8) ||
// user id. So whatever ends all of a user's tokens (another password or factor, disabled, all
// sessions revoked, the store restored) ends the proofs too. Those of version 1 say nothing.
#ifndef TESSERA_SERVER_AUTH_DEVICE_PROOF_H_
#define TESSERA_SERVER_AUTH_DEVICE_PROOF_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/auth/key_ring.h"
#include "tessera/base/ids.h"
#include "tessera/base/secret.h"

namespace tessera::server {

inline constexpr std::string_view kDeviceProofPrefix = "tsd_";
inline constexpr size_t kDeviceNumberBytes = 16;

// Whose a proof is.
struct ProofOwner {
  UserId user;          // empty: nobody
  int64_t version = 0;  // the user's, when the login began or as a change left it
};

// The device of `proof`, if it was given to `owner` less than `life` ago, by a key of this ring
// (those that hash secrets: they outlive every rotation of others). Absent otherwise; `owner` may
// be nobody: that costs the same. Memory only.
std::optional<std::string> ReadDeviceProof(const Secret& proof, const ProofOwner& owner,
                                           const KeySnapshot& keys, absl::Time now,
                                           absl::Duration life);

// `device`: of the proof that the login showed; empty: a new one. UNAVAILABLE KEYS_UNAVAILABLE.
absl::StatusOr<Secret> MintDeviceProof(const ProofOwner& owner, std::string_view device,
                                       const KeySnapshot& keys, absl::Time now);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_DEVICE_PROOF_H_
