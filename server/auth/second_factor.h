// A user's second factor: made, and answers to it judged and used up.
#ifndef TESSERA_SERVER_AUTH_SECOND_FACTOR_H_
#define TESSERA_SERVER_AUTH_SECOND_FACTOR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/auth/key_ring.h"
#include "server/auth/totp.h"
#include "storage/records.h"
#include "storage/store.h"
#include "tessera/base/ids.h"
#include "tessera/base/secret.h"

namespace tessera::server {

// `second_factor.*` of the configuration.
struct SecondFactorPolicy {
  std::string issuer = "tessera";
  TotpParameters enrolment = {};  // of factors that are enrolled from now on
  int drift = 1;                  // steps that an authenticator's clock may be off, either way
  absl::Duration challenge_ttl = absl::Minutes(5);
};

// What a user answers with.
struct TotpAnswer {
  Secret code;
};
struct RecoveryAnswer {
  Secret code;
};
using FactorAnswer = std::variant<TotpAnswer, RecoveryAnswer>;

// What is known of a user's factor, in one view of the store.
struct StoredFactor {
  storage::SecondFactor factor;
  std::vector<storage::RecoveryCode> codes;
};

// An answer that was right, and has to be used up. Only JudgeAnswer makes one.
class FactorUse {
 public:
  // `otp` or `recovery_code`, for the log.
  std::string_view kind() const { return step_.has_value() ? "otp" : "recovery_code"; }
  // False if it has been used up by somebody else.
  absl::StatusOr<bool> UseUpIn(storage::Repositories& repositories) const;

 private:
  friend class AnswerJudge;
  FactorUse() = default;
  UserId user_;
  std::optional<int64_t> step_;
  std::string code_hash_;
};

// A new factor for `user`, unconfirmed, and its secret. UNAVAILABLE KEYS_UNAVAILABLE.
struct NewFactor {
  storage::SecondFactor row;
  Secret secret;
};
absl::StatusOr<NewFactor> MakeSecondFactor(const UserId& user, const SecondFactorPolicy& policy,
                                           const KeySnapshot& keys, absl::Time now);

// The step that `code` is of, used up or not; none: it is wrong. UNAVAILABLE KEYS_UNAVAILABLE: the
// key that sealed the secret is not loaded; INTERNAL: the row was tampered with, or is of another
// version.
absl::StatusOr<std::optional<int64_t>> FindStep(const storage::SecondFactor& factor,
                                                const Secret& code, const KeySnapshot& keys,
                                                int drift, absl::Time now);

// Why an answer does not count, for the log.
struct WrongAnswer {
  std::string_view why;  // wrong_code, used_code, wrong_recovery_code
};
using FactorVerdict = std::variant<FactorUse, WrongAnswer>;

// Judges answers; changes nothing.
class AnswerJudge {
 public:
  AnswerJudge(const KeySnapshot& keys, int drift, absl::Time now)
      : keys_(keys), drift_(drift), now_(now) {}
  // Fails as FindStep.
  absl::StatusOr<FactorVerdict> Judge(const StoredFactor& stored, const FactorAnswer& answer) const;

 private:
  absl::StatusOr<FactorVerdict> JudgeTotp(const storage::SecondFactor& factor,
                                          const Secret& code) const;
  absl::StatusOr<FactorVerdict> JudgeRecovery(const StoredFactor& stored, const Secret& code) const;

  const KeySnapshot& keys_;
  const int drift_;
  const absl::Time now_;
};

// UNAUTHENTICATED CODE_WRONG.
absl::Status CodeWrong();

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_SECOND_FACTOR_H_
