#include "server/rpc/audit_wire.h"
#include "server/rpc/user_service.h"

namespace tessera::server {

UserService::Reactor* UserService::ListAuditEvents(Context* context,
                                                   const v1::ListAuditEventsRequest* request,
                                                   v1::ListAuditEventsResponse* response) {
  const AuditFacade& trail = parts_.trail;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&trail](const CallInfo& call, const AuditListInput& input) {
            return trail.List(call, input.filter, input.page_size, input.page_token);
          })
      .Answer([response](const AuditFacade::Page& page) { Write(page, response); });
}

UserService::Reactor* UserService::VerifyAuditTrail(Context* context,
                                                    const v1::VerifyAuditTrailRequest* request,
                                                    v1::VerifyAuditTrailResponse* response) {
  const AuditFacade& trail = parts_.trail;
  return Run(Begin(*context), Parse(*request))
      .On(parts_.lanes.database,
          [&trail](const CallInfo& call, const std::string& page_token) {
            return trail.Verify(call, page_token);
          })
      .Answer([response](const AuditFacade::Checked& checked) { Write(checked, response); });
}

}  // namespace tessera::server
