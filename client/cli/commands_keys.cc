// keys list, rotate, revoke, rewrap; store restored.
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/cli/commands.h"
#include "tessera/cli/consent.h"
#include "tessera/cli/exit_code.h"
#include "tessera/cli/prompt.h"
#include "tessera/cli/render.h"

namespace tessera::cli {
namespace {

using namespace tessera::v1;  // NOLINT(google-build-using-namespace): requests and responses only

struct NoArguments {};

absl::Status Consent(Invocation& invocation, bool yes, const std::string& question) {
  if (yes) return absl::OkStatus();
  TESSERA_ASSIGN_OR_RETURN(Terminal terminal, OpenForConsent(invocation, "this"));
  return AskConsent(terminal, question, "nothing was changed");
}

absl::Status List(Invocation& invocation, const NoArguments&) {
  TESSERA_ASSIGN_OR_RETURN(
      const ListSigningKeysResponse answer,
      invocation.CallAuthAsUser(&AuthStub::ListSigningKeys, ListSigningKeysRequest()));
  if (invocation.json()) {
    invocation.PrintJson(ToJson(answer));
    return absl::OkStatus();
  }
  KeyTable({answer.keys().begin(), answer.keys().end()}).Print(invocation.world().out);
  return absl::OkStatus();
}

absl::Status Rotate(Invocation& invocation, const NoArguments&) {
  TESSERA_ASSIGN_OR_RETURN(
      const RotateSigningKeyResponse answer,
      invocation.CallAuthAsUser(&AuthStub::RotateSigningKey, RotateSigningKeyRequest()));
  if (invocation.json()) {
    invocation.PrintJson(ToJson(answer));
    return absl::OkStatus();
  }
  const bool signs = answer.key().state() == KEY_STATE_ACTIVE;
  invocation.PrintLine(absl::StrCat(
      "New key ", answer.key().kid(),
      signs ? ": it signs from now on." : ": it is published, and will sign by itself."));
  return absl::OkStatus();
}

struct RevokeArguments {
  std::string kid;
  bool yes = false;
};

absl::Status Revoke(Invocation& invocation, const RevokeArguments& arguments) {
  TESSERA_RETURN_IF_ERROR(Consent(
      invocation, arguments.yes,
      absl::StrCat("End key ", arguments.kid, " and every token that it made, at once? [y/N] ")));
  RevokeSigningKeyRequest request;
  request.set_kid(arguments.kid);
  TESSERA_ASSIGN_OR_RETURN(const RevokeSigningKeyResponse answer,
                           invocation.CallAuthAsUser(&AuthStub::RevokeSigningKey, request));
  if (invocation.json()) invocation.PrintJson(ToJson(answer));
  invocation.PrintLine("Key " + arguments.kid + " is trusted for nothing any more.");
  return absl::OkStatus();
}

absl::Status Rewrap(Invocation& invocation, const NoArguments&) {
  TESSERA_ASSIGN_OR_RETURN(const RewrapKeysResponse answer,
                           invocation.CallAuthAsUser(&AuthStub::RewrapKeys, RewrapKeysRequest()));
  if (invocation.json()) invocation.PrintJson(ToJson(answer));
  invocation.PrintLine(absl::StrCat("Sealed anew: ", answer.rewrapped_count(),
                                    ". All keys are under master key ", answer.master_key_id(),
                                    " now."));
  return absl::OkStatus();
}

struct RestoredArguments {
  bool yes = false;
};

// What is stored here of that server has ended.
absl::Status ForgetAllOf(Invocation& invocation, const std::optional<StoredGrant>& own) {
  if (!own.has_value()) return absl::OkStatus();
  return ForgetSessions(invocation,
                        [&own](const StoredGrant& grant) { return grant.server == own->server; });
}

absl::Status Restored(Invocation& invocation, const RestoredArguments& arguments) {
  TESSERA_RETURN_IF_ERROR(
      Consent(invocation, arguments.yes,
              "End every session, this one too, and replace all keys that sign? [y/N] "));
  TESSERA_ASSIGN_OR_RETURN(const std::optional<StoredGrant> own, invocation.credentials().Load(""));
  TESSERA_ASSIGN_OR_RETURN(
      const MarkStoreRestoredResponse answer,
      invocation.CallAuthAsUser(&AuthStub::MarkStoreRestored, MarkStoreRestoredRequest()));
  TESSERA_RETURN_IF_ERROR(ForgetAllOf(invocation, own));
  if (invocation.json()) invocation.PrintJson(ToJson(answer));
  invocation.PrintLine(absl::StrCat(
      "The store begins a new life. Sessions ended: ", answer.ended_sessions(), ". Log in again."));
  return absl::OkStatus();
}

void AddPlainCommand(CLI::App& group, Command& chosen, const char* name, const char* text,
                     absl::Status (*run)(Invocation&, const NoArguments&)) {
  RunWith(*group.add_subcommand(name, text), chosen, std::make_shared<NoArguments>(), run);
}

}  // namespace

void AddKeysCommands(CLI::App& app, Command& chosen) {
  CLI::App* keys = app.add_subcommand("keys", "Manage the server's keys (needs tessera.admin)");
  keys->require_subcommand(1);
  AddPlainCommand(*keys, chosen, "list", "Show the keys and where in their lives they are", &List);
  AddPlainCommand(*keys, chosen, "rotate", "Publish a new signing key", &Rotate);
  AddPlainCommand(*keys, chosen, "rewrap",
                  "Seal every key under the first master key of the server that answers", &Rewrap);

  auto revoke = std::make_shared<RevokeArguments>();
  CLI::App* sub = keys->add_subcommand("revoke", "End a key and every token that it made, at once");
  sub->add_option("kid", revoke->kid, "The key's id")->required();
  AddYesOption(*sub, revoke->yes);
  RunWith(*sub, chosen, revoke, &Revoke);

  CLI::App* store = app.add_subcommand("store", "What the database has been through");
  store->require_subcommand(1);
  auto restored = std::make_shared<RestoredArguments>();
  sub = store->add_subcommand(
      "restored", "After a restored backup: end all sessions and replace all keys that sign");
  AddYesOption(*sub, restored->yes);
  RunWith(*sub, chosen, restored, &Restored);
}

}  // namespace tessera::cli
