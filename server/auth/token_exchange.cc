#include "server/auth/token_exchange.h"

#include <algorithm>
#include <utility>

#include "server/auth/revocation_feed.h"
#include "server/auth/token_issuer.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/digest.h"
#include "tessera/token/token_signer.h"

namespace tessera::server {
namespace {

using storage::ServiceAccount;
using Texts = std::vector<std::string>;

absl::Status NotAllowed(std::string_view text) {
  return Refusal(absl::StatusCode::kPermissionDenied, reason::kNotAllowed, text);
}

absl::Time WholeSeconds(absl::Time time) {
  return absl::FromUnixSeconds(absl::ToUnixSeconds(time));
}

bool Contains(const Texts& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

// Those of `first` that `second` has too, in the order of `first`.
Texts Both(const Texts& first, const Texts& second) {
  Texts both;
  for (const std::string& text : first) {
    if (Contains(second, text)) both.push_back(text);
  }
  return both;
}

absl::Status CheckAudiences(const ExchangeParties& parties, const ExchangeWish& wish,
                            const TokenPolicy& policy) {
  const std::string& given = parties.subject.audience;
  if (given == policy.self_audience || !Contains(parties.account.served_audiences, given)) {
    return NotAllowed("the token was sent to an audience that the service account does not serve");
  }
  if (parties.subject.subject == parties.account.id.str()) {
    return NotAllowed("the token is the service account's own: ask for another with IssueToken");
  }
  if (wish.audience == policy.self_audience || !Contains(policy.audiences, wish.audience) ||
      !Contains(parties.account.audiences, wish.audience)) {
    return NotAllowed("the service account may not ask for this audience");
  }
  return absl::OkStatus();
}

absl::StatusOr<Texts> ScopesOf(const ExchangeParties& parties, const ExchangeWish& wish,
                               const TokenPolicy& policy) {
  Texts both = Both(Both(parties.subject.scopes, parties.account.scopes), policy.scopes);
  if (wish.scopes.empty()) return both;
  for (const std::string& scope : wish.scopes) {
    if (!Contains(both, scope)) return NotAllowed("a scope that not both parties have");
  }
  return Both(both, wish.scopes);
}

bool IsCallersOwn(const ExchangeParties& parties) {
  const ClientCertificate& certificate = *parties.certificate;
  if (!parties.caller.certificate.empty()) {
    return certificate.thumbprint == parties.caller.certificate;
  }
  return !Both(certificate.names, parties.account.certificate_names).empty();
}

// The thumbprint that the new token is bound to; empty: none.
absl::StatusOr<std::string> BindingOf(const ExchangeParties& parties) {
  if (parties.subject.certificate.empty() && parties.caller.certificate.empty()) return "";
  if (!parties.certificate.has_value() || !IsCallersOwn(parties)) {
    return NotAllowed("a token bound to a certificate asks for the service account's own");
  }
  return parties.certificate->thumbprint;
}

// The subject token, the key that signed it, and what it descends from itself. Once a stolen key is
// called back, what was exchanged from a forged token must not live on under the key of the day.
// Guards ask of each entry whether a token or a key of that id was revoked.
std::vector<TokenId> ParentsOf(const ExchangeParties& parties) {
  const std::vector<TokenId>& older = parties.subject.parent_tokens;
  std::vector<TokenId> parents = {parties.subject.token_id};
  const TokenId key(parties.subject_key);
  if (!key.empty() && std::find(older.begin(), older.end(), key) == older.end()) {
    parents.push_back(key);
  }
  parents.insert(parents.end(), older.begin(), older.end());
  return parents;
}

absl::Status Link(const ExchangeParties& parties, Claims& claims) {
  claims.actors = {Actor{parties.account.id.str(), parties.account.version}};
  claims.actors.insert(claims.actors.end(), parties.subject.actors.begin(),
                       parties.subject.actors.end());
  claims.parent_tokens = ParentsOf(parties);
  if (claims.actors.size() <= kMaxActors && claims.parent_tokens.size() <= kMaxActors) {
    return absl::OkStatus();
  }
  return Refusal(absl::StatusCode::kFailedPrecondition, reason::kTooMany,
                 "the token has been exchanged too often");
}

absl::Status SetLife(const Claims& subject, const TokenPolicy& policy, absl::Time now,
                     Claims& claims) {
  claims.issued_at = WholeSeconds(now);
  claims.not_before = claims.issued_at;
  claims.expires_at = std::min(WholeSeconds(now + policy.access_ttl), subject.expires_at);
  if (claims.expires_at > now) return absl::OkStatus();
  return Refusal(absl::StatusCode::kInvalidArgument, reason::kTokenExpired,
                 "the subject token has expired");
}

// The claims that pass through unchanged. `rgn` does not, nor does what the token was bound to.
Claims PassOn(const Claims& subject) {
  Claims claims;
  claims.subject = subject.subject;
  claims.session_id = subject.session_id;
  claims.user_version = subject.user_version;
  claims.auth_time = subject.auth_time;
  claims.amr = subject.amr;
  claims.acr = subject.acr;
  claims.groups = subject.groups;
  claims.extra = subject.extra;
  return claims;
}

absl::Status Revoked() {
  return Refusal(absl::StatusCode::kUnauthenticated, reason::kTokenRevoked,
                 "the token has been revoked");
}

absl::Status KeysMissing() {
  return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kKeysUnavailable,
                          "the keys are not loaded yet", absl::Seconds(1));
}

absl::Status WrongSubject(const absl::Status& status) {
  return Refusal(absl::StatusCode::kInvalidArgument, ReasonOf(status),
                 "the subject token is not good");
}

absl::StatusOr<TokenVerifier> VerifierOf(const TokenPolicy& policy) {
  Expected expected;
  expected.issuer = policy.issuer;
  expected.leeway = policy.leeway;
  return TokenVerifier::Create(std::move(expected));
}

bool IsServiceItself(const Claims& caller) {
  const std::string_view subject = caller.subject;
  return subject.substr(0, ServiceTag::kPrefix.size()) == ServiceTag::kPrefix &&
         caller.actors.empty();
}

}  // namespace

absl::StatusOr<Claims> ExchangedClaims(const ExchangeParties& parties, const ExchangeWish& wish,
                                       const TokenPolicy& policy, absl::Time now) {
  TESSERA_RETURN_IF_ERROR(CheckAudiences(parties, wish, policy));
  Claims claims = PassOn(parties.subject);
  claims.issuer = policy.issuer;
  claims.audience = wish.audience;
  claims.client_id = parties.account.id.str();
  claims.roles = Both(parties.subject.roles,
                      RolesFor(wish.audience, policy.self_audience, parties.account.roles));
  TESSERA_ASSIGN_OR_RETURN(claims.scopes, ScopesOf(parties, wish, policy));
  TESSERA_ASSIGN_OR_RETURN(claims.certificate, BindingOf(parties));
  TESSERA_RETURN_IF_ERROR(Link(parties, claims));
  TESSERA_RETURN_IF_ERROR(SetLife(parties.subject, policy, now, claims));
  return claims;
}

TokenExchange::TokenExchange(TokenPolicy policy, Parts parts)
    : policy_(std::move(policy)), parts_(parts), verifier_(VerifierOf(policy_)) {}

absl::StatusOr<VerifiedToken> TokenExchange::Verify(const Secret& token) const {
  TESSERA_RETURN_IF_ERROR(verifier_.status());
  const std::shared_ptr<const KeySnapshot> keys = parts_.keys.Current();
  if (keys->verify == nullptr || keys->verify->empty()) return KeysMissing();
  return verifier_->Verify(token.Reveal(), *keys->verify, parts_.clock.Now());
}

// A key that is not known here may have come up at another replica a moment ago.
absl::StatusOr<VerifiedToken> TokenExchange::CheckSubject(const CallInfo& call,
                                                          const Secret& token) const {
  absl::StatusOr<VerifiedToken> subject = Verify(token);
  if (ReasonOf(subject.status()) == reason::kTokenUnknownKey) {
    if (!parts_.feed.CatchUp(call.deadline).ok()) return KeysMissing();
    subject = Verify(token);
  }
  if (absl::IsUnauthenticated(subject.status())) return WrongSubject(subject.status());
  TESSERA_RETURN_IF_ERROR(subject.status());
  if (!parts_.feed.view()->loaded()) {
    return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kRevocationViewStale,
                            "the revocations are not loaded yet", absl::Seconds(1));
  }
  if (parts_.feed.view()->IsRevoked(*subject)) return WrongSubject(Revoked());
  return subject;
}

// The guard has looked at the token already; this is what the store says of its account now.
absl::StatusOr<ServiceAccount> TokenExchange::CheckCaller(const CallInfo& call,
                                                          const Claims& caller) const {
  if (!IsServiceItself(caller)) {
    return Refusal(absl::StatusCode::kPermissionDenied, reason::kCallerKind,
                   "only a service account may exchange tokens, and only for itself");
  }
  std::optional<ServiceAccount> account;
  TESSERA_RETURN_IF_ERROR(
      parts_.store.Read(call.deadline, [&](storage::Repositories& in) -> absl::Status {
        TESSERA_ASSIGN_OR_RETURN(account, in.services.Find(ServiceId(caller.subject)));
        return absl::OkStatus();
      }));
  const bool stands = account.has_value() &&
                      account->state == storage::ServiceAccountState::kActive &&
                      account->version == caller.user_version;
  if (!stands) return Revoked();
  return *std::move(account);
}

absl::StatusOr<TokenExchange::Derived> TokenExchange::Derive(const CallInfo& call,
                                                             const ExchangeInput& input) const {
  TESSERA_ASSIGN_OR_RETURN(const ServiceAccount account, CheckCaller(call, *input.caller));
  TESSERA_ASSIGN_OR_RETURN(const VerifiedToken subject, CheckSubject(call, input.subject_token));
  Derived derived{{}, parts_.keys.Current()};
  if (!derived.keys->signing.has_value()) return KeysMissing();
  const bool same_key = subject.kid() == derived.keys->signing->kid();
  const absl::Time now = parts_.clock.Now();
  TESSERA_ASSIGN_OR_RETURN(
      derived.claims, ExchangedClaims({subject.claims(), *input.caller, account, call.certificate,
                                       same_key ? "" : subject.kid()},
                                      {input.audience, input.scopes}, policy_, now));
  derived.claims.token_id = TokenId::Random(now);
  return derived;
}

absl::StatusOr<ExchangedToken> TokenExchange::Exchange(const CallInfo& call,
                                                       const ExchangeInput& input) const {
  const absl::StatusOr<Derived> derived = Derive(call, input);
  if (!derived.ok()) {
    parts_.log.Warning("token_exchange.refused",
                       {{"reason", ReasonOf(derived.status())},
                        {"service", input.caller->subject},
                        {"audience", input.audience},
                        {"token", Fingerprint(input.subject_token.Reveal())},
                        {"peer", call.peer}});
    return derived.status();
  }
  const Claims& claims = derived->claims;
  TESSERA_ASSIGN_OR_RETURN(Secret text, SignAccessToken(claims, *derived->keys->signing));
  parts_.log.Info("token.exchanged", {{"service", input.caller->subject},
                                      {"user", claims.subject},
                                      {"session", claims.session_id.str()},
                                      {"audience", claims.audience},
                                      {"token_id", claims.token_id.str()},
                                      {"parent", claims.parent_tokens.front().str()},
                                      {"peer", call.peer}});
  return ExchangedToken{std::move(text), claims.expires_at, claims.scopes};
}

}  // namespace tessera::server
