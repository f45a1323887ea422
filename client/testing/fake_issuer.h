// FOR TESTS, never for a program that serves anybody: whoever holds a FakeIssuer makes tokens for
// whomever he likes.
//
//   tessera::testing::FakeIssuer issuer;
//   auto guard = tessera::Guard::Create(issuer.MakeGuardOptions());
//   ...
//   const std::string token = issuer.Token("usr_alice", WithRoles({"orders.admin"}));
//   issuer.RevokeUser("usr_alice");            // her running streams are cut, too
//   issuer.clock().Advance(absl::Hours(1));    // and every token has expired
#ifndef TESSERA_TESTING_FAKE_ISSUER_H_
#define TESSERA_TESTING_FAKE_ISSUER_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "tessera/guard/guard.h"
#include "tessera/guard/key_source.h"
#include "tessera/guard/revocation_source.h"
#include "tessera/testing/fake_clock.h"
#include "tessera/testing/token_change.h"
#include "tessera/token/algorithm.h"
#include "tessera/token/claims.h"

namespace tessera::testing {

struct FakeIssuerOptions {
  std::string issuer = "https://auth.test";
  std::string audience = "test";
  absl::Duration life = absl::Minutes(15);  // of a token
  // What the clock shows first. `absl::Now()` for a program that reads the machine's clock.
  absl::Time start = absl::FromUnixSeconds(1'800'000'000);
  Algorithm algorithm = Algorithm::kEs256;
  // False: guards know of no list of revocations before ConfirmRevocations.
  bool revocations_known = true;
};

// Plays tesserad for guards in the same process: makes tokens, good and bad, and is where the
// guards' keys and revocations come from. Its keys are made when it is made, and are nowhere else.
// Thread-safe. std::invalid_argument is thrown where no token can be made of what was asked for.
class FakeIssuer {
 public:
  explicit FakeIssuer(FakeIssuerOptions options = FakeIssuerOptions());
  ~FakeIssuer();

  // A good token. A user (`usr_...`) has logged in now, by password, into a session of its own; a
  // service account (`svc_...`) has no login and no session. Each token has an id of its own.
  template <typename... Changes>
  std::string Token(const std::string& subject, Changes... changes) const {
    return Sign(ClaimsFor(subject, {TokenChange(std::move(changes))...}));
  }
  // TOKEN_UNKNOWN_KEY: signed with a key that no guard knows.
  template <typename... Changes>
  std::string TokenOfForeignKey(const std::string& subject, Changes... changes) const {
    return SignForeign(ClaimsFor(subject, {TokenChange(std::move(changes))...}));
  }
  // TOKEN_SIGNATURE: names the issuer's key, and was signed with another.
  template <typename... Changes>
  std::string ForgedToken(const std::string& subject, Changes... changes) const {
    return SignForged(ClaimsFor(subject, {TokenChange(std::move(changes))...}));
  }
  // TOKEN_REVOKED: this token alone.
  template <typename... Changes>
  std::string RevokedToken(const std::string& subject, Changes... changes) {
    std::string token = Token(subject, std::move(changes)...);
    RevokeToken(token);
    return token;
  }
  // What `service_id` gets for `token` (RFC 8693): the same subject, itself the actor that calls
  // first; it dies with `token`, too.
  template <typename... Changes>
  std::string ExchangedToken(const std::string& token, const std::string& service_id,
                             Changes... changes) const {
    return Sign(Exchanged(token, service_id, {TokenChange(std::move(changes))...}));
  }

  // The claims of a good token, for those who sign by hand.
  Claims ClaimsFor(const std::string& subject, const std::vector<TokenChange>& changes = {}) const;
  std::string Sign(const Claims& claims) const;

  // Guards know at once; running streams are cut. Of a session and a token: those that `token`
  // names. Of a user or service account: all that were made for it or name it as an actor until
  // now; later ones are good.
  void RevokeToken(const std::string& token);
  void RevokeSession(const std::string& token);
  void RevokeUser(const std::string& subject);
  // Signs with a new key from now on. RotateKey: tokens of the old one stay good. RevokeKey: they
  // do not.
  void RotateKey();
  void RevokeKey();

  // Away: guards keep what they know, and fetch nothing: a token with an unknown key is
  // UNAVAILABLE, KEYS_UNAVAILABLE.
  void SetAway(bool away);
  // The list of revocations is whole as of now: for rules with `max_staleness` after the clock has
  // moved, and see FakeIssuerOptions::revocations_known.
  void ConfirmRevocations();

  // The time of this issuer and of all guards of MakeGuardOptions.
  FakeClock& clock() const;
  std::shared_ptr<KeySource> keys() const;
  std::shared_ptr<RevocationSource> revocations() const;
  // The trusted keys as a JWK set, for a guard in another process (KeysFromFile).
  std::string JwksJson() const;
  // Issuer, audience, keys, revocations and clock; adjust the rest. The issuer must outlive the
  // guard.
  GuardOptions MakeGuardOptions() const;

 private:
  struct State;
  class Keys;
  std::string SignForeign(const Claims& claims) const;
  std::string SignForged(const Claims& claims) const;
  Claims Exchanged(const std::string& token, const std::string& service_id,
                   const std::vector<TokenChange>& changes) const;

  const std::shared_ptr<State> state_;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTING_FAKE_ISSUER_H_
