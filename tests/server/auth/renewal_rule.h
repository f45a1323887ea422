// A session that is renewed under a rule of `tokens.renewal_...`.
#ifndef TESSERA_TESTS_SERVER_AUTH_RENEWAL_RULE_H_
#define TESSERA_TESTS_SERVER_AUTH_RENEWAL_RULE_H_

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "server/auth/revocations.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/token_signer.h"
#include "tests/server/auth/auth_world.h"

namespace tessera::server {

inline WorldOptions With(bool TokenPolicy::*rule) {
  WorldOptions options;
  options.policy.*rule = true;
  return options;
}

// A session of ada's under one rule.
class RenewalRule : public ::testing::Test {
 protected:
  explicit RenewalRule(const WorldOptions& options)
      : world_(options), ada_(world_.AddUser("ada")), first_(world_.Login("ada")) {}

  absl::StatusOr<IssuedGrant> Renew(const Secret& refresh, const Secret& access = {}) {
    return Renew(RenewalInput{refresh, access});
  }
  absl::StatusOr<IssuedGrant> Renew(const RenewalInput& input) {
    TESSERA_ASSIGN_OR_RETURN(const RenewalInput checked,
                             world_.auth->CheckRenewal(world_.call, input));
    return world_.auth->Renew(world_.call, checked);
  }
  absl::StatusOr<IssuedGrant> Renew(const IssuedGrant& pair) {
    return Renew(pair.refresh_token, pair.access_token);
  }
  storage::Session Row() { return *world_.SessionRow(first_.session_id); }
  bool HasEnded() { return Row().revoked_at.has_value(); }

  // The first access token, signed again by our own key after `change`.
  Secret Resigned(const std::function<void(Claims&)>& change) {
    Claims claims = world_.ClaimsOf(first_.access_token);
    change(claims);
    return Require(SignAccessToken(claims, *world_.keys->Current()->signing));
  }
  // As another replica would, which this one has not heard of yet.
  void RevokeElsewhere(const Secret& access_token) {
    const Claims claims = world_.ClaimsOf(access_token);
    world_.Write([&](storage::Repositories& in) {
      return in.revocations.Append({RevokeTokenEntry(claims.token_id, claims.expires_at)});
    });
  }

  AuthWorld world_;
  storage::User ada_;
  IssuedGrant first_;
};

}  // namespace tessera::server

#endif  // TESSERA_TESTS_SERVER_AUTH_RENEWAL_RULE_H_
