#include "tests/guard_conformance/theatre.h"

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <gtest/gtest.h>

#include <utility>

namespace tessera::testing {

const char* NameOf(Transport transport) {
  constexpr const char* kNames[] = {"Tls",        "MutualTls", "TlsFiles", "Plaintext",
                                    "UnixSocket", "Local",     "Protected"};
  return kNames[static_cast<int>(transport)];
}

Theatre::Theatre(const Options& options) {
  GuardOptions guard = issuer.MakeGuardOptions();
  guard.log = &log;
  if (IsGeneric(options.api)) GiveRules(guard);
  options.adjust(guard);
  auto server = GuardedServer::Create(std::move(guard), PlaceOf(options.transport));
  EXPECT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  record_ = std::make_unique<Record>(server_->guard());
  performer_ = MakePerformer(options.api, *server_, *record_);
  const absl::Status started = server_->Start(options.interceptors(server_->guard()));
  EXPECT_TRUE(started.ok()) << started;
  performer_->Begin();
  stub_ = speech::Speech::NewStub(server_->channel());
}

Theatre::~Theatre() {
  server_->Stop();
  performer_.reset();
}

ServerPlace Theatre::PlaceOf(Transport transport) const {
  ServerPlace place;
  switch (transport) {
    case Transport::kPlaintext:
      return place;
    case Transport::kUnixSocket:
      place.address = "unix:" + folder_.Path("socket");
      return place;
    case Transport::kLocal:
      place.credentials = [](Guard& guard) { return guard.Local(LOCAL_TCP); };
      place.channel_credentials = grpc::experimental::LocalCredentials(LOCAL_TCP);
      return place;
    default:
      return TlsPlace(transport);
  }
}

ServerPlace Theatre::TlsPlace(Transport transport) const {
  ServerPlace place;
  const bool mutual = ProvesCertificates(transport);
  grpc::SslServerCredentialsOptions ssl(
      mutual ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
             : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  ssl.pem_key_cert_pairs.push_back({certificate_.key, certificate_.certificate});
  grpc::SslCredentialsOptions client;
  client.pem_root_certs = certificate_.certificate;
  if (mutual) {
    ssl.pem_root_certs = client_certificate.certificate;
    client.pem_cert_chain = client_certificate.certificate;
    client.pem_private_key = client_certificate.key;
  }
  place.channel_credentials = grpc::SslCredentials(client);
  place.credentials = [this, transport, ssl](Guard& guard) {
    if (transport == Transport::kTlsFiles) return FromFiles(guard);
    if (transport != Transport::kProtected) return guard.Ssl(ssl);
    auto others = grpc::SslServerCredentials(ssl);
    const absl::Status guarded = guard.Protect(others, ClientCertificates::kVerified);
    EXPECT_TRUE(guarded.ok()) << guarded;
    return others;
  };
  return place;
}

std::shared_ptr<grpc::ServerCredentials> Theatre::FromFiles(Guard& guard) const {
  auto credentials = guard.Tls({folder_.Write("tls.crt", certificate_.certificate),
                                folder_.Write("tls.key", certificate_.key), ""});
  EXPECT_TRUE(credentials.ok()) << credentials.status();
  return *credentials;
}

bool Eventually(const std::function<bool()>& condition) {
  Mutex mu;
  CondVar never;
  const absl::Duration end = SystemClock().Monotonic() + absl::Minutes(1);
  while (!condition()) {
    if (SystemClock().Monotonic() > end) return false;
    MutexLock lock(mu);
    never.WaitFor(mu, absl::Milliseconds(5));
  }
  return true;
}

}  // namespace tessera::testing
