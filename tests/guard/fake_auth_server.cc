#include "tests/guard/fake_auth_server.h"

#include <gtest/gtest.h>

#include "tessera/token/digest.h"

namespace tessera::testing {

namespace {

std::string Loopback(int port) { return "127.0.0.1:" + std::to_string(port); }

}  // namespace

FakeAuthServer::FakeAuthServer(int port) : port_(port) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(Loopback(port), grpc::InsecureServerCredentials(), &port_);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  EXPECT_NE(server_, nullptr);
  channel_ = grpc::CreateChannel(Loopback(port_), grpc::InsecureChannelCredentials());
}

FakeAuthServer::~FakeAuthServer() {
  HoldJwks(false);
  server_->Shutdown(std::chrono::system_clock::now());
}

void FakeAuthServer::SetJwks(std::string json) {
  MutexLock lock(mu_);
  jwks_ = std::move(json);
  jwks_fail_ = false;
}

void FakeAuthServer::FailJwks() {
  MutexLock lock(mu_);
  jwks_fail_ = true;
}

int FakeAuthServer::jwks_calls() const {
  MutexLock lock(mu_);
  return jwks_calls_;
}

void FakeAuthServer::HoldJwks(bool held) {
  MutexLock lock(mu_);
  jwks_held_ = held;
  changed_.NotifyAll();
}

void FakeAuthServer::Expect(Script script) {
  MutexLock lock(mu_);
  scripts_.push_back(std::move(script));
}

std::vector<v1::RevocationResume> FakeAuthServer::resumes() const {
  MutexLock lock(mu_);
  return resumes_;
}

grpc::Status FakeAuthServer::GetJwks(grpc::ServerContext*, const v1::GetJwksRequest*,
                                     v1::GetJwksResponse* response) {
  MutexLock lock(mu_);
  ++jwks_calls_;
  while (jwks_held_) changed_.Wait(mu_);
  if (jwks_fail_) return {grpc::StatusCode::UNAVAILABLE, "away"};
  response->set_jwks_json(jwks_);
  return grpc::Status::OK;
}

grpc::Status FakeAuthServer::WatchRevocations(grpc::ServerContext*, Stream* stream) {
  v1::WatchRevocationsRequest request;
  if (!stream->Read(&request)) return grpc::Status::OK;
  Script script;
  {
    MutexLock lock(mu_);
    if (connections_ == scripts_.size()) return {grpc::StatusCode::UNAVAILABLE, "no more"};
    resumes_.push_back(request.resume());
    script = scripts_[connections_++];
  }
  script(*stream, request.resume());
  return grpc::Status::OK;
}

AwayServer MakeAwayServer() {
  AwayServer away;
  away.port = FakeAuthServer().port();
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 60'000);
  away.channel =
      grpc::CreateCustomChannel(Loopback(away.port), grpc::InsecureChannelCredentials(), arguments);
  return away;
}

v1::RevocationEntry TokenEntry(uint64_t seq, const std::string& id, int64_t expires_at_seconds) {
  v1::RevocationEntry entry;
  entry.set_seq(seq);
  entry.set_kind(v1::REVOCATION_KIND_TOKEN);
  const IdHash hash = IdHashOf(id);
  entry.set_id_hash(std::string(hash.begin(), hash.end()));
  entry.mutable_expires_at()->set_seconds(expires_at_seconds);
  return entry;
}

v1::WatchRevocationsResponse Snapshot(const std::string& epoch, uint64_t seq,
                                      const std::vector<v1::RevocationEntry>& entries, bool last) {
  v1::WatchRevocationsResponse message;
  auto& snapshot = *message.mutable_snapshot();
  snapshot.set_store_epoch(epoch);
  snapshot.set_seq(seq);
  for (const auto& entry : entries) *snapshot.add_entries() = entry;
  snapshot.set_last(last);
  return message;
}

v1::WatchRevocationsResponse Changes(const std::vector<v1::RevocationEntry>& entries) {
  v1::WatchRevocationsResponse message;
  message.mutable_changes();
  for (const auto& entry : entries) *message.mutable_changes()->add_entries() = entry;
  return message;
}

v1::WatchRevocationsResponse Heartbeat(const std::string& epoch, uint64_t head_seq,
                                       int64_t age_seconds) {
  v1::WatchRevocationsResponse message;
  auto& heartbeat = *message.mutable_heartbeat();
  heartbeat.set_store_epoch(epoch);
  heartbeat.set_head_seq(head_seq);
  heartbeat.mutable_age()->set_seconds(age_seconds);
  return message;
}

v1::WatchRevocationsResponse KeySet(uint64_t version, const std::string& jwks_json) {
  v1::WatchRevocationsResponse message;
  message.mutable_key_set()->set_version(version);
  message.mutable_key_set()->set_jwks_json(jwks_json);
  return message;
}

}  // namespace tessera::testing
