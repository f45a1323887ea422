// Where gRPC's own interfaces have moved: what is compiled is found out from its headers, because
// no release says exactly when. Read were 1.51.1, which this is built and tested with; pull
// requests 36176 and 36242 of April 2024, which gave grpc::ServerCredentials the C credentials that
// its subclasses had held; proposal A87 of 2025 and the headers of 1.83.1, in which the watcher of
// certificate files takes a map of SPIFFE bundles too, and the provider of certificates is two; and
// grpc::ServerBuilder's header and source with AddPassiveListener (pull request 35957 of 2024; of
// which release is not known), which brought the header grpcpp/passive_listener.h, and a private
// list of the builder's, `unstarted_passive_listeners_`.
#ifndef TESSERA_GUARD_GRPC_VERSIONS_H_
#define TESSERA_GUARD_GRPC_VERSIONS_H_

#include <grpc/grpc_security.h>
#include <grpcpp/security/server_credentials.h>

#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>

namespace tessera::guard {

// Whether `Base`, a grpc::ServerCredentials, owns its C credentials itself.
template <typename Base>
struct CredentialsProbe : Base {
  template <typename Probe>
  static auto Test(int) -> decltype(std::declval<const Probe&>().c_creds(), std::true_type());
  template <typename Probe>
  static std::false_type Test(...);
};
template <typename Base>
inline constexpr bool kOwnsCredentials =
    decltype(CredentialsProbe<Base>::template Test<CredentialsProbe<Base>>(0))::value;

// Server credentials over C credentials of one's own, which they release.
template <typename Base, bool kBaseOwns = kOwnsCredentials<Base>>
class OwnCredentials : public Base {
 protected:
  explicit OwnCredentials(grpc_server_credentials* credentials) : credentials_(credentials) {}
  ~OwnCredentials() override { grpc_server_credentials_release(credentials_); }
  grpc_server_credentials* held() const { return credentials_; }

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  grpc_server_credentials* const credentials_;
};

template <typename Base>
class OwnCredentials<Base, true> : public Base {
 protected:
  explicit OwnCredentials(grpc_server_credentials* credentials) : Base(credentials) {}
  grpc_server_credentials* held() const { return this->c_creds(); }
};

struct WatchedFiles {
  const char* key;
  const char* certificate;
  const char* root;  // null: none
  unsigned seconds;  // between looks
};

// `create` is grpc_tls_certificate_provider_file_watcher_create.
template <typename Create>
grpc_tls_certificate_provider* WatchFiles(Create* create, const WatchedFiles& files) {
  using Text = const char*;
  if constexpr (std::is_invocable_v<Create*, Text, Text, Text, unsigned>) {
    return create(files.key, files.certificate, files.root, files.seconds);
  } else {
    return create(files.key, files.certificate, files.root, nullptr, files.seconds);
  }
}

template <typename Options, typename Provider, typename = void>
inline constexpr bool kHasOneProvider = false;
template <typename Options, typename Provider>
inline constexpr bool
    kHasOneProvider<Options, Provider,
                    std::void_t<decltype(grpc_tls_credentials_options_set_certificate_provider(
                        std::declval<Options*>(), std::declval<Provider*>()))>> = true;

// `options` take certificate and key from `provider`, and with `roots` those of clients too.
template <typename Options, typename Provider>
void TakeCertificates(Options* options, Provider* provider, bool roots) {
  if constexpr (kHasOneProvider<Options, Provider>) {
    grpc_tls_credentials_options_set_certificate_provider(options, provider);
    grpc_tls_credentials_options_watch_identity_key_cert_pairs(options);
    if (roots) grpc_tls_credentials_options_watch_root_certs(options);
  } else {
    grpc_tls_credentials_options_set_identity_certificate_provider(options, provider);
    if (roots) grpc_tls_credentials_options_set_root_certificate_provider(options, provider);
  }
}

// Defines `size_t CountPassiveListeners(Owner&)`, which is to be declared before, for a private
// list of Owner's. The arguments of an explicit instantiation are exempt from access checks
// ([temp.spec]).
template <auto kList>
struct PassiveListenersReader;
template <typename Owner, typename List, List Owner::*kList>
struct PassiveListenersReader<kList> {
  friend size_t CountPassiveListeners(Owner& owner) { return (owner.*kList).size(); }
};

}  // namespace tessera::guard

#endif  // TESSERA_GUARD_GRPC_VERSIONS_H_
