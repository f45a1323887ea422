#include "tests/e2e/authority.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace tessera::testing {
namespace {

constexpr char kNew[] =
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 ";

void Run(const std::string& command) {
  EXPECT_EQ(std::system((command + " 2>/dev/null").c_str()), 0) << command;
}

}  // namespace

Authority::Authority(const TemporaryFolder& folder) : folder_(folder) {
  Run(kNew + ("-subj /CN=clients-of-the-test -keyout " + folder.Path("ca.key")) + " -out " +
      path());
}

void Authority::Sign(const std::string& name, const std::string& names) const {
  const std::string alternative = names.empty() ? "" : " -addext subjectAltName=" + names;
  Run(kNew + ("-subj /CN=" + name) + " -addext basicConstraints=critical,CA:FALSE" + alternative +
      " -CA " + path() + " -CAkey " + folder_.Path("ca.key") + " -keyout " +
      folder_.Path(name + ".key") + " -out " + folder_.Path(name + ".crt"));
}

std::string Authority::Thumbprint(const std::string& name) const {
  Run("openssl x509 -in " + folder_.Path(name + ".crt") +
      " -outform der | openssl dgst -sha256 -binary | basenc --base64url | tr -d '=\n' > " +
      folder_.Path("thumbprint"));
  return folder_.Read("thumbprint");
}

std::shared_ptr<grpc::Channel> ChannelShowing(const Tesserad& server, const TemporaryFolder& folder,
                                              const std::string& name) {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = server.certificate().certificate_pem;
  if (!name.empty()) {
    options.pem_cert_chain = folder.Read(name + ".crt");
    options.pem_private_key = folder.Read(name + ".key");
  }
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(server.address(), grpc::SslCredentials(options), arguments);
}

}  // namespace tessera::testing
