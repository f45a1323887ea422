// The messages of second factors, read and written.
#ifndef TESSERA_SERVER_RPC_SECOND_FACTOR_WIRE_H_
#define TESSERA_SERVER_RPC_SECOND_FACTOR_WIRE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "server/auth/auth_facade.h"
#include "server/auth/second_factor.h"
#include "server/user/second_factor_facade.h"
#include "tessera/base/ids.h"
#include "tessera/base/secret.h"
#include "tessera/v1/auth_service.pb.h"
#include "tessera/v1/user_service.pb.h"

namespace tessera::server {

// INVALID_ARGUMENT FIELD_INVALID: a field that is missing or too long.
absl::StatusOr<CompletionInput> Parse(const v1::CompleteLoginRequest& request);
absl::StatusOr<Secret> Parse(const v1::ConfirmTotpRequest& request);
absl::StatusOr<UserId> Parse(const v1::ResetTotpRequest& request);
// The password.
absl::StatusOr<Secret> Parse(const v1::EnrollTotpRequest& request);
absl::StatusOr<FactorAnswer> Parse(const v1::DisableTotpRequest& request);
absl::StatusOr<FactorAnswer> Parse(const v1::RegenerateRecoveryCodesRequest& request);

void Write(const IssuedChallenge& challenge, v1::LoginChallenge* wire);
void Write(const TotpEnrolment& enrolment, v1::EnrollTotpResponse* wire);
void Write(const ConfirmedFactor& confirmed, v1::ConfirmTotpResponse* wire);
void Write(const std::vector<Secret>& codes, v1::RegenerateRecoveryCodesResponse* wire);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RPC_SECOND_FACTOR_WIRE_H_
