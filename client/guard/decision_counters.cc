#include "tessera/guard/decision_counters.h"

#include <string_view>

#include "tessera/base/reason.h"

namespace tessera::guard {
namespace {

using Code = absl::StatusCode;

struct Outcome {
  Code code;
  std::string_view reason;
};

// The first is the admission, the last everything that is not named.
constexpr std::array<Outcome, DecisionCounters::kOutcomes> kTable = {{
    {Code::kOk, {}},
    {Code::kUnauthenticated, reason::kTokenMissing},
    {Code::kUnauthenticated, reason::kTokenMultiple},
    {Code::kUnauthenticated, reason::kTokenMalformed},
    {Code::kUnauthenticated, reason::kTokenSignature},
    {Code::kUnauthenticated, reason::kTokenUnknownKey},
    {Code::kUnauthenticated, reason::kTokenIssuer},
    {Code::kUnauthenticated, reason::kTokenAudience},
    {Code::kUnauthenticated, reason::kTokenExpired},
    {Code::kUnauthenticated, reason::kTokenNotYetValid},
    {Code::kUnauthenticated, reason::kTokenType},
    {Code::kUnauthenticated, reason::kTokenRevoked},
    {Code::kUnauthenticated, reason::kDeviceMismatch},
    {Code::kUnauthenticated, reason::kCertificateMismatch},
    {Code::kPermissionDenied, reason::kMethodUnruled},
    {Code::kPermissionDenied, reason::kRoleRequired},
    {Code::kPermissionDenied, reason::kScopeRequired},
    {Code::kPermissionDenied, reason::kStepUpRequired},
    {Code::kPermissionDenied, reason::kDeviceRequired},
    {Code::kPermissionDenied, reason::kCertificateRequired},
    {Code::kPermissionDenied, reason::kCallerKind},
    {Code::kUnavailable, reason::kKeysUnavailable},
    {Code::kUnavailable, reason::kRevocationViewStale},
    {Code::kUnavailable, {}},
    {Code::kUnimplemented, {}},
    {Code::kUnknown, "OTHER"},
}};

size_t OutcomeOf(const absl::Status& refusal) {
  const std::string reason = ReasonOf(refusal);
  for (size_t i = 1; i < kTable.size(); ++i) {
    if (kTable[i].code == refusal.code() && kTable[i].reason == reason) return i;
  }
  return kTable.size() - 1;
}

}  // namespace

void DecisionCounters::CountRefusal(const absl::Status& refusal) {
  counts_[OutcomeOf(refusal)].fetch_add(1, std::memory_order_relaxed);
}

void DecisionCounters::AppendTo(const std::string& method,
                                std::vector<GuardDecisions>& decisions) const {
  for (size_t i = 0; i < counts_.size(); ++i) {
    const uint64_t count = counts_[i].load(std::memory_order_relaxed);
    if (count == 0) continue;
    decisions.push_back({method, kTable[i].code, std::string(kTable[i].reason), count});
  }
}

}  // namespace tessera::guard
