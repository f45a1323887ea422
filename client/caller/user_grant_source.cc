#include "tessera/caller/user_grant_source.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tessera/base/reason.h"
#include "tessera/base/session_end.h"
#include "tessera/caller/auth_failure.h"
#include "tessera/caller/reason.h"
#include "tessera/token/bearer_token.h"

namespace tessera {

namespace {

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

// Nobody is there who could look at an authenticator.
absl::Status Challenged() {
  return Refusal(absl::StatusCode::kUnauthenticated, reason::kStepUpRequired,
                 "the login failed: the user has a second factor, which a program cannot show; "
                 "use a service account");
}

}  // namespace

void UserGrantSource::Login(GrantDone done) {
  requests_.OnThread([this, done = std::move(done)] {
    const absl::StatusOr<Secret> password = login_.password();
    if (!password.ok()) return done(NoPassword(password.status()));
    SendLogin(*password, done);
  });
}

void UserGrantSource::Keep(std::string device_proof) {
  if (device_proof.empty()) return;
  MutexLock lock(mu_);
  device_proof_ = Secret(std::move(device_proof));
}

std::string UserGrantSource::DeviceProof() const {
  MutexLock lock(mu_);
  return std::string(device_proof_.Reveal());
}

void UserGrantSource::SendLogin(const Secret& password, const GrantDone& done) {
  const auto flight = std::make_shared<AuthExchange<v1::LoginRequest, v1::LoginResponse>>();
  auto* const call = flight.get();
  call->request.set_username(login_.username);
  call->request.set_password(std::string(password.Reveal()));
  call->request.set_audience(login_.audience);
  call->request.set_device_id(std::string(login_.device_id.Reveal()));
  call->request.set_device_proof(DeviceProof());
  call->request.set_device_label(login_.device_label);
  call->request.mutable_scopes()->Assign(login_.scopes.begin(), login_.scopes.end());
  call->request.set_include_groups(login_.include_groups);
  if (!requests_.Prepare(flight)) return;
  requests_.stub().async()->Login(
      &call->context, &call->request, &call->response,
      call->Then([this, call, done](const grpc::Status& status) {
        const Secret sent(std::move(*call->request.mutable_password()));
        WipeString(*call->request.mutable_device_id());
        if (!status.ok()) return done(AuthFailure("login", status, sent));
        if (call->response.has_challenge()) return done(Challenged());
        Keep(std::move(*call->response.mutable_grant()->mutable_device_proof()));
        done(TakeGrant(*call->response.mutable_grant()));
      }));
}

void UserGrantSource::Renew(const Grant& held, GrantDone done) {
  const auto flight =
      std::make_shared<AuthExchange<v1::RenewTokenRequest, v1::RenewTokenResponse>>();
  auto* const call = flight.get();
  call->request.set_refresh_token(std::string(held.refresh_token.Reveal()));
  call->request.set_access_token(std::string(held.access_token.Reveal()));
  call->request.set_device_id(std::string(login_.device_id.Reveal()));
  if (!requests_.Prepare(flight)) return;
  requests_.stub().async()->RenewToken(
      &call->context, &call->request, &call->response,
      call->Then([call, done](const grpc::Status& status) {
        const Secret sent(std::move(*call->request.mutable_refresh_token()));
        WipeString(*call->request.mutable_access_token());
        WipeString(*call->request.mutable_device_id());
        if (!status.ok()) return done(SessionFailure("renewal", status, sent));
        done(TakeGrant(*call->response.mutable_grant()));
      }));
}

void UserGrantSource::Logout(const Secret& refresh_token, Done done) {
  const auto flight = std::make_shared<AuthExchange<v1::LogoutRequest, v1::LogoutResponse>>();
  auto* const call = flight.get();
  call->request.set_refresh_token(std::string(refresh_token.Reveal()));
  if (!requests_.Prepare(flight)) return;
  requests_.stub().async()->Logout(
      &call->context, &call->request, &call->response,
      call->Then([call, done](const grpc::Status& status) {
        const Secret sent(std::move(*call->request.mutable_refresh_token()));
        if (status.ok()) return done(absl::OkStatus());
        const absl::Status failure = SessionFailure("logout", status, sent);
        done(absl::IsUnauthenticated(failure) ? absl::OkStatus() : failure);
      }));
}

}  // namespace tessera
