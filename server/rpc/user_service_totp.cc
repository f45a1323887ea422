#include <string>
#include <utility>
#include <vector>

#include "server/rpc/second_factor_wire.h"
#include "server/rpc/user_service.h"

namespace tessera::server {
namespace {

// An enrolment under way: the user as found, and the password to be checked.
struct EnrolmentStep {
  storage::User user;
  Secret password;
};

absl::StatusOr<EnrolmentStep> FindForEnrolment(const SecondFactorFacade& factors,
                                               const CallInfo& call, const UserId& id,
                                               Secret password) {
  absl::StatusOr<storage::User> user = factors.FindForEnrolment(call, id);
  if (!user.ok()) return user.status();
  return EnrolmentStep{*std::move(user), std::move(password)};
}

}  // namespace

UserService::Reactor* UserService::EnrollTotp(Context* context,
                                              const v1::EnrollTotpRequest* request,
                                              v1::EnrollTotpResponse* response) {
  const SecondFactorFacade& factors = parts_.factors;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&factors, user = CallerOf(*context)](const CallInfo& call, Secret password) {
            return FindForEnrolment(factors, call, user, std::move(password));
          })
      .On(parts_.lanes.hashing,
          [&factors](const CallInfo& call, EnrolmentStep step) {
            return factors.CheckPassword(call, std::move(step.user), step.password);
          })
      .On(parts_.lanes.database,
          [&factors](const CallInfo& call, const FactorOwner& owner) {
            return factors.Enroll(call, owner);
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
      .Answer([response](const ConfirmedFactor& confirmed) { Write(confirmed, response); });
}

UserService::Reactor* UserService::DisableTotp(Context* context,
                                               const v1::DisableTotpRequest* request,
                                               v1::DisableTotpResponse* response) {
  const SecondFactorFacade& factors = parts_.factors;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&factors, user = CallerOf(*context)](const CallInfo& call, const FactorAnswer& answer) {
            return factors.Disable(call, user, answer);
          })
      .Answer([response](const Secret& device_proof) {
        response->set_device_proof(std::string(device_proof.Reveal()));
      });
}

UserService::Reactor* UserService::RegenerateRecoveryCodes(
    Context* context, const v1::RegenerateRecoveryCodesRequest* request,
    v1::RegenerateRecoveryCodesResponse* response) {
  const SecondFactorFacade& factors = parts_.factors;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&factors, user = CallerOf(*context)](const CallInfo& call, const FactorAnswer& answer) {
            return factors.RegenerateCodes(call, user, answer);
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
