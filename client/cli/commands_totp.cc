// totp enroll, confirm, disable, reset, recovery-codes.
#include <unistd.h>

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "tessera/base/status_macros.h"
#include "tessera/cli/commands.h"
#include "tessera/cli/login_code.h"
#include "tessera/cli/output.h"
#include "tessera/cli/qr_code.h"
#include "tessera/cli/render.h"

namespace tessera::cli {
namespace {

using namespace tessera::v1;  // NOLINT(google-build-using-namespace): requests and responses only

struct EnrollArguments {
  PasswordOption password;
  bool qr = false;
};

absl::StatusOr<EnrollTotpResponse> AskForFactor(Invocation& invocation,
                                                const PasswordOption& option) {
  TESSERA_RETURN_IF_ERROR(CheckPasswordOption(option));
  TESSERA_RETURN_IF_ERROR(invocation.LiveToken("").status());
  TESSERA_ASSIGN_OR_RETURN(
      const Secret password,
      ReadPassword(option.file, AskedPassword("Your password: "), invocation.world().sources));
  EnrollTotpRequest request;
  request.set_password(std::string(password.Reveal()));
  auto answer = invocation.CallUsers(&UserStub::EnrollTotp, request);
  WipeString(*request.mutable_password());
  return answer;
}

void ShowQrCode(Invocation& invocation, const Secret& uri, bool colors) {
  const std::optional<Secret> drawn = DrawQrCode(uri, colors);
  if (drawn.has_value()) invocation.world().out << '\n' << drawn->Reveal() << '\n';
}

absl::Status Enroll(Invocation& invocation, const EnrollArguments& arguments) {
  TESSERA_ASSIGN_OR_RETURN(EnrollTotpResponse answer, AskForFactor(invocation, arguments.password));
  const Secret uri(std::move(*answer.mutable_otpauth_uri()));
  const Secret secret(std::move(*answer.mutable_secret()));
  if (invocation.json()) {
    invocation.PrintJson(
        {{"otpauth_uri", std::string(uri.Reveal())}, {"secret", std::string(secret.Reveal())}});
    return absl::OkStatus();
  }
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  if (terminal || arguments.qr) {
    invocation.PrintLine("Let your authenticator app read this:");
    ShowQrCode(invocation, uri, terminal);
  }
  std::ostream& out = invocation.world().out;
  out << uri.Reveal() << '\n' << "Or type this in: " << secret.Reveal() << '\n';
  invocation.PrintLine("Then: tessera totp confirm. Nothing has changed until you do.");
  return absl::OkStatus();
}

// Whatever gives or takes a factor ends the user's sessions.
absl::Status ForgetOwn(Invocation& invocation, const std::optional<StoredGrant>& own,
                       const std::string& device_proof) {
  if (!own.has_value()) return absl::OkStatus();
  KeepProof(invocation, *own, device_proof);
  return ForgetSessions(invocation, [&](const StoredGrant& grant) {
    return grant.server == own->server && grant.username == own->username;
  });
}

void ShowCodes(Invocation& invocation, const google::protobuf::RepeatedPtrField<std::string>& codes,
               const std::string& said) {
  if (invocation.json()) {
    invocation.PrintJson(
        {{"recovery_codes", std::vector<std::string>(codes.begin(), codes.end())}});
    return;
  }
  invocation.PrintLine("Recovery codes, each good for one login without the authenticator:");
  for (const std::string& code : codes) invocation.world().out << "  " << code << '\n';
  invocation.PrintLine("Keep them where the authenticator is not: they are not shown again.");
  if (!said.empty()) invocation.PrintLine(said);
}

struct CodeArguments {
  std::string code_file;
};

absl::Status Confirm(Invocation& invocation, const CodeArguments& arguments) {
  TESSERA_RETURN_IF_ERROR(invocation.LiveToken("").status());
  TESSERA_ASSIGN_OR_RETURN(const std::optional<StoredGrant> own, invocation.credentials().Load(""));
  TESSERA_ASSIGN_OR_RETURN(const Secret code, ReadFirstCode(invocation, arguments.code_file));
  ConfirmTotpRequest request;
  request.set_totp_code(std::string(DigitsOf(code).Reveal()));
  TESSERA_ASSIGN_OR_RETURN(const ConfirmTotpResponse answer,
                           invocation.CallUsers(&UserStub::ConfirmTotp, request));
  ShowCodes(invocation, answer.recovery_codes(),
            "Logins ask for a code from now on. All your sessions have ended: log in again.");
  return ForgetOwn(invocation, own, answer.device_proof());
}

// Whoever asks shows that the factor is still there.
template <typename Request>
absl::StatusOr<Request> AskForAnswer(Invocation& invocation, const CodeArguments& arguments) {
  TESSERA_RETURN_IF_ERROR(invocation.LiveToken("").status());
  TESSERA_ASSIGN_OR_RETURN(const Secret code, ReadCode(invocation, arguments.code_file));
  Request request;
  SetAnswer(code, request);
  return request;
}

absl::Status Disable(Invocation& invocation, const CodeArguments& arguments) {
  TESSERA_ASSIGN_OR_RETURN(const auto request,
                           AskForAnswer<DisableTotpRequest>(invocation, arguments));
  TESSERA_ASSIGN_OR_RETURN(const std::optional<StoredGrant> own, invocation.credentials().Load(""));
  TESSERA_ASSIGN_OR_RETURN(const DisableTotpResponse answer,
                           invocation.CallUsers(&UserStub::DisableTotp, request));
  if (invocation.json()) invocation.PrintJson(nlohmann::ordered_json::object());
  invocation.PrintLine(
      "Logins ask for no code any more. All your sessions have ended: log in again.");
  return ForgetOwn(invocation, own, answer.device_proof());
}

absl::Status RecoveryCodes(Invocation& invocation, const CodeArguments& arguments) {
  TESSERA_ASSIGN_OR_RETURN(const auto request,
                           AskForAnswer<RegenerateRecoveryCodesRequest>(invocation, arguments));
  TESSERA_ASSIGN_OR_RETURN(const RegenerateRecoveryCodesResponse answer,
                           invocation.CallUsers(&UserStub::RegenerateRecoveryCodes, request));
  ShowCodes(invocation, answer.recovery_codes(), "The codes before these are void.");
  return absl::OkStatus();
}

struct ResetArguments {
  std::string user;
};

absl::Status Reset(Invocation& invocation, const ResetArguments& arguments) {
  ResetTotpRequest request;
  TESSERA_ASSIGN_OR_RETURN(*request.mutable_user_id(), ResolveUserId(invocation, arguments.user));
  TESSERA_ASSIGN_OR_RETURN(const ResetTotpResponse answer,
                           invocation.CallUsers(&UserStub::ResetTotp, request));
  if (invocation.json()) invocation.PrintJson(ToJson(answer));
  invocation.PrintLine("Logins of " + arguments.user +
                       " ask for no code any more; the user's sessions have ended.");
  return absl::OkStatus();
}

void AddCodeOption(CLI::App& sub, CodeArguments& arguments) {
  sub.add_option("--code-file", arguments.code_file,
                 "Read the code from this file (-: standard input)");
}

}  // namespace

void AddTotpCommands(CLI::App& app, Command& chosen) {
  CLI::App* totp = app.add_subcommand("totp", "The second factor of logins: an authenticator app");
  totp->require_subcommand(1);

  auto enroll = std::make_shared<EnrollArguments>();
  CLI::App* sub = totp->add_subcommand("enroll", "Show what your authenticator has to know, once");
  AddPasswordOption(*sub, enroll->password);
  sub->add_flag("--qr", enroll->qr, "Draw the QR code although this is no terminal");
  RunWith(*sub, chosen, enroll, &Enroll);

  auto confirm = std::make_shared<CodeArguments>();
  sub = totp->add_subcommand("confirm", "Show that it works; logins ask for a code from then on");
  AddCodeOption(*sub, *confirm);
  RunWith(*sub, chosen, confirm, &Confirm);

  auto disable = std::make_shared<CodeArguments>();
  sub = totp->add_subcommand("disable", "Log in without a code again");
  AddCodeOption(*sub, *disable);
  RunWith(*sub, chosen, disable, &Disable);

  auto codes = std::make_shared<CodeArguments>();
  sub = totp->add_subcommand("recovery-codes", "Other recovery codes in place of yours");
  AddCodeOption(*sub, *codes);
  RunWith(*sub, chosen, codes, &RecoveryCodes);

  auto reset = std::make_shared<ResetArguments>();
  sub = totp->add_subcommand("reset", "Take away the second factor of one who has lost it");
  sub->add_option("user", reset->user, "Name or id")->required();
  RunWith(*sub, chosen, reset, &Reset);
}

}  // namespace tessera::cli
