#include <utility>

#include "server/rpc/password_wire.h"
#include "server/rpc/user_service.h"

namespace tessera::server {

UserService::Reactor* UserService::ResetPassword(Context* context,
                                                 const v1::ResetPasswordRequest* request,
                                                 v1::ResetPasswordResponse* response) {
  const PasswordResets& resets = parts_.resets;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&resets, actor = CallerOf(*context)](const CallInfo& call, const UserId& user) {
            return resets.Issue(call, actor, user);
          })
      .Answer([response](const IssuedReset& reset) { Write(reset, response); });
}

UserService::Reactor* UserService::CompletePasswordReset(
    Context* context, const v1::CompletePasswordResetRequest* request,
    v1::CompletePasswordResetResponse*) {
  const PasswordResets& resets = parts_.resets;
  return Run(Begin(*context), Parse(*request))
      .Here([&resets](const CallInfo& call, ResetInput input) {
        return resets.Screen(call, std::move(input));
      })
      .On(parts_.lanes.database,
          [&resets](const CallInfo& call, ResetInput input) {
            return resets.Check(call, std::move(input));
          })
      .On(parts_.lanes.hashing,
          [&resets](const CallInfo& call, CheckedReset reset) {
            return resets.Hash(call, std::move(reset));
          })
      .On(parts_.lanes.database,
          [&resets](const CallInfo& call, const CheckedReset& reset) {
            return resets.Store(call, reset);
          })
      .Answer([](const Nothing&) {});
}

}  // namespace tessera::server
