// The audit trail's requests as the facade takes them, and what it answers as messages.
#ifndef TESSERA_SERVER_RPC_AUDIT_WIRE_H_
#define TESSERA_SERVER_RPC_AUDIT_WIRE_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/audit/audit_facade.h"
#include "tessera/v1/user_service.pb.h"

namespace tessera::server {

struct AuditListInput {
  storage::AuditFilter filter;
  int page_size = 0;
  std::string page_token;
};
// INVALID_ARGUMENT FIELD_INVALID: a text that is too long, an outcome or a time that there is not.
absl::StatusOr<AuditListInput> Parse(const v1::ListAuditEventsRequest& request);
// The page token.
absl::StatusOr<std::string> Parse(const v1::VerifyAuditTrailRequest& request);

void Write(const AuditFacade::Page& page, v1::ListAuditEventsResponse* wire);
void Write(const AuditFacade::Checked& checked, v1::VerifyAuditTrailResponse* wire);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RPC_AUDIT_WIRE_H_
