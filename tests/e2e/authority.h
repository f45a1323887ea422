// An authority for client certificates, and the certificates that it has signed.
#ifndef TESSERA_TESTS_E2E_AUTHORITY_H_
#define TESSERA_TESTS_E2E_AUTHORITY_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "tests/base/temporary_folder.h"
#include "tests/e2e/tesserad.h"

namespace tessera::testing {

// Files in `folder`, which outlives it: ca.crt, NAME.crt, NAME.key.
class Authority {
 public:
  explicit Authority(const TemporaryFolder& folder);

  std::string path() const { return folder_.Path("ca.crt"); }
  // `names`: its subject alternative names, `DNS:billing.example`; empty for none.
  void Sign(const std::string& name, const std::string& names = "") const;
  // The claim that binds to it, by another program.
  std::string Thumbprint(const std::string& name) const;

 private:
  const TemporaryFolder& folder_;
};

// A connection of its own, over TLS, that shows the certificate NAME of `folder`; empty: none.
std::shared_ptr<grpc::Channel> ChannelShowing(const Tesserad& server, const TemporaryFolder& folder,
                                              const std::string& name);

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_E2E_AUTHORITY_H_
