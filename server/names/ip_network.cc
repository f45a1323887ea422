#include "server/names/ip_network.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace tessera::server {
namespace {

constexpr std::array<uint8_t, 12> kV4Prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr int kV4PrefixBits = 96;
constexpr int kAllBits = 128;
constexpr size_t kSubscriberBytes = 8;

std::optional<int> ParseNumber(std::string_view digits) {
  int number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  if (!whole || digits.front() == '-') return std::nullopt;
  return number;
}

}  // namespace

std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  const std::string plain(text.substr(0, text.find('%')));
  Bytes bytes{};
  if (plain.size() != text.size() && plain.find(':') == plain.npos) return std::nullopt;
  if (inet_pton(AF_INET6, plain.c_str(), bytes.data()) == 1) return IpAddress(bytes);
  std::copy(kV4Prefix.begin(), kV4Prefix.end(), bytes.begin());
  if (inet_pton(AF_INET, plain.c_str(), bytes.data() + kV4Prefix.size()) != 1) return std::nullopt;
  return IpAddress(bytes);
}

bool IpAddress::is_v4() const {
  return std::equal(kV4Prefix.begin(), kV4Prefix.end(), bytes_.begin());
}

std::string IpAddress::Text() const {
  char text[INET6_ADDRSTRLEN] = {};
  if (is_v4()) {
    inet_ntop(AF_INET, bytes_.data() + kV4Prefix.size(), text, sizeof text);
  } else {
    inet_ntop(AF_INET6, bytes_.data(), text, sizeof text);
  }
  return text;
}

std::string IpAddress::SubscriberText() const {
  if (is_v4()) return Text();
  Bytes network = bytes_;
  std::fill(network.begin() + kSubscriberBytes, network.end(), uint8_t{0});
  return IpAddress(network).Text() + "/64";
}

std::optional<IpNetwork> IpNetwork::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  const std::optional<IpAddress> base = IpAddress::Parse(text.substr(0, slash));
  if (!base.has_value() || text.find('%') != text.npos) return std::nullopt;
  if (slash == text.npos) return IpNetwork(*base, kAllBits);
  const std::optional<int> bits = ParseNumber(text.substr(slash + 1));
  const bool as_v4 = text.find(':') == text.npos;
  const int shift = as_v4 ? kV4PrefixBits : 0;
  if (!bits.has_value() || *bits > kAllBits - shift) return std::nullopt;
  IpNetwork network(*base, *bits + shift);
  for (int bit = network.bits_; bit < kAllBits; ++bit) {
    const auto byte = base->bytes_[static_cast<size_t>(bit / 8)];
    if ((byte >> (7 - bit % 8) & 1) != 0) return std::nullopt;
  }
  return network;
}

bool IpNetwork::Contains(const IpAddress& address) const {
  for (int bit = 0; bit < bits_; ++bit) {
    const auto byte = static_cast<size_t>(bit / 8);
    if (((base_.bytes_[byte] ^ address.bytes_[byte]) >> (7 - bit % 8) & 1) != 0) return false;
  }
  return true;
}

}  // namespace tessera::server
