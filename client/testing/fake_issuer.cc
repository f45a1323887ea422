#include "tessera/testing/fake_issuer.h"

#include <functional>
#include <map>
#include <stdexcept>
#include <string_view>

#include "absl/status/status.h"
#include "tessera/base/mutex.h"
#include "tessera/base/reason.h"
#include "tessera/guard/revocation_view.h"
#include "tessera/token/digest.h"
#include "tessera/token/key.h"
#include "tessera/token/token_signer.h"
#include "tessera/token/token_verifier.h"

namespace tessera::testing {
namespace {

constexpr absl::Duration kRevokedFor = absl::Hours(24 * 365);
constexpr int64_t kFirstVersion = 1;

// What a test gets for asking the impossible.
template <typename T>
T OrThrow(absl::StatusOr<T> value) {
  if (!value.ok()) throw std::invalid_argument(value.status().ToString());
  return *std::move(value);
}

SigningKey NewKey(Algorithm algorithm) { return OrThrow(SigningKey::Generate(algorithm)); }

std::string SignWith(const Claims& claims, const SigningKey& key) {
  return std::string(OrThrow(SignAccessToken(claims, key)).Reveal());
}

Claims Read(const std::string& token) {
  return OrThrow(ClaimsFromJson(OrThrow(InspectWithoutVerifying(token)).payload_json));
}

bool IsService(std::string_view subject) {
  return subject.substr(0, ServiceId::kPrefix.size()) == ServiceId::kPrefix;
}

// `key` with another's name.
SigningKey Renamed(const SigningKey& key, const std::string& kid) {
  std::string jwk(key.ToPrivateJwk().Reveal());
  jwk.replace(jwk.find(key.kid()), key.kid().size(), kid);
  return OrThrow(SigningKey::FromPrivateJwk(jwk));
}

}  // namespace

// Shared with the sources, which guards may keep for longer.
struct FakeIssuer::State {
  explicit State(FakeIssuerOptions given)
      : options(std::move(given)),
        clock(options.start),
        view(clock),
        key(NewKey(options.algorithm)),
        foreign(NewKey(options.algorithm)),
        trusted{key.ToVerifyKey()} {
    Publish();
    if (options.revocations_known) view.MarkCurrent();
  }

  void Publish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    published = std::make_shared<const JwkSet>(OrThrow(JwkSet::Of(trusted)));
  }
  void TakeNewKey() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    key = NewKey(options.algorithm);
    trusted.push_back(key.ToVerifyKey());
    Publish();
  }
  int64_t VersionOf(const std::string& subject) {
    MutexLock lock(mu);
    return versions.emplace(subject, kFirstVersion).first->second;
  }
  SigningKey Key() {
    MutexLock lock(mu);
    return key;
  }
  void Tell(RevokedThing thing, const std::string& id, int64_t min_version = 0) {
    RevocationNotice notice;
    notice.thing = thing;
    notice.id_hash = IdHashOf(id);
    notice.min_user_version = min_version;
    notice.expires_at = clock.Now() + kRevokedFor;
    view.Merge({notice});
  }

  const FakeIssuerOptions options;
  FakeClock clock;
  RevocationView view;
  Mutex mu;
  SigningKey key ABSL_GUARDED_BY(mu);
  const SigningKey foreign;
  std::vector<VerifyKey> trusted ABSL_GUARDED_BY(mu);
  std::shared_ptr<const JwkSet> published ABSL_GUARDED_BY(mu);
  std::map<std::string, int64_t> versions ABSL_GUARDED_BY(mu);
  bool away ABSL_GUARDED_BY(mu) = false;
};

class FakeIssuer::Keys final : public KeySource {
 public:
  explicit Keys(std::shared_ptr<State> state) : state_(std::move(state)) {}

  std::shared_ptr<const JwkSet> Current() const override {
    MutexLock lock(state_->mu);
    return state_->published;
  }
  void Fetch(std::function<void(absl::Status)> done) override {
    bool away = false;
    {
      MutexLock lock(state_->mu);
      away = state_->away;
    }
    done(away ? Refusal(absl::StatusCode::kUnavailable, reason::kKeysUnavailable,
                        "the fake issuer is away")
              : absl::OkStatus());
  }

 private:
  const std::shared_ptr<State> state_;
};

FakeIssuer::FakeIssuer(FakeIssuerOptions options)
    : state_(std::make_shared<State>(std::move(options))) {}

FakeIssuer::~FakeIssuer() = default;

Claims FakeIssuer::ClaimsFor(const std::string& subject,
                             const std::vector<TokenChange>& changes) const {
  const absl::Time now = state_->clock.Now();
  Claims claims;
  claims.issuer = state_->options.issuer;
  claims.subject = subject;
  claims.audience = state_->options.audience;
  claims.client_id = IsService(subject) ? subject : "test";
  claims.token_id = TokenId::Random(now);
  claims.issued_at = claims.not_before = now;
  claims.expires_at = now + state_->options.life;
  claims.user_version = state_->VersionOf(subject);
  if (!IsService(subject)) {
    claims.session_id = SessionId::Random(now);
    claims.auth_time = now;
    claims.amr = {"pwd"};
  }
  for (const TokenChange& change : changes) change(claims);
  for (Actor& actor : claims.actors) {
    if (actor.user_version == 0) actor.user_version = state_->VersionOf(actor.subject);
  }
  return claims;
}

Claims FakeIssuer::Exchanged(const std::string& token, const std::string& service_id,
                             const std::vector<TokenChange>& changes) const {
  const Claims parent = Read(token);
  std::vector<TokenChange> all = {[&](Claims& claims) {
    const TokenId own = claims.token_id;
    claims = parent;
    claims.token_id = own;
    claims.client_id = service_id;
    claims.parent_tokens.insert(claims.parent_tokens.begin(), parent.token_id);
  }};
  all.push_back(ActedBy(service_id));
  all.insert(all.end(), changes.begin(), changes.end());
  return ClaimsFor(parent.subject, all);
}

std::string FakeIssuer::Sign(const Claims& claims) const { return SignWith(claims, state_->Key()); }

std::string FakeIssuer::SignForeign(const Claims& claims) const {
  return SignWith(claims, state_->foreign);
}

std::string FakeIssuer::SignForged(const Claims& claims) const {
  return SignWith(claims, Renamed(state_->foreign, state_->Key().kid()));
}

void FakeIssuer::RevokeToken(const std::string& token) {
  state_->Tell(RevokedThing::kToken, Read(token).token_id.str());
}

void FakeIssuer::RevokeSession(const std::string& token) {
  const Claims claims = Read(token);
  if (claims.session_id.empty()) throw std::invalid_argument("the token is of no session");
  state_->Tell(RevokedThing::kSession, claims.session_id.str());
}

void FakeIssuer::RevokeUser(const std::string& subject) {
  int64_t version = 0;
  {
    MutexLock lock(state_->mu);
    version = ++state_->versions.emplace(subject, kFirstVersion).first->second;
  }
  state_->Tell(RevokedThing::kUser, subject, version);
}

void FakeIssuer::RotateKey() {
  MutexLock lock(state_->mu);
  state_->TakeNewKey();
}

void FakeIssuer::RevokeKey() {
  std::string kid;
  {
    MutexLock lock(state_->mu);
    kid = state_->key.kid();
    state_->trusted.pop_back();
    state_->TakeNewKey();
  }
  state_->Tell(RevokedThing::kKey, kid);
}

void FakeIssuer::SetAway(bool away) {
  MutexLock lock(state_->mu);
  state_->away = away;
}

void FakeIssuer::ConfirmRevocations() { state_->view.MarkCurrent(); }

FakeClock& FakeIssuer::clock() const { return state_->clock; }

std::shared_ptr<KeySource> FakeIssuer::keys() const { return std::make_shared<Keys>(state_); }

std::shared_ptr<RevocationSource> FakeIssuer::revocations() const {
  // Keeps the clock alive, which the view asks.
  return RevocationsFromView(std::shared_ptr<RevocationView>(state_, &state_->view));
}

std::string FakeIssuer::JwksJson() const {
  MutexLock lock(state_->mu);
  return state_->published->ToJson();
}

GuardOptions FakeIssuer::MakeGuardOptions() const {
  GuardOptions options;
  options.issuer = state_->options.issuer;
  options.audience = state_->options.audience;
  options.keys = keys();
  options.revocations = revocations();
  options.clock = &state_->clock;
  return options;
}

}  // namespace tessera::testing
