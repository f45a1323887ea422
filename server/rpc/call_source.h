// Where a call comes from: the caller's address, and whom its attempts are counted against.
#ifndef TESSERA_SERVER_RPC_CALL_SOURCE_H_
#define TESSERA_SERVER_RPC_CALL_SOURCE_H_

#include <grpcpp/grpcpp.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/names/ip_network.h"

namespace tessera::server {

// Metadata in which proxies name whom they serve; each adds the address that it sees at the end.
inline constexpr std::string_view kForwardedMetadata = "x-forwarded-for";

// Thread-safe, immutable.
class CallSource {
 public:
  // `trusted`: the networks of the proxies that are believed.
  explicit CallSource(std::vector<IpNetwork> trusted = {}) : trusted_(std::move(trusted)) {}

  // The peer's address (without its port); if that is a trusted proxy's, the last address of
  // `forwarded` (the values of kForwardedMetadata, in their order) that is not one. What stands
  // before it, or before something that is no address, anybody could have written. Version 6 by its
  // /64; what is no address at all (`unix:...`) as it is.
  std::string Of(std::string_view peer, const std::vector<std::string_view>& forwarded) const;
  // The same address, whole; the peer as it is, where it is no trusted proxy.
  std::string AddressOf(std::string_view peer,
                        const std::vector<std::string_view>& forwarded) const;
  // The values of kForwardedMetadata of a call; none where no proxy is trusted.
  std::vector<std::string_view> ForwardedIn(const grpc::ServerContextBase& context) const;

 private:
  bool IsTrusted(const IpAddress& address) const;
  IpAddress Walk(IpAddress peer, const std::vector<std::string_view>& forwarded) const;

  const std::vector<IpNetwork> trusted_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RPC_CALL_SOURCE_H_
