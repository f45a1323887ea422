#include "tests/guard/world.h"

#include <gtest/gtest.h>

#include "tessera/base/reason.h"
#include "tessera/token/token_signer.h"

namespace tessera::testing {
namespace {

Outcome CallUnary(echo::Echo::Stub& stub, const Headers& headers, bool admin) {
  grpc::ClientContext context;
  Prepare(context, headers);
  echo::EchoRequest request;
  request.set_text("hello");
  echo::EchoResponse response;
  const grpc::Status status =
      admin ? stub.AdminSay(&context, request, &response) : stub.Say(&context, request, &response);
  return {status, status.ok() ? std::vector{response} : std::vector<echo::EchoResponse>()};
}

Outcome CallClientStream(echo::Echo::Stub& stub, const Headers& headers, bool admin) {
  grpc::ClientContext context;
  Prepare(context, headers);
  echo::EchoRequest request;
  request.set_text("hello");
  echo::EchoResponse response;
  const auto writer =
      admin ? stub.AdminCollect(&context, &response) : stub.Collect(&context, &response);
  writer->Write(request);
  writer->WritesDone();
  const grpc::Status status = writer->Finish();
  return {status, status.ok() ? std::vector{response} : std::vector<echo::EchoResponse>()};
}

Outcome CallServerStream(echo::Echo::Stub& stub, const Headers& headers, bool admin) {
  grpc::ClientContext context;
  Prepare(context, headers);
  echo::EchoRequest request;
  request.set_text("hello");
  const auto reader = admin ? stub.AdminTail(&context, request) : stub.Tail(&context, request);
  Outcome outcome;
  for (echo::EchoResponse response; reader->Read(&response);) outcome.replies.push_back(response);
  outcome.status = reader->Finish();
  return outcome;
}

Outcome CallBidi(echo::Echo::Stub& stub, const Headers& headers, bool admin) {
  grpc::ClientContext context;
  Prepare(context, headers);
  echo::EchoRequest request;
  request.set_text("hello");
  const auto stream = admin ? stub.AdminChat(&context) : stub.Chat(&context);
  stream->Write(request);
  stream->WritesDone();
  Outcome outcome;
  for (echo::EchoResponse response; stream->Read(&response);) outcome.replies.push_back(response);
  outcome.status = stream->Finish();
  return outcome;
}

}  // namespace

Claims ClaimsFor(const std::string& subject, absl::Time now) {
  Claims claims;
  claims.issuer = kIssuer;
  claims.subject = subject;
  claims.audience = kAudience;
  claims.client_id = "test";
  claims.token_id = TokenId("tok_" + subject);
  claims.issued_at = now;
  claims.not_before = now;
  claims.expires_at = now + absl::Minutes(15);
  claims.session_id = SessionId("ses_" + subject);
  claims.user_version = 1;
  return claims;
}

SigningKey NewKey() { return *SigningKey::Generate(Algorithm::kEs256); }

std::string Sign(const Claims& claims, const SigningKey& key) {
  const auto token = SignAccessToken(claims, key);
  EXPECT_TRUE(token.ok()) << token.status();
  return std::string(token->Reveal());
}

JwkSet SetOf(const std::vector<SigningKey>& keys) {
  std::vector<VerifyKey> verify;
  for (const SigningKey& key : keys) verify.push_back(key.ToVerifyKey());
  return *JwkSet::Of(std::move(verify));
}

RevocationNotice Revoked(RevokedThing thing, const std::string& id, absl::Time now,
                         int64_t min_user_version) {
  RevocationNotice notice;
  notice.thing = thing;
  notice.id_hash = IdHashOf(id);
  notice.min_user_version = min_user_version;
  notice.expires_at = now + absl::Hours(1);
  return notice;
}

World::World(Options options) {
  GuardOptions guard_options;
  guard_options.issuer = kIssuer;
  guard_options.audience = kAudience;
  guard_options.keys = options.keys != nullptr ? options.keys : KeysInHand(SetOf({key}));
  guard_options.revocations = RevocationsFromView(view);
  guard_options.clock = &clock;
  guard_options.log = &log;
  options.adjust(guard_options);
  view->MarkCurrent();
  auto server = GuardedServer::Create(std::move(guard_options), PlaceOf(options));
  EXPECT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  record_ = std::make_unique<EchoRecord>(server_->guard());
  server_->Register(MakeEcho(options.api, *record_));
  const absl::Status started = server_->Start();
  EXPECT_TRUE(started.ok()) << started;
  stub_ = echo::Echo::NewStub(server_->channel());
}

World::~World() { server_->Stop(); }

ServerPlace World::PlaceOf(const Options& options) {
  ServerPlace place;
  if (options.transport == Transport::kPlaintext) return place;
  tls_ = MakeTlsMaterial();
  place.credentials = [this, options](Guard& guard) { return ServerCredentials(guard, options); };
  grpc::SslCredentialsOptions client;
  client.pem_root_certs = tls_.certificate;
  place.channel_credentials = grpc::SslCredentials(client);
  return place;
}

std::shared_ptr<grpc::ServerCredentials> World::ServerCredentials(Guard& guard,
                                                                  const Options& options) {
  const bool verify = options.client_certificates != GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE;
  if (options.transport == Transport::kSsl) {
    grpc::SslServerCredentialsOptions ssl(options.client_certificates);
    if (verify) ssl.pem_root_certs = client_authority.certificate;
    ssl.pem_key_cert_pairs.push_back({tls_.key, tls_.certificate});
    return guard.Ssl(ssl);
  }
  const std::string authority = folder_.Write("client_ca.pem", client_authority.certificate);
  auto credentials =
      guard.Tls({folder_.Write("certificate.pem", tls_.certificate),
                 folder_.Write("key.pem", tls_.key), verify ? authority : std::string()});
  EXPECT_TRUE(credentials.ok()) << credentials.status();
  return *credentials;
}

std::unique_ptr<echo::Echo::Stub> World::ClientWith(const TlsMaterial& certificate) const {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = tls_.certificate;
  options.pem_cert_chain = certificate.certificate;
  options.pem_private_key = certificate.key;
  return echo::Echo::NewStub(server_->ChannelWith({}, grpc::SslCredentials(options)));
}

Outcome World::Call(Shape shape, const Headers& headers, bool admin) {
  return CallOver(*stub_, shape, headers, admin);
}

Outcome CallOver(echo::Echo::Stub& stub, Shape shape, const Headers& headers, bool admin) {
  switch (shape) {
    case Shape::kUnary:
      return CallUnary(stub, headers, admin);
    case Shape::kClientStream:
      return CallClientStream(stub, headers, admin);
    case Shape::kServerStream:
      return CallServerStream(stub, headers, admin);
    case Shape::kBidi:
      break;
  }
  return CallBidi(stub, headers, admin);
}

Outcome World::Open(const Headers& headers) {
  grpc::ClientContext context;
  Prepare(context, headers);
  echo::EchoResponse response;
  const grpc::Status status = stub_->Open(&context, echo::EchoRequest(), &response);
  return {status, {response}};
}

grpc::Status World::CallPath(const std::string& path, const Headers& headers,
                             const std::string& request) {
  return testing::CallPath(channel(), path, headers, request);
}

std::string World::TokenOf(const std::string& subject) const {
  return Sign(ClaimsFor(subject, clock.Now()), key);
}

bool Eventually(const std::function<bool()>& condition) {
  Mutex mu;
  CondVar never;
  const absl::Duration end = SystemClock().Monotonic() + absl::Seconds(10);
  while (!condition()) {
    if (SystemClock().Monotonic() > end) return false;
    MutexLock lock(mu);
    never.WaitFor(mu, absl::Milliseconds(5));
  }
  return true;
}

}  // namespace tessera::testing
