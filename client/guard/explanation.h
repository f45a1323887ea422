// The decision again, written down check by check.
#ifndef TESSERA_GUARD_EXPLANATION_H_
#define TESSERA_GUARD_EXPLANATION_H_

#include "tessera/guard/decision.h"
#include "tessera/guard/explain.h"
#include "tessera/token/token_verifier.h"

namespace tessera::guard {

// `verdict` is Decide's own for these facts.
Explanation ExplainDecision(const TokenVerifier& verifier, const Facts& facts);

// Of a call that meets no rule: `refusal` is why.
Explanation ExplainNoRule(const absl::Status& refusal);

// What `call` presents; views into it and `peer`, which must outlive the answer.
Presented PresentedBy(const ShownCall& call, const Peer& peer);

}  // namespace tessera::guard

#endif  // TESSERA_GUARD_EXPLANATION_H_
