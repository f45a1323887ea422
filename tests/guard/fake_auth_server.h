// An AuthService on loopback that says what the test tells it to: keys, and the revocation feed.
#ifndef TESSERA_TESTS_GUARD_FAKE_AUTH_SERVER_H_
#define TESSERA_TESTS_GUARD_FAKE_AUTH_SERVER_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tessera/base/mutex.h"
#include "tessera/v1/auth_service.grpc.pb.h"

namespace tessera::testing {

class FakeAuthServer final : public v1::AuthService::Service {
 public:
  using Stream =
      grpc::ServerReaderWriter<v1::WatchRevocationsResponse, v1::WatchRevocationsRequest>;
  // One connection to the feed: what to say after its resume point has been read. The stream ends
  // when it returns.
  using Script = std::function<void(Stream& stream, const v1::RevocationResume& resume)>;

  // On a port of its own if `port` is 0.
  explicit FakeAuthServer(int port = 0);
  ~FakeAuthServer() override;

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  int port() const { return port_; }

  void SetJwks(std::string json);
  void FailJwks();
  int jwks_calls() const;
  // Holds GetJwks calls back until `held` is false.
  void HoldJwks(bool held);

  // Scripts for the connections to come, one each; further ones are refused UNAVAILABLE.
  void Expect(Script script);
  std::vector<v1::RevocationResume> resumes() const;

 private:
  grpc::Status GetJwks(grpc::ServerContext* context, const v1::GetJwksRequest* request,
                       v1::GetJwksResponse* response) override;
  grpc::Status WatchRevocations(grpc::ServerContext* context, Stream* stream) override;

  mutable Mutex mu_;
  CondVar changed_;
  std::string jwks_ ABSL_GUARDED_BY(mu_);
  bool jwks_fail_ ABSL_GUARDED_BY(mu_) = false;
  bool jwks_held_ ABSL_GUARDED_BY(mu_) = false;
  int jwks_calls_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<Script> scripts_ ABSL_GUARDED_BY(mu_);
  size_t connections_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<v1::RevocationResume> resumes_ ABSL_GUARDED_BY(mu_);
  int port_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

// A channel to a port that nobody listens on, which after a failure waits for a minute by itself.
struct AwayServer {
  int port;
  std::shared_ptr<grpc::Channel> channel;
};
AwayServer MakeAwayServer();

// Messages of the feed.
v1::RevocationEntry TokenEntry(uint64_t seq, const std::string& id, int64_t expires_at_seconds);
v1::WatchRevocationsResponse Snapshot(const std::string& epoch, uint64_t seq,
                                      const std::vector<v1::RevocationEntry>& entries,
                                      bool last = true);
v1::WatchRevocationsResponse Changes(const std::vector<v1::RevocationEntry>& entries);
v1::WatchRevocationsResponse Heartbeat(const std::string& epoch, uint64_t head_seq,
                                       int64_t age_seconds = 0);
v1::WatchRevocationsResponse KeySet(uint64_t version, const std::string& jwks_json);

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_GUARD_FAKE_AUTH_SERVER_H_
