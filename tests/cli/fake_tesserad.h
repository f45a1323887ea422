// A tesserad in memory behind a real gRPC port: sessions by generation with the grace rule, real
// tokens under a real key, and the faults that a test asks for.
#ifndef TESSERA_TESTS_CLI_FAKE_TESSERAD_H_
#define TESSERA_TESTS_CLI_FAKE_TESSERAD_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tessera/base/clock.h"
#include "tessera/base/mutex.h"
#include "tessera/token/claims.h"
#include "tessera/token/key.h"
#include "tessera/token/token_verifier.h"
#include "tessera/v1/auth_service.grpc.pb.h"
#include "tessera/v1/user_service.grpc.pb.h"

namespace tessera::testing {

inline constexpr char kIssuer[] = "https://tessera.test";
inline constexpr char kPassword[] = "correct horse battery";
inline constexpr char kTotpCode[] = "123456";
inline constexpr char kRecoveryCode[] = "abcde-01234";
inline constexpr char kTotpSecret[] = "JBSWY3DPEHPK3PXP";
inline constexpr char kResetToken[] = "tsp_the-token-of-a-reset";
inline constexpr char kServiceSecret[] = "tss_the-secret-of-a-service-account";

// Thread-safe. Knows the user `alice`, an administrator, with kPassword.
class FakeTesserad final : public tessera::v1::AuthService::Service,
                           public tessera::v1::UserService::Service {
 public:
  explicit FakeTesserad(const Clock& clock);
  ~FakeTesserad() override;

  const std::string& address() const { return address_; }
  const SigningKey& key() const { return key_; }

  // A session as after a login.
  tessera::v1::TokenGrant OpenSession(const std::string& username, const std::string& audience);

  // The next `count` renewals happen, but their answers are lost, and `code` arrives.
  void LoseAnswers(int count, grpc::StatusCode code = grpc::StatusCode::UNAVAILABLE);
  // Renewals and logouts do not happen from now on, and end so; OK: they happen again.
  void RefuseSessions(grpc::Status status);
  // Runs after each renewal from now on, before its answer is sent.
  void AfterRenewals(std::function<void()> hook);
  // UserService refuses this token as revoked.
  void RefuseToken(const std::string& token);
  // The next call of UserService ends so.
  void FailNext(grpc::Status status);
  // Logins from now on are answered with a challenge, that kTotpCode and kRecoveryCode end.
  void AskForCodes();
  // All users from now on have this display name.
  void NameEverybody(const std::string& display_name);

  struct Counts {
    int logins = 0;       // that opened a session
    int generations = 0;  // renewals that made a new generation
    int renew_calls = 0;  // all RenewToken calls
    int reuses = 0;       // sessions ended for reuse
    int sessions_open = 0;
  };
  Counts counts() const;
  std::vector<std::string> requests() const;  // names of UserService methods admitted, in order
  std::string last_update_mask() const;
  std::string last_renewal_access_token() const;
  // What the last login gave, empty for none; and the device that the last call's metadata named.
  std::string last_device_id() const;
  std::string last_device_label() const;
  std::string last_device_proof() const;
  std::string last_scopes() const;  // that the last login asked for, parted by spaces
  std::map<std::string, std::string> last_claims() const;  // likewise
  std::string last_device_metadata() const;

  grpc::Status Login(grpc::ServerContext*, const tessera::v1::LoginRequest* request,
                     tessera::v1::LoginResponse* response) override;
  grpc::Status RenewToken(grpc::ServerContext*, const tessera::v1::RenewTokenRequest* request,
                          tessera::v1::RenewTokenResponse* response) override;
  grpc::Status Logout(grpc::ServerContext*, const tessera::v1::LogoutRequest* request,
                      tessera::v1::LogoutResponse* response) override;
  grpc::Status ValidateToken(grpc::ServerContext*, const tessera::v1::ValidateTokenRequest* request,
                             tessera::v1::ValidateTokenResponse* response) override;
  grpc::Status RevokeToken(grpc::ServerContext*, const tessera::v1::RevokeTokenRequest* request,
                           tessera::v1::RevokeTokenResponse* response) override;
  grpc::Status GetJwks(grpc::ServerContext*, const tessera::v1::GetJwksRequest* request,
                       tessera::v1::GetJwksResponse* response) override;

  // Two a page; those that have not ended. All are alice's.
  grpc::Status ListSessions(grpc::ServerContext* context,
                            const tessera::v1::ListSessionsRequest* request,
                            tessera::v1::ListSessionsResponse* response) override;
  grpc::Status RevokeSession(grpc::ServerContext* context,
                             const tessera::v1::RevokeSessionRequest* request,
                             tessera::v1::RevokeSessionResponse* response) override;
  grpc::Status RevokeAllSessions(grpc::ServerContext* context,
                                 const tessera::v1::RevokeAllSessionsRequest* request,
                                 tessera::v1::RevokeAllSessionsResponse* response) override;

  // In fake_keys.cc. Rotating adds a pending one; the others only answer.
  grpc::Status ListSigningKeys(grpc::ServerContext* context,
                               const tessera::v1::ListSigningKeysRequest* request,
                               tessera::v1::ListSigningKeysResponse* response) override;
  grpc::Status RotateSigningKey(grpc::ServerContext* context,
                                const tessera::v1::RotateSigningKeyRequest* request,
                                tessera::v1::RotateSigningKeyResponse* response) override;
  grpc::Status RevokeSigningKey(grpc::ServerContext* context,
                                const tessera::v1::RevokeSigningKeyRequest* request,
                                tessera::v1::RevokeSigningKeyResponse* response) override;
  grpc::Status RewrapKeys(grpc::ServerContext* context,
                          const tessera::v1::RewrapKeysRequest* request,
                          tessera::v1::RewrapKeysResponse* response) override;
  grpc::Status MarkStoreRestored(grpc::ServerContext* context,
                                 const tessera::v1::MarkStoreRestoredRequest* request,
                                 tessera::v1::MarkStoreRestoredResponse* response) override;

  // In fake_audit.cc. Two events, and a check in two parts.
  grpc::Status ListAuditEvents(grpc::ServerContext* context,
                               const tessera::v1::ListAuditEventsRequest* request,
                               tessera::v1::ListAuditEventsResponse* response) override;
  // The second part finds a fault if the trail was tampered with.
  grpc::Status VerifyAuditTrail(grpc::ServerContext* context,
                                const tessera::v1::VerifyAuditTrailRequest* request,
                                tessera::v1::VerifyAuditTrailResponse* response) override;
  void TamperWithTrail();

  // In fake_second_factor.cc. kPassword enrols; the secret is kTotpSecret;
  // kTotpCode confirms, and with kRecoveryCode answers what asks for an answer.
  grpc::Status CompleteLogin(grpc::ServerContext* context,
                             const tessera::v1::CompleteLoginRequest* request,
                             tessera::v1::CompleteLoginResponse* response) override;
  grpc::Status EnrollTotp(grpc::ServerContext* context,
                          const tessera::v1::EnrollTotpRequest* request,
                          tessera::v1::EnrollTotpResponse* response) override;
  grpc::Status ConfirmTotp(grpc::ServerContext* context,
                           const tessera::v1::ConfirmTotpRequest* request,
                           tessera::v1::ConfirmTotpResponse* response) override;
  grpc::Status DisableTotp(grpc::ServerContext* context,
                           const tessera::v1::DisableTotpRequest* request,
                           tessera::v1::DisableTotpResponse* response) override;
  grpc::Status RegenerateRecoveryCodes(
      grpc::ServerContext* context, const tessera::v1::RegenerateRecoveryCodesRequest* request,
      tessera::v1::RegenerateRecoveryCodesResponse* response) override;
  grpc::Status ResetTotp(grpc::ServerContext* context, const tessera::v1::ResetTotpRequest* request,
                         tessera::v1::ResetTotpResponse* response) override;

  // In fake_service_accounts.cc. Every secret is kServiceSecret.
  grpc::Status CreateServiceAccount(grpc::ServerContext* context,
                                    const tessera::v1::CreateServiceAccountRequest* request,
                                    tessera::v1::CreateServiceAccountResponse* response) override;
  grpc::Status ListServiceAccounts(grpc::ServerContext* context,
                                   const tessera::v1::ListServiceAccountsRequest* request,
                                   tessera::v1::ListServiceAccountsResponse* response) override;
  grpc::Status UpdateServiceAccount(grpc::ServerContext* context,
                                    const tessera::v1::UpdateServiceAccountRequest* request,
                                    tessera::v1::UpdateServiceAccountResponse* response) override;
  grpc::Status DeleteServiceAccount(grpc::ServerContext* context,
                                    const tessera::v1::DeleteServiceAccountRequest* request,
                                    tessera::v1::DeleteServiceAccountResponse* response) override;
  grpc::Status RotateServiceAccountSecret(
      grpc::ServerContext* context, const tessera::v1::RotateServiceAccountSecretRequest* request,
      tessera::v1::RotateServiceAccountSecretResponse* response) override;

  // In fake_users.cc. Users named `down`, and those behind them, meet a store that is away; names
  // with a space are refused.
  grpc::Status RegisterUser(grpc::ServerContext* context,
                            const tessera::v1::RegisterUserRequest* request,
                            tessera::v1::RegisterUserResponse* response) override;
  grpc::Status ImportUsers(grpc::ServerContext* context,
                           const tessera::v1::ImportUsersRequest* request,
                           tessera::v1::ImportUsersResponse* response) override;
  std::map<std::string, tessera::v1::ImportedUser> imported() const;  // by name
  tessera::v1::ListUsersRequest last_listing() const;

  grpc::Status GetCurrentUser(grpc::ServerContext* context,
                              const tessera::v1::GetCurrentUserRequest* request,
                              tessera::v1::GetCurrentUserResponse* response) override;
  grpc::Status CreateUser(grpc::ServerContext* context,
                          const tessera::v1::CreateUserRequest* request,
                          tessera::v1::CreateUserResponse* response) override;
  grpc::Status GetUser(grpc::ServerContext* context, const tessera::v1::GetUserRequest* request,
                       tessera::v1::GetUserResponse* response) override;
  grpc::Status ListUsers(grpc::ServerContext* context, const tessera::v1::ListUsersRequest* request,
                         tessera::v1::ListUsersResponse* response) override;
  grpc::Status UpdateUser(grpc::ServerContext* context,
                          const tessera::v1::UpdateUserRequest* request,
                          tessera::v1::UpdateUserResponse* response) override;
  grpc::Status DeleteUser(grpc::ServerContext* context,
                          const tessera::v1::DeleteUserRequest* request,
                          tessera::v1::DeleteUserResponse* response) override;
  grpc::Status ChangePassword(grpc::ServerContext* context,
                              const tessera::v1::ChangePasswordRequest* request,
                              tessera::v1::ChangePasswordResponse* response) override;
  // In fake_passwords.cc. Every token is kResetToken.
  grpc::Status ResetPassword(grpc::ServerContext* context,
                             const tessera::v1::ResetPasswordRequest* request,
                             tessera::v1::ResetPasswordResponse* response) override;
  grpc::Status CompletePasswordReset(grpc::ServerContext* context,
                                     const tessera::v1::CompletePasswordResetRequest* request,
                                     tessera::v1::CompletePasswordResetResponse* response) override;
  // In fake_roles.cc.
  grpc::Status CreateRole(grpc::ServerContext* context,
                          const tessera::v1::CreateRoleRequest* request,
                          tessera::v1::CreateRoleResponse* response) override;
  grpc::Status ListRoles(grpc::ServerContext* context, const tessera::v1::ListRolesRequest* request,
                         tessera::v1::ListRolesResponse* response) override;
  grpc::Status DeleteRole(grpc::ServerContext* context,
                          const tessera::v1::DeleteRoleRequest* request,
                          tessera::v1::DeleteRoleResponse* response) override;
  grpc::Status ListGroups(grpc::ServerContext* context,
                          const tessera::v1::ListGroupsRequest* request,
                          tessera::v1::ListGroupsResponse* response) override;
  grpc::Status ListGroupMembers(grpc::ServerContext* context,
                                const tessera::v1::ListGroupMembersRequest* request,
                                tessera::v1::ListGroupMembersResponse* response) override;
  grpc::Status DeleteGroup(grpc::ServerContext* context,
                           const tessera::v1::DeleteGroupRequest* request,
                           tessera::v1::DeleteGroupResponse* response) override;
  grpc::Status GrantRole(grpc::ServerContext* context, const tessera::v1::GrantRoleRequest* request,
                         tessera::v1::GrantRoleResponse* response) override;
  grpc::Status LookupRoles(grpc::ServerContext* context,
                           const tessera::v1::LookupRolesRequest* request,
                           tessera::v1::LookupRolesResponse* response) override;

 private:
  tessera::v1::ErrorReason Judge(const tessera::v1::ImportedUser& user)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  struct Session {
    std::string username, audience;
    int generation = 0;
    absl::Time rotated_at;
    bool ended = false;
    std::string device_id, device_label;
  };

  void FillGrant(const std::string& id, const Session& session, tessera::v1::TokenGrant& grant)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The session of a refresh token, and the generation that it shows.
  Session* Find(const std::string& refresh_token, std::string* id, int* generation)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  grpc::Status Renew(const tessera::v1::RenewTokenRequest& request,
                     tessera::v1::RenewTokenResponse& response);
  grpc::Status Asked(grpc::ServerContext* context, const std::string& what)
      ABSL_LOCKS_EXCLUDED(mu_);
  grpc::Status Admit(grpc::ServerContext* context, const std::string& method)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Clock& clock_;
  SigningKey key_;
  JwkSet keys_;
  TokenVerifier verifier_;

  mutable Mutex mu_;
  std::map<std::string, Session> sessions_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, tessera::v1::User> users_ ABSL_GUARDED_BY(mu_);  // by id
  std::vector<tessera::v1::ServiceAccount> services_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, tessera::v1::ImportedUser> imported_ ABSL_GUARDED_BY(mu_);
  tessera::v1::ListUsersRequest last_listing_ ABSL_GUARDED_BY(mu_);
  std::set<std::string> refused_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> requests_ ABSL_GUARDED_BY(mu_);
  std::string password_ ABSL_GUARDED_BY(mu_) = kPassword;
  bool asks_for_codes_ ABSL_GUARDED_BY(mu_) = false;
  std::string last_update_mask_ ABSL_GUARDED_BY(mu_);
  std::string last_renewal_access_token_ ABSL_GUARDED_BY(mu_);
  std::string caller_session_ ABSL_GUARDED_BY(mu_);  // of the call that Admit let in last
  std::string last_device_id_ ABSL_GUARDED_BY(mu_);
  std::string last_device_label_ ABSL_GUARDED_BY(mu_);
  std::string last_device_proof_ ABSL_GUARDED_BY(mu_);
  std::string last_scopes_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, std::string> last_claims_ ABSL_GUARDED_BY(mu_);
  std::string last_device_metadata_ ABSL_GUARDED_BY(mu_);
  grpc::Status next_failure_ ABSL_GUARDED_BY(mu_);
  Counts counts_ ABSL_GUARDED_BY(mu_);
  int lose_answers_ ABSL_GUARDED_BY(mu_) = 0;
  grpc::StatusCode lost_as_ ABSL_GUARDED_BY(mu_) = grpc::StatusCode::UNAVAILABLE;
  grpc::Status sessions_refused_ ABSL_GUARDED_BY(mu_);
  std::function<void()> after_renewals_ ABSL_GUARDED_BY(mu_);
  bool trail_tampered_with_ ABSL_GUARDED_BY(mu_) = false;

  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_CLI_FAKE_TESSERAD_H_
