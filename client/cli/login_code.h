// The second factor of a login: asked for, read, and shown to the server.
#ifndef TESSERA_CLI_LOGIN_CODE_H_
#define TESSERA_CLI_LOGIN_CODE_H_

#include <string>

#include "absl/status/statusor.h"
#include "tessera/base/secret.h"
#include "tessera/cli/invocation.h"
#include "tessera/v1/auth_service.pb.h"

namespace tessera::cli {

// How often a code is asked for at a terminal, when the one before was wrong.
inline constexpr int kCodeTries = 3;

// Whether `typed` is a code of an authenticator: up to eight digits, spaces between them or not.
// Anything else is taken for a recovery code.
bool IsTotpCode(const Secret& typed);
// Without what people type between the digits.
Secret DigitsOf(const Secret& typed);

// A code, from the --code-file given (`-`: standard input) or, without one, from the terminal.
absl::StatusOr<Secret> ReadCode(Invocation& invocation, const std::string& file);
// Likewise, but one of the authenticator alone: nobody has recovery codes yet.
absl::StatusOr<Secret> ReadFirstCode(Invocation& invocation, const std::string& file);

// `code` in its place in a request with `oneof answer`.
template <typename Request>
void SetAnswer(const Secret& code, Request& request) {
  if (IsTotpCode(code)) {
    request.set_totp_code(std::string(DigitsOf(code).Reveal()));
  } else {
    request.set_recovery_code(std::string(code.Reveal()));
  }
}

// The answer to `challenge`, ready to be sent, with `code` in its place.
tessera::v1::CompleteLoginRequest AnswerWith(const tessera::v1::LoginChallenge& challenge,
                                             const Secret& code);

// A wrong code that was typed may be typed again.
bool MayTryAgain(const absl::Status& status, const std::string& file, int tries);

}  // namespace tessera::cli

#endif  // TESSERA_CLI_LOGIN_CODE_H_
