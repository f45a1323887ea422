// A guarded echo server with keys, clock and revocations in the test's hand, and clients for it.
#ifndef TESSERA_TESTS_GUARD_WORLD_H_
#define TESSERA_TESTS_GUARD_WORLD_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tessera/guard/guard.h"
#include "tessera/testing/fake_clock.h"
#include "tessera/testing/guarded_server.h"
#include "tessera/token/key.h"
#include "tests/base/recording_log.h"
#include "tests/base/temporary_folder.h"
#include "tests/guard/call.h"
#include "tests/guard/echo_services.h"
#include "tests/guard/tls_material.h"

namespace tessera::testing {

inline constexpr char kIssuer[] = "https://auth.example";
inline constexpr char kAudience[] = "echo";

enum class Transport { kPlaintext, kSsl, kTlsFiles };

// Claims of a live token for `subject`, made at `now`: life 15 minutes, session `ses_SUBJECT`,
// token `tok_SUBJECT`.
Claims ClaimsFor(const std::string& subject, absl::Time now);
SigningKey NewKey();
std::string Sign(const Claims& claims, const SigningKey& key);
JwkSet SetOf(const std::vector<SigningKey>& keys);
RevocationNotice Revoked(RevokedThing thing, const std::string& id, absl::Time now,
                         int64_t min_user_version = 0);

struct Outcome {
  grpc::Status status;
  std::vector<echo::EchoResponse> replies;
};

// One message each way, with these headers.
Outcome CallOver(echo::Echo::Stub& stub, Shape shape, const Headers& headers, bool admin = false);

class World {
 public:
  struct Options {
    Transport transport = Transport::kPlaintext;
    Api api = Api::kSync;
    // With kSsl; with kTlsFiles any but the first means require and verify. The authority is
    // `client_authority`.
    grpc_ssl_client_certificate_request_type client_certificates =
        GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE;
    std::shared_ptr<KeySource> keys;  // null: `key`, in hand
    std::function<void(GuardOptions&)> adjust = [](GuardOptions&) {};
  };

  explicit World(Options options);
  World() : World(Options()) {}
  ~World();

  Outcome Call(Shape shape, const Headers& headers, bool admin = false);
  Outcome Open(const Headers& headers);
  grpc::Status CallPath(const std::string& path, const Headers& headers,
                        const std::string& request = "");

  std::string TokenOf(const std::string& subject) const;
  // Another client, on a connection of its own that shows this certificate.
  std::unique_ptr<echo::Echo::Stub> ClientWith(const TlsMaterial& certificate) const;
  echo::Echo::Stub& stub() { return *stub_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return server_->channel(); }
  Guard& guard() { return server_->guard(); }
  grpc::Server& server() { return server_->server(); }
  int entered() const { return record_->entered(); }

  const TlsMaterial client_authority = MakeTlsMaterial();
  FakeClock clock;
  RecordingLog log;
  const SigningKey key = NewKey();
  const std::shared_ptr<RevocationView> view = std::make_shared<RevocationView>(clock);

 private:
  ServerPlace PlaceOf(const Options& options);
  std::shared_ptr<grpc::ServerCredentials> ServerCredentials(Guard& guard, const Options& options);

  TlsMaterial tls_;
  const TemporaryFolder folder_;
  std::unique_ptr<EchoRecord> record_;
  std::unique_ptr<GuardedServer> server_;
  std::unique_ptr<echo::Echo::Stub> stub_;
};

// Waits at most 10 s of real time for `condition`.
bool Eventually(const std::function<bool()>& condition);

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_GUARD_WORLD_H_
