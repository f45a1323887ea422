#include "tessera/cli/login_code.h"

#include <algorithm>

#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::cli {
namespace {

constexpr size_t kMostDigits = 8;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

absl::StatusOr<Secret> AskForCode(Invocation& invocation, const std::string& file,
                                  const char* question) {
  return ReadPassword(file, {question, "code", "--code-file"}, invocation.world().sources);
}

}  // namespace

Secret DigitsOf(const Secret& typed) {
  std::string digits;
  digits.reserve(typed.Reveal().size());
  for (const char c : typed.Reveal()) {
    if (c != ' ') digits.push_back(c);
  }
  return Secret(std::move(digits));
}

bool IsTotpCode(const Secret& typed) {
  const Secret digits = DigitsOf(typed);
  const std::string_view text = digits.Reveal();
  return !text.empty() && text.size() <= kMostDigits &&
         std::all_of(text.begin(), text.end(), IsDigit);
}

absl::StatusOr<Secret> ReadCode(Invocation& invocation, const std::string& file) {
  return AskForCode(invocation, file, "Code of your authenticator, or a recovery code: ");
}

absl::StatusOr<Secret> ReadFirstCode(Invocation& invocation, const std::string& file) {
  return AskForCode(invocation, file, "Code of your authenticator: ");
}

tessera::v1::CompleteLoginRequest AnswerWith(const tessera::v1::LoginChallenge& challenge,
                                             const Secret& code) {
  tessera::v1::CompleteLoginRequest request;
  request.set_challenge_token(challenge.challenge_token());
  SetAnswer(code, request);
  return request;
}

bool MayTryAgain(const absl::Status& status, const std::string& file, int tries) {
  return file.empty() && tries < kCodeTries && ReasonOf(status) == reason::kCodeWrong;
}

}  // namespace tessera::cli
