#include "server/auth/second_factor_login.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "server/auth/token_issuer.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

absl::Status Mismatch(std::string_view reason, std::string_view text) {
  return Refusal(absl::StatusCode::kUnauthenticated, reason, text);
}

// The session will be bound to what the login showed, so nobody else may end the login. A device
// that the call does not name is not asked for: the session is of no use without it.
absl::Status CheckSameHolder(const CallInfo& call, const LoginChallenge& challenge) {
  const std::string& device = challenge.terms.device_hash;
  if (!device.empty() && !call.device_id.empty() && DeviceHash(call.device_id) != device) {
    return Mismatch(reason::kDeviceMismatch, "the login is bound to another device");
  }
  if (challenge.certificate.empty()) return absl::OkStatus();
  if (!call.certificate.has_value() || call.certificate->thumbprint != challenge.certificate) {
    return Mismatch(reason::kCertificateMismatch,
                    "the login is bound to another client certificate");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<IssuedChallenge> SecondFactorLogin::Challenge(const CallInfo& call,
                                                             const VerifiedLogin& login) const {
  const storage::User& user = login.user();
  LoginChallenge challenge;
  challenge.user_id = user.id;
  challenge.user_version = user.version;
  challenge.expires_at = RowTime(parts_.clock.Now() + parts_.second_factor.challenge_ttl);
  challenge.audience = login.audience();
  challenge.terms = login.terms();
  if (login.terms().bind_certificate && call.certificate.has_value()) {
    challenge.certificate = call.certificate->thumbprint;
  }
  TESSERA_ASSIGN_OR_RETURN(Secret token, MintChallenge(challenge, *parts_.keys.Current()));
  if (login.upgraded_hash().has_value()) {  // else at the next login
    parts_.store
        .Write(
            storage::Repeat::kIdempotent, call.deadline,
            [&](storage::Repositories& in) {
              return in.users.ReplaceHash(user.id, user.version, *login.upgraded_hash()).status();
            })
        .IgnoreError();
  }
  parts_.log.Info("login.challenged",
                  {{"user", user.id.str()}, {"audience", challenge.audience}, {"peer", call.peer}});
  return IssuedChallenge{std::move(token), challenge.expires_at};
}

absl::StatusOr<LoginChallenge> SecondFactorLogin::Read(const CallInfo& call,
                                                       const Secret& token) const {
  absl::StatusOr<LoginChallenge> challenge =
      ReadChallenge(token, *parts_.keys.Current(), parts_.clock.Now());
  if (!challenge.ok()) return Invalid(call, UserId(), "challenge");
  const absl::Status held = CheckSameHolder(call, *challenge);
  if (held.ok()) return challenge;
  parts_.log.Warning("login.refused", {{"reason", ReasonOf(held)},
                                       {"user", challenge->user_id.str()},
                                       {"audience", challenge->audience},
                                       {"peer", call.peer}});
  return held;
}

absl::Status SecondFactorLogin::Invalid(const CallInfo& call, const UserId& user,
                                        std::string_view why) const {
  parts_.log.Warning(
      "login.refused",
      {{"reason", std::string(why)}, {"user", user.str()}, {"audience", ""}, {"peer", call.peer}});
  return ChallengeInvalid();
}

absl::StatusOr<SecondFactorLogin::Known> SecondFactorLogin::Find(
    const CallInfo& call, const LoginChallenge& challenge) const {
  std::optional<storage::User> user;
  std::optional<storage::SecondFactor> factor;
  Known known;
  TESSERA_RETURN_IF_ERROR(
      parts_.store.Read(call.deadline, [&](storage::Repositories& in) -> absl::Status {
        TESSERA_ASSIGN_OR_RETURN(user, in.users.Find(challenge.user_id));
        TESSERA_ASSIGN_OR_RETURN(factor, in.factors.Find(challenge.user_id));
        TESSERA_ASSIGN_OR_RETURN(known.factor.codes, in.factors.Codes(challenge.user_id));
        return absl::OkStatus();
      }));
  const bool same = user.has_value() && user->version == challenge.user_version &&
                    user->state == storage::UserState::kActive && factor.has_value() &&
                    factor->confirmed;
  if (!same) return Invalid(call, challenge.user_id, "user_changed");
  known.user = *std::move(user);
  known.factor.factor = *std::move(factor);
  return known;
}

absl::StatusOr<SecondFactorLogin::Proof> SecondFactorLogin::Prove(
    const CallInfo& call, const LoginChallenge& challenge, const FactorAnswer& answer) const {
  TESSERA_ASSIGN_OR_RETURN(Known known, Find(call, challenge));
  const std::shared_ptr<const KeySnapshot> keys = parts_.keys.Current();
  const AnswerJudge judge(*keys, parts_.second_factor.drift, parts_.clock.Now());
  TESSERA_ASSIGN_OR_RETURN(FactorVerdict verdict, judge.Judge(known.factor, answer));
  if (auto* use = std::get_if<FactorUse>(&verdict)) {
    return Proof{std::move(known.user), std::move(*use)};
  }
  parts_.log.Warning("login.refused", {{"reason", std::string(std::get<WrongAnswer>(verdict).why)},
                                       {"user", known.user.id.str()},
                                       {"audience", challenge.audience},
                                       {"peer", call.peer}});
  return CodeWrong();
}

}  // namespace tessera::server
