#include "server/auth/second_factor.h"

#include <utility>

#include "server/auth/aead.h"
#include "server/auth/recovery_codes.h"
#include "tessera/base/random.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

constexpr absl::Duration kRetryForKey = absl::Milliseconds(200);
constexpr int64_t kLongestPeriod = 3600;

absl::Status KeyMissing() {
  return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kKeysUnavailable,
                          "the key that seals second factors is not loaded yet", kRetryForKey);
}

// Bound to the user: a row that is moved to another one opens there no more.
std::string BoundTo(const UserId& user) {
  return std::string("tessera/second-factor/v1").append(1, '\0').append(user.str());
}

absl::StatusOr<TotpParameters> ParametersOf(const storage::SecondFactor& factor) {
  const std::optional<TotpAlgorithm> algorithm = TotpAlgorithmFromName(factor.algorithm);
  const bool known = algorithm.has_value() && (factor.digits == 6 || factor.digits == 8) &&
                     factor.period_seconds >= 1 && factor.period_seconds <= kLongestPeriod;
  if (!known) return absl::InternalError("a second factor that this version does not know");
  return TotpParameters{*algorithm, static_cast<int>(factor.digits),
                        absl::Seconds(factor.period_seconds)};
}

absl::StatusOr<Secret> Open(const storage::SecondFactor& factor, const KeySnapshot& keys) {
  const auto key = keys.seals.find(factor.seal_kid);
  if (key == keys.seals.end()) return KeyMissing();
  std::optional<Secret> secret = OpenBytes(key->second, BoundTo(factor.user_id), factor.sealed);
  if (!secret.has_value()) return absl::InternalError("a second factor that does not open");
  return *std::move(secret);
}

}  // namespace

absl::Status CodeWrong() {
  return Refusal(absl::StatusCode::kUnauthenticated, reason::kCodeWrong,
                 "the code is wrong, or was used before");
}

absl::StatusOr<NewFactor> MakeSecondFactor(const UserId& user, const SecondFactorPolicy& policy,
                                           const KeySnapshot& keys, absl::Time now) {
  const auto key = keys.seals.find(keys.seal_kid);
  if (key == keys.seals.end()) return KeyMissing();
  const TotpParameters& parameters = policy.enrolment;
  NewFactor made;
  made.secret = Secret(RandomBytes(TotpSecretBytes(parameters.algorithm)));
  made.row.user_id = user;
  made.row.algorithm = std::string(TotpAlgorithmName(parameters.algorithm));
  made.row.digits = parameters.digits;
  made.row.period_seconds = absl::ToInt64Seconds(parameters.period);
  TESSERA_ASSIGN_OR_RETURN(made.row.sealed, SealBytes(key->second, BoundTo(user), made.secret));
  made.row.seal_kid = key->first;
  made.row.created_at = now;
  return made;
}

absl::StatusOr<std::optional<int64_t>> FindStep(const storage::SecondFactor& factor,
                                                const Secret& code, const KeySnapshot& keys,
                                                int drift, absl::Time now) {
  TESSERA_ASSIGN_OR_RETURN(const TotpParameters parameters, ParametersOf(factor));
  TESSERA_ASSIGN_OR_RETURN(const Secret secret, Open(factor, keys));
  return FindTotpStep(secret, parameters, code, now, drift);
}

absl::StatusOr<bool> FactorUse::UseUpIn(storage::Repositories& repositories) const {
  return step_.has_value() ? repositories.factors.UseStep(user_, *step_)
                           : repositories.factors.UseCode(user_, code_hash_);
}

absl::StatusOr<FactorVerdict> AnswerJudge::Judge(const StoredFactor& stored,
                                                 const FactorAnswer& answer) const {
  if (const auto* totp = std::get_if<TotpAnswer>(&answer)) {
    return JudgeTotp(stored.factor, totp->code);
  }
  return JudgeRecovery(stored, std::get<RecoveryAnswer>(answer).code);
}

absl::StatusOr<FactorVerdict> AnswerJudge::JudgeTotp(const storage::SecondFactor& factor,
                                                     const Secret& code) const {
  TESSERA_ASSIGN_OR_RETURN(const std::optional<int64_t> step,
                           FindStep(factor, code, keys_, drift_, now_));
  if (!step.has_value()) return WrongAnswer{"wrong_code"};
  if (*step <= factor.last_step) return WrongAnswer{"used_code"};
  FactorUse use;
  use.user_ = factor.user_id;
  use.step_ = *step;
  return use;
}

absl::StatusOr<FactorVerdict> AnswerJudge::JudgeRecovery(const StoredFactor& stored,
                                                         const Secret& code) const {
  const UserId& user = stored.factor.user_id;
  TESSERA_ASSIGN_OR_RETURN(std::optional<storage::RecoveryCode> row,
                           FindRecoveryCode(code, user, stored.codes, keys_));
  if (!row.has_value()) return WrongAnswer{"wrong_recovery_code"};
  FactorUse use;
  use.user_ = user;
  use.code_hash_ = std::move(row->hash);
  return use;
}

}  // namespace tessera::server
