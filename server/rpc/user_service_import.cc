// RegisterUser and ImportUsers.
#include <utility>

#include "server/rpc/from_wire.h"
#include "server/rpc/to_wire.h"
#include "server/rpc/user_import_wire.h"
#include "server/rpc/user_service.h"

namespace tessera::server {
namespace {

// An import whose hashes are wrapped, on its way to the store.
struct HashedImportInput {
  HashedImport import;
  bool validate_only = false;
};

absl::StatusOr<HashedImportInput> HashAll(const UserImport& imports, const CallInfo& call,
                                          ImportInput input, const CallerGone& gone) {
  absl::StatusOr<HashedImport> hashed = imports.Hash(call, std::move(input.users), gone);
  if (!hashed.ok()) return hashed.status();
  return HashedImportInput{*std::move(hashed), input.validate_only};
}

// What is asked, if it may be.
absl::StatusOr<CreateUserInput> CheckedRegistration(const UserFacade& users,
                                                    absl::StatusOr<CreateUserInput> input) {
  if (!input.ok()) return input;
  absl::StatusOr<NewUser> user = users.CheckRegistration(std::move(input->user));
  if (!user.ok()) return user.status();
  input->user = *std::move(user);
  return input;
}

}  // namespace

UserService::Reactor* UserService::RegisterUser(Context* context,
                                                const v1::RegisterUserRequest* request,
                                                v1::RegisterUserResponse* response) {
  const UserFacade& users = parts_.users;
  return Run(Begin(*context), CheckedRegistration(users, Parse(*request)))
      .On(parts_.lanes.hashing,
          [&users](const CallInfo& call, CreateUserInput input) {
            return users.HashRegistration(call, std::move(input.user), input.password);
          })
      .On(parts_.lanes.database,
          [&users](const CallInfo& call, const HashedNewUser& user) {
            return users.Register(call, user);
          })
      .Answer([response](const storage::User& user) { Write(user, response->mutable_user()); });
}

UserService::Reactor* UserService::ImportUsers(Context* context,
                                               const v1::ImportUsersRequest* request,
                                               v1::ImportUsersResponse* response) {
  const UserImport& imports = parts_.imports;
  // The context is there until the call is finished, which is behind every step.
  const auto gone = [context] { return context->IsCancelled(); };
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.hashing,
          [&imports, gone](const CallInfo& call, ImportInput input) {
            return HashAll(imports, call, std::move(input), gone);
          })
      .On(parts_.lanes.database,
          [&imports, gone, actor = CallerOf(*context)](const CallInfo& call,
                                                       const HashedImportInput& input) {
            return input.validate_only ? imports.Check(call, input.import, gone)
                                       : imports.Add(call, actor, input.import, gone);
          })
      .Answer([response, &log = parts_.log](const std::vector<ImportOutcome>& outcomes) {
        Write(outcomes, log, response);
      });
}

}  // namespace tessera::server
