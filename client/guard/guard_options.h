// What a guard is made of, and how it judges.
#ifndef TESSERA_GUARD_GUARD_OPTIONS_H_
#define TESSERA_GUARD_GUARD_OPTIONS_H_

#include <stddef.h>

#include <map>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"
#include "tessera/guard/key_source.h"
#include "tessera/guard/revocation_source.h"
#include "tessera/guard/rule.h"
#include "tessera/guard/token_cookie.h"

namespace tessera {

// How the two server reflection services may be called.
enum class ReflectionAccess { kOff, kAuthenticated, kPublic };

struct GuardOptions {
  std::string issuer;               // required: `iss` of the tokens
  std::string audience;             // required: this service's own name, `aud` of the tokens
  std::shared_ptr<KeySource> keys;  // required
  std::shared_ptr<RevocationSource>
      revocations;  // required; WithoutRevocations() is the loud way to do without
  // Rules by full method path (`/pkg.Service/Method`), for services without the proto option. They
  // win over the option. Each must be of a method that a registered service owns, unless a generic
  // service (AsyncGenericService, CallbackGenericService) is registered: of that one's methods,
  // those that are named here are served, and all others are UNIMPLEMENTED (but of
  // `grpc.health.v1.Health`, where neither gRPC's own service nor another is registered: these two
  // let nobody in, PERMISSION_DENIED METHOD_UNRULED).
  std::map<std::string, Rule> rules;
  ReflectionAccess reflection = ReflectionAccess::kOff;
  // Judge calls by their tokens alone until the first list of revocations has arrived, instead of
  // refusing them.
  bool without_first_view = false;
  TokenCookie cookie;  // off by default
  // Let handlers see the metadata `tessera-device-id`. It is a secret of the caller: a service that
  // sees it can use its callers' device-bound tokens elsewhere. Only for one that is asked to
  // compare device ids itself, as tesserad is.
  bool reveal_device_ids_to_handlers = false;
  absl::Duration leeway = absl::Seconds(5);  // between clocks; at most 60 s
  // Verified tokens kept; about 4,000. Those whose calls are on their way to the handler are kept
  // apart, in up to 16 MiB more, whatever this says.
  size_t cache_bytes = 16 << 20;
  size_t max_parked_calls = 1024;  // calls that wait for a key fetch; beyond it UNAVAILABLE at once
  absl::Duration max_park = absl::Seconds(2);
  const Clock* clock = &SystemClock();  // must outlive the guard
  LogSink* log = &NoLog();              // must outlive the guard
};

}  // namespace tessera

#endif  // TESSERA_GUARD_GUARD_OPTIONS_H_
