// A guarded server of one transport and one API, its issuer, and a client.
#ifndef TESSERA_TESTS_GUARD_CONFORMANCE_THEATRE_H_
#define TESSERA_TESTS_GUARD_CONFORMANCE_THEATRE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tessera/testing/fake_issuer.h"
#include "tessera/testing/guarded_server.h"
#include "tests/base/recording_log.h"
#include "tests/base/temporary_folder.h"
#include "tests/guard/tls_material.h"
#include "tests/guard_conformance/calls.h"
#include "tests/guard_conformance/stage.h"

namespace tessera::testing {

// kTlsFiles reads its certificate from files; kLocal is gRPC's own for loopback; kProtected are TLS
// credentials that somebody else built, asking for client certificates like kMutualTls.
enum class Transport { kTls, kMutualTls, kTlsFiles, kPlaintext, kUnixSocket, kLocal, kProtected };
inline constexpr Transport kTransports[] = {
    Transport::kTls,        Transport::kMutualTls, Transport::kTlsFiles, Transport::kPlaintext,
    Transport::kUnixSocket, Transport::kLocal,     Transport::kProtected};
inline bool ProvesCertificates(Transport transport) {
  return transport == Transport::kMutualTls || transport == Transport::kProtected;
}
const char* NameOf(Transport transport);

class Theatre {
 public:
  using Interceptors =
      std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>;
  struct Options {
    Transport transport = Transport::kPlaintext;
    Api api = Api::kSync;
    std::function<void(GuardOptions&)> adjust = [](GuardOptions&) {};
    // Given to Guard::Start.
    std::function<Interceptors(const Guard&)> interceptors = [](const Guard&) {
      return Interceptors();
    };
  };

  explicit Theatre(const Options& options);
  ~Theatre();

  // Of a user with the role that the methods ask for.
  std::string GoodToken(const std::string& subject = "usr_alice") const {
    return issuer.Token(subject, WithRoles({"listener", "speaker"}));
  }
  test::conformance::Speech::Stub& stub() { return *stub_; }
  GuardedServer& server() { return *server_; }
  int entered() const { return record_->entered(); }

  FakeIssuer issuer;
  RecordingLog log;
  const TlsMaterial client_certificate = MakeTlsMaterial();  // its own authority

 private:
  ServerPlace PlaceOf(Transport transport) const;
  ServerPlace TlsPlace(Transport transport) const;
  std::shared_ptr<grpc::ServerCredentials> FromFiles(Guard& guard) const;

  const TemporaryFolder folder_;
  const TlsMaterial certificate_ = MakeTlsMaterial();
  std::unique_ptr<GuardedServer> server_;
  std::unique_ptr<Record> record_;
  std::unique_ptr<Performer> performer_;
  std::unique_ptr<test::conformance::Speech::Stub> stub_;
};

// Waits at most a minute of real time for `condition`.
bool Eventually(const std::function<bool()>& condition);

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_GUARD_CONFORMANCE_THEATRE_H_
