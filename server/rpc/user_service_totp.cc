#include "server/rpc/second_factor_wire.h"
#include "server/rpc/user_service.h"

namespace tessera::server {

UserService::Reactor* UserService::EnrollTotp(Context* context, const v1::EnrollTotpRequest*,
                                              v1::EnrollTotpResponse* response) {
  const SecondFactorFacade& factors = parts_.factors;
  return Run(Begin(*context), absl::StatusOr<UserId>(CallerOf(*context)))
      .On(parts_.lanes.database,
          [&factors](const CallInfo& call, const UserId& user) {
            return factors.Enroll(call, user);
          })
      .Answer([response](const TotpEnrolment& enrolment) { Write(enrolment, response); });
}

UserService::Reactor* UserService::ConfirmTotp(Context* context,
                                               const v1::ConfirmTotpRequest* request,
                                               v1::ConfirmTotpResponse* response) {
  const SecondFactorFacade& factors = parts_.factors;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&factors, user = CallerOf(*context)](const CallInfo& call, const Secret& code) {
            return factors.Confirm(call, user, code);
          })
      .Answer([response](const std::vector<Secret>& codes) { Write(codes, response); });
}

UserService::Reactor* UserService::DisableTotp(Context* context, const v1::DisableTotpRequest*,
                                               v1::DisableTotpResponse*) {
  const SecondFactorFacade& factors = parts_.factors;
  return Run(Begin(*context), absl::StatusOr<UserId>(CallerOf(*context)))
      .On(parts_.lanes.database,
          [&factors](const CallInfo& call, const UserId& user) {
            return factors.Disable(call, user);
          })
      .Answer([](const Nothing&) {});
}

UserService::Reactor* UserService::RegenerateRecoveryCodes(
    Context* context, const v1::RegenerateRecoveryCodesRequest*,
    v1::RegenerateRecoveryCodesResponse* response) {
  const SecondFactorFacade& factors = parts_.factors;
  return Run(Begin(*context), absl::StatusOr<UserId>(CallerOf(*context)))
      .On(parts_.lanes.database,
          [&factors](const CallInfo& call, const UserId& user) {
            return factors.RegenerateCodes(call, user);
          })
      .Answer([response](const std::vector<Secret>& codes) { Write(codes, response); });
}

UserService::Reactor* UserService::ResetTotp(Context* context, const v1::ResetTotpRequest* request,
                                             v1::ResetTotpResponse*) {
  const SecondFactorFacade& factors = parts_.factors;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&factors, actor = CallerOf(*context)](const CallInfo& call, const UserId& user) {
            return factors.Reset(call, actor, user);
          })
      .Answer([](const Nothing&) {});
}

}  // namespace tessera::server
