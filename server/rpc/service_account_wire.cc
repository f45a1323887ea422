#include "server/rpc/service_account_wire.h"

#include <string_view>
#include <vector>

#include "server/rpc/to_wire.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

// A duration on the wire beyond this is refused before it is counted with.
constexpr int64_t kMaxDurationSeconds = int64_t{366} * 24 * 60 * 60;
constexpr int32_t kNanosPerSecond = 1'000'000'000;

absl::Status CheckId(const std::string& field, const std::string& id) {
  if (id.empty()) return FieldInvalid(field, "required");
  if (id.size() > kMaxTextBytes) return FieldInvalid(field, "at most 1,024 bytes");
  return absl::OkStatus();
}

absl::Status CheckEtag(const std::string& field, const std::string& etag) {
  if (etag.size() > kMaxTextBytes) return FieldInvalid(field, "at most 1,024 bytes");
  return absl::OkStatus();
}

std::vector<std::string> ListOf(const google::protobuf::RepeatedPtrField<std::string>& list) {
  return {list.begin(), list.end()};
}

absl::StatusOr<storage::ServiceAccountState> State(v1::ServiceAccountState state) {
  switch (state) {
    case v1::SERVICE_ACCOUNT_STATE_ACTIVE:
      return storage::ServiceAccountState::kActive;
    case v1::SERVICE_ACCOUNT_STATE_DISABLED:
      return storage::ServiceAccountState::kDisabled;
    default:
      return FieldInvalid("service_account.state",
                          "SERVICE_ACCOUNT_STATE_ACTIVE or SERVICE_ACCOUNT_STATE_DISABLED");
  }
}

v1::ServiceAccountState WireState(storage::ServiceAccountState state) {
  switch (state) {
    case storage::ServiceAccountState::kActive:
      return v1::SERVICE_ACCOUNT_STATE_ACTIVE;
    case storage::ServiceAccountState::kDisabled:
      return v1::SERVICE_ACCOUNT_STATE_DISABLED;
  }
  return v1::SERVICE_ACCOUNT_STATE_UNSPECIFIED;
}

absl::Status TakePath(const std::string& path, const v1::ServiceAccount& account,
                      ServiceAccountFields& fields) {
  if (path == "state") {
    TESSERA_ASSIGN_OR_RETURN(fields.state, State(account.state()));
  } else if (path == "description") {
    fields.description = account.description();
  } else if (path == "roles") {
    fields.roles = ListOf(account.roles());
  } else if (path == "audiences") {
    fields.audiences = ListOf(account.audiences());
  } else if (path == "served_audiences") {
    fields.served_audiences = ListOf(account.served_audiences());
  } else if (path == "scopes") {
    fields.scopes = ListOf(account.scopes());
  } else if (path == "public_jwks_json") {
    fields.public_jwks = account.public_jwks_json();
  } else if (path == "certificate_names") {
    fields.certificate_names = ListOf(account.certificate_names());
  } else if (path == "kubernetes_names") {
    fields.kubernetes_names = ListOf(account.kubernetes_names());
  } else {
    return FieldInvalid("update_mask",
                        "description, state, roles, audiences, served_audiences, scopes, "
                        "public_jwks_json, certificate_names, kubernetes_names");
  }
  return absl::OkStatus();
}

absl::StatusOr<absl::Duration> DurationOf(const std::string& field,
                                          const google::protobuf::Duration& wire) {
  const bool sane = wire.seconds() >= 0 && wire.seconds() <= kMaxDurationSeconds &&
                    wire.nanos() >= 0 && wire.nanos() < kNanosPerSecond;
  if (!sane) return FieldInvalid(field, "0 to 30 days");
  return absl::Seconds(wire.seconds()) + absl::Nanoseconds(wire.nanos());
}

void WriteList(const std::vector<std::string>& list,
               google::protobuf::RepeatedPtrField<std::string>* wire) {
  wire->Assign(list.begin(), list.end());
}

void Write(const storage::ServiceSecret& secret, v1::ServiceAccountSecret* wire) {
  wire->set_id(secret.id.str());
  server::Write(secret.created_at, wire->mutable_create_time());
  if (secret.expires_at.has_value()) {
    server::Write(*secret.expires_at, wire->mutable_expire_time());
  }
}

}  // namespace

absl::StatusOr<NewServiceAccount> Parse(const v1::CreateServiceAccountRequest& request) {
  const v1::ServiceAccount& account = request.service_account();
  TESSERA_RETURN_IF_ERROR(CheckId("service_account.name", account.name()));
  NewServiceAccount input;
  input.name = account.name();
  input.without_secret = request.without_secret();
  for (const char* path : {"description", "roles", "audiences", "served_audiences", "scopes",
                           "public_jwks_json", "certificate_names", "kubernetes_names"}) {
    TESSERA_RETURN_IF_ERROR(TakePath(path, account, input.fields));
  }
  if (account.state() != v1::SERVICE_ACCOUNT_STATE_UNSPECIFIED) {
    TESSERA_RETURN_IF_ERROR(TakePath("state", account, input.fields));
  }
  return input;
}

absl::StatusOr<PageInput> Parse(const v1::ListServiceAccountsRequest& request) {
  TESSERA_RETURN_IF_ERROR(CheckEtag("page_token", request.page_token()));
  return PageInput{request.page_size(), request.page_token()};
}

absl::StatusOr<ServiceAccountChange> Parse(const v1::UpdateServiceAccountRequest& request) {
  const v1::ServiceAccount& account = request.service_account();
  TESSERA_RETURN_IF_ERROR(CheckId("service_account.id", account.id()));
  TESSERA_RETURN_IF_ERROR(CheckEtag("service_account.etag", account.etag()));
  if (request.update_mask().paths().empty()) return FieldInvalid("update_mask", "required");
  ServiceAccountChange change;
  change.id = ServiceId(account.id());
  change.etag = account.etag();
  for (const std::string& path : request.update_mask().paths()) {
    TESSERA_RETURN_IF_ERROR(TakePath(path, account, change.fields));
  }
  return change;
}

absl::StatusOr<DeleteServiceAccountInput> Parse(const v1::DeleteServiceAccountRequest& request) {
  TESSERA_RETURN_IF_ERROR(CheckId("service_account_id", request.service_account_id()));
  TESSERA_RETURN_IF_ERROR(CheckEtag("etag", request.etag()));
  return DeleteServiceAccountInput{ServiceId(request.service_account_id()), request.etag()};
}

absl::StatusOr<SecretRotation> Parse(const v1::RotateServiceAccountSecretRequest& request) {
  TESSERA_RETURN_IF_ERROR(CheckId("service_account_id", request.service_account_id()));
  TESSERA_ASSIGN_OR_RETURN(const absl::Duration keep_old_for,
                           DurationOf("keep_old_for", request.keep_old_for()));
  return SecretRotation{ServiceId(request.service_account_id()), keep_old_for};
}

void Write(const ServiceAccountView& view, v1::ServiceAccount* wire) {
  const storage::ServiceAccount& account = view.account;
  wire->set_id(account.id.str());
  wire->set_name(account.name);
  wire->set_description(account.description);
  wire->set_state(WireState(account.state));
  for (const storage::Role& role : account.roles) wire->add_roles(role.name);
  WriteList(account.audiences, wire->mutable_audiences());
  WriteList(account.served_audiences, wire->mutable_served_audiences());
  WriteList(account.scopes, wire->mutable_scopes());
  wire->set_public_jwks_json(account.public_jwks);
  WriteList(account.certificate_names, wire->mutable_certificate_names());
  WriteList(account.kubernetes_names, wire->mutable_kubernetes_names());
  for (const storage::ServiceSecret& secret : view.secrets) Write(secret, wire->add_secrets());
  Write(account.created_at, wire->mutable_create_time());
  Write(account.updated_at, wire->mutable_update_time());
  wire->set_etag(EtagOf(account));
}

void Write(const CreatedServiceAccount& created, v1::CreateServiceAccountResponse* wire) {
  Write(created.view, wire->mutable_service_account());
  wire->set_secret(std::string(created.secret.Reveal()));
}

void Write(const ServiceAccountFacade::Page& page, v1::ListServiceAccountsResponse* wire) {
  for (const ServiceAccountView& view : page.accounts) Write(view, wire->add_service_accounts());
  wire->set_next_page_token(page.next_page_token);
}

void Write(const RotatedSecret& rotated, v1::RotateServiceAccountSecretResponse* wire) {
  wire->set_secret(std::string(rotated.secret.Reveal()));
  Write(rotated.info, wire->mutable_info());
}

}  // namespace tessera::server
