// FakeTesserad's methods that let people register and import users.
#include "tests/cli/fake_tesserad.h"

namespace tessera::testing {

using namespace tessera::v1;  // NOLINT(google-build-using-namespace): requests and responses only

grpc::Status FakeTesserad::RegisterUser(grpc::ServerContext* context,
                                        const RegisterUserRequest* request,
                                        RegisterUserResponse* response) {
  MutexLock lock(mu_);
  requests_.push_back("RegisterUser " + request->request_id());
  if (context->client_metadata().count("authorization") > 0) {
    return {grpc::StatusCode::INTERNAL, "a token was sent where none is asked for"};
  }
  *response->mutable_user() = request->user();
  response->mutable_user()->set_id("usr_registered");
  return grpc::Status::OK;
}

ErrorReason FakeTesserad::Judge(const ImportedUser& user) {
  if (user.user().username() == "down") return ERROR_REASON_STORAGE_UNAVAILABLE;
  if (user.user().username().find(' ') != std::string::npos) return ERROR_REASON_FIELD_INVALID;
  return imported_.count(user.user().username()) > 0 ? ERROR_REASON_USERNAME_TAKEN
                                                     : ERROR_REASON_UNSPECIFIED;
}

grpc::Status FakeTesserad::ImportUsers(grpc::ServerContext* context,
                                       const ImportUsersRequest* request,
                                       ImportUsersResponse* response) {
  MutexLock lock(mu_);
  const grpc::Status admission = Admit(context, "ImportUsers");
  if (!admission.ok()) return admission;
  bool down = false;
  for (const ImportedUser& user : request->users()) {
    ImportedUserResult* result = response->add_results();
    const ErrorReason reason = down ? ERROR_REASON_STORAGE_UNAVAILABLE : Judge(user);
    down = reason == ERROR_REASON_STORAGE_UNAVAILABLE;
    result->set_reason(reason);
    if (reason != ERROR_REASON_UNSPECIFIED) {
      result->set_message("why \x1b not");
    } else if (!request->validate_only()) {
      imported_[user.user().username()] = user;
      result->set_user_id("usr_imported");
    }
  }
  return grpc::Status::OK;
}

std::map<std::string, ImportedUser> FakeTesserad::imported() const {
  MutexLock lock(mu_);
  return imported_;
}

ListUsersRequest FakeTesserad::last_listing() const {
  MutexLock lock(mu_);
  return last_listing_;
}

}  // namespace tessera::testing
