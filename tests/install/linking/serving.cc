#include <tessera/guard/guard.h>

// A guard, if its options are good: these name no issuer.
bool RefusesToGuardForNobody() {
  const auto guard = tessera::Guard::Create(tessera::GuardOptions());
  return !guard.ok() && guard.status().message().find("issuer") != guard.status().message().npos;
}
