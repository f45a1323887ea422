#include "server/rpc/second_factor_wire.h"

#include <string>
#include <string_view>
#include <utility>

#include "server/rpc/from_wire.h"
#include "server/rpc/to_wire.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

// Of a code, with whatever people type between its characters.
constexpr size_t kMaxCodeBytes = 64;
// Of a challenge: a login may bring that much with it.
constexpr size_t kMaxChallengeBytes = 32 * 1024;

absl::StatusOr<Secret> Code(std::string_view field, const std::string& code) {
  if (code.empty()) return FieldInvalid(field, "required");
  if (code.size() > kMaxCodeBytes) return FieldInvalid(field, "at most 64 bytes");
  return Secret::CopyOf(code);
}

// Of a request with `oneof answer`.
template <typename Request>
absl::StatusOr<FactorAnswer> AnswerOf(const Request& request) {
  switch (request.answer_case()) {
    case Request::kTotpCode: {
      TESSERA_ASSIGN_OR_RETURN(Secret code, Code("totp_code", request.totp_code()));
      return FactorAnswer(TotpAnswer{std::move(code)});
    }
    case Request::kRecoveryCode: {
      TESSERA_ASSIGN_OR_RETURN(Secret code, Code("recovery_code", request.recovery_code()));
      return FactorAnswer(RecoveryAnswer{std::move(code)});
    }
    case Request::ANSWER_NOT_SET:
      break;
  }
  return FieldInvalid("totp_code", "this or recovery_code");
}

template <typename Response>
void WriteCodes(const std::vector<Secret>& codes, Response* wire) {
  for (const Secret& code : codes) wire->add_recovery_codes(std::string(code.Reveal()));
}

}  // namespace

absl::StatusOr<CompletionInput> Parse(const v1::CompleteLoginRequest& request) {
  if (request.challenge_token().empty()) return FieldInvalid("challenge_token", "required");
  if (request.challenge_token().size() > kMaxChallengeBytes) {
    return FieldInvalid("challenge_token", "at most 32 KiB");
  }
  if (request.device_proof().size() > kMaxTextBytes) {
    return FieldInvalid("device_proof", "at most 1,024 bytes");
  }
  TESSERA_ASSIGN_OR_RETURN(FactorAnswer answer, AnswerOf(request));
  return CompletionInput{Secret::CopyOf(request.challenge_token()), std::move(answer),
                         Secret::CopyOf(request.device_proof())};
}

absl::StatusOr<Secret> Parse(const v1::ConfirmTotpRequest& request) {
  return Code("totp_code", request.totp_code());
}

absl::StatusOr<UserId> Parse(const v1::ResetTotpRequest& request) {
  if (request.user_id().empty()) return FieldInvalid("user_id", "required");
  if (request.user_id().size() > kMaxTextBytes) {
    return FieldInvalid("user_id", "at most 1,024 bytes");
  }
  return UserId(request.user_id());
}

absl::StatusOr<Secret> Parse(const v1::EnrollTotpRequest& request) {
  if (request.password().empty()) return FieldInvalid("password", "required");
  return Secret::CopyOf(request.password());
}

absl::StatusOr<FactorAnswer> Parse(const v1::DisableTotpRequest& request) {
  return AnswerOf(request);
}

absl::StatusOr<FactorAnswer> Parse(const v1::RegenerateRecoveryCodesRequest& request) {
  return AnswerOf(request);
}

void Write(const IssuedChallenge& challenge, v1::LoginChallenge* wire) {
  wire->set_challenge_token(std::string(challenge.challenge_token.Reveal()));
  Write(challenge.expires_at, wire->mutable_expire_time());
}

void Write(const TotpEnrolment& enrolment, v1::EnrollTotpResponse* wire) {
  wire->set_otpauth_uri(std::string(enrolment.otpauth_uri.Reveal()));
  wire->set_secret(std::string(enrolment.secret.Reveal()));
}

void Write(const ConfirmedFactor& confirmed, v1::ConfirmTotpResponse* wire) {
  WriteCodes(confirmed.recovery_codes, wire);
  wire->set_device_proof(std::string(confirmed.device_proof.Reveal()));
}

void Write(const std::vector<Secret>& codes, v1::RegenerateRecoveryCodesResponse* wire) {
  WriteCodes(codes, wire);
}

}  // namespace tessera::server
