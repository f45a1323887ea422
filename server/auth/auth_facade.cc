#include "server/auth/auth_facade.h"

#include <utility>

#include "server/auth/key_ring.h"
#include "server/auth/known_tokens.h"
#include "server/auth/password_hasher.h"
#include "server/auth/refresh_token.h"
#include "server/auth/renewal.h"
#include "server/auth/revocation_feed.h"
#include "server/auth/second_factor_login.h"
#include "server/auth/session_beginner.h"
#include "server/auth/session_binding.h"
#include "server/auth/session_terms.h"
#include "server/auth/token_issuer.h"
#include "server/auth/token_revoker.h"
#include "server/names/user_name.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/token_verifier.h"

namespace tessera::server {
namespace {

absl::Status BadCredentials() {
  return Refusal(absl::StatusCode::kUnauthenticated, reason::kBadCredentials,
                 "user name or password wrong");
}

// The name as the store has it; empty for one that no user can have.
std::string FoldName(std::string_view name) { return FoldUserName(name, "username").value_or(""); }

ProofOwner OwnerOf(const std::optional<storage::User>& user) {
  return user.has_value() ? ProofOwner{user->id, user->version} : ProofOwner();
}

absl::StatusOr<TokenVerifier> VerifierOf(const TokenPolicy& policy, absl::Duration leeway) {
  Expected expected;
  expected.issuer = policy.issuer;
  expected.leeway = leeway;
  return TokenVerifier::Create(std::move(expected));
}

// What was shown besides the password, for the log.
std::string FactorOf(const VerifiedLogin& login) {
  return login.factor().has_value() ? std::string(login.factor()->kind()) : "none";
}

absl::Status ViewNotLoaded() {
  return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kRevocationViewStale,
                          "the revocations are not loaded yet", absl::Seconds(1));
}

Introspection Inactive(std::string_view reason) { return {nullptr, std::string(reason)}; }

Introspection Active(const KnownTokens::KnownToken& known) {
  return {std::shared_ptr<const Claims>(known, &known->token.claims()), ""};
}

}  // namespace

struct AuthFacade::Impl {
  Impl(TokenPolicy policy, Parts all)
      : parts(all),
        verifier(VerifierOf(policy, policy.leeway)),
        lenient(VerifierOf(policy, kMaxLeeway)),
        issuer(std::move(policy)),
        beginner(all, issuer.policy().one_session_per_user),
        second_factors(all),
        renewal(issuer, all) {}

  absl::Status Refused(const CallInfo& call, const LoginAttempt& attempt,
                       std::string_view why) const;
  absl::StatusOr<bool> Matches(const CallInfo& call, const LoginAttempt& attempt,
                               const Secret& password, bool& outdated) const;
  absl::StatusOr<UserFacts> FactsOf(const CallInfo& call, const VerifiedLogin& login) const;
  absl::Status CheckStanding(const VerifiedToken& token) const;
  std::string WhyInactive(const Secret& token, const absl::Status& refusal) const;

  Parts parts;
  // Any audience; an error only for an impossible policy.
  absl::StatusOr<TokenVerifier> verifier;
  absl::StatusOr<TokenVerifier> lenient;  // takes what any guard may still take
  mutable KnownTokens known;
  TokenIssuer issuer;
  SessionBeginner beginner;
  SecondFactorLogin second_factors;
  Renewal renewal;
};

AuthFacade::AuthFacade(TokenPolicy policy, Parts parts)
    : impl_(std::make_unique<Impl>(std::move(policy), parts)) {}

AuthFacade::~AuthFacade() = default;

// One answer for every cause; the cause goes to the log.
absl::Status AuthFacade::Impl::Refused(const CallInfo& call, const LoginAttempt& attempt,
                                       std::string_view why) const {
  parts.log.Warning("login.refused",
                    {{"reason", std::string(why)},
                     {"user", attempt.user.has_value() ? attempt.user->id.str() : ""},
                     {"audience", attempt.audience},
                     {"peer", call.peer}});
  return BadCredentials();
}

absl::StatusOr<LoginAttempt> AuthFacade::BeginLogin(const CallInfo& call, LoginInput input) const {
  std::string audience = std::move(input.audience);
  if (audience.empty()) audience = impl_->issuer.policy().self_audience;
  if (!impl_->issuer.IsAllowed(audience)) {
    return FieldInvalid("audience", "an audience that the server's tokens.audiences names");
  }
  if (input.password.Reveal().size() > kMaxPasswordBytes) {
    return FieldInvalid("password", "at most 1,024 bytes");
  }
  TESSERA_RETURN_IF_ERROR(CheckTerms(input.terms, impl_->issuer.policy()));
  TESSERA_RETURN_IF_ERROR(CheckBinding(input.terms, call));
  LoginAttempt attempt{FoldName(input.username), std::move(input.password), std::move(audience),
                       std::nullopt, std::move(input.terms)};
  attempt.subject.name = attempt.username.empty() ? input.username : attempt.username;
  TESSERA_RETURN_IF_ERROR(
      impl_->parts.store.Read(call.deadline, [&](storage::Repositories& repositories) {
        TESSERA_ASSIGN_OR_RETURN(attempt.user, repositories.users.FindByName(attempt.username));
        TESSERA_ASSIGN_OR_RETURN(attempt.hash_costs, repositories.passwords.HashCosts());
        const ProofOwner owner = OwnerOf(attempt.user);
        attempt.subject.user = owner.user;
        attempt.subject.device = impl_->parts.throttle.DeviceOf(input.device_proof, owner);
        return impl_->parts.throttle.LookIn(repositories, call, attempt.subject);
      }));
  return attempt;
}

// The same work in every case. A stored hash that cannot be read matches nothing.
absl::StatusOr<bool> AuthFacade::Impl::Matches(const CallInfo& call, const LoginAttempt& attempt,
                                               const Secret& password, bool& outdated) const {
  const std::string_view stored =
      attempt.user.has_value() ? std::string_view(attempt.user->password_hash) : "";
  TESSERA_ASSIGN_OR_RETURN(const PasswordHasher::Verdict verdict,
                           parts.hasher.Judge(password, stored, attempt.hash_costs));
  if (verdict.unreadable) {
    parts.log.Error("login.unreadable_hash",
                    {{"user", attempt.user->id.str()}, {"peer", call.peer}});
  }
  outdated = verdict.outdated;
  return verdict.matches;
}

absl::StatusOr<VerifiedLogin> AuthFacade::CheckPassword(const CallInfo& call,
                                                        LoginAttempt attempt) const {
  TESSERA_ASSIGN_OR_RETURN(const Reservation reservation,
                           impl_->parts.throttle.ReserveLogin(call, attempt.subject));
  const Secret password = PrepareForLogin(attempt.password);
  bool outdated = false;
  TESSERA_ASSIGN_OR_RETURN(const bool matches, impl_->Matches(call, attempt, password, outdated));
  if (!attempt.user.has_value()) return impl_->Refused(call, attempt, "unknown_user");
  if (!matches) return impl_->Refused(call, attempt, "bad_password");
  if (attempt.user->state != storage::UserState::kActive) {
    return impl_->Refused(call, attempt, "disabled");
  }
  impl_->parts.throttle.Succeeded(call, reservation);
  std::optional<std::string> upgraded;
  if (outdated) {
    absl::StatusOr<std::string> hash = impl_->parts.hasher.Hash(password);
    if (hash.ok()) upgraded = *std::move(hash);  // else at the next login
  }
  storage::User user = *std::move(attempt.user);
  return VerifiedLogin(std::move(user), std::move(attempt), std::move(upgraded));
}

absl::StatusOr<UserFacts> AuthFacade::Impl::FactsOf(const CallInfo& call,
                                                    const VerifiedLogin& login) const {
  const UserId& id = login.user().id;
  UserFacts facts;
  facts.attributes = login.user().attributes;
  TESSERA_RETURN_IF_ERROR(parts.store.Read(call.deadline, [&](storage::Repositories& repositories) {
    TESSERA_ASSIGN_OR_RETURN(facts.roles, repositories.roles.HeldBy(id));
    if (!login.terms().include_groups) return absl::OkStatus();
    TESSERA_ASSIGN_OR_RETURN(facts.groups, repositories.groups.NamesOf(id));
    return absl::OkStatus();
  }));
  return facts;
}

absl::StatusOr<LoginOutcome> AuthFacade::FinishLogin(const CallInfo& call,
                                                     const VerifiedLogin& login) const {
  if (login.user().totp_enrolled) {
    TESSERA_ASSIGN_OR_RETURN(IssuedChallenge challenge,
                             impl_->second_factors.Challenge(call, login));
    return challenge;
  }
  TESSERA_ASSIGN_OR_RETURN(IssuedGrant grant, OpenSession(call, login));
  return grant;
}

bool AuthFacade::NamesUnknownKey(const CompletionInput& input) const {
  return ChallengeNamesUnknownKey(input.challenge_token, *impl_->parts.keys.Current());
}

absl::StatusOr<CompletionInput> AuthFacade::CheckCompletion(const CallInfo& call,
                                                            CompletionInput input) const {
  TESSERA_RETURN_IF_ERROR(impl_->second_factors.Read(call, input.challenge_token).status());
  return input;
}

// The guess is counted before it is judged, however many challenges there are. No code is judged
// for another version of the user than the challenge's, so a proof of that one will do.
absl::StatusOr<IssuedGrant> AuthFacade::CompleteLogin(const CallInfo& call,
                                                      const CompletionInput& input) const {
  TESSERA_ASSIGN_OR_RETURN(LoginChallenge challenge,
                           impl_->second_factors.Read(call, input.challenge_token));
  const LoginThrottle& throttle = impl_->parts.throttle;
  LoginAttempt attempt;
  attempt.subject.device =
      throttle.DeviceOf(input.device_proof, {challenge.user_id, challenge.user_version});
  TESSERA_ASSIGN_OR_RETURN(const Reservation reservation,
                           throttle.ReserveCode(call, challenge.user_id, attempt.subject.device));
  TESSERA_ASSIGN_OR_RETURN(SecondFactorLogin::Proof proof,
                           impl_->second_factors.Prove(call, challenge, input.answer));
  attempt.audience = std::move(challenge.audience);
  attempt.terms = std::move(challenge.terms);
  attempt.terms.max_access_token = input.max_access_token;
  const VerifiedLogin login(std::move(proof.user), std::move(attempt), std::move(proof.use));
  TESSERA_ASSIGN_OR_RETURN(IssuedGrant grant, OpenSession(call, login));
  throttle.Succeeded(call, reservation);
  return grant;
}

absl::StatusOr<IssuedGrant> AuthFacade::OpenSession(const CallInfo& call,
                                                    const VerifiedLogin& login) const {
  if (login.user().totp_enrolled && !login.factor().has_value()) {
    return impl_->Refused(call, {"", Secret(), login.audience(), login.user()}, "no_second_factor");
  }
  const std::shared_ptr<const KeySnapshot> keys = impl_->parts.keys.Current();
  const absl::Time now = RowTime(impl_->parts.clock.Now());
  TESSERA_ASSIGN_OR_RETURN(const UserFacts facts, impl_->FactsOf(call, login));
  storage::Session session = impl_->issuer.NewSession(login, now);
  session.mac_kid = keys->mac_kid;
  Bind(login.terms(), call, session);
  TESSERA_ASSIGN_OR_RETURN(TokenIssuer::AccessToken access,
                           impl_->issuer.Sign(session, session.generation, facts, *keys, now));
  TESSERA_RETURN_IF_ERROR(CheckLength(access, login.terms().max_access_token));
  TESSERA_ASSIGN_OR_RETURN(
      Secret refresh, MintRefreshToken({session.id, session.generation}, session.mac_kid, *keys));
  session.access_until = access.expires_at;
  TESSERA_ASSIGN_OR_RETURN(const bool admitted, impl_->beginner.Begin(call, login, session));
  if (!admitted && login.factor().has_value()) {
    return impl_->second_factors.Invalid(call, login.user().id, "user_changed");
  }
  if (!admitted) {
    return impl_->Refused(call, {"", Secret(), login.audience(), login.user()}, "user_changed");
  }
  impl_->parts.log.Info("login.admitted", {{"user", session.user_id.str()},
                                           {"session", session.id.str()},
                                           {"audience", session.audience},
                                           {"factor", FactorOf(login)},
                                           {"peer", call.peer}});
  IssuedGrant grant{std::move(access.text),  access.expires_at, std::move(refresh),
                    session.idle_expires_at, session.id,        std::move(access.scopes)};
  grant.device_proof =
      impl_->parts.throttle.NewDeviceProof({session.user_id, session.user_version}, login.device());
  return grant;
}

bool AuthFacade::NamesUnknownKey(const RenewalInput& input) const {
  return input.refresh_token.empty() ? impl_->renewal.NamesUnknownKey(input.access_token)
                                     : NamesUnknownKey(input.refresh_token);
}

bool AuthFacade::NamesUnknownKey(const Secret& refresh_token) const {
  return server::NamesUnknownKey(refresh_token, *impl_->parts.keys.Current());
}

absl::StatusOr<Secret> AuthFacade::CheckRefreshToken(const CallInfo& call, Secret token) const {
  const absl::Status genuine = ParseRefreshToken(token, *impl_->parts.keys.Current()).status();
  if (genuine.ok()) return token;
  impl_->parts.log.Warning(
      "refresh_token.refused",
      {{"reason", ReasonOf(genuine)}, {"token", Fingerprint(token.Reveal())}, {"peer", call.peer}});
  return genuine;
}

absl::StatusOr<RenewalInput> AuthFacade::CheckRenewal(const CallInfo& call,
                                                      RenewalInput input) const {
  if (!input.device_id.empty() && !call.device_id.empty() && input.device_id != call.device_id) {
    return FieldInvalid("device_id", "the device that the metadata names");
  }
  if (input.refresh_token.empty()) {
    TESSERA_RETURN_IF_ERROR(impl_->renewal.CheckAccessTokenAlone(call, input.access_token));
    return input;
  }
  TESSERA_ASSIGN_OR_RETURN(input.refresh_token,
                           CheckRefreshToken(call, std::move(input.refresh_token)));
  return input;
}

absl::StatusOr<IssuedGrant> AuthFacade::Renew(const CallInfo& call,
                                              const RenewalInput& input) const {
  return impl_->renewal.Renew(call, input);
}

// What the signature does not tell.
absl::Status AuthFacade::Impl::CheckStanding(const VerifiedToken& token) const {
  if (!issuer.IsAllowed(token.claims().audience)) {
    return Refusal(absl::StatusCode::kUnauthenticated, reason::kTokenAudience,
                   "the token is for an audience that this server does not serve");
  }
  if (parts.feed.view()->IsRevoked(token)) {
    return Refusal(absl::StatusCode::kUnauthenticated, reason::kTokenRevoked,
                   "the token has been revoked");
  }
  return absl::OkStatus();
}

// A key that was revoked is in no set any more; the view still knows it.
std::string AuthFacade::Impl::WhyInactive(const Secret& token, const absl::Status& refusal) const {
  const std::string why = ReasonOf(refusal);
  const bool revoked =
      why == reason::kTokenUnknownKey && parts.feed.view()->NamesRevokedKey(token.Reveal());
  return revoked ? std::string(reason::kTokenRevoked) : why;
}

absl::StatusOr<Introspection> AuthFacade::Validate(const Secret& token) const {
  TESSERA_RETURN_IF_ERROR(impl_->verifier.status());
  const std::shared_ptr<const KeySnapshot> keys = impl_->parts.keys.Current();
  if (keys->verify == nullptr || keys->verify->empty()) {
    return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kKeysUnavailable,
                            "the keys are not loaded yet", absl::Seconds(1));
  }
  if (!impl_->parts.feed.view()->loaded()) return ViewNotLoaded();
  if (LooksLikeRefreshToken(token.Reveal())) return Inactive(reason::kTokenType);
  const absl::StatusOr<KnownTokens::KnownToken> known =
      impl_->known.Verify(*impl_->verifier, token.Reveal(), keys->verify, impl_->parts.clock.Now());
  const absl::Status standing = known.ok() ? impl_->CheckStanding((*known)->token) : known.status();
  if (standing.ok()) return Active(*known);
  if (!absl::IsUnauthenticated(standing)) return standing;
  impl_->known.Forget(token.Reveal());
  return Inactive(impl_->WhyInactive(token, standing));
}

absl::StatusOr<Introspection> AuthFacade::ValidateForHolder(const Secret& token,
                                                            Evidence evidence) const {
  TESSERA_ASSIGN_OR_RETURN(Introspection known, Validate(token));
  if (known.claims == nullptr || !IsBound(*known.claims)) return known;
  TESSERA_ASSIGN_OR_RETURN(const CallInfo call, evidence());
  const std::string_view mismatch = BindingMismatch(*known.claims, call);
  return mismatch.empty() ? known : Inactive(mismatch);
}

bool AuthFacade::IsRevocable(const Secret& token) const {
  if (!impl_->lenient.ok()) return true;  // Revoke says what is wrong
  return TokenRevoker(*impl_->lenient, impl_->known, impl_->parts).IsRevocable(token);
}

absl::Status AuthFacade::Revoke(const CallInfo& call, const Secret& token) const {
  TESSERA_RETURN_IF_ERROR(impl_->lenient.status());
  return TokenRevoker(*impl_->lenient, impl_->known, impl_->parts).Revoke(call, token);
}

absl::Status AuthFacade::Logout(const CallInfo& call, const Secret& refresh_token) const {
  TESSERA_RETURN_IF_ERROR(impl_->lenient.status());
  return TokenRevoker(*impl_->lenient, impl_->known, impl_->parts).Logout(call, refresh_token);
}

absl::StatusOr<std::string> AuthFacade::Jwks() const {
  const std::shared_ptr<const KeySnapshot> keys = impl_->parts.keys.Current();
  if (keys->jwks_json.empty()) {
    return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kKeysUnavailable,
                            "the keys are not loaded yet", absl::Seconds(1));
  }
  return keys->jwks_json;
}

}  // namespace tessera::server
