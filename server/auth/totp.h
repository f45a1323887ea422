// Time-based one-time passwords (RFC 6238 over RFC 4226), as authenticator apps make them. Pure.
#ifndef TESSERA_SERVER_AUTH_TOTP_H_
#define TESSERA_SERVER_AUTH_TOTP_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "tessera/base/secret.h"

namespace tessera::server {

enum class TotpAlgorithm { kSha1, kSha256, kSha512 };

// `SHA1` and the like, as in otpauth URIs.
std::string_view TotpAlgorithmName(TotpAlgorithm algorithm);
std::optional<TotpAlgorithm> TotpAlgorithmFromName(std::string_view name);
// As long as the hash (RFC 4226 section 4).
size_t TotpSecretBytes(TotpAlgorithm algorithm);

struct TotpParameters {
  TotpAlgorithm algorithm = TotpAlgorithm::kSha1;
  int digits = 6;  // 6 to 8
  absl::Duration period = absl::Seconds(30);
};

// How many whole periods there have been since 1970.
int64_t TotpStepAt(absl::Time now, absl::Duration period);

// What an authenticator shows in this step.
Secret TotpCode(const Secret& secret, const TotpParameters& parameters, int64_t step);

// The latest step, from `drift` before `now`'s to as many behind it, whose code this is; none: it
// is of no such step. Takes the same time whichever it is.
std::optional<int64_t> FindTotpStep(const Secret& secret, const TotpParameters& parameters,
                                    const Secret& code, absl::Time now, int drift);

// RFC 4648 section 6, without padding.
Secret Base32Of(const Secret& bytes);

struct TotpLabel {
  std::string issuer;  // without a colon
  std::string account;
};
// `otpauth://totp/ISSUER:ACCOUNT?secret=...&issuer=...&algorithm=...&digits=...&period=...`
Secret OtpauthUri(const TotpLabel& label, const Secret& secret, const TotpParameters& parameters);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_TOTP_H_
