// FakeTesserad's methods on service accounts.
#include "absl/strings/str_cat.h"
#include "tests/cli/fake_tesserad.h"

namespace tessera::testing {

using namespace tessera::v1;  // NOLINT(google-build-using-namespace): requests and responses only

grpc::Status FakeTesserad::CreateServiceAccount(grpc::ServerContext* context,
                                                const CreateServiceAccountRequest* request,
                                                CreateServiceAccountResponse* response) {
  MutexLock lock(mu_);
  const grpc::Status admission = Admit(context, "CreateServiceAccount");
  if (!admission.ok()) return admission;
  ServiceAccount account = request->service_account();
  account.set_id(RandomId("svc_", clock_.Now()));
  account.set_state(SERVICE_ACCOUNT_STATE_ACTIVE);
  account.set_etag("v1");
  if (!request->without_secret()) {
    account.add_secrets()->set_id("sec_1");
    response->set_secret(kServiceSecret);
  }
  services_.push_back(account);
  *response->mutable_service_account() = account;
  return grpc::Status::OK;
}

// One a page.
grpc::Status FakeTesserad::ListServiceAccounts(grpc::ServerContext* context,
                                               const ListServiceAccountsRequest* request,
                                               ListServiceAccountsResponse* response) {
  MutexLock lock(mu_);
  const grpc::Status admission = Admit(context, "ListServiceAccounts");
  if (!admission.ok()) return admission;
  const size_t at = request->page_token().empty() ? 0 : std::stoul(request->page_token());
  if (at < services_.size()) *response->add_service_accounts() = services_[at];
  if (at + 1 < services_.size()) response->set_next_page_token(absl::StrCat(at + 1));
  return grpc::Status::OK;
}

grpc::Status FakeTesserad::UpdateServiceAccount(grpc::ServerContext* context,
                                                const UpdateServiceAccountRequest* request,
                                                UpdateServiceAccountResponse* response) {
  MutexLock lock(mu_);
  const grpc::Status admission =
      Admit(context, "UpdateServiceAccount " + request->service_account().id());
  if (!admission.ok()) return admission;
  last_update_mask_.clear();
  for (const std::string& path : request->update_mask().paths()) {
    absl::StrAppend(&last_update_mask_, last_update_mask_.empty() ? "" : ",", path);
  }
  *response->mutable_service_account() = request->service_account();
  return grpc::Status::OK;
}

grpc::Status FakeTesserad::DeleteServiceAccount(grpc::ServerContext* context,
                                                const DeleteServiceAccountRequest* request,
                                                DeleteServiceAccountResponse*) {
  MutexLock lock(mu_);
  return Admit(context, "DeleteServiceAccount " + request->service_account_id());
}

grpc::Status FakeTesserad::RotateServiceAccountSecret(
    grpc::ServerContext* context, const RotateServiceAccountSecretRequest* request,
    RotateServiceAccountSecretResponse* response) {
  MutexLock lock(mu_);
  const grpc::Status admission =
      Admit(context, absl::StrCat("RotateServiceAccountSecret ", request->service_account_id(), " ",
                                  request->keep_old_for().seconds()));
  if (!admission.ok()) return admission;
  response->set_secret(kServiceSecret);
  response->mutable_info()->set_id("sec_2");
  return grpc::Status::OK;
}

}  // namespace tessera::testing
