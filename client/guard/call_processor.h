// The guard's place in front of the handler on credentials that somebody else built.
#ifndef TESSERA_GUARD_CALL_PROCESSOR_H_
#define TESSERA_GUARD_CALL_PROCESSOR_H_

#include <grpcpp/security/auth_metadata_processor.h>

#include <memory>

#include "tessera/guard/core.h"
#include "tessera/guard/guard.h"

namespace tessera::guard {

// Judges each call with `core`, which it keeps alive. Must answer at once, so a call with an
// unknown key does not wait for keys: it is told to come again. Thread-safe.
class CallProcessor final : public grpc::AuthMetadataProcessor {
 public:
  CallProcessor(std::shared_ptr<Core> core, ClientCertificates certificates)
      : core_(std::move(core)), certificates_(certificates) {}

  // gRPC then calls Process on threads of its own, and not in the middle of its own work.
  bool IsBlocking() const override { return true; }
  // Consumes nothing: the interceptor is to find the token, too.
  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* context,
                       OutputMetadata* consumed, OutputMetadata* response) override;

 private:
  absl::Status Judge(std::string_view path, const Presented& presented) const;

  const std::shared_ptr<Core> core_;
  const ClientCertificates certificates_;
};

}  // namespace tessera::guard

#endif  // TESSERA_GUARD_CALL_PROCESSOR_H_
