#include "server/auth/kubernetes_tokens.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/auth/assertion.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

// The claim that the cluster adds, and what a name in it is made of: nothing that would part it.
constexpr std::string_view kClusterClaim = "kubernetes.io";
constexpr std::string_view kNameCharacters = "abcdefghijklmnopqrstuvwxyz0123456789.-";
constexpr size_t kMaxNameBytes = 253;
constexpr std::string_view kMethod = "kubernetes";

absl::Status Malformed(std::string_view text) {
  return Refusal(absl::StatusCode::kUnauthenticated, reason::kTokenMalformed, text);
}

absl::StatusOr<std::string> NameIn(const JsonValue* holder, std::string_view member) {
  const JsonValue* const value = holder == nullptr ? nullptr : holder->Find(member);
  if (value == nullptr || !value->Is(JsonValue::Kind::kString)) {
    return Malformed("not a service account's token");
  }
  const std::string& name = value->text;
  if (name.empty() || name.size() > kMaxNameBytes ||
      name.find_first_not_of(kNameCharacters) != std::string::npos) {
    return Malformed("a name that no cluster has");
  }
  return name;
}

}  // namespace

KubernetesTokens::KubernetesTokens(Options options, std::shared_ptr<KeySource> keys)
    : options_(std::move(options)), keys_(std::move(keys)), lot_(keys_, kMaxCallsForKeys) {}

absl::StatusOr<std::string> KubernetesTokens::NameOf(std::string_view token, absl::Time now) const {
  const std::shared_ptr<const JwkSet> keys = keys_->Current();
  if (keys->empty()) {
    return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kKeysUnavailable,
                            "the issuer's keys are not there", absl::Seconds(1));
  }
  AssertionRules rules;
  rules.issuer = options_.issuer;
  rules.audience = options_.audience;
  rules.audience_alone = false;
  rules.needs_id = false;
  rules.max_life = kMaxKubernetesTokenLife;
  rules.leeway = options_.leeway;
  TESSERA_ASSIGN_OR_RETURN(const Assertion assertion, VerifyAssertion(token, *keys, rules, now));
  const JsonValue* const cluster = assertion.payload.Find(kClusterClaim);
  TESSERA_ASSIGN_OR_RETURN(const std::string space, NameIn(cluster, "namespace"));
  TESSERA_ASSIGN_OR_RETURN(
      const std::string name,
      NameIn(cluster == nullptr ? nullptr : cluster->Find("serviceaccount"), "name"));
  // The cluster says it twice; if the two differ, neither is to be believed.
  if (assertion.subject != absl::StrCat("system:serviceaccount:", space, ":", name)) {
    return Malformed("the subject is not the service account");
  }
  return absl::StrCat(space, "/", name);
}

bool KubernetesTokens::LacksKeyFor(const ServiceCredential& credential) const {
  const auto* const kubernetes = std::get_if<KubernetesCredential>(&credential);
  return kubernetes != nullptr &&
         server::LacksKeyFor(kubernetes->token.Reveal(), *keys_->Current());
}

void KubernetesTokens::AwaitKeys(absl::Duration limit,
                                 const std::function<void(absl::Status)>& ready) {
  const absl::Status parked = lot_.Park(ready, std::min(limit, kMaxWaitForKeys));
  if (!parked.ok()) ready(parked);
}

absl::StatusOr<std::string> KubernetesCheck::NameOf(const ServiceCredential& credential) const {
  return tokens_.NameOf(std::get<KubernetesCredential>(credential).token.Reveal(), clock_.Now());
}

absl::Status KubernetesCheck::Screen(const CallInfo&, const ServiceCredential& credential) const {
  return NameOf(credential).status();
}

absl::StatusOr<ServiceProof> KubernetesCheck::Prove(const CallInfo& call,
                                                    const ServiceCredential& credential) const {
  const absl::StatusOr<std::string> name = NameOf(credential);
  if (absl::IsUnauthenticated(name.status())) return Unproven{ReasonOf(name.status()), {}};
  TESSERA_RETURN_IF_ERROR(name.status());
  std::optional<storage::ServiceAccount> account;
  TESSERA_RETURN_IF_ERROR(
      store_.Read(call.deadline, [&](storage::Repositories& in) -> absl::Status {
        TESSERA_ASSIGN_OR_RETURN(account, in.services.FindByKubernetesName(*name));
        return absl::OkStatus();
      }));
  if (!account.has_value()) return Unproven{"unknown_account", {}};
  return ProvenService{*std::move(account), std::string(kMethod), ""};
}

}  // namespace tessera::server
