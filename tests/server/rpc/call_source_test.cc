#include "server/rpc/call_source.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tessera::server {
namespace {

CallSource Trusting(const std::vector<std::string>& networks) {
  std::vector<IpNetwork> trusted;
  for (const std::string& text : networks) trusted.push_back(IpNetwork::Parse(text).value());
  return CallSource(std::move(trusted));
}

TEST(CallSource, IsThePeerWhoseWordAboutOthersCountsForNothing) {
  EXPECT_EQ(CallSource().Of("203.0.113.9", {}), "203.0.113.9");
  EXPECT_EQ(CallSource().Of("203.0.113.9", {"198.51.100.1"}), "203.0.113.9");
  EXPECT_EQ(Trusting({"10.0.0.0/8"}).Of("203.0.113.9", {"198.51.100.1"}), "203.0.113.9");
}

TEST(CallSource, IsTheLastAddressThatATrustedProxySawAndNotWhatItsClientSaid) {
  const CallSource source = Trusting({"10.0.0.0/8"});
  EXPECT_EQ(source.Of("10.0.0.7", {"198.51.100.1"}), "198.51.100.1");
  EXPECT_EQ(source.Of("10.0.0.7", {"203.0.113.66, 198.51.100.1"}), "198.51.100.1");
  EXPECT_EQ(source.Of("10.0.0.7", {"203.0.113.66", "198.51.100.1"}), "198.51.100.1")
      << "one header behind the other";
}

TEST(CallSource, IsBehindAllTrustedProxiesOfTheWay) {
  const CallSource source = Trusting({"10.0.0.0/8", "2001:db8:ffff::/48"});
  EXPECT_EQ(source.Of("10.0.0.7", {"203.0.113.66, 198.51.100.1, 2001:db8:ffff::5, 10.9.9.9"}),
            "198.51.100.1");
  EXPECT_EQ(source.Of("10.0.0.7", {"10.1.1.1, 10.2.2.2"}), "10.1.1.1")
      << "a call of their own network's";
  EXPECT_EQ(source.Of("10.0.0.7", {}), "10.0.0.7");
  EXPECT_EQ(source.Of("10.0.0.7", {""}), "10.0.0.7");
}

// The attack: something unreadable before one's own address, to be counted as the proxy or as
// nobody.
TEST(CallSource, NothingIsBelievedBeforeWhatIsNoAddress) {
  const CallSource source = Trusting({"10.0.0.0/8"});
  EXPECT_EQ(source.Of("10.0.0.7", {"203.0.113.66, nonsense, 198.51.100.1"}), "198.51.100.1");
  EXPECT_EQ(source.Of("10.0.0.7", {"203.0.113.66, unknown"}), "10.0.0.7");
  EXPECT_EQ(source.Of("10.0.0.7", {"203.0.113.66, , 10.0.0.8"}), "10.0.0.8");
}

TEST(CallSource, OfVersionSixIsTheNetworkOfOneSubscriber) {
  EXPECT_EQ(CallSource().Of("2001:db8:1:2:3:4:5:6", {}), "2001:db8:1:2::/64");
  EXPECT_EQ(CallSource().Of("2001:db8:1:2:ffff::1", {}), "2001:db8:1:2::/64");
  EXPECT_EQ(CallSource().Of("2001:db8:1:3::1", {}), "2001:db8:1:3::/64");
  EXPECT_EQ(CallSource().Of("fe80::1%eth0", {}), "fe80::/64");
}

TEST(CallSource, AnAddressIsTheSameHoweverItIsWritten) {
  const CallSource source = Trusting({"10.0.0.0/8", "::1"});
  EXPECT_EQ(source.Of("::ffff:198.51.100.1", {}), "198.51.100.1");
  EXPECT_EQ(source.Of("::ffff:10.0.0.7", {"198.51.100.1:4711"}), "198.51.100.1");
  EXPECT_EQ(source.Of("::1", {"[2001:db8::1]:443"}), "2001:db8::/64");
  EXPECT_EQ(source.Of("::1", {"[2001:db8::1]"}), "2001:db8::/64");
  EXPECT_EQ(source.Of("::1", {"2001:DB8:0:0::9"}), "2001:db8::/64");
}

// What lists of sessions and the log show: the caller, not the proxy, and all of the address.
TEST(CallSource, TheAddressIsTheWholeOneOfTheSameCaller) {
  const CallSource source = Trusting({"10.0.0.0/8"});
  EXPECT_EQ(source.AddressOf("10.0.0.7", {"203.0.113.66, 198.51.100.1"}), "198.51.100.1");
  EXPECT_EQ(source.AddressOf("10.0.0.7", {"[2001:DB8::1]:443"}), "2001:db8::1");
  EXPECT_EQ(source.AddressOf("10.0.0.7", {"203.0.113.66, unknown"}), "10.0.0.7");
  EXPECT_EQ(source.AddressOf("10.0.0.7", {}), "10.0.0.7");
  EXPECT_EQ(source.AddressOf("203.0.113.9", {"198.51.100.1"}), "203.0.113.9");
  EXPECT_EQ(CallSource().AddressOf("2001:db8:1:2:3:4:5:6", {"198.51.100.1"}),
            "2001:db8:1:2:3:4:5:6");
  EXPECT_EQ(source.AddressOf("unix:/run/t.sock", {"198.51.100.1"}), "unix:/run/t.sock");
}

TEST(CallSource, WhatIsNoAddressStandsForItself) {
  EXPECT_EQ(Trusting({"10.0.0.0/8"}).Of("unix:/run/t.sock", {"198.51.100.1"}), "unix:/run/t.sock");
  EXPECT_EQ(CallSource().Of("", {}), "");
}

}  // namespace
}  // namespace tessera::server
