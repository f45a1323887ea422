#include "tests/cli/fake_tesserad.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tessera/base/random.h"
#include "tessera/base/reason.h"
#include "tessera/token/token_signer.h"

namespace tessera::testing {
namespace {

using namespace tessera::v1;  // NOLINT(google-build-using-namespace)

constexpr absl::Duration kAccessLife = absl::Minutes(15);
constexpr absl::Duration kGrace = absl::Seconds(30);

void Set(absl::Time time, google::protobuf::Timestamp* timestamp) {
  timestamp->set_seconds(absl::ToUnixSeconds(time));
}

grpc::Status Refused(grpc::StatusCode code, const std::string& text) { return {code, text}; }

User MakeUser(const std::string& name, absl::Time now) {
  User user;
  user.set_id(RandomId("usr_", now));
  user.set_username(name);
  user.set_state(USER_STATE_ACTIVE);
  Set(now, user.mutable_create_time());
  user.set_etag("etag-1");
  return user;
}

}  // namespace

FakeTesserad::FakeTesserad(const Clock& clock)
    : clock_(clock),
      key_(SigningKey::Generate(Algorithm::kEs256).value()),
      keys_(JwkSet::Of({key_.ToVerifyKey()}).value()),
      verifier_(TokenVerifier::Create({kIssuer, "tessera", absl::Seconds(5)}).value()) {
  {
    MutexLock lock(mu_);
    const User alice = MakeUser("alice", clock.Now());
    users_[alice.id()] = alice;
  }
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(static_cast<AuthService::Service*>(this));
  builder.RegisterService(static_cast<UserService::Service*>(this));
  server_ = builder.BuildAndStart();
  address_ = absl::StrCat("127.0.0.1:", port);
}

FakeTesserad::~FakeTesserad() { server_->Shutdown(absl::ToChronoTime(absl::Now())); }

void FakeTesserad::LoseAnswers(int count, grpc::StatusCode code) {
  MutexLock lock(mu_);
  lose_answers_ = count;
  lost_as_ = code;
}

void FakeTesserad::RefuseSessions(grpc::Status status) {
  MutexLock lock(mu_);
  sessions_refused_ = std::move(status);
}

void FakeTesserad::AfterRenewals(std::function<void()> hook) {
  MutexLock lock(mu_);
  after_renewals_ = std::move(hook);
}

void FakeTesserad::RefuseToken(const std::string& token) {
  MutexLock lock(mu_);
  refused_.insert(token);
}

void FakeTesserad::FailNext(grpc::Status status) {
  MutexLock lock(mu_);
  next_failure_ = std::move(status);
}

void FakeTesserad::NameEverybody(const std::string& display_name) {
  MutexLock lock(mu_);
  for (auto& [id, user] : users_) user.set_display_name(display_name);
}

FakeTesserad::Counts FakeTesserad::counts() const {
  MutexLock lock(mu_);
  Counts counts = counts_;
  for (const auto& [id, session] : sessions_) counts.sessions_open += session.ended ? 0 : 1;
  return counts;
}

std::vector<std::string> FakeTesserad::requests() const {
  MutexLock lock(mu_);
  return requests_;
}

std::string FakeTesserad::last_update_mask() const {
  MutexLock lock(mu_);
  return last_update_mask_;
}

std::string FakeTesserad::last_renewal_access_token() const {
  MutexLock lock(mu_);
  return last_renewal_access_token_;
}

std::map<std::string, std::string> FakeTesserad::last_claims() const {
  MutexLock lock(mu_);
  return last_claims_;
}

std::string FakeTesserad::last_device_proof() const {
  MutexLock lock(mu_);
  return last_device_proof_;
}

std::string FakeTesserad::last_scopes() const {
  MutexLock lock(mu_);
  return last_scopes_;
}

std::string FakeTesserad::last_device_id() const {
  MutexLock lock(mu_);
  return last_device_id_;
}

std::string FakeTesserad::last_device_label() const {
  MutexLock lock(mu_);
  return last_device_label_;
}

std::string FakeTesserad::last_device_metadata() const {
  MutexLock lock(mu_);
  return last_device_metadata_;
}

void FakeTesserad::FillGrant(const std::string& id, const Session& session, TokenGrant& grant) {
  const absl::Time now = absl::FromUnixSeconds(absl::ToUnixSeconds(clock_.Now()));
  Claims claims;
  claims.issuer = kIssuer;
  claims.subject = session.username;
  claims.audience = session.audience.empty() ? "tessera" : session.audience;
  claims.client_id = "tessera";
  claims.token_id = TokenId::Random(now);
  claims.issued_at = claims.not_before = now;
  claims.expires_at = now + kAccessLife;
  claims.session_id = SessionId(id);
  claims.roles = {"tessera.admin"};
  grant.set_access_token(std::string(SignAccessToken(claims, key_).value().Reveal()));
  grant.set_refresh_token(absl::StrCat("tsr_", id, ".", session.generation));
  Set(claims.expires_at, grant.mutable_access_expires_at());
  Set(now + absl::Hours(24), grant.mutable_refresh_expires_at());
  grant.set_session_id(id);
}

TokenGrant FakeTesserad::OpenSession(const std::string& username, const std::string& audience) {
  MutexLock lock(mu_);
  const std::string id = RandomId("ses_", clock_.Now());
  sessions_[id] = {username, audience, 0, clock_.Now(), false, "", ""};
  TokenGrant grant;
  FillGrant(id, sessions_[id], grant);
  return grant;
}

FakeTesserad::Session* FakeTesserad::Find(const std::string& refresh_token, std::string* id,
                                          int* generation) {
  const size_t dot = refresh_token.rfind('.');
  if (dot == std::string::npos || refresh_token.compare(0, 4, "tsr_") != 0) return nullptr;
  *id = refresh_token.substr(4, dot - 4);
  *generation = std::stoi(refresh_token.substr(dot + 1));
  const auto found = sessions_.find(*id);
  return found == sessions_.end() ? nullptr : &found->second;
}

grpc::Status FakeTesserad::Login(grpc::ServerContext*, const LoginRequest* request,
                                 LoginResponse* response) {
  {
    MutexLock lock(mu_);
    if (request->username() != "alice" || request->password() != password_) {
      return Refused(grpc::StatusCode::UNAUTHENTICATED,
                     "BAD_CREDENTIALS: user name or password is wrong");
    }
    if (asks_for_codes_) {
      response->mutable_challenge()->set_challenge_token("tsc_challenge");
      return grpc::Status::OK;
    }
    ++counts_.logins;
  }
  *response->mutable_grant() = OpenSession(request->username(), request->audience());
  MutexLock lock(mu_);
  last_device_id_ = request->device_id();
  last_device_proof_ = request->device_proof();
  response->mutable_grant()->set_device_proof(absl::StrCat("tsd_", counts_.logins));
  last_scopes_ = absl::StrJoin(request->scopes(), " ");
  last_claims_ = {request->claims().begin(), request->claims().end()};
  last_device_label_ = request->device_label();
  Session& session = sessions_[response->grant().session_id()];
  session.device_id = request->device_id();
  session.device_label = request->device_label();
  return grpc::Status::OK;
}

grpc::Status FakeTesserad::RenewToken(grpc::ServerContext*, const RenewTokenRequest* request,
                                      RenewTokenResponse* response) {
  grpc::Status status = Renew(*request, *response);
  std::function<void()> hook;
  {
    MutexLock lock(mu_);
    hook = after_renewals_;
  }
  if (hook != nullptr) hook();
  return status;
}

grpc::Status FakeTesserad::Renew(const RenewTokenRequest& request, RenewTokenResponse& response) {
  MutexLock lock(mu_);
  ++counts_.renew_calls;
  last_renewal_access_token_ = request.access_token();
  if (!sessions_refused_.ok()) return sessions_refused_;
  std::string id;
  int shown = 0;
  Session* session = Find(request.refresh_token(), &id, &shown);
  if (session == nullptr || session->ended) {
    return Refused(grpc::StatusCode::UNAUTHENTICATED, "SESSION_ENDED: the session has ended");
  }
  if (request.device_id() != session->device_id) {
    return Refused(grpc::StatusCode::UNAUTHENTICATED, "DEVICE_MISMATCH: another device");
  }
  const bool in_grace = clock_.Now() - session->rotated_at <= kGrace;
  if (shown == session->generation) {
    ++session->generation;
    ++counts_.generations;
    session->rotated_at = clock_.Now();
  } else if (shown != session->generation - 1 || !in_grace) {
    session->ended = true;
    ++counts_.reuses;
    return Refused(grpc::StatusCode::UNAUTHENTICATED, "REFRESH_REUSED: the session is ended");
  }
  if (lose_answers_ > 0) {
    --lose_answers_;
    return Refused(lost_as_, "connection reset");
  }
  FillGrant(id, *session, *response.mutable_grant());
  return grpc::Status::OK;
}

grpc::Status FakeTesserad::Logout(grpc::ServerContext*, const LogoutRequest* request,
                                  LogoutResponse*) {
  MutexLock lock(mu_);
  if (!sessions_refused_.ok()) return sessions_refused_;
  std::string id;
  int generation = 0;
  Session* session = Find(request->refresh_token(), &id, &generation);
  if (session == nullptr) {
    return Refused(grpc::StatusCode::UNAUTHENTICATED, "TOKEN_MALFORMED: not a refresh token");
  }
  session->ended = true;
  return grpc::Status::OK;
}

grpc::Status FakeTesserad::ValidateToken(grpc::ServerContext*, const ValidateTokenRequest* request,
                                         ValidateTokenResponse* response) {
  const auto any = TokenVerifier::Create({kIssuer, std::nullopt, absl::Seconds(5)}).value();
  const auto verified = any.Verify(request->token(), keys_, clock_.Now());
  MutexLock lock(mu_);
  if (!verified.ok()) {
    ErrorReason why = ERROR_REASON_UNSPECIFIED;
    ErrorReason_Parse("ERROR_REASON_" + ReasonOf(verified.status()), &why);
    response->set_reason(why);
    return grpc::Status::OK;
  }
  if (refused_.count(request->token()) > 0) {
    response->set_reason(ERROR_REASON_TOKEN_REVOKED);
    return grpc::Status::OK;
  }
  response->set_active(true);
  response->set_subject(verified->claims().subject);
  response->set_audience(verified->claims().audience);
  Set(verified->claims().expires_at, response->mutable_expires_at());
  return grpc::Status::OK;
}

grpc::Status FakeTesserad::RevokeToken(grpc::ServerContext*, const RevokeTokenRequest* request,
                                       RevokeTokenResponse*) {
  RefuseToken(request->token());
  return grpc::Status::OK;
}

grpc::Status FakeTesserad::GetJwks(grpc::ServerContext*, const GetJwksRequest*,
                                   GetJwksResponse* response) {
  response->set_jwks_json(keys_.ToJson());
  return grpc::Status::OK;
}

grpc::Status FakeTesserad::Admit(grpc::ServerContext* context, const std::string& method) {
  const auto [first, last] = context->client_metadata().equal_range("authorization");
  if (first == last) {
    return Refused(grpc::StatusCode::UNAUTHENTICATED, "TOKEN_MISSING: the call carries no token");
  }
  const std::string header(first->second.data(), first->second.size());
  const std::string token = header.substr(std::string("Bearer ").size());
  const auto verified = verifier_.Verify(token, keys_, clock_.Now());
  if (!verified.ok()) {
    return Refused(grpc::StatusCode::UNAUTHENTICATED, std::string(verified.status().message()));
  }
  if (refused_.count(token) > 0) {
    return Refused(grpc::StatusCode::UNAUTHENTICATED, "TOKEN_REVOKED: the token is revoked");
  }
  caller_session_ = verified->claims().session_id.str();
  const auto device = context->client_metadata().find("tessera-device-id");
  last_device_metadata_ = device == context->client_metadata().end()
                              ? ""
                              : std::string(device->second.data(), device->second.size());
  requests_.push_back(method);
  return std::exchange(next_failure_, grpc::Status::OK);
}

#define ADMIT(method)                              \
  MutexLock lock(mu_);                             \
  grpc::Status admission = Admit(context, method); \
  if (!admission.ok()) return admission

grpc::Status FakeTesserad::ListSessions(grpc::ServerContext* context,
                                        const ListSessionsRequest* request,
                                        ListSessionsResponse* response) {
  ADMIT("ListSessions " + request->user_id());
  const int size = std::min(request->page_size(), 2);
  auto next = sessions_.upper_bound(request->page_token());
  for (; response->sessions_size() < size && next != sessions_.end(); ++next) {
    if (next->second.ended) continue;
    tessera::v1::Session* session = response->add_sessions();
    session->set_id(next->first);
    session->set_audience(next->second.audience);
    session->set_device_label(next->second.device_label);
    session->set_device_bound(!next->second.device_id.empty());
    session->set_current(next->first == caller_session_);
    Set(next->second.rotated_at, session->mutable_last_used_time());
  }
  if (next != sessions_.end()) response->set_next_page_token(std::prev(next)->first);
  return grpc::Status::OK;
}

grpc::Status FakeTesserad::RevokeSession(grpc::ServerContext* context,
                                         const RevokeSessionRequest* request,
                                         RevokeSessionResponse*) {
  ADMIT("RevokeSession");
  const auto found = sessions_.find(request->session_id());
  if (found == sessions_.end()) {
    return Refused(grpc::StatusCode::NOT_FOUND, "SESSION_NOT_FOUND: no such session");
  }
  found->second.ended = true;
  return grpc::Status::OK;
}

grpc::Status FakeTesserad::RevokeAllSessions(grpc::ServerContext* context,
                                             const RevokeAllSessionsRequest* request,
                                             RevokeAllSessionsResponse* response) {
  ADMIT("RevokeAllSessions " + request->user_id());
  for (auto& [id, session] : sessions_) {
    if (session.ended || (request->keep_current() && id == caller_session_)) continue;
    session.ended = true;
    response->set_revoked_count(response->revoked_count() + 1);
  }
  return grpc::Status::OK;
}

grpc::Status FakeTesserad::GetCurrentUser(grpc::ServerContext* context,
                                          const GetCurrentUserRequest*,
                                          GetCurrentUserResponse* response) {
  ADMIT("GetCurrentUser");
  *response->mutable_user() = users_.begin()->second;
  response->add_roles("tessera.admin");
  return grpc::Status::OK;
}

grpc::Status FakeTesserad::CreateUser(grpc::ServerContext* context,
                                      const CreateUserRequest* request,
                                      CreateUserResponse* response) {
  ADMIT("CreateUser");
  for (const auto& [id, user] : users_) {
    if (user.username() != request->user().username()) continue;
    return Refused(grpc::StatusCode::ALREADY_EXISTS, "USERNAME_TAKEN: another user has this name");
  }
  User user = MakeUser(request->user().username(), clock_.Now());
  user.set_email(request->user().email());
  user.set_display_name(request->user().display_name());
  user.set_state(request->user().state());
  *user.mutable_attributes() = request->user().attributes();
  users_[user.id()] = user;
  *response->mutable_user() = user;
  return grpc::Status::OK;
}

grpc::Status FakeTesserad::GetUser(grpc::ServerContext* context, const GetUserRequest* request,
                                   GetUserResponse* response) {
  ADMIT("GetUser");
  for (const auto& [id, user] : users_) {
    const bool by_email = !request->email().empty() && user.email() == request->email();
    if (id != request->user_id() && user.username() != request->username() && !by_email) continue;
    *response->mutable_user() = user;
    return grpc::Status::OK;
  }
  return Refused(grpc::StatusCode::NOT_FOUND, "USER_NOT_FOUND: no such user");
}

grpc::Status FakeTesserad::ListUsers(grpc::ServerContext* context, const ListUsersRequest* request,
                                     ListUsersResponse* response) {
  ADMIT("ListUsers");
  last_listing_ = *request;
  // Two a page at most, so that paging happens.
  const int size = std::min(request->page_size(), 2);
  auto next = users_.upper_bound(request->page_token());
  for (int i = 0; i < size && next != users_.end(); ++i, ++next) {
    *response->add_users() = next->second;
  }
  if (next != users_.end()) response->set_next_page_token(std::prev(next)->first);
  return grpc::Status::OK;
}

grpc::Status FakeTesserad::UpdateUser(grpc::ServerContext* context,
                                      const UpdateUserRequest* request,
                                      UpdateUserResponse* response) {
  ADMIT("UpdateUser");
  last_update_mask_ = absl::StrJoin(request->update_mask().paths(), ",");
  if (!request->user().etag().empty() && request->user().etag() != "etag-1") {
    return Refused(grpc::StatusCode::ABORTED, "ETAG_MISMATCH: the user was changed");
  }
  User& user = users_[request->user().id()];
  user.set_state(request->user().state());
  *user.mutable_attributes() = request->user().attributes();
  *response->mutable_user() = user;
  return grpc::Status::OK;
}

grpc::Status FakeTesserad::DeleteUser(grpc::ServerContext* context,
                                      const DeleteUserRequest* request, DeleteUserResponse*) {
  ADMIT("DeleteUser");
  if (users_.erase(request->user_id()) > 0) return grpc::Status::OK;
  return Refused(grpc::StatusCode::NOT_FOUND, "USER_NOT_FOUND: no such user");
}

grpc::Status FakeTesserad::ChangePassword(grpc::ServerContext* context,
                                          const ChangePasswordRequest* request,
                                          ChangePasswordResponse* response) {
  ADMIT("ChangePassword");
  if (request->old_password() != password_) {
    return Refused(grpc::StatusCode::UNAUTHENTICATED, "BAD_CREDENTIALS: the password is wrong");
  }
  password_ = request->new_password();
  response->set_device_proof("tsd_changed");
  for (auto& [id, session] : sessions_) session.ended = true;
  return grpc::Status::OK;
}

#undef ADMIT

}  // namespace tessera::testing
