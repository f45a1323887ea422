#include "server/service_proofs.h"

#include <utility>

#include "server/kubernetes_keys.h"

namespace tessera::server {

ServiceProofs::ServiceProofs(const Config& config, storage::Store& store, const Clock& clock,
                             LogSink& log)
    : assertions_({config.tokens.issuer, config.tokens.leeway}, store, clock),
      certificates_(store) {
  std::shared_ptr<KeySource> keys = KubernetesKeys(config.kubernetes, clock, log);
  if (keys == nullptr) return;
  KubernetesTokens::Options options;
  options.issuer = config.kubernetes.issuer;
  options.audience =
      config.kubernetes.audience.empty() ? config.tokens.issuer : config.kubernetes.audience;
  options.leeway = config.tokens.leeway;
  kubernetes_ = std::make_unique<KubernetesTokens>(std::move(options), std::move(keys));
  kubernetes_check_ = std::make_unique<KubernetesCheck>(*kubernetes_, store, clock);
}

void ServiceProofs::AddTo(ServiceTokenIssuer::Checks& checks) const {
  checks.assertion = &assertions_;
  checks.certificate = &certificates_;
  checks.kubernetes = kubernetes_check_.get();
}

}  // namespace tessera::server
