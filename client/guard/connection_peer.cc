#include "tessera/guard/connection_peer.h"

#include <grpc/grpc_security.h>
#include <grpc/grpc_security_constants.h>

#include "tessera/token/certificate.h"

namespace tessera::guard {

std::string CertificateCache::ThumbprintOf(std::string_view pem) {
  std::string text(pem);
  {
    MutexLock lock(mu_);
    if (const auto known = thumbprints_.find(text); known != thumbprints_.end()) {
      return known->second;
    }
  }
  std::string thumbprint = CertificateThumbprint(pem);
  MutexLock lock(mu_);
  if (thumbprints_.size() >= kMaxCertificates) thumbprints_.clear();
  thumbprints_.emplace(std::move(text), thumbprint);
  return thumbprint;
}

size_t CertificateCache::size() const {
  MutexLock lock(mu_);
  return thumbprints_.size();
}

std::string ConnectionPeer::CertificateThumbprint() const {
  if (context_ == nullptr) return {};
  auto found =
      grpc_auth_context_find_properties_by_name(context_, GRPC_X509_PEM_CERT_PROPERTY_NAME);
  const grpc_auth_property* const pem = grpc_auth_property_iterator_next(&found);
  if (pem == nullptr || grpc_auth_property_iterator_next(&found) != nullptr) return {};
  return cache_.ThumbprintOf({pem->value, pem->value_length});
}

std::string CallPeer::CertificateThumbprint() const {
  if (!verified_) return {};
  grpc_auth_context* const context = grpc_call_auth_context(call_);
  std::string thumbprint = ConnectionPeer(context, true, cache_).CertificateThumbprint();
  if (context != nullptr) grpc_auth_context_release(context);
  return thumbprint;
}

}  // namespace tessera::guard
