// The client certificate of a connection, as gRPC shows it.
#ifndef TESSERA_GUARD_CONNECTION_PEER_H_
#define TESSERA_GUARD_CONNECTION_PEER_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "tessera/base/mutex.h"
#include "tessera/guard/presented.h"

struct grpc_auth_context;
struct grpc_call;

namespace tessera::guard {

// The thumbprints of certificates seen lately, by their text: reading one takes longer than a
// verified token's whole decision. Thread-safe.
class CertificateCache {
 public:
  static constexpr size_t kMaxCertificates = 4096;  // then it starts anew; about 8 MB

  std::string ThumbprintOf(std::string_view pem);
  size_t size() const;

 private:
  mutable Mutex mu_;
  std::unordered_map<std::string, std::string> thumbprints_ ABSL_GUARDED_BY(mu_);
};

// For the processor. `context` may be null, and must live as long as this; so must the cache.
class ConnectionPeer final : public Peer {
 public:
  // Only a port that verifies client certificates may show one: on any other there may be one in
  // the context that nobody has verified.
  ConnectionPeer(const grpc_auth_context* context, bool verified, CertificateCache& cache)
      : context_(verified ? context : nullptr), cache_(cache) {}
  std::string CertificateThumbprint() const override;

 private:
  const grpc_auth_context* const context_;
  CertificateCache& cache_;
};

// For the interceptor, which knows the call only; its context is fetched when it is asked for.
class CallPeer final : public Peer {
 public:
  CallPeer(grpc_call* call, bool verified, CertificateCache& cache)
      : call_(call), verified_(verified), cache_(cache) {}
  std::string CertificateThumbprint() const override;

 private:
  grpc_call* const call_;
  const bool verified_;
  CertificateCache& cache_;
};

// What was read before.
class ReadPeer final : public Peer {
 public:
  explicit ReadPeer(std::string thumbprint) : thumbprint_(std::move(thumbprint)) {}
  std::string CertificateThumbprint() const override { return thumbprint_; }

 private:
  const std::string thumbprint_;
};

}  // namespace tessera::guard

#endif  // TESSERA_GUARD_CONNECTION_PEER_H_
