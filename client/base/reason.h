// Refusals with a stable reason, carried by absl::Status from where they arise to the wire.
// The reasons are those of tessera.v1.ErrorReason, without the prefix.
#ifndef TESSERA_BASE_REASON_H_
#define TESSERA_BASE_REASON_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace tessera {

namespace reason {
inline constexpr std::string_view kBadCredentials = "BAD_CREDENTIALS";
inline constexpr std::string_view kCodeWrong = "CODE_WRONG";
inline constexpr std::string_view kChallengeInvalid = "CHALLENGE_INVALID";
inline constexpr std::string_view kResetTokenInvalid = "RESET_TOKEN_INVALID";
inline constexpr std::string_view kTokenMissing = "TOKEN_MISSING";
inline constexpr std::string_view kTokenMultiple = "TOKEN_MULTIPLE";
inline constexpr std::string_view kTokenMalformed = "TOKEN_MALFORMED";
inline constexpr std::string_view kTokenSignature = "TOKEN_SIGNATURE";
inline constexpr std::string_view kTokenUnknownKey = "TOKEN_UNKNOWN_KEY";
inline constexpr std::string_view kTokenIssuer = "TOKEN_ISSUER";
inline constexpr std::string_view kTokenAudience = "TOKEN_AUDIENCE";
inline constexpr std::string_view kTokenExpired = "TOKEN_EXPIRED";
inline constexpr std::string_view kTokenNotYetValid = "TOKEN_NOT_YET_VALID";
inline constexpr std::string_view kTokenType = "TOKEN_TYPE";
inline constexpr std::string_view kTokenRevoked = "TOKEN_REVOKED";
inline constexpr std::string_view kTokenTooLarge = "TOKEN_TOO_LARGE";
inline constexpr std::string_view kDeviceMismatch = "DEVICE_MISMATCH";
inline constexpr std::string_view kCertificateMismatch = "CERTIFICATE_MISMATCH";
inline constexpr std::string_view kRefreshReused = "REFRESH_REUSED";
inline constexpr std::string_view kSessionEnded = "SESSION_ENDED";
inline constexpr std::string_view kAccessTokenNotExpired = "ACCESS_TOKEN_NOT_EXPIRED";
inline constexpr std::string_view kAccessTokenRequired = "ACCESS_TOKEN_REQUIRED";
inline constexpr std::string_view kSessionNotFound = "SESSION_NOT_FOUND";
inline constexpr std::string_view kCertificateMissing = "CERTIFICATE_MISSING";
inline constexpr std::string_view kMethodUnruled = "METHOD_UNRULED";
inline constexpr std::string_view kRoleRequired = "ROLE_REQUIRED";
inline constexpr std::string_view kScopeRequired = "SCOPE_REQUIRED";
inline constexpr std::string_view kStepUpRequired = "STEP_UP_REQUIRED";
inline constexpr std::string_view kDeviceRequired = "DEVICE_REQUIRED";
inline constexpr std::string_view kCertificateRequired = "CERTIFICATE_REQUIRED";
inline constexpr std::string_view kCallerKind = "CALLER_KIND";
inline constexpr std::string_view kNotAllowed = "NOT_ALLOWED";
inline constexpr std::string_view kRegistrationDisabled = "REGISTRATION_DISABLED";
inline constexpr std::string_view kKeysUnavailable = "KEYS_UNAVAILABLE";
inline constexpr std::string_view kRevocationViewStale = "REVOCATION_VIEW_STALE";
inline constexpr std::string_view kStorageUnavailable = "STORAGE_UNAVAILABLE";
inline constexpr std::string_view kOutcomeUnknown = "OUTCOME_UNKNOWN";
inline constexpr std::string_view kShuttingDown = "SHUTTING_DOWN";
inline constexpr std::string_view kThrottled = "THROTTLED";
inline constexpr std::string_view kOverloaded = "OVERLOADED";
inline constexpr std::string_view kFieldInvalid = "FIELD_INVALID";
inline constexpr std::string_view kFieldUnsupported = "FIELD_UNSUPPORTED";
inline constexpr std::string_view kEtagMismatch = "ETAG_MISMATCH";
inline constexpr std::string_view kRequestIdReused = "REQUEST_ID_REUSED";
inline constexpr std::string_view kUserNotFound = "USER_NOT_FOUND";
inline constexpr std::string_view kRoleNotFound = "ROLE_NOT_FOUND";
inline constexpr std::string_view kUsernameTaken = "USERNAME_TAKEN";
inline constexpr std::string_view kRoleNameTaken = "ROLE_NAME_TAKEN";
inline constexpr std::string_view kLastAdministrator = "LAST_ADMINISTRATOR";
inline constexpr std::string_view kRoleReserved = "ROLE_RESERVED";
inline constexpr std::string_view kServiceAccountNotFound = "SERVICE_ACCOUNT_NOT_FOUND";
inline constexpr std::string_view kServiceAccountNameTaken = "SERVICE_ACCOUNT_NAME_TAKEN";
inline constexpr std::string_view kIdentityTaken = "IDENTITY_TAKEN";
inline constexpr std::string_view kEmailTaken = "EMAIL_TAKEN";
inline constexpr std::string_view kGroupNotFound = "GROUP_NOT_FOUND";
inline constexpr std::string_view kGroupNameTaken = "GROUP_NAME_TAKEN";
inline constexpr std::string_view kTotpEnrolled = "TOTP_ENROLLED";
inline constexpr std::string_view kTotpNotEnrolled = "TOTP_NOT_ENROLLED";
inline constexpr std::string_view kKeyNotFound = "KEY_NOT_FOUND";
inline constexpr std::string_view kRotationUnderWay = "ROTATION_UNDER_WAY";
inline constexpr std::string_view kTooMany = "TOO_MANY";
}  // namespace reason

// A status with a reason. `text` goes to the caller: fixed words, nothing of a request's secrets.
// The status's message is `REASON: text`.
absl::Status Refusal(absl::StatusCode code, std::string_view reason, std::string_view text);

// Likewise, and the caller may try again after `delay`.
absl::Status RetryableRefusal(absl::StatusCode code, std::string_view reason, std::string_view text,
                              absl::Duration delay);

// INVALID_ARGUMENT FIELD_INVALID: `field` is a path in the request, `user.username`.
absl::Status FieldInvalid(std::string_view field, std::string_view expectation);
// INVALID_ARGUMENT FIELD_UNSUPPORTED: `field` is declared but not served yet.
absl::Status FieldUnsupported(std::string_view field);

// What a refusal was made of; empty or absent for any other status.
std::string ReasonOf(const absl::Status& status);
std::string FieldOf(const absl::Status& status);
std::optional<absl::Duration> RetryDelayOf(const absl::Status& status);

// `REASON: text` -> `REASON`, if it begins like one; empty otherwise. The view is into `message`.
std::string_view ReasonInMessage(std::string_view message);

}  // namespace tessera

#endif  // TESSERA_BASE_REASON_H_
