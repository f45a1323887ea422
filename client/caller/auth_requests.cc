#include "tessera/caller/auth_requests.h"

#include <grpcpp/channel.h>
#include <grpcpp/security/credentials.h>

#include <utility>

#include "tessera/base/clock.h"
#include "tessera/caller/transport_security.h"

namespace tessera {

void Flight::Landing::Done() {
  MutexLock lock(mu_);
  done_ = true;
  changed_.NotifyAll();
}

void Flight::Landing::Await() {
  MutexLock lock(mu_);
  while (!done_) changed_.Wait(mu_);
}

AuthRequests::AuthRequests(const AuthRequestsOptions& options)
    : options_(options),
      stub_(v1::AuthService::NewStub(options.auth_server)),
      private_only_(options.allow_plaintext ? nullptr : OverPrivateConnection({})),
      thread_([this] { Run(); }) {}

void AuthRequests::OnThread(std::function<void()> work) {
  MutexLock lock(mu_);
  work_ = std::move(work);
  changed_.NotifyOne();
}

void AuthRequests::Run() {
  while (true) {
    std::function<void()> work;
    {
      MutexLock lock(mu_);
      while (!closed_ && work_ == nullptr) changed_.Wait(mu_);
      if (closed_) return;
      work = std::exchange(work_, nullptr);
    }
    work();
  }
}

bool AuthRequests::Prepare(const std::shared_ptr<Flight>& flight) {
  flight->context.set_deadline(absl::ToChronoTime(SystemClock().Now() + options_.request_timeout));
  if (private_only_ != nullptr) flight->context.set_credentials(private_only_);
  // A channel that failed before waits up to two minutes; this one tries again when it is asked.
  grpc::experimental::ChannelResetConnectionBackoff(options_.auth_server.get());
  std::shared_ptr<Flight> before;
  {
    MutexLock lock(mu_);
    if (closed_) return false;
    before = std::exchange(flight_, flight);
  }
  if (before != nullptr) before->landing->Await();  // its answer has come: a matter of moments
  return true;
}

void AuthRequests::Close() {
  std::shared_ptr<Flight> flight;
  {
    MutexLock lock(mu_);
    if (closed_) return;
    closed_ = true;
    flight = flight_;
    changed_.NotifyOne();
  }
  if (flight != nullptr) flight->context.TryCancel();
  thread_.join();
  if (flight != nullptr) flight->landing->Await();
  MutexLock lock(mu_);
  flight_.reset();
  stub_.reset();
  options_.auth_server.reset();
}

absl::Time TimeOf(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

}  // namespace tessera
