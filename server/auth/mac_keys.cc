#include "server/auth/mac_keys.h"

#include "tessera/token/digest.h"

namespace tessera::server {

std::string MacKeyHash(std::string_view kid) {
  const IdHash hash = IdHashOf(kid);
  return {hash.begin(), hash.end()};
}

const Secret* FindMacKey(const KeySnapshot& keys, std::string_view key_hash) {
  const auto kid = keys.mac_kids.find(std::string(key_hash));
  if (kid == keys.mac_kids.end()) return nullptr;
  const auto key = keys.macs.find(kid->second);
  return key == keys.macs.end() ? nullptr : &key->second;
}

std::string MacUnder(const Secret& key, std::string_view context, std::string_view epoch,
                     std::string_view body) {
  std::string message(context);
  message.append(epoch).append(body);
  const Sha256Digest mac = HmacSha256(key.Reveal(), message);
  return {mac.begin(), mac.end()};
}

}  // namespace tessera::server
