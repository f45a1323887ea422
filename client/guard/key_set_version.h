// Which state of its store a key set is: how a guard tells an older set from a newer one.
#ifndef TESSERA_GUARD_KEY_SET_VERSION_H_
#define TESSERA_GUARD_KEY_SET_VERSION_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace tessera {

// Numbers of one epoch can be compared; of two epochs nobody knows which came first.
struct KeySetVersion {
  std::string epoch;   // the store's, as text; empty: not known
  int64_t number = 0;  // rises with each change of the keys
};

// Both are known, and of one epoch.
bool AreComparable(const KeySetVersion& one, const KeySetVersion& other);
// `one` is surely the older.
bool IsOlder(const KeySetVersion& one, const KeySetVersion& other);

// The version travels with the set wherever that goes, as two members more of the JWK set, which
// whoever does not know them ignores (RFC 7517 section 5): `tessera_epoch` and `tessera_version`.
// `jwks_json` is a JWK set, `version.epoch` base64url.
std::string WithVersion(std::string jwks_json, const KeySetVersion& version);
// Not known if the text does not say.
KeySetVersion VersionIn(std::string_view jwks_json);

}  // namespace tessera

#endif  // TESSERA_GUARD_KEY_SET_VERSION_H_
