// Why a call was or would be refused: every check of the decision by name, for operators.
#ifndef TESSERA_GUARD_EXPLAIN_H_
#define TESSERA_GUARD_EXPLAIN_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tessera/base/secret.h"
#include "tessera/guard/revocation_view.h"
#include "tessera/guard/rule.h"
#include "tessera/token/jwk_set.h"

namespace tessera {

// What a call shows of its caller.
struct ShownCall {
  std::string method;       // `/pkg.Service/Method`
  Secret token;             // empty: none
  std::string device_id;    // of the metadata `tessera-device-id`; empty: none
  std::string certificate;  // thumbprint (`x5t#S256`) of the connection's verified client
                            // certificate; empty: none
};

enum class CheckOutcome { kPassed, kFailed, kNotAsked };

struct ExplainedCheck {
  std::string check;  // "role", "audience" ...
  CheckOutcome outcome = CheckOutcome::kNotAsked;
  std::string text;  // of a failure, `REASON: text` as the caller sees it; else empty
};

// A plain value; holds nothing of the token but what a refusal says.
struct Explanation {
  absl::Status verdict;                // as the call's: OK, or the first failure
  std::vector<ExplainedCheck> checks;  // all, in the decision's order

  // The check that decided; null if the call is let in.
  const ExplainedCheck* Failed() const;
  // One line a check: `passed  role`, `FAILED  scope: SCOPE_REQUIRED: ...`, `-  device`.
  std::string ToText() const;
};

// All that a decision depends on, for programs without a guard (`tessera explain`).
struct ExplainFacts {
  std::string issuer;
  std::string audience;
  Rule rule;  // of the method
  JwkSet keys;
  const RevocationView* revocations = nullptr;  // null: judge by the token alone
  absl::Duration leeway = absl::Seconds(5);
  absl::Time now;
};

// Makes the guard's own decision, and goes on asking after the first failure where it can: nothing
// is asked of a token that does not verify. FAILED_PRECONDITION: no issuer or audience, or a leeway
// out of bounds.
absl::StatusOr<Explanation> ExplainCall(const ExplainFacts& facts, const ShownCall& call);

}  // namespace tessera

#endif  // TESSERA_GUARD_EXPLAIN_H_
