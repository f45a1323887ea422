#include "server/rpc/to_wire.h"

#include <string>

#include "server/auth/named_texts.h"
#include "server/rpc/status_to_wire.h"

namespace tessera::server {
namespace {

v1::UserState WireState(storage::UserState state) {
  switch (state) {
    case storage::UserState::kActive:
      return v1::USER_STATE_ACTIVE;
    case storage::UserState::kDisabled:
      return v1::USER_STATE_DISABLED;
  }
  return v1::USER_STATE_UNSPECIFIED;
}

v1::RevocationKind WireKind(storage::RevocationKind kind) {
  switch (kind) {
    case storage::RevocationKind::kToken:
      return v1::REVOCATION_KIND_TOKEN;
    case storage::RevocationKind::kSession:
      return v1::REVOCATION_KIND_SESSION;
    case storage::RevocationKind::kUser:
      return v1::REVOCATION_KIND_USER;
    case storage::RevocationKind::kKey:
      return v1::REVOCATION_KIND_KEY;
  }
  return v1::REVOCATION_KIND_UNSPECIFIED;
}

v1::RevocationKind WireKind(RevokedThing thing) {
  switch (thing) {
    case RevokedThing::kToken:
      return v1::REVOCATION_KIND_TOKEN;
    case RevokedThing::kSession:
      return v1::REVOCATION_KIND_SESSION;
    case RevokedThing::kUser:
      return v1::REVOCATION_KIND_USER;
    case RevokedThing::kKey:
      return v1::REVOCATION_KIND_KEY;
  }
  return v1::REVOCATION_KIND_UNSPECIFIED;
}

v1::UserKind WireKind(UserKind kind) {
  switch (kind) {
    case UserKind::kNoOne:
      return v1::USER_KIND_NO_ONE;
    case UserKind::kUser:
      return v1::USER_KIND_USER;
    case UserKind::kAdmin:
      return v1::USER_KIND_ADMIN;
  }
  return v1::USER_KIND_UNSPECIFIED;
}

// How the subject proved itself, what the token is bound to, and on whose behalf it is used.
void WriteStanding(const Claims& claims, v1::ValidateTokenResponse* wire) {
  for (const std::string& method : claims.amr) wire->add_authentication_methods(method);
  wire->set_authentication_class(claims.acr);
  wire->set_subject_version(claims.user_version);
  wire->set_device_hash(claims.device_hash);
  wire->set_certificate_thumbprint(claims.certificate);
  for (const Actor& actor : claims.actors) wire->add_actors(actor.subject);
  for (const auto& [name, text] : claims.extra) (*wire->mutable_extra_claims())[name] = text;
}

}  // namespace

void Write(absl::Time time, google::protobuf::Timestamp* wire) {
  const int64_t seconds = absl::ToUnixSeconds(time);  // rounds down, before 1970 too
  wire->set_seconds(seconds);
  wire->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
}

void Write(absl::Duration duration, google::protobuf::Duration* wire) {
  const int64_t seconds = absl::IDivDuration(duration, absl::Seconds(1), &duration);
  wire->set_seconds(seconds);
  wire->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
}

void Write(const IssuedGrant& grant, v1::TokenGrant* wire) {
  wire->set_access_token(std::string(grant.access_token.Reveal()));
  Write(grant.access_expires_at, wire->mutable_access_expires_at());
  wire->set_refresh_token(std::string(grant.refresh_token.Reveal()));
  if (!grant.refresh_token.empty()) {
    Write(grant.refresh_expires_at, wire->mutable_refresh_expires_at());
  }
  wire->set_session_id(grant.session_id.str());
  for (const std::string& scope : grant.scopes) wire->add_scopes(scope);
  wire->set_device_proof(std::string(grant.device_proof.Reveal()));
}

void Write(const Introspection& introspection, v1::ValidateTokenResponse* wire) {
  wire->set_active(introspection.claims != nullptr);
  if (introspection.claims == nullptr) {
    wire->set_reason(ReasonFromName(introspection.inactive_reason));
    return;
  }
  const Claims& claims = *introspection.claims;
  wire->set_issuer(claims.issuer);
  wire->set_subject(claims.subject);
  wire->set_audience(claims.audience);
  Write(claims.issued_at, wire->mutable_issued_at());
  Write(claims.not_before, wire->mutable_not_before());
  Write(claims.expires_at, wire->mutable_expires_at());
  wire->set_token_id(claims.token_id.str());
  wire->set_client_id(claims.client_id);
  wire->set_session_id(claims.session_id.str());
  for (const std::string& role : claims.roles) wire->add_roles(role);
  for (const std::string& group : claims.groups) wire->add_groups(group);
  for (const std::string& scope : claims.scopes) wire->add_scopes(scope);
  if (claims.auth_time.has_value()) Write(*claims.auth_time, wire->mutable_auth_time());
  WriteStanding(claims, wire);
}

void Write(const storage::Revocation& entry, v1::RevocationEntry* wire) {
  wire->set_seq(static_cast<uint64_t>(entry.seq));
  wire->set_kind(WireKind(entry.kind));
  wire->set_id_hash(entry.id_hash);
  wire->set_min_user_version(entry.min_user_version);
  Write(entry.expires_at, wire->mutable_expires_at());
}

void Write(const RevocationNotice& entry, v1::RevocationEntry* wire) {
  wire->set_kind(WireKind(entry.thing));
  wire->set_id_hash(entry.id_hash.data(), entry.id_hash.size());
  wire->set_min_user_version(entry.min_user_version);
  Write(entry.expires_at, wire->mutable_expires_at());
}

void Write(const storage::User& user, v1::User* wire) {
  wire->set_id(user.id.str());
  wire->set_username(user.username);
  wire->set_email(user.email);
  wire->set_display_name(user.display_name);
  wire->set_state(WireState(user.state));
  Write(user.created_at, wire->mutable_create_time());
  Write(user.updated_at, wire->mutable_update_time());
  if (user.last_login_at.has_value()) Write(*user.last_login_at, wire->mutable_last_login_time());
  wire->set_etag(EtagOf(user));
  wire->set_totp_enrolled(user.totp_enrolled);
  // What cannot be read is left out here; no token is issued with it.
  for (auto& [name, value] : DecodeNamedTexts(user.attributes).value_or(NamedTexts())) {
    (*wire->mutable_attributes())[name] = value;
  }
}

void Write(const storage::Role& role, v1::Role* wire) {
  wire->set_id(role.id.str());
  wire->set_name(role.name);
  wire->set_description(role.description);
  for (const std::string& audience : role.audiences) wire->add_audiences(audience);
  Write(role.created_at, wire->mutable_create_time());
}

void Write(const UserFacade::Current& current, v1::GetCurrentUserResponse* wire) {
  Write(current.user, wire->mutable_user());
  for (const storage::Role& role : current.roles) wire->add_roles(role.name);
}

void Write(const UserFacade::Page& page, v1::ListUsersResponse* wire) {
  for (const storage::User& user : page.users) Write(user, wire->add_users());
  wire->set_next_page_token(page.next_page_token);
}

void Write(const RoleFacade::Page& page, v1::ListRolesResponse* wire) {
  for (const storage::Role& role : page.roles) Write(role, wire->add_roles());
  wire->set_next_page_token(page.next_page_token);
}

void Write(const RoleLookup& lookup, v1::LookupRolesResponse* wire) {
  wire->set_kind(WireKind(lookup.kind));
  wire->set_user_id(lookup.user_id.str());
  for (const storage::HeldRole& held : lookup.roles) {
    v1::EffectiveRole* effective = wire->add_roles();
    Write(held.role, effective->mutable_role());
    effective->set_direct(held.direct);
    for (const std::string& group : held.groups) effective->add_groups(group);
  }
}

void Write(const RoleCheck& check, v1::CheckRoleResponse* wire) {
  wire->set_kind(WireKind(check.kind));
  wire->set_held(check.held);
  wire->set_direct(check.direct);
  for (const std::string& group : check.groups) wire->add_groups(group);
}

}  // namespace tessera::server
