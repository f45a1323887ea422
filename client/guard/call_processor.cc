#include "tessera/guard/call_processor.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>

#include <string>
#include <vector>

#include "tessera/base/reason.h"
#include "tessera/guard/presented.h"

namespace tessera::guard {
namespace {

std::string_view View(const grpc::string_ref& text) { return {text.data(), text.size()}; }

// As ConnectionPeer, by way of gRPC's C++.
class ContextPeer final : public Peer {
 public:
  ContextPeer(const grpc::AuthContext* context, bool verified, CertificateCache& cache)
      : context_(verified ? context : nullptr), cache_(cache) {}

  std::string CertificateThumbprint() const override {
    if (context_ == nullptr) return {};
    const std::vector<grpc::string_ref> found =
        context_->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
    return found.size() == 1 ? cache_.ThumbprintOf(View(found.front())) : std::string();
  }

 private:
  const grpc::AuthContext* const context_;
  CertificateCache& cache_;
};

}  // namespace

absl::Status CallProcessor::Judge(std::string_view path, const Presented& presented) const {
  absl::Status verdict = core_->Admit(path, presented);
  if (ReasonOf(verdict) != reason::kTokenUnknownKey) return verdict;
  const absl::Status fetched = core_->parking().AskForKeys();
  return fetched.ok() ? core_->Admit(path, presented, true) : fetched;
}

grpc::Status CallProcessor::Process(const InputMetadata& metadata, grpc::AuthContext* context,
                                    OutputMetadata*, OutputMetadata*) {
  std::string_view path;
  PresentedScan scan(core_->options().cookie);
  for (const auto& [key, value] : metadata) {
    if (View(key) == ":path") path = View(value);
    scan.See(View(key), View(value));
  }
  Presented presented = scan.Result();
  const ContextPeer peer(context, certificates_ == ClientCertificates::kVerified,
                         core_->certificates());
  presented.peer = &peer;
  const absl::Status verdict = Judge(path, presented);
  if (verdict.ok()) return grpc::Status::OK;
  core_->NoteRefusal(path, presented.bearer, verdict);
  return {static_cast<grpc::StatusCode>(verdict.code()), std::string(verdict.message())};
}

}  // namespace tessera::guard
