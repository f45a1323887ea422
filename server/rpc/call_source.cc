#include "server/rpc/call_source.h"

#include <algorithm>
#include <optional>

namespace tessera::server {
namespace {

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// `10.0.0.7`, `10.0.0.7:443`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:443`.
std::optional<IpAddress> ReadEntry(std::string_view entry) {
  entry = Trimmed(entry);
  if (!entry.empty() && entry.front() == '[') {
    const size_t end = entry.find(']');
    if (end == entry.npos) return std::nullopt;
    return IpAddress::Parse(entry.substr(1, end - 1));
  }
  const bool has_port = std::count(entry.begin(), entry.end(), ':') == 1;
  return IpAddress::Parse(has_port ? entry.substr(0, entry.find(':')) : entry);
}

// The last one that is still in `rest`, which becomes what stands before it.
std::string_view TakeLast(std::string_view& rest) {
  const size_t comma = rest.rfind(',');
  const std::string_view entry = comma == rest.npos ? rest : rest.substr(comma + 1);
  rest = comma == rest.npos ? std::string_view() : rest.substr(0, comma);
  return entry;
}

}  // namespace

bool CallSource::IsTrusted(const IpAddress& address) const {
  return std::any_of(trusted_.begin(), trusted_.end(),
                     [&](const IpNetwork& network) { return network.Contains(address); });
}

// As far back as trusted proxies tell.
IpAddress CallSource::Walk(IpAddress peer, const std::vector<std::string_view>& forwarded) const {
  IpAddress source = peer;
  for (auto value = forwarded.rbegin(); value != forwarded.rend(); ++value) {
    std::string_view rest = *value;
    while (!rest.empty()) {
      if (!IsTrusted(source)) return source;
      const std::optional<IpAddress> before = ReadEntry(TakeLast(rest));
      if (!before.has_value()) return source;
      source = *before;
    }
  }
  return source;
}

std::string CallSource::Of(std::string_view peer,
                           const std::vector<std::string_view>& forwarded) const {
  const std::optional<IpAddress> address = IpAddress::Parse(peer);
  return address.has_value() ? Walk(*address, forwarded).SubscriberText() : std::string(peer);
}

std::string CallSource::AddressOf(std::string_view peer,
                                  const std::vector<std::string_view>& forwarded) const {
  const std::optional<IpAddress> address = IpAddress::Parse(peer);
  if (!address.has_value() || !IsTrusted(*address)) return std::string(peer);
  return Walk(*address, forwarded).Text();
}

std::vector<std::string_view> CallSource::ForwardedIn(
    const grpc::ServerContextBase& context) const {
  std::vector<std::string_view> forwarded;
  if (trusted_.empty()) return forwarded;
  const auto values = context.client_metadata().equal_range(
      grpc::string_ref(kForwardedMetadata.data(), kForwardedMetadata.size()));
  for (auto value = values.first; value != values.second; ++value) {
    forwarded.emplace_back(value->second.data(), value->second.size());
  }
  return forwarded;
}

}  // namespace tessera::server
