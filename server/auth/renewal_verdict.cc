#include "server/auth/renewal_verdict.h"

#include <algorithm>

#include "tessera/base/secret.h"

namespace tessera::server {
namespace {

using storage::Session;
using storage::SessionStanding;
using Verdict = RenewalVerdict;

bool IsAlive(const Session& session, absl::Time now) {
  return !session.revoked_at.has_value() && now < session.idle_expires_at &&
         now < session.expires_at;
}

bool MayGoOn(const SessionStanding& found) {
  return found.user_state == storage::UserState::kActive &&
         found.user_version == found.session.user_version;
}

bool InGrace(const Session& session, int64_t generation, absl::Duration grace, absl::Time now) {
  const absl::Duration age = std::max(now - session.rotated_at, absl::ZeroDuration());
  return generation == session.generation - 1 && age <= grace;
}

// What stands against `shown` because the session is bound.
std::optional<Verdict> BindingObjection(const Session& session, const RenewalShown& shown) {
  const auto differs = [](const std::string& bound, const std::string& there) {
    return !bound.empty() && !Secret::ConstantTimeEqual(bound, there);
  };
  if (differs(session.device_hash, shown.device_hash)) return Verdict::kDeviceDiffers;
  if (differs(session.certificate, shown.certificate)) return Verdict::kCertificateDiffers;
  return std::nullopt;
}

// What stands against `shown` because of the access token that came or did not come with it.
std::optional<Verdict> AccessObjection(const RenewalShown& shown, const RenewalRules& rules) {
  if (!rules.needs_access_token) return std::nullopt;
  switch (shown.access) {
    case AccessProof::kFits:
      return std::nullopt;
    case AccessProof::kUnknownKey:
      return Verdict::kAccessUnproven;
    case AccessProof::kNone:  // whoever was given the pair has it: this is somebody else
    case AccessProof::kDiffers:
      break;
  }
  return Verdict::kForeign;
}

Verdict JudgeAccessTokenAlone(const Session& session, const RenewalShown& shown) {
  if (shown.generation != session.generation) return Verdict::kAccessReplaced;
  return BindingObjection(session, shown).value_or(Verdict::kExtend);
}

Verdict JudgeCurrent(const Session& session, const RenewalShown& shown, const RenewalRules& rules,
                     absl::Time now) {
  if (const auto objection = BindingObjection(session, shown)) return *objection;
  if (const auto objection = AccessObjection(shown, rules)) return *objection;
  if (rules.only_after_expiry && now < session.access_until) return Verdict::kNotExpired;
  return Verdict::kStep;
}

// Who took the step was bound as the session is: another one who has its token now is a second one.
Verdict JudgeReplay(const Session& session, const RenewalShown& shown, const RenewalRules& rules) {
  if (BindingObjection(session, shown).has_value()) return Verdict::kReuse;
  return AccessObjection(shown, rules).value_or(Verdict::kGrace);
}

}  // namespace

RenewalVerdict JudgeRenewal(const std::optional<SessionStanding>& found, const RenewalShown& shown,
                            const RenewalRules& rules, absl::Time now) {
  if (!found.has_value() || !IsAlive(found->session, now) || !MayGoOn(*found)) {
    return Verdict::kEnded;
  }
  const Session& session = found->session;
  if (shown.generation > session.generation) return Verdict::kWentBack;
  if (shown.by_access_token) return JudgeAccessTokenAlone(session, shown);
  if (shown.generation == session.generation) return JudgeCurrent(session, shown, rules, now);
  if (!InGrace(session, shown.generation, rules.grace, now)) return Verdict::kReuse;
  return JudgeReplay(session, shown, rules);
}

}  // namespace tessera::server
