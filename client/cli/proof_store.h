// What a context shows at a login of having logged in before, so that strangers' attempts at the
// same user do not hold it up.
#ifndef TESSERA_CLI_PROOF_STORE_H_
#define TESSERA_CLI_PROOF_STORE_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tessera/base/secret.h"

namespace tessera::cli {

// The name of a user at a server, as typed at the login.
struct ProofOwner {
  std::string server;
  std::string username;
};

// File `credentials/CONTEXT/proofs`, with the privacy of the tokens beside it; a logout leaves it.
// Thread-safe.
class ProofStore {
 public:
  // The oldest go first.
  static constexpr size_t kMaxProofs = 64;

  ProofStore(std::string folder, std::string context)
      : folder_(std::move(folder)), context_(std::move(context)) {}

  // Empty without one, and where the file cannot be read: a login goes without it.
  Secret FindFor(const ProofOwner& owner) const;
  // Replaces the owner's. A damaged file is replaced as a whole. UNAVAILABLE BUSY after `limit`;
  // other errors as CredentialStore's.
  absl::Status Keep(const ProofOwner& owner, const Secret& proof, absl::Duration limit) const;

 private:
  std::string folder_;
  std::string context_;
};

}  // namespace tessera::cli

#endif  // TESSERA_CLI_PROOF_STORE_H_
