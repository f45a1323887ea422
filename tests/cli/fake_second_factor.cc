// FakeTesserad's methods on second factors.
#include "tests/cli/fake_tesserad.h"

namespace tessera::testing {

using namespace tessera::v1;  // NOLINT(google-build-using-namespace): requests and responses only

namespace {

grpc::Status CodeWrong() {
  return {grpc::StatusCode::UNAUTHENTICATED, "CODE_WRONG: the code is wrong, or was used before"};
}

template <typename Request>
bool IsRight(const Request& request) {
  return request.totp_code() == kTotpCode || request.recovery_code() == kRecoveryCode;
}

}  // namespace

void FakeTesserad::AskForCodes() {
  MutexLock lock(mu_);
  asks_for_codes_ = true;
}

grpc::Status FakeTesserad::CompleteLogin(grpc::ServerContext*, const CompleteLoginRequest* request,
                                         CompleteLoginResponse* response) {
  if (request->challenge_token() != "tsc_challenge") {
    return {grpc::StatusCode::UNAUTHENTICATED, "CHALLENGE_INVALID: log in again"};
  }
  if (!IsRight(*request)) return CodeWrong();
  *response->mutable_grant() = OpenSession("alice", "tessera");
  MutexLock lock(mu_);
  ++counts_.logins;
  return grpc::Status::OK;
}

grpc::Status FakeTesserad::EnrollTotp(grpc::ServerContext* context,
                                      const EnrollTotpRequest* request,
                                      EnrollTotpResponse* response) {
  MutexLock lock(mu_);
  grpc::Status admission = Admit(context, "EnrollTotp");
  if (!admission.ok()) return admission;
  if (request->password() != kPassword) {
    return {grpc::StatusCode::UNAUTHENTICATED, "BAD_CREDENTIALS: the password is wrong"};
  }
  response->set_secret(kTotpSecret);
  response->set_otpauth_uri("otpauth://totp/tessera:alice?secret=" + std::string(kTotpSecret));
  return grpc::Status::OK;
}

grpc::Status FakeTesserad::ConfirmTotp(grpc::ServerContext* context,
                                       const ConfirmTotpRequest* request,
                                       ConfirmTotpResponse* response) {
  MutexLock lock(mu_);
  grpc::Status admission = Admit(context, "ConfirmTotp");
  if (!admission.ok()) return admission;
  if (request->totp_code() != kTotpCode) return CodeWrong();
  response->add_recovery_codes(kRecoveryCode);
  response->set_device_proof("tsd_confirmed");
  for (auto& [id, session] : sessions_) session.ended = true;
  return grpc::Status::OK;
}

grpc::Status FakeTesserad::DisableTotp(grpc::ServerContext* context,
                                       const DisableTotpRequest* request,
                                       DisableTotpResponse* response) {
  MutexLock lock(mu_);
  grpc::Status admission = Admit(context, "DisableTotp");
  if (!admission.ok()) return admission;
  if (!IsRight(*request)) return CodeWrong();
  response->set_device_proof("tsd_disabled");
  for (auto& [id, session] : sessions_) session.ended = true;
  return grpc::Status::OK;
}

grpc::Status FakeTesserad::RegenerateRecoveryCodes(grpc::ServerContext* context,
                                                   const RegenerateRecoveryCodesRequest* request,
                                                   RegenerateRecoveryCodesResponse* response) {
  MutexLock lock(mu_);
  grpc::Status admission = Admit(context, "RegenerateRecoveryCodes");
  if (!admission.ok()) return admission;
  if (!IsRight(*request)) return CodeWrong();
  response->add_recovery_codes(kRecoveryCode);
  return grpc::Status::OK;
}

grpc::Status FakeTesserad::ResetTotp(grpc::ServerContext* context, const ResetTotpRequest* request,
                                     ResetTotpResponse*) {
  MutexLock lock(mu_);
  grpc::Status admission = Admit(context, "ResetTotp");
  if (!admission.ok()) return admission;
  if (users_.count(request->user_id()) > 0) return grpc::Status::OK;
  return {grpc::StatusCode::NOT_FOUND, "USER_NOT_FOUND: no such user"};
}

}  // namespace tessera::testing
