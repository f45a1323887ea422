#include "tessera/caller/user_grant_source.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/security/credentials.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tessera/base/reason.h"
#include "tessera/base/session_end.h"
#include "tessera/caller/auth_failure.h"
#include "tessera/caller/reason.h"
#include "tessera/caller/transport_security.h"
#include "tessera/token/bearer_token.h"

namespace tessera {

class UserGrantSource::Flight {
 public:
  virtual ~Flight() = default;

  grpc::ClientContext context;

  // Shared with the callback, which signals the end of its work by it, and owns nothing else.
  class Landing {
   public:
    void Done() {
      MutexLock lock(mu_);
      done_ = true;
      changed_.NotifyAll();
    }
    void Await() {
      MutexLock lock(mu_);
      while (!done_) changed_.Wait(mu_);
    }

   private:
    Mutex mu_;
    CondVar changed_;
    bool done_ ABSL_GUARDED_BY(mu_) = false;
  };
  const std::shared_ptr<Landing> landing = std::make_shared<Landing>();
};

namespace {

// A request and everything that must live until it is answered.
template <typename Request, typename Response>
struct Exchange final : UserGrantSource::Flight {
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

absl::Time TimeOf(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

absl::StatusOr<Grant> TakeGrant(v1::TokenGrant& from) {
  if (!IsBearerToken(from.access_token()) || from.refresh_token().empty()) {
    return absl::FailedPreconditionError("the auth server's answer holds no usable grant");
  }
  Grant grant;
  grant.access_token = Secret(std::move(*from.mutable_access_token()));
  grant.access_expires_at = TimeOf(from.access_expires_at());
  grant.refresh_token = Secret(std::move(*from.mutable_refresh_token()));
  grant.refresh_expires_at = TimeOf(from.refresh_expires_at());
  grant.session_id = from.session_id();
  return grant;
}

// As AuthFailure. A refusal of a session without a reason of tesserad's, as a proxy gives it, is no
// answer: the request may be made again.
absl::Status SessionFailure(std::string_view what, const grpc::Status& status, const Secret& sent) {
  if (status.error_code() != grpc::StatusCode::UNAUTHENTICATED || IsSessionEnd(ReasonOf(status))) {
    return AuthFailure(what, status, sent);
  }
  return AuthFailure(
      what,
      grpc::Status(grpc::StatusCode::UNAVAILABLE, status.error_message(), status.error_details()),
      sent);
}

absl::Status NoPassword(const absl::Status& cause) {
  const auto code = absl::IsUnavailable(cause) ? cause.code() : absl::StatusCode::kUnauthenticated;
  return Refusal(
      code, reason::kPasswordSource,
      absl::StrCat("the password source answered ", absl::StatusCodeToString(cause.code())));
}

}  // namespace

UserGrantSource::UserGrantSource(const UserGrantOptions& options)
    : options_(options),
      stub_(v1::AuthService::NewStub(options.auth_server)),
      private_only_(options.allow_plaintext ? nullptr : OverPrivateConnection(Secret())),
      thread_([this] { Run(); }) {}

void UserGrantSource::Login(GrantDone done) {
  MutexLock lock(mu_);
  wanted_ = std::move(done);
  changed_.NotifyOne();
}

void UserGrantSource::Run() {
  while (true) {
    GrantDone done;
    {
      MutexLock lock(mu_);
      while (!closed_ && wanted_ == nullptr) changed_.Wait(mu_);
      if (closed_) return;
      done = std::exchange(wanted_, nullptr);
    }
    const absl::StatusOr<Secret> password = options_.login.password();
    if (password.ok()) {
      SendLogin(*password, done);
    } else {
      done(NoPassword(password.status()));
    }
  }
}

void UserGrantSource::SendLogin(const Secret& password, const GrantDone& done) {
  const auto flight = std::make_shared<Exchange<v1::LoginRequest, v1::LoginResponse>>();
  auto* const call = flight.get();
  call->request.set_username(options_.login.username);
  call->request.set_password(std::string(password.Reveal()));
  call->request.set_audience(options_.login.audience);
  if (!Prepare(flight)) return;
  stub_->async()->Login(&call->context, &call->request, &call->response,
                        call->Then([call, done](const grpc::Status& status) {
                          const Secret sent(std::move(*call->request.mutable_password()));
                          if (!status.ok()) return done(AuthFailure("login", status, sent));
                          done(TakeGrant(*call->response.mutable_grant()));
                        }));
}

void UserGrantSource::Renew(const Secret& refresh_token, GrantDone done) {
  const auto flight = std::make_shared<Exchange<v1::RenewTokenRequest, v1::RenewTokenResponse>>();
  auto* const call = flight.get();
  call->request.set_refresh_token(std::string(refresh_token.Reveal()));
  if (!Prepare(flight)) return;
  stub_->async()->RenewToken(&call->context, &call->request, &call->response,
                             call->Then([call, done](const grpc::Status& status) {
                               const Secret sent(std::move(*call->request.mutable_refresh_token()));
                               if (!status.ok())
                                 return done(SessionFailure("renewal", status, sent));
                               done(TakeGrant(*call->response.mutable_grant()));
                             }));
}

void UserGrantSource::Logout(const Secret& refresh_token, Done done) {
  const auto flight = std::make_shared<Exchange<v1::LogoutRequest, v1::LogoutResponse>>();
  auto* const call = flight.get();
  call->request.set_refresh_token(std::string(refresh_token.Reveal()));
  if (!Prepare(flight)) return;
  stub_->async()->Logout(&call->context, &call->request, &call->response,
                         call->Then([call, done](const grpc::Status& status) {
                           const Secret sent(std::move(*call->request.mutable_refresh_token()));
                           if (status.ok()) return done(absl::OkStatus());
                           const absl::Status failure = SessionFailure("logout", status, sent);
                           done(absl::IsUnauthenticated(failure) ? absl::OkStatus() : failure);
                         }));
}

bool UserGrantSource::Prepare(const std::shared_ptr<Flight>& flight) {
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

void UserGrantSource::Close() {
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

}  // namespace tessera
