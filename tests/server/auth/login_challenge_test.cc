#include "server/auth/login_challenge.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/auth/refresh_token.h"
#include "tessera/base/reason.h"
#include "tessera/token/base64url.h"
#include "tests/server/auth/auth_world.h"

namespace tessera::server {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

KeySnapshot Keys() {
  KeySnapshot keys;
  keys.store_epoch = std::string(16, 'e');
  keys.mac_kid = "one";
  keys.AddMac("one", Secret(std::string(32, '1')));
  return keys;
}

LoginChallenge Full() {
  LoginChallenge challenge;
  challenge.user_id = UserId("usr_ada");
  challenge.user_version = 7;
  challenge.expires_at = kNow + absl::Minutes(5);
  challenge.audience = "orders";
  challenge.terms.scopes = {"read", "write"};
  challenge.terms.claims = {{"tenant", "a b \"c\""}, {"x", ""}};
  challenge.terms.device_id = "a-device-of-the-user";
  challenge.terms.device_label = "Ada's laptop";
  challenge.terms.bind_certificate = true;
  challenge.terms.include_groups = true;
  challenge.certificate = "thumbprint";
  return challenge;
}

std::string ReasonFor(const Secret& token, const KeySnapshot& keys, absl::Time now = kNow) {
  return Reason(ReadChallenge(token, keys, now).status());
}

TEST(LoginChallenge, BringsBackWhatTheLoginAskedFor) {
  const KeySnapshot keys = Keys();
  const Secret token = Require(MintChallenge(Full(), keys));
  EXPECT_EQ(token.Reveal().substr(0, 4), "tsc_");
  const LoginChallenge read = Require(ReadChallenge(token, keys, kNow));
  EXPECT_EQ(read.user_id.str(), "usr_ada");
  EXPECT_EQ(read.user_version, 7);
  EXPECT_EQ(read.expires_at, kNow + absl::Minutes(5));
  EXPECT_EQ(read.audience, "orders");
  EXPECT_EQ(read.terms.scopes, Full().terms.scopes);
  EXPECT_EQ(read.terms.claims, Full().terms.claims);
  EXPECT_EQ(read.terms.device_label, "Ada's laptop");
  EXPECT_TRUE(read.terms.bind_certificate);
  EXPECT_TRUE(read.terms.include_groups);
  EXPECT_EQ(read.certificate, "thumbprint");
}

// Whoever finds a challenge has not found the device.
TEST(LoginChallenge, HoldsTheDevicesHashAndNotItsId) {
  const KeySnapshot keys = Keys();
  const Secret token = Require(MintChallenge(Full(), keys));
  const LoginChallenge read = Require(ReadChallenge(token, keys, kNow));
  EXPECT_EQ(read.terms.device_id, "");
  EXPECT_EQ(read.terms.device_hash, DeviceHash("a-device-of-the-user"));
  const std::string bytes = *Base64UrlDecode(token.Reveal().substr(4));
  EXPECT_EQ(bytes.find("a-device-of-the-user"), std::string::npos);
}

TEST(LoginChallenge, IsRefusedFromItsEndOn) {
  const KeySnapshot keys = Keys();
  const Secret token = Require(MintChallenge(Full(), keys));
  EXPECT_EQ(ReasonFor(token, keys, kNow + absl::Minutes(5) - absl::Microseconds(1)), "OK");
  EXPECT_EQ(ReasonFor(token, keys, kNow + absl::Minutes(5)), "CHALLENGE_INVALID");
}

TEST(LoginChallenge, NoByteOfItCanBeChanged) {
  const KeySnapshot keys = Keys();
  const std::string text(Require(MintChallenge(Full(), keys)).Reveal());
  const std::string bytes = *Base64UrlDecode(text.substr(4));
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_EQ(ReasonFor(Secret("tsc_" + Base64UrlEncode(changed)), keys), "CHALLENGE_INVALID") << i;
  }
  for (const size_t size : {size_t{0}, size_t{1}, size_t{48}, bytes.size() - 1}) {
    EXPECT_EQ(ReasonFor(Secret("tsc_" + Base64UrlEncode(bytes.substr(0, size))), keys),
              "CHALLENGE_INVALID");
  }
  EXPECT_EQ(ReasonFor(Secret("tsr_" + text.substr(4)), keys), "CHALLENGE_INVALID");
  EXPECT_EQ(ReasonFor(Secret(text + "="), keys), "CHALLENGE_INVALID");
  EXPECT_EQ(ReasonFor(Secret(), keys), "CHALLENGE_INVALID");
}

TEST(LoginChallenge, DiesWithTheStoresEpochAndWithItsKey) {
  const KeySnapshot keys = Keys();
  const Secret token = Require(MintChallenge(Full(), keys));
  KeySnapshot restored = keys;
  restored.store_epoch = std::string(16, 'f');
  EXPECT_EQ(ReasonFor(token, restored), "CHALLENGE_INVALID");
  KeySnapshot rotated = keys;
  rotated.AddMac("two", Secret(std::string(32, '2')));
  rotated.mac_kid = "two";
  EXPECT_EQ(ReasonFor(token, rotated), "OK");
  EXPECT_FALSE(ChallengeNamesUnknownKey(token, rotated));
  KeySnapshot other;
  other.store_epoch = keys.store_epoch;
  other.AddMac("two", Secret(std::string(32, '2')));
  EXPECT_EQ(ReasonFor(token, other), "CHALLENGE_INVALID");
  EXPECT_TRUE(ChallengeNamesUnknownKey(token, other));
}

// Both are made with the same key: neither passes for the other.
TEST(LoginChallenge, IsNoRefreshTokenNorIsARefreshTokenOne) {
  const KeySnapshot keys = Keys();
  const Secret challenge = Require(MintChallenge(Full(), keys));
  const Secret refresh =
      Require(MintRefreshToken({SessionId::Random(kNow), 1}, keys.mac_kid, keys));
  EXPECT_FALSE(ParseRefreshToken(challenge, keys).ok());
  EXPECT_FALSE(
      ParseRefreshToken(Secret("tsr_" + std::string(challenge.Reveal().substr(4))), keys).ok());
  EXPECT_EQ(ReasonFor(Secret("tsc_" + std::string(refresh.Reveal().substr(4))), keys),
            "CHALLENGE_INVALID");
}

}  // namespace
}  // namespace tessera::server
