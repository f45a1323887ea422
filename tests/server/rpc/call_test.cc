#include "server/rpc/call.h"

#include <gtest/gtest.h>

namespace tessera::server {
namespace {

TEST(PeerAddress, IsWithoutSchemeAndPort) {
  EXPECT_EQ(PeerAddress("ipv4:10.0.0.7:4711"), "10.0.0.7");
  EXPECT_EQ(PeerAddress("ipv6:%5B2001:db8::1%5D:443"), "2001:db8::1");
  EXPECT_EQ(PeerAddress("ipv6:[::1]:443"), "::1");
  EXPECT_EQ(PeerAddress("unix:/run/t.sock"), "unix:/run/t.sock");
  EXPECT_EQ(PeerAddress(""), "");
}

}  // namespace
}  // namespace tessera::server
