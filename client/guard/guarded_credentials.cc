#include "tessera/guard/guarded_credentials.h"

#include <fstream>
#include <typeinfo>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tessera/base/status_macros.h"
#include "tessera/guard/call_processor.h"

namespace tessera::guard {
namespace {

constexpr unsigned kTlsRefreshSeconds = 1;

absl::Status CheckReadable(const char* what, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (file.good() && file.peek() != std::ifstream::traits_type::eof()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(what, " file ", path, " cannot be read"));
}

absl::Status CheckReadable(const Guard::TlsFiles& files) {
  TESSERA_RETURN_IF_ERROR(CheckReadable("certificate", files.certificate));
  TESSERA_RETURN_IF_ERROR(CheckReadable("key", files.key));
  if (files.client_ca.empty()) return absl::OkStatus();
  return CheckReadable("client_ca", files.client_ca);
}

ClientCertificates CertificatesBy(grpc_ssl_client_certificate_request_type request, Core& core) {
  switch (request) {
    case GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY:
    case GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY:
      return ClientCertificates::kVerified;
    case GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_BUT_DONT_VERIFY:
    case GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_BUT_DONT_VERIFY:
      core.NoteUnverifiedCertificates();
      break;
    case GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE:
      break;
  }
  return ClientCertificates::kIgnored;
}

// A processor aborts the process on plaintext credentials, and, in newer gRPC, on credentials that
// are of no subclass.
bool TakesProcessor(const grpc::ServerCredentials& credentials) {
  static const auto& plaintext =
      *new std::shared_ptr<grpc::ServerCredentials>(grpc::InsecureServerCredentials());
  const grpc::ServerCredentials& refused = *plaintext;
  const std::type_info& type = typeid(credentials);
  return type != typeid(refused) && type != typeid(grpc::ServerCredentials);
}

}  // namespace

GuardedCredentials::GuardedCredentials(grpc_server_credentials* credentials,
                                       const std::shared_ptr<Core>& core,
                                       ClientCertificates certificates)
    : OwnCredentials(credentials), core_(core) {
  grpc_server_credentials_set_auth_metadata_processor(held(), MakeProcessor(core, certificates));
}

std::shared_ptr<grpc::ServerCredentials> MakePlaintext(const std::shared_ptr<Core>& core) {
  return std::make_shared<GuardedCredentials>(grpc_insecure_server_credentials_create(), core,
                                              ClientCertificates::kIgnored);
}

std::shared_ptr<grpc::ServerCredentials> MakeLocal(grpc_local_connect_type type,
                                                   const std::shared_ptr<Core>& core) {
  return std::make_shared<GuardedCredentials>(grpc_local_server_credentials_create(type), core,
                                              ClientCertificates::kIgnored);
}

std::shared_ptr<grpc::ServerCredentials> MakeSsl(const grpc::SslServerCredentialsOptions& options,
                                                 const std::shared_ptr<Core>& core) {
  std::vector<grpc_ssl_pem_key_cert_pair> pairs;
  for (const auto& pair : options.pem_key_cert_pairs) {
    pairs.push_back({pair.private_key.c_str(), pair.cert_chain.c_str()});
  }
  const char* roots = options.pem_root_certs.empty() ? nullptr : options.pem_root_certs.c_str();
  const auto request = options.force_client_auth
                           ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                           : options.client_certificate_request;
  return std::make_shared<GuardedCredentials>(
      grpc_ssl_server_credentials_create_ex(roots, pairs.data(), pairs.size(), request, nullptr),
      core, CertificatesBy(request, *core));
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeTls(
    const Guard::TlsFiles& files, const std::shared_ptr<Core>& core) {
  TESSERA_RETURN_IF_ERROR(CheckReadable(files));
  const bool verify_clients = !files.client_ca.empty();
  const WatchedFiles watched{files.key.c_str(), files.certificate.c_str(),
                             verify_clients ? files.client_ca.c_str() : nullptr,
                             kTlsRefreshSeconds};
  grpc_tls_certificate_provider* provider =
      WatchFiles(&grpc_tls_certificate_provider_file_watcher_create, watched);
  if (provider == nullptr) return absl::InvalidArgumentError("certificate or key is not usable");
  grpc_tls_credentials_options* options = grpc_tls_credentials_options_create();
  TakeCertificates(options, provider, verify_clients);
  grpc_tls_certificate_provider_release(provider);
  grpc_tls_credentials_options_set_cert_request_type(
      options, verify_clients ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                              : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  return std::shared_ptr<grpc::ServerCredentials>(std::make_shared<GuardedCredentials>(
      grpc_tls_server_credentials_create(options), core,
      verify_clients ? ClientCertificates::kVerified : ClientCertificates::kIgnored));
}

absl::Status ProtectCredentials(const std::shared_ptr<grpc::ServerCredentials>& credentials,
                                ClientCertificates certificates,
                                const std::shared_ptr<Core>& core) {
  if (credentials == nullptr) return absl::InvalidArgumentError("there are no credentials");
  if (dynamic_cast<const GuardedCredentials*>(credentials.get()) != nullptr) {
    return absl::FailedPreconditionError("a guard made these credentials: they are guarded");
  }
  if (!TakesProcessor(*credentials)) {
    return absl::FailedPreconditionError(
        "gRPC cannot guard these credentials: for plaintext take Guard::Plaintext()");
  }
  if (!core->Adopt(credentials)) {
    return absl::FailedPreconditionError("these credentials are guarded already");
  }
  if (certificates == ClientCertificates::kIgnored) core->NoteUnverifiedCertificates();
  credentials->SetAuthMetadataProcessor(std::make_shared<CallProcessor>(core, certificates));
  return absl::OkStatus();
}

}  // namespace tessera::guard
