// Statements that a server makes and reads again under a MAC key: refresh tokens, logins'
// challenges, proofs of devices.
#ifndef TESSERA_SERVER_AUTH_MAC_KEYS_H_
#define TESSERA_SERVER_AUTH_MAC_KEYS_H_

#include <string>
#include <string_view>

#include "server/auth/key_ring.h"
#include "tessera/base/secret.h"

namespace tessera::server {

// How a statement names its key: 16 bytes.
std::string MacKeyHash(std::string_view kid);
// Of the keys of refresh tokens. Null: no such key, or not any more. Lives as long as `keys`.
const Secret* FindMacKey(const KeySnapshot& keys, std::string_view key_hash);
// HMAC-SHA-256 of `context`, which keeps the kinds of statements apart, the store's epoch, and the
// statement.
std::string MacUnder(const Secret& key, std::string_view context, std::string_view epoch,
                     std::string_view body);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_MAC_KEYS_H_
