#include "tests/bench/admit_all.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include <string>

namespace tessera::bench {
namespace {

void Admit(void*, grpc_auth_context*, const grpc_metadata*, size_t,
           grpc_process_auth_metadata_done_cb done, void* user_data) {
  done(user_data, nullptr, 0, nullptr, 0, GRPC_STATUS_OK, nullptr);
}

class AdmitAll final : public grpc::ServerCredentials {
 public:
  AdmitAll() : credentials_(grpc_insecure_server_credentials_create()) {
    grpc_server_credentials_set_auth_metadata_processor(credentials_, {&Admit, nullptr, nullptr});
  }
  ~AdmitAll() override { grpc_server_credentials_release(credentials_); }

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  grpc_server_credentials* const credentials_;
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> AdmitAllCredentials() {
  return std::make_shared<AdmitAll>();
}

}  // namespace tessera::bench
