// Random bytes and ids, from the kernel's generator.
#ifndef TESSERA_BASE_RANDOM_H_
#define TESSERA_BASE_RANDOM_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace tessera {

// `count` bytes fit for keys. Ends the process if the kernel has none to give. Thread-safe.
std::string RandomBytes(size_t count);

// A number in [0, bound), for jitter and the like; `bound` at least 1. Thread-safe.
uint64_t RandomBelow(uint64_t bound);

// `prefix` and 26 lower-case Crockford base32 characters of a UUIDv7 (RFC 9562 section 5.7) made at
// `now`: `RandomId("usr_", now)`. Later ids sort behind earlier ones, to the millisecond.
// Thread-safe.
std::string RandomId(std::string_view prefix, absl::Time now);

}  // namespace tessera

#endif  // TESSERA_BASE_RANDOM_H_
