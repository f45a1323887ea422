#include <tessera/caller/caller.h>

// A caller, if its options are good: these name no auth server.
bool RefusesToCallNobody() {
  const auto caller = tessera::Caller::Create(tessera::CallerOptions());
  return !caller.ok() &&
         caller.status().message().find("auth_server") != caller.status().message().npos;
}
