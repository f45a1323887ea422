// service-account create, list, show, update, delete, rotate-secret.
#include <fstream>
#include <optional>
#include <sstream>
#include <vector>

#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/cli/commands.h"
#include "tessera/cli/consent.h"
#include "tessera/cli/exit_code.h"
#include "tessera/cli/listing.h"
#include "tessera/cli/secret_file.h"

namespace tessera::cli {
namespace {

using namespace tessera::v1;  // NOLINT(google-build-using-namespace): requests and responses only

using Names = std::vector<std::string>;

// What an account may be given; absent: not named on the command line.
struct AccountOptions {
  std::optional<std::string> description;
  std::optional<std::string> state;
  Names roles, audiences, served_audiences, scopes, certificate_names, kubernetes_names;
  std::string public_keys_file;
  Names cleared;  // fields to empty
};

absl::StatusOr<std::string> ReadKeys(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) return UsageError("cannot read " + path);
  return text.str();
}

void Take(const Names& names, const char* field,
          google::protobuf::RepeatedPtrField<std::string>* to, google::protobuf::FieldMask& mask) {
  if (names.empty()) return;
  to->Assign(names.begin(), names.end());
  mask.add_paths(field);
}

// Fills `account` with what is named, and `mask` with the fields that are.
absl::Status TakeOptions(const AccountOptions& options, ServiceAccount& account,
                         google::protobuf::FieldMask& mask) {
  if (options.description.has_value()) {
    account.set_description(*options.description);
    mask.add_paths("description");
  }
  if (options.state.has_value()) {
    account.set_state(*options.state == "active" ? SERVICE_ACCOUNT_STATE_ACTIVE
                                                 : SERVICE_ACCOUNT_STATE_DISABLED);
    mask.add_paths("state");
  }
  Take(options.roles, "roles", account.mutable_roles(), mask);
  Take(options.audiences, "audiences", account.mutable_audiences(), mask);
  Take(options.served_audiences, "served_audiences", account.mutable_served_audiences(), mask);
  Take(options.scopes, "scopes", account.mutable_scopes(), mask);
  Take(options.certificate_names, "certificate_names", account.mutable_certificate_names(), mask);
  Take(options.kubernetes_names, "kubernetes_names", account.mutable_kubernetes_names(), mask);
  if (!options.public_keys_file.empty()) {
    TESSERA_ASSIGN_OR_RETURN(*account.mutable_public_jwks_json(),
                             ReadKeys(options.public_keys_file));
    mask.add_paths("public_jwks_json");
  }
  for (const std::string& field : options.cleared) mask.add_paths(field);
  return absl::OkStatus();
}

constexpr Listing<ListServiceAccountsRequest, ListServiceAccountsResponse, ServiceAccount>
    kAccounts = {&UserStub::ListServiceAccounts,
                 &ListServiceAccountsResponse::mutable_service_accounts, &ServiceAccountTable};

// The account named by id or name.
absl::StatusOr<ServiceAccount> Find(Invocation& invocation, const std::string& named) {
  TESSERA_ASSIGN_OR_RETURN(
      const ListServiceAccountsResponse all,
      FetchList(invocation, PageArguments(), ListServiceAccountsRequest(), kAccounts));
  for (const ServiceAccount& account : all.service_accounts()) {
    if (account.id() == named || account.name() == named) return account;
  }
  return Refusal(absl::StatusCode::kNotFound, reason::kServiceAccountNotFound,
                 "no such service account");
}

absl::StatusOr<std::string> ResolveId(Invocation& invocation, const std::string& named) {
  if (IsServiceId(named)) return named;
  TESSERA_ASSIGN_OR_RETURN(const ServiceAccount account, Find(invocation, named));
  return account.id();
}

// A secret of `answer` to its file; without one alone to standard output, where a script takes it
// from. What else there is to tell goes where the secret does not.
template <typename Answer>
absl::Status HandOver(Invocation& invocation, Answer& answer, std::optional<SecretFile>& file,
                      const Fields& fields) {
  const Secret secret(std::move(*answer.mutable_secret()));
  answer.clear_secret();
  if (file.has_value()) {
    TESSERA_RETURN_IF_ERROR(file->Fill(secret));
  } else if (invocation.json()) {
    answer.set_secret(std::string(secret.Reveal()));
  }
  if (invocation.json()) {
    invocation.PrintJson(ToJson(answer));
    WipeString(*answer.mutable_secret());
    return absl::OkStatus();
  }
  const bool shown = !file.has_value() && !secret.empty();
  if (shown) invocation.world().out << secret.Reveal() << '\n';
  PrintFields(fields, shown ? invocation.world().err : invocation.world().out);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<SecretFile>> Reserve(const std::string& path,
                                                  SecretFile::IfThere if_there) {
  if (path.empty()) return std::optional<SecretFile>();
  TESSERA_ASSIGN_OR_RETURN(SecretFile file, SecretFile::Reserve(path, if_there));
  return std::optional<SecretFile>(std::move(file));
}

struct CreateArguments {
  std::string name;
  AccountOptions options;
  bool without_secret = false;
  std::string secret_file;
};

absl::Status Create(Invocation& invocation, const CreateArguments& arguments) {
  CreateServiceAccountRequest request;
  request.mutable_service_account()->set_name(arguments.name);
  request.set_without_secret(arguments.without_secret);
  google::protobuf::FieldMask unused;
  TESSERA_RETURN_IF_ERROR(
      TakeOptions(arguments.options, *request.mutable_service_account(), unused));
  TESSERA_ASSIGN_OR_RETURN(std::optional<SecretFile> file,
                           Reserve(arguments.secret_file, SecretFile::IfThere::kRefuse));
  TESSERA_ASSIGN_OR_RETURN(CreateServiceAccountResponse answer,
                           invocation.CallUsers(&UserStub::CreateServiceAccount, request));
  return HandOver(invocation, answer, file, ServiceAccountFields(answer.service_account()));
}

absl::Status List(Invocation& invocation, const PageArguments& arguments) {
  return RunListing(invocation, arguments, ListServiceAccountsRequest(), kAccounts);
}

struct AccountArgument {
  std::string account;
};

absl::Status ShowOne(Invocation& invocation, const AccountArgument& arguments) {
  TESSERA_ASSIGN_OR_RETURN(const ServiceAccount account, Find(invocation, arguments.account));
  Show(invocation, account, ServiceAccountFields(account));
  return absl::OkStatus();
}

struct UpdateArguments {
  std::string account;
  AccountOptions options;
  std::string etag;
};

absl::Status Update(Invocation& invocation, const UpdateArguments& arguments) {
  UpdateServiceAccountRequest request;
  ServiceAccount& account = *request.mutable_service_account();
  account.set_etag(arguments.etag);
  TESSERA_RETURN_IF_ERROR(TakeOptions(arguments.options, account, *request.mutable_update_mask()));
  if (request.update_mask().paths().empty()) {
    return UsageError("nothing to change: name a field; see --help");
  }
  TESSERA_ASSIGN_OR_RETURN(*account.mutable_id(), ResolveId(invocation, arguments.account));
  TESSERA_ASSIGN_OR_RETURN(const UpdateServiceAccountResponse answer,
                           invocation.CallUsers(&UserStub::UpdateServiceAccount, request));
  Show(invocation, answer, ServiceAccountFields(answer.service_account()));
  return absl::OkStatus();
}

struct DeleteArguments {
  std::string account;
  std::string etag;
  bool yes = false;
};

absl::Status Delete(Invocation& invocation, const DeleteArguments& arguments) {
  DeleteServiceAccountRequest request;
  request.set_etag(arguments.etag);
  TESSERA_ASSIGN_OR_RETURN(*request.mutable_service_account_id(),
                           ResolveId(invocation, arguments.account));
  TESSERA_RETURN_IF_ERROR(AskToDelete(invocation, arguments.yes, "a service account",
                                      "Delete service account " +
                                          EscapeForTerminal(arguments.account) +
                                          " for good? Its tokens and secrets end."));
  TESSERA_ASSIGN_OR_RETURN(const DeleteServiceAccountResponse answer,
                           invocation.CallUsers(&UserStub::DeleteServiceAccount, request));
  if (invocation.json()) invocation.PrintJson(ToJson(answer));
  invocation.PrintLine("Deleted " + arguments.account + " (" + request.service_account_id() + ").");
  return absl::OkStatus();
}

struct RotateArguments {
  std::string account;
  std::string keep_old_for;
  std::string secret_file;
};

absl::Status SetDuration(const std::string& text, google::protobuf::Duration& wire) {
  absl::Duration duration;
  if (!absl::ParseDuration(text, &duration) || duration < absl::ZeroDuration() ||
      duration == absl::InfiniteDuration()) {
    return UsageError("--keep-old-for: a duration like 1h or 720h; 0 ends the older ones at once");
  }
  wire.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  wire.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
  return absl::OkStatus();
}

absl::Status RotateSecret(Invocation& invocation, const RotateArguments& arguments) {
  RotateServiceAccountSecretRequest request;
  TESSERA_RETURN_IF_ERROR(SetDuration(arguments.keep_old_for, *request.mutable_keep_old_for()));
  TESSERA_ASSIGN_OR_RETURN(*request.mutable_service_account_id(),
                           ResolveId(invocation, arguments.account));
  TESSERA_ASSIGN_OR_RETURN(std::optional<SecretFile> file,
                           Reserve(arguments.secret_file, SecretFile::IfThere::kReplace));
  TESSERA_ASSIGN_OR_RETURN(RotateServiceAccountSecretResponse answer,
                           invocation.CallUsers(&UserStub::RotateServiceAccountSecret, request));
  const Fields fields = {{"service_account_id", request.service_account_id()},
                         {"secret_id", answer.info().id()}};
  return HandOver(invocation, answer, file, fields);
}

void AddNames(CLI::App& sub, const char* flag, Names& names, const char* text) {
  sub.add_option(flag, names, text)->allow_extra_args(false);
}

void AddAccountOptions(CLI::App& sub, AccountOptions& options) {
  sub.add_option("--description", options.description, "For people to read");
  sub.add_option("--state", options.state, "Disabling ends its tokens at once")
      ->check(CLI::IsMember({"active", "disabled"}));
  AddNames(sub, "--role", options.roles, "A role that it holds; may be repeated, as all below");
  AddNames(sub, "--audience", options.audiences, "A service that it may ask for tokens for");
  AddNames(sub, "--serves", options.served_audiences,
           "An audience that it serves: it may exchange tokens that were sent to it");
  AddNames(sub, "--scope", options.scopes, "A scope that it may ask for");
  AddNames(sub, "--certificate-name", options.certificate_names,
           "A DNS name or URI of its client certificates");
  AddNames(sub, "--kubernetes-name", options.kubernetes_names,
           "A service account of Kubernetes that it stands for, namespace/name");
  sub.add_option("--public-keys", options.public_keys_file,
                 "A JWK set (file) of the public keys that sign its assertions");
}

void AddSecretFile(CLI::App& sub, std::string& path) {
  sub.add_option("--secret-file", path,
                 "Write the secret to this file (0600) instead of standard output");
}

void AddMaking(CLI::App& app, Command& chosen) {
  auto create = std::make_shared<CreateArguments>();
  CLI::App* sub = app.add_subcommand("create", "Add a service account, and show its secret once");
  sub->add_option("name", create->name, "1 to 64 of a-z 0-9 . _ -")->required();
  AddAccountOptions(*sub, create->options);
  AddSecretFile(*sub, create->secret_file);
  sub->add_flag("--without-secret", create->without_secret,
                "It proves itself by a key, a certificate or Kubernetes")
      ->excludes("--secret-file");
  RunWith(*sub, chosen, create, &Create);

  auto rotate = std::make_shared<RotateArguments>();
  sub = app.add_subcommand("rotate-secret", "Make a new secret, show it once, end the older ones");
  sub->add_option("account", rotate->account, "Name or id")->required();
  sub->add_option("--keep-old-for", rotate->keep_old_for,
                  "How long the older ones go on working, 720h at most; 0 ends them, and the "
                  "account's tokens, at once")
      ->required();
  AddSecretFile(*sub, rotate->secret_file);
  RunWith(*sub, chosen, rotate, &RotateSecret);
}

void AddReading(CLI::App& app, Command& chosen) {
  auto list = std::make_shared<PageArguments>();
  CLI::App* sub = app.add_subcommand("list", "Show all service accounts, or one page of them");
  AddPageOptions(*sub, *list);
  RunWith(*sub, chosen, list, &List);

  auto show = std::make_shared<AccountArgument>();
  sub = app.add_subcommand("show", "Show a service account and its secrets' ids");
  sub->add_option("account", show->account, "Name or id")->required();
  RunWith(*sub, chosen, show, &ShowOne);
}

void AddChanging(CLI::App& app, Command& chosen) {
  auto update = std::make_shared<UpdateArguments>();
  CLI::App* sub = app.add_subcommand(
      "update", "Replace the fields named; what is taken away ends its tokens at once");
  sub->add_option("account", update->account, "Name or id")->required();
  AddAccountOptions(*sub, update->options);
  sub->add_option("--clear", update->options.cleared, "Empties this field; may be repeated")
      ->check(CLI::IsMember({"description", "roles", "audiences", "served_audiences", "scopes",
                             "public_jwks_json", "certificate_names", "kubernetes_names"}))
      ->allow_extra_args(false);
  sub->add_option("--etag", update->etag, "Only if it is still as read");
  RunWith(*sub, chosen, update, &Update);

  auto removal = std::make_shared<DeleteArguments>();
  sub = app.add_subcommand("delete", "Remove a service account for good");
  sub->add_option("account", removal->account, "Name or id")->required();
  sub->add_option("--etag", removal->etag, "Only if it is still as read");
  AddYesOption(*sub, removal->yes);
  RunWith(*sub, chosen, removal, &Delete);
}

}  // namespace

bool IsServiceId(const std::string& text) {
  constexpr size_t kDigits = 26;
  return text.size() == ServiceTag::kPrefix.size() + kDigits &&
         text.compare(0, ServiceTag::kPrefix.size(), ServiceTag::kPrefix) == 0;
}

void AddServiceAccountCommands(CLI::App& app, Command& chosen) {
  CLI::App* account = app.add_subcommand("service-account",
                                         "Manage the accounts of programs (needs tessera.admin)");
  account->require_subcommand(1);
  AddMaking(*account, chosen);
  AddReading(*account, chosen);
  AddChanging(*account, chosen);
}

}  // namespace tessera::cli
