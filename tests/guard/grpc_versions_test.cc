// What is compiled for another gRPC than this machine's, on stand-ins of its shape.
#include "tessera/guard/grpc_versions.h"

#include <grpcpp/support/config.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace tessera::guard {
namespace {

// As grpc::ServerCredentials since 2024: it owns the C credentials, and opens ports itself.
class NewCredentials {
 public:
  virtual ~NewCredentials() = default;

 protected:
  explicit NewCredentials(grpc_server_credentials* credentials) : c_creds_(credentials) {}
  grpc_server_credentials* c_creds() const { return c_creds_; }

 private:
  grpc_server_credentials* c_creds_;
};

class OnNew final : public OwnCredentials<NewCredentials> {
 public:
  explicit OnNew(grpc_server_credentials* credentials) : OwnCredentials(credentials) {}
  grpc_server_credentials* Held() const { return held(); }
};

TEST(GrpcVersions, CredentialsThatTheBaseOwnsAreItsOwn) {
  static_assert(kOwnsCredentials<NewCredentials>);
  grpc_server_credentials* const credentials = grpc_insecure_server_credentials_create();
  {
    const OnNew held(credentials);
    EXPECT_EQ(held.Held(), credentials);
  }
  grpc_server_credentials_release(credentials);  // still ours: the base here releases nothing
}

const char* g_root = nullptr;
unsigned g_seconds = 0;

grpc_tls_certificate_provider* CreateWithFour(const char*, const char*, const char* root,
                                              unsigned seconds) {
  g_root = root;
  g_seconds = seconds;
  return nullptr;
}

grpc_tls_certificate_provider* CreateWithFive(const char*, const char*, const char* root,
                                              const char* bundles, unsigned seconds) {
  EXPECT_EQ(bundles, nullptr);
  g_root = root;
  g_seconds = seconds;
  return nullptr;
}

TEST(GrpcVersions, FilesAreWatchedWithAndWithoutBundles) {
  WatchFiles(&CreateWithFour, {"key", "certificate", "root4", 4});
  EXPECT_STREQ(g_root, "root4");
  EXPECT_EQ(g_seconds, 4u);
  WatchFiles(&CreateWithFive, {"key", "certificate", "root5", 5});
  EXPECT_STREQ(g_root, "root5");
  EXPECT_EQ(g_seconds, 5u);
}

}  // namespace

// As in newer gRPC: two setters, found beside the options' type. (Not in an unnamed namespace, so
// that they are found at all.)
namespace newer {
struct Options {
  std::vector<const char*> calls;
};
struct Provider {};
void grpc_tls_credentials_options_set_identity_certificate_provider(Options* options, Provider*) {
  options->calls.push_back("identity");
}
void grpc_tls_credentials_options_set_root_certificate_provider(Options* options, Provider*) {
  options->calls.push_back("root");
}
}  // namespace newer

// As grpc::ServerBuilder with AddPassiveListener: the list and the type of its entries are private.
namespace newer {
class Builder {
 public:
  void AddPassiveListener() { unstarted_passive_listeners_.emplace_back(); }

 private:
  struct UnstartedPassiveListener {
    int nothing = 0;
  };
  std::vector<UnstartedPassiveListener> unstarted_passive_listeners_;
};
}  // namespace newer

size_t CountPassiveListeners(newer::Builder& builder);
template struct PassiveListenersReader<&newer::Builder::unstarted_passive_listeners_>;

TEST(GrpcVersions, PassiveListenersAreCountedWhoseListIsPrivate) {
  newer::Builder builder;
  EXPECT_EQ(CountPassiveListeners(builder), 0u);
  builder.AddPassiveListener();
  builder.AddPassiveListener();
  EXPECT_EQ(CountPassiveListeners(builder), 2u);
}

TEST(GrpcVersions, TwoProvidersAreOneForBoth) {
  newer::Options options;
  newer::Provider provider;
  TakeCertificates(&options, &provider, false);
  EXPECT_EQ(options.calls.size(), 1u);
  TakeCertificates(&options, &provider, true);
  ASSERT_EQ(options.calls.size(), 3u);
  EXPECT_STREQ(options.calls[1], "identity");
  EXPECT_STREQ(options.calls[2], "root");
}

}  // namespace tessera::guard
