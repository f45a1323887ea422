// Who is calling: what a guarded handler learns of its caller.
#ifndef TESSERA_GUARD_PRINCIPAL_H_
#define TESSERA_GUARD_PRINCIPAL_H_

#include <string>
#include <string_view>

#include "tessera/token/claims.h"

namespace tessera {

enum class PrincipalKind { kAnonymous, kUser, kService };

// Immutable; shared by pointer for as long as the handler likes.
struct Principal {
  PrincipalKind kind = PrincipalKind::kAnonymous;
  Claims claims;  // of the verified token; all empty for an anonymous caller

  bool HasRole(std::string_view role) const;
  bool HasScope(std::string_view scope) const;
};

}  // namespace tessera

#endif  // TESSERA_GUARD_PRINCIPAL_H_
