// The calls that tests make often, and what came of them in a word.
#ifndef TESSERA_TESTS_E2E_CALLS_H_
#define TESSERA_TESTS_E2E_CALLS_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "tests/e2e/guarded_orders.h"
#include "tests/e2e/tesserad.h"

namespace tessera::testing {

// A slow machine that does other things too: for what is to happen soon.
inline constexpr absl::Duration kSoon = absl::Seconds(60);

// Asks until `condition` holds; false if it does not within `limit` of real time.
bool Within(absl::Duration limit, const std::function<bool()>& condition);

struct Renewal {
  std::string reason;  // empty: it succeeded
  v1::TokenGrant grant;
};
Renewal Renew(v1::AuthService::Stub& auth, const std::string& refresh_token);

grpc::Status Revoke(v1::AuthService::Stub& auth, const std::string& token,
                    absl::Duration limit = absl::Seconds(60));
grpc::Status Logout(v1::AuthService::Stub& auth, const std::string& refresh_token);

// What ValidateToken says of a token: `ACTIVE`, or why it is not (`TOKEN_REVOKED`), or if there is
// no answer the reason of that, or else `NO_ANSWER`.
std::string Verdict(v1::AuthService::Stub& auth, const std::string& token);
// What ListMyOrders makes of it: `ACTIVE` or the reason of the refusal.
std::string Verdict(GuardedOrders& orders, const std::string& token);

// The token's `jti`; it must be active.
std::string TokenIdOf(v1::AuthService::Stub& auth, const std::string& token);

// True if health says SERVING.
bool IsServing(const Tesserad& server);

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_E2E_CALLS_H_
