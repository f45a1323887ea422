// The log events of this room. Their fields: `user`, `role`, `group`, `service` and `secret` (its
// id) name what was changed, `actor` who calls, `peer` the caller's address.
#ifndef TESSERA_SERVER_USER_EVENTS_H_
#define TESSERA_SERVER_USER_EVENTS_H_

#include <string_view>

namespace tessera::server::event {

inline constexpr std::string_view kUserCreated = "user.created";
inline constexpr std::string_view kUserRegistered = "user.registered";  // by the user, the actor
inline constexpr std::string_view kUserImported = "user.imported";
inline constexpr std::string_view kUserUpdated = "user.updated";
inline constexpr std::string_view kUserDisabled = "user.disabled";  // beside user.updated
inline constexpr std::string_view kUserDeleted = "user.deleted";
inline constexpr std::string_view kPasswordChanged = "password.changed";
inline constexpr std::string_view kPasswordRefused = "password.change_refused";
inline constexpr std::string_view kPasswordResetIssued = "password.reset_issued";
inline constexpr std::string_view kPasswordReset = "password.reset";
inline constexpr std::string_view kPasswordResetRefused = "password.reset_refused";
inline constexpr std::string_view kTotpOffered = "totp.offered";
inline constexpr std::string_view kTotpConfirmed = "totp.confirmed";
inline constexpr std::string_view kTotpRefused = "totp.refused";  // a password or code
inline constexpr std::string_view kTotpDisabled = "totp.disabled";
inline constexpr std::string_view kTotpReset = "totp.reset";  // by an administrator
inline constexpr std::string_view kTotpCodesReplaced = "totp.codes_replaced";
// `cause`: why; also of a logout, a reuse of its refresh token, another login.
inline constexpr std::string_view kSessionEnded = "session.ended";
inline constexpr std::string_view kSessionRevoked = "session.revoked";  // by name
inline constexpr std::string_view kSessionsEnded = "sessions.ended";    // all of a user
inline constexpr std::string_view kSessionRefused = "session.refused";  // listing or ending
inline constexpr std::string_view kRoleCreated = "role.created";
inline constexpr std::string_view kRoleDeleted = "role.deleted";
inline constexpr std::string_view kRoleGranted = "role.granted";
inline constexpr std::string_view kRoleRevoked = "role.revoked";
inline constexpr std::string_view kGroupCreated = "group.created";
inline constexpr std::string_view kGroupDeleted = "group.deleted";
inline constexpr std::string_view kGroupMemberAdded = "group.member_added";
inline constexpr std::string_view kGroupMemberRemoved = "group.member_removed";
inline constexpr std::string_view kServiceAccountCreated = "service_account.created";
inline constexpr std::string_view kServiceAccountUpdated = "service_account.updated";
inline constexpr std::string_view kServiceAccountDisabled = "service_account.disabled";  // beside
inline constexpr std::string_view kServiceAccountDeleted = "service_account.deleted";
inline constexpr std::string_view kServiceSecretRotated = "service_account.secret_rotated";
inline constexpr std::string_view kAdministratorMade = "bootstrap.administrator_made";
inline constexpr std::string_view kReservedRoleMade = "bootstrap.role_made";
inline constexpr std::string_view kBootstrapOvertaken = "bootstrap.overtaken";  // by a replica

}  // namespace tessera::server::event

#endif  // TESSERA_SERVER_USER_EVENTS_H_
