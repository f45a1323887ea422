// password change, password reset; user passwd, user reset-password.
#include <optional>
#include <ostream>
#include <string>

#include "tessera/base/status_macros.h"
#include "tessera/cli/commands.h"
#include "tessera/cli/exit_code.h"
#include "tessera/cli/output.h"
#include "tessera/cli/render.h"
#include "tessera/cli/secret_file.h"

namespace tessera::cli {
namespace {

using namespace tessera::v1;  // NOLINT(google-build-using-namespace): requests and responses only

struct ChangeArguments {
  PasswordOption password;
  std::string new_file;
};

absl::StatusOr<Secret> ReadChosen(const std::string& file, const Sources& sources) {
  return ReadNewPassword(file, {"New password: ", "new password", "--new-password-file"}, sources);
}

absl::StatusOr<ChangePasswordRequest> AskPasswords(Invocation& invocation,
                                                   const ChangeArguments& arguments) {
  const Sources& sources = invocation.world().sources;
  if (arguments.password.file == "-" && arguments.new_file == "-") {
    return UsageError("only one password can come from standard input");
  }
  TESSERA_ASSIGN_OR_RETURN(
      const Secret old_password,
      ReadPassword(arguments.password.file, AskedPassword("Password so far: "), sources));
  TESSERA_ASSIGN_OR_RETURN(const Secret new_password, ReadChosen(arguments.new_file, sources));
  ChangePasswordRequest request;
  request.set_old_password(std::string(old_password.Reveal()));
  request.set_new_password(std::string(new_password.Reveal()));
  return request;
}

absl::Status Change(Invocation& invocation, const ChangeArguments& arguments) {
  TESSERA_RETURN_IF_ERROR(CheckPasswordOption(arguments.password));
  TESSERA_RETURN_IF_ERROR(invocation.LiveToken("").status());
  TESSERA_ASSIGN_OR_RETURN(const std::optional<StoredGrant> own, invocation.credentials().Load(""));
  TESSERA_ASSIGN_OR_RETURN(ChangePasswordRequest request, AskPasswords(invocation, arguments));
  const auto answer = invocation.CallUsers(&UserStub::ChangePassword, request);
  WipeString(*request.mutable_old_password());
  WipeString(*request.mutable_new_password());
  TESSERA_RETURN_IF_ERROR(answer.status());
  if (own.has_value()) {
    KeepProof(invocation, *own, answer->device_proof());
    TESSERA_RETURN_IF_ERROR(ForgetSessions(invocation, [&](const StoredGrant& grant) {
      return grant.server == own->server && grant.username == own->username;
    }));
  }
  if (invocation.json()) invocation.PrintJson(nlohmann::ordered_json::object());
  invocation.PrintLine("Password changed. All your sessions have ended: log in again.");
  return absl::OkStatus();
}

struct GiveOutArguments {
  std::string user;
  std::string token_file;
};

// The token to its file; without one alone to standard output, where a script takes it from.
absl::Status HandOver(Invocation& invocation, ResetPasswordResponse& answer,
                      std::optional<SecretFile>& file) {
  const Secret token(std::move(*answer.mutable_reset_token()));
  answer.clear_reset_token();
  if (file.has_value()) {
    TESSERA_RETURN_IF_ERROR(file->Fill(token));
  } else if (invocation.json()) {
    answer.set_reset_token(std::string(token.Reveal()));
  } else {
    invocation.world().out << token.Reveal() << '\n';
  }
  if (invocation.json()) {
    invocation.PrintJson(ToJson(answer));
    WipeString(*answer.mutable_reset_token());
    return absl::OkStatus();
  }
  invocation.world().err << "Good once, until " << FormatUtc(ToTime(answer.expire_time()))
                         << ", for: tessera password reset\n";
  return absl::OkStatus();
}

absl::Status GiveOut(Invocation& invocation, const GiveOutArguments& arguments) {
  ResetPasswordRequest request;
  TESSERA_ASSIGN_OR_RETURN(*request.mutable_user_id(), ResolveUserId(invocation, arguments.user));
  std::optional<SecretFile> file;
  if (!arguments.token_file.empty()) {
    TESSERA_ASSIGN_OR_RETURN(
        SecretFile reserved,
        SecretFile::Reserve(arguments.token_file, SecretFile::IfThere::kRefuse));
    file.emplace(std::move(reserved));
  }
  TESSERA_ASSIGN_OR_RETURN(ResetPasswordResponse answer,
                           invocation.CallUsers(&UserStub::ResetPassword, request));
  return HandOver(invocation, answer, file);
}

struct ResetArguments {
  std::string token_file;
  std::string new_file;
};

absl::StatusOr<Secret> ReadResetToken(const ResetArguments& arguments, const Sources& sources) {
  if (!arguments.token_file.empty()) return ReadTokenFile(arguments.token_file, sources);
  return ReadPassword("", {"Reset token: ", "reset token", "--token-file"}, sources);
}

absl::Status Reset(Invocation& invocation, const ResetArguments& arguments) {
  const Sources& sources = invocation.world().sources;
  if (arguments.token_file == "-" && arguments.new_file == "-") {
    return UsageError("only one of the two can come from standard input");
  }
  TESSERA_ASSIGN_OR_RETURN(const Secret token, ReadResetToken(arguments, sources));
  TESSERA_ASSIGN_OR_RETURN(const Secret new_password, ReadChosen(arguments.new_file, sources));
  CompletePasswordResetRequest request;
  request.set_reset_token(std::string(token.Reveal()));
  request.set_new_password(std::string(new_password.Reveal()));
  const auto answer = invocation.CallUsersAsNobody(&UserStub::CompletePasswordReset, request);
  WipeString(*request.mutable_reset_token());
  WipeString(*request.mutable_new_password());
  TESSERA_RETURN_IF_ERROR(answer.status());
  if (invocation.json()) invocation.PrintJson(ToJson(*answer));
  invocation.PrintLine("Password set. All sessions of the user have ended: log in.");
  return absl::OkStatus();
}

void AddChange(CLI::App& app, Command& chosen, const std::string& name) {
  auto change = std::make_shared<ChangeArguments>();
  CLI::App* sub = app.add_subcommand(name, "Change your own password and end all your sessions");
  AddPasswordOption(*sub, change->password);
  sub->add_option("--new-password-file", change->new_file, "Read the new password from this file");
  RunWith(*sub, chosen, change, &Change);
}

}  // namespace

void AddUserPasswordCommands(CLI::App& user, Command& chosen) {
  AddChange(user, chosen, "passwd");
  auto give_out = std::make_shared<GiveOutArguments>();
  CLI::App* sub = user.add_subcommand(
      "reset-password", "Give out a token with which the user sets a new password, once");
  sub->add_option("user", give_out->user, "Name or id")->required();
  sub->add_option("--token-file", give_out->token_file,
                  "Write the token to this new file (0600), not to standard output");
  RunWith(*sub, chosen, give_out, &GiveOut);
}

void AddPasswordCommands(CLI::App& app, Command& chosen) {
  CLI::App* password = app.add_subcommand("password", "Your own password");
  password->require_subcommand(1);
  AddChange(*password, chosen, "change");
  auto reset = std::make_shared<ResetArguments>();
  CLI::App* sub =
      password->add_subcommand("reset", "Set a new password with a token from an administrator");
  sub->add_option("--token-file", reset->token_file,
                  "Read the token from this file (`-`: standard input), not from the terminal");
  sub->add_option("--new-password-file", reset->new_file, "Read the new password from this file");
  RunWith(*sub, chosen, reset, &Reset);
}

}  // namespace tessera::cli
