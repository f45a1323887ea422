#include "server/auth/service_assertion.h"

#include <utility>

#include "server/auth/assertion.h"
#include "tessera/base/random.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/base64url.h"
#include "tessera/token/digest.h"
#include "tessera/token/jwk_set.h"

namespace tessera::server {
namespace {

constexpr size_t kIdBytes = 26;   // behind the prefix
constexpr size_t kUseBytes = 16;  // that tell one use from another
constexpr std::string_view kMethod = "private_key_jwt";

bool LooksLikeServiceId(std::string_view text) {
  return text.substr(0, ServiceTag::kPrefix.size()) == ServiceTag::kPrefix &&
         text.size() == ServiceTag::kPrefix.size() + kIdBytes;
}

// Text of 43 characters. The issuer holds no zero byte (it is an id of ours), so no two pairs are
// one text.
std::string UseHash(std::string_view issuer, std::string_view id) {
  using namespace std::string_view_literals;
  std::string text("tessera/assertion/v1\0"sv);
  text.append(issuer).append(1, '\0').append(id);
  const Sha256Digest digest = Sha256(text);
  return Base64UrlEncode({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

std::string_view TextOf(const ServiceCredential& credential) {
  return std::get<AssertionCredential>(credential).jwt.Reveal();
}

// Names this use in the store, so that a write which is run again knows itself.
std::string NewUse() { return Base64UrlEncode(RandomBytes(kUseBytes)); }

}  // namespace

absl::StatusOr<ServiceId> ClaimedService(std::string_view text) {
  TESSERA_ASSIGN_OR_RETURN(std::string issuer, UncheckedIssuer(text));
  if (!LooksLikeServiceId(issuer)) {
    return Refusal(absl::StatusCode::kUnauthenticated, reason::kTokenIssuer,
                   "the issuer is no service account");
  }
  return ServiceId(std::move(issuer));
}

absl::StatusOr<AssertionUse> VerifyServiceAssertion(std::string_view text,
                                                    const storage::ServiceAccount& account,
                                                    const ServiceAssertionPolicy& policy,
                                                    absl::Time now) {
  JwkSet keys;  // none: then no assertion is good
  if (!account.public_jwks.empty()) {
    TESSERA_ASSIGN_OR_RETURN(keys, JwkSet::Parse(account.public_jwks));
  }
  AssertionRules rules;
  rules.issuer = account.id.str();
  rules.subject = account.id.str();
  rules.audience = policy.audience;
  rules.max_life = kMaxAssertionLife;
  rules.leeway = policy.leeway;
  TESSERA_ASSIGN_OR_RETURN(const Assertion assertion, VerifyAssertion(text, keys, rules, now));
  return AssertionUse{UseHash(account.id.str(), assertion.id),
                      assertion.expires_at + policy.leeway + kAssertionMemory};
}

absl::Status AssertionCheck::Screen(const CallInfo&, const ServiceCredential& credential) const {
  return ClaimedService(TextOf(credential)).status();
}

absl::StatusOr<ServiceProof> AssertionCheck::Prove(const CallInfo& call,
                                                   const ServiceCredential& credential) const {
  const std::string_view text = TextOf(credential);
  const absl::StatusOr<ServiceId> claimed = ClaimedService(text);
  if (!claimed.ok()) return Unproven{ReasonOf(claimed.status()), {}};
  std::optional<storage::ServiceAccount> account;
  TESSERA_RETURN_IF_ERROR(
      store_.Read(call.deadline, [&](storage::Repositories& in) -> absl::Status {
        TESSERA_ASSIGN_OR_RETURN(account, in.services.Find(*claimed));
        return absl::OkStatus();
      }));
  if (!account.has_value()) return Unproven{"unknown_account", *claimed};
  const absl::StatusOr<AssertionUse> use =
      VerifyServiceAssertion(text, *account, policy_, clock_.Now());
  if (!use.ok()) return Unproven{ReasonOf(use.status()), *claimed};
  return Consume(call, *account, *use);
}

// The account is read again beside the mark: a key that was taken from it in between counts for
// nothing.
absl::StatusOr<ServiceProof> AssertionCheck::Consume(const CallInfo& call,
                                                     const storage::ServiceAccount& account,
                                                     const AssertionUse& use) const {
  const std::string this_use = NewUse();
  std::optional<storage::ServiceAccount> now;
  bool first = false;
  TESSERA_RETURN_IF_ERROR(store_.Write(
      storage::Repeat::kIdempotent, call.deadline, [&](storage::Repositories& in) -> absl::Status {
        TESSERA_ASSIGN_OR_RETURN(now, in.services.Find(account.id));
        if (!now.has_value() || now->revision != account.revision) return absl::OkStatus();
        TESSERA_ASSIGN_OR_RETURN(first,
                                 in.services.ConsumeAssertion(use.hash, this_use, use.expires_at));
        return absl::OkStatus();
      }));
  if (!now.has_value() || now->revision != account.revision) {
    return Unproven{"account_changed", account.id};
  }
  if (!first) return Unproven{"replayed", account.id};
  return ProvenService{*std::move(now), std::string(kMethod), ""};
}

}  // namespace tessera::server
