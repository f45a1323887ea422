// Who is calling: what a guarded handler learns of its caller.
#ifndef TESSERA_GUARD_PRINCIPAL_H_
#define TESSERA_GUARD_PRINCIPAL_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/token/claims.h"
#include "tessera/token/kept_token.h"

namespace tessera {

enum class PrincipalKind { kAnonymous, kUser, kService };

// Immutable; shared by pointer for as long as the handler likes.
struct Principal {
  PrincipalKind kind = PrincipalKind::kAnonymous;
  Claims claims;  // of the verified token; all empty for an anonymous caller
  // The call's access token, where the method's rule `forwards_token`; null everywhere else.
  std::shared_ptr<const KeptToken> token;

  // On whose behalf the call is made, and so whose rights count; `svc_` begins a service account's.
  const std::string& subject() const { return claims.subject; }
  // Who makes it, if that is somebody else: the services that the token was exchanged by, the one
  // that calls first. They are for the log: none of them adds rights.
  const std::vector<Actor>& actors() const { return claims.actors; }
  // The login that the token comes from; empty for a service's own token.
  const SessionId& session() const { return claims.session_id; }
  // DeviceHash of the device that the session is bound to; empty for none. Proven to be this call's
  // only where the rule is `device_bound`.
  const std::string& device() const { return claims.device_hash; }
  bool HasRole(std::string_view role) const;
  bool HasScope(std::string_view scope) const;
  // Only where the login asked for the names of the groups (LoginRequest.include_groups): other
  // tokens name none.
  bool InGroup(std::string_view group) const;
};

}  // namespace tessera

#endif  // TESSERA_GUARD_PRINCIPAL_H_
