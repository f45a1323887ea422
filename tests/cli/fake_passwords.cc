// FakeTesserad's methods on password resets.
#include "tests/cli/fake_tesserad.h"

namespace tessera::testing {

using namespace tessera::v1;  // NOLINT(google-build-using-namespace): requests and responses only

grpc::Status FakeTesserad::ResetPassword(grpc::ServerContext* context,
                                         const ResetPasswordRequest* request,
                                         ResetPasswordResponse* response) {
  MutexLock lock(mu_);
  const grpc::Status admission = Admit(context, "ResetPassword " + request->user_id());
  if (!admission.ok()) return admission;
  response->set_reset_token(kResetToken);
  response->mutable_expire_time()->set_seconds(1'900'003'600);
  return grpc::Status::OK;
}

// Once, as alice's.
grpc::Status FakeTesserad::CompletePasswordReset(grpc::ServerContext*,
                                                 const CompletePasswordResetRequest* request,
                                                 CompletePasswordResetResponse*) {
  MutexLock lock(mu_);
  if (request->reset_token() != kResetToken || password_ != kPassword) {
    return {grpc::StatusCode::UNAUTHENTICATED,
            "RESET_TOKEN_INVALID: the reset token is unknown, used or too old"};
  }
  password_ = request->new_password();
  for (auto& [id, session] : sessions_) session.ended = true;
  return grpc::Status::OK;
}

}  // namespace tessera::testing
