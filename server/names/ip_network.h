// Addresses and networks of the Internet Protocol, of both versions.
#ifndef TESSERA_SERVER_NAMES_IP_NETWORK_H_
#define TESSERA_SERVER_NAMES_IP_NETWORK_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tessera::server {

// A value. Version 4 is kept as `::ffff:a.b.c.d`, and so is one that was written like that.
class IpAddress {
 public:
  // By number alone: `10.0.0.7`, `2001:db8::1`, also with a zone behind `%`, which is left out.
  static std::optional<IpAddress> Parse(std::string_view text);

  bool is_v4() const;
  // The whole address.
  std::string Text() const;
  // The address, or of version 6 the network of 64 bits that it is in, which is as much as one
  // subscriber has at least: `2001:db8:0:1::/64`.
  std::string SubscriberText() const;

 private:
  friend class IpNetwork;
  using Bytes = std::array<uint8_t, 16>;
  explicit IpAddress(const Bytes& bytes) : bytes_(bytes) {}
  Bytes bytes_;
};

// `10.0.0.0/8`, `2001:db8::/32`, or a single address. A value.
class IpNetwork {
 public:
  // Absent for anything else, and for one with bits set behind its prefix: a slip of the pen.
  static std::optional<IpNetwork> Parse(std::string_view text);
  bool Contains(const IpAddress& address) const;

 private:
  IpNetwork(const IpAddress& base, int bits) : base_(base), bits_(bits) {}
  IpAddress base_;
  int bits_;  // of 128
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_NAMES_IP_NETWORK_H_
