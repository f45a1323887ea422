// How service accounts prove themselves besides by secret, put together from the configuration.
#ifndef TESSERA_SERVER_SERVICE_PROOFS_H_
#define TESSERA_SERVER_SERVICE_PROOFS_H_

#include <memory>

#include "server/auth/certificate_account.h"
#include "server/auth/kubernetes_tokens.h"
#include "server/auth/service_assertion.h"
#include "server/auth/service_token_issuer.h"
#include "server/config/config.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"

namespace tessera::server {

// Thread-safe. Loads the cluster's keys on a thread of its own, if a cluster is configured.
class ServiceProofs {
 public:
  // The references must outlive the proofs.
  ServiceProofs(const Config& config, storage::Store& store, const Clock& clock, LogSink& log);

  // Enters the checks that there are; they live as long as this does.
  void AddTo(ServiceTokenIssuer::Checks& checks) const;
  // Null: no cluster is configured.
  KubernetesTokens* kubernetes() const { return kubernetes_.get(); }

 private:
  const AssertionCheck assertions_;
  const CertificateCheck certificates_;
  std::unique_ptr<KubernetesTokens> kubernetes_;
  std::unique_ptr<KubernetesCheck> kubernetes_check_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_SERVICE_PROOFS_H_
