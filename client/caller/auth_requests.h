// Requests to tesserad, one at a time, and a thread to prepare them on.
#ifndef TESSERA_CALLER_AUTH_REQUESTS_H_
#define TESSERA_CALLER_AUTH_REQUESTS_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <functional>
#include <memory>
#include <thread>

#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"
#include "tessera/base/mutex.h"
#include "tessera/v1/auth_service.grpc.pb.h"

namespace grpc {
class CallCredentials;
class Channel;
}  // namespace grpc

namespace tessera {

struct AuthRequestsOptions {
  std::shared_ptr<grpc::Channel> auth_server;
  bool allow_plaintext = false;
  absl::Duration request_timeout = absl::Seconds(5);
};

// A request under way, and whether its answer has been dealt with.
class Flight {
 public:
  virtual ~Flight() = default;

  grpc::ClientContext context;

  // Shared with the callback, which signals the end of its work by it, and owns nothing else.
  class Landing {
   public:
    void Done();
    void Await();

   private:
    Mutex mu_;
    CondVar changed_;
    bool done_ ABSL_GUARDED_BY(mu_) = false;
  };
  const std::shared_ptr<Landing> landing = std::make_shared<Landing>();
};

// A request and everything that must live until it is answered.
template <typename Request, typename Response>
struct AuthExchange final : Flight {
  Request request;
  Response response;

  // What gRPC is to call: `take` the answer, then say that all is done.
  template <typename Take>
  std::function<void(grpc::Status)> Then(Take take) {
    return [take, signal = landing](const grpc::Status& status) {
      take(status);
      signal->Done();
    };
  }
};

// Thread-safe. What blocks (reading a password, say) runs on a thread of its own; requests use
// gRPC's callbacks. Nothing that holds the channel is ever destroyed on a thread of gRPC's: to drop
// a channel's last reference there would have gRPC end the very thread that does it.
class AuthRequests {
 public:
  explicit AuthRequests(const AuthRequestsOptions& options);
  ~AuthRequests() { Close(); }

  // Runs `work` on the thread; one at a time is asked for. Not at all once closed.
  void OnThread(std::function<void()> work);

  // Makes `flight` ready for take-off in place of the one before it; `stub` then sends it. False:
  // closed, send nothing.
  bool Prepare(const std::shared_ptr<Flight>& flight);
  v1::AuthService::Stub& stub() { return *stub_; }

  // Abandons the request in flight, waits until its answer can no longer be taken and until the
  // work on the thread has returned; then lets go of the channel.
  void Close();

 private:
  void Run();

  AuthRequestsOptions options_;
  std::unique_ptr<v1::AuthService::Stub> stub_;
  const std::shared_ptr<grpc::CallCredentials> private_only_;  // null: plaintext is allowed

  Mutex mu_;
  CondVar changed_;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  std::function<void()> work_ ABSL_GUARDED_BY(mu_);  // that waits for the thread
  std::shared_ptr<Flight> flight_ ABSL_GUARDED_BY(mu_);

  std::thread thread_;  // the last member: it uses all others
};

absl::Time TimeOf(const google::protobuf::Timestamp& timestamp);

}  // namespace tessera

#endif  // TESSERA_CALLER_AUTH_REQUESTS_H_
