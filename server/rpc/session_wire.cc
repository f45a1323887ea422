#include "server/rpc/session_wire.h"

#include <algorithm>
#include <string>

#include "server/rpc/from_wire.h"
#include "server/rpc/to_wire.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

absl::Status CheckBounded(std::string_view field, const std::string& value) {
  if (value.size() > kMaxTextBytes) return FieldInvalid(field, "at most 1,024 bytes");
  return absl::OkStatus();
}

void Write(const storage::Session& session, const SessionId& current, v1::Session* wire) {
  wire->set_id(session.id.str());
  wire->set_user_id(session.user_id.str());
  wire->set_device_label(session.device_label);
  wire->set_device_bound(!session.device_hash.empty());
  wire->set_certificate_bound(!session.certificate.empty());
  wire->set_address(session.address);
  wire->set_audience(session.audience);
  server::Write(session.created_at, wire->mutable_create_time());
  const absl::Time last_used = session.last_used_at.value_or(session.rotated_at);
  server::Write(std::max(session.rotated_at, last_used), wire->mutable_last_used_time());
  server::Write(std::min(session.idle_expires_at, session.expires_at), wire->mutable_expire_time());
  wire->set_current(session.id == current);
}

}  // namespace

absl::StatusOr<SessionsAsked> Parse(const v1::ListSessionsRequest& request) {
  TESSERA_RETURN_IF_ERROR(CheckBounded("user_id", request.user_id()));
  TESSERA_RETURN_IF_ERROR(CheckBounded("page_token", request.page_token()));
  return SessionsAsked{UserId(request.user_id()), request.page_size(), request.page_token()};
}

absl::StatusOr<SessionId> Parse(const v1::RevokeSessionRequest& request) {
  TESSERA_RETURN_IF_ERROR(CheckBounded("session_id", request.session_id()));
  if (request.session_id().empty()) return FieldInvalid("session_id", "required");
  return SessionId(request.session_id());
}

absl::StatusOr<SessionsToEnd> Parse(const v1::RevokeAllSessionsRequest& request) {
  TESSERA_RETURN_IF_ERROR(CheckBounded("user_id", request.user_id()));
  return SessionsToEnd{UserId(request.user_id()), request.keep_current()};
}

void Write(const SessionFacade::Page& page, v1::ListSessionsResponse* wire) {
  for (const storage::Session& session : page.sessions) {
    Write(session, page.current, wire->add_sessions());
  }
  wire->set_next_page_token(page.next_page_token);
}

}  // namespace tessera::server
