// A user's session at tesserad, by name and password.
#ifndef TESSERA_CALLER_USER_GRANT_SOURCE_H_
#define TESSERA_CALLER_USER_GRANT_SOURCE_H_

#include <memory>
#include <thread>

#include "absl/time/time.h"
#include "tessera/base/mutex.h"
#include "tessera/caller/caller.h"
#include "tessera/caller/grant_source.h"
#include "tessera/v1/auth_service.grpc.pb.h"

namespace grpc {
class CallCredentials;
}  // namespace grpc

namespace tessera {

struct UserGrantOptions {
  std::shared_ptr<grpc::Channel> auth_server;
  UserLogin login;
  bool allow_plaintext = false;
  absl::Duration request_timeout = absl::Seconds(5);
};

// Thread-safe. The password is asked for on a thread of its own; requests use gRPC's callbacks.
// Nothing that holds the channel is ever destroyed on a thread of gRPC's: to drop a channel's last
// reference there would have gRPC end the very thread that does it.
class UserGrantSource final : public GrantSource {
 public:
  explicit UserGrantSource(const UserGrantOptions& options);
  ~UserGrantSource() override { Close(); }

  void Login(GrantDone done) override;
  void Renew(const Secret& refresh_token, GrantDone done) override;
  void Logout(const Secret& refresh_token, Done done) override;
  // Waits for the password source to return, if it is running; then lets go of the channel.
  void Close() override;

  // A request to tesserad, and whether its answer has been dealt with.
  class Flight;

 private:
  void Run();
  void SendLogin(const Secret& password, const GrantDone& done);
  // Makes `flight` ready for take-off in place of the one before it. False: closed.
  bool Prepare(const std::shared_ptr<Flight>& flight);

  UserGrantOptions options_;
  std::unique_ptr<v1::AuthService::Stub> stub_;
  const std::shared_ptr<grpc::CallCredentials> private_only_;  // null: plaintext is allowed

  Mutex mu_;
  CondVar changed_;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  GrantDone wanted_ ABSL_GUARDED_BY(mu_);  // a login that waits for its password
  std::shared_ptr<Flight> flight_ ABSL_GUARDED_BY(mu_);

  std::thread thread_;  // the last member: it uses all others
};

}  // namespace tessera

#endif  // TESSERA_CALLER_USER_GRANT_SOURCE_H_
