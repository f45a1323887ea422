#include "server/auth/device_proof.h"

#include <gtest/gtest.h>

#include <string>

#include "server/auth/mac_keys.h"
#include "tessera/base/reason.h"
#include "tessera/token/base64url.h"

namespace tessera::server {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr absl::Duration kLife = absl::Hours(24);
const ProofOwner kAda{UserId("usr_ada"), 7};
const ProofOwner kBob{UserId("usr_bob"), 7};

KeySnapshot KeysOf(char secret) {
  KeySnapshot keys;
  keys.secret_hash_kid = "hash-1";
  keys.secret_hashes.emplace("hash-1", Secret(std::string(32, secret)));
  keys.AddMac("mac-1", Secret(std::string(32, 'm')));
  return keys;
}

Secret Minted(const KeySnapshot& keys, std::string_view device = {}, absl::Time at = kNow) {
  auto proof = MintDeviceProof(kAda, device, keys, at);
  EXPECT_TRUE(proof.ok()) << proof.status();
  return proof.ok() ? *std::move(proof) : Secret();
}

TEST(DeviceProof, SaysTheDeviceToItsUserAndNothingToOthers) {
  const KeySnapshot keys = KeysOf('k');
  const std::string device(kDeviceNumberBytes, 'd');
  const Secret proof = Minted(keys, device);
  EXPECT_EQ(proof.Reveal().substr(0, 4), kDeviceProofPrefix);
  EXPECT_EQ(ReadDeviceProof(proof, kAda, keys, kNow, kLife), device);
  EXPECT_FALSE(ReadDeviceProof(proof, kBob, keys, kNow, kLife).has_value());
  EXPECT_FALSE(ReadDeviceProof(proof, ProofOwner(), keys, kNow, kLife).has_value());
}

TEST(DeviceProof, OfAnotherVersionOfItsUserIsNone) {
  const KeySnapshot keys = KeysOf('k');
  const Secret proof = Minted(keys);
  for (const int64_t version :
       {int64_t{0}, kAda.version - 1, kAda.version + 1, -kAda.version, kAda.version << 56}) {
    EXPECT_FALSE(ReadDeviceProof(proof, {kAda.user, version}, keys, kNow, kLife).has_value())
        << version;
  }
}

// It named no version of its user.
TEST(DeviceProof, OfTheFormerFormIsNone) {
  const KeySnapshot keys = KeysOf('k');
  std::string bytes("\x01");
  bytes.append(std::string(kDeviceNumberBytes, 'd')).append(4, '\0');
  for (const int shift : {24, 16, 8, 0}) {
    bytes.push_back(static_cast<char>(absl::ToUnixSeconds(kNow) >> shift));
  }
  bytes.append(MacKeyHash("hash-1"));
  bytes.append(MacUnder(keys.secret_hashes.at("hash-1"), "tessera/device-proof/v1", "",
                        bytes + kAda.user.str()));
  const Secret proof("tsd_" + Base64UrlEncode(bytes));
  EXPECT_EQ(proof.Reveal().size(), Minted(keys).Reveal().size());
  EXPECT_FALSE(ReadDeviceProof(proof, kAda, keys, kNow, kLife).has_value());
}

TEST(DeviceProof, OfANewDeviceIsUnlikeAnyOther) {
  const KeySnapshot keys = KeysOf('k');
  const auto first = ReadDeviceProof(Minted(keys), kAda, keys, kNow, kLife);
  ASSERT_TRUE(first.has_value());
  EXPECT_NE(first, ReadDeviceProof(Minted(keys), kAda, keys, kNow, kLife));
}

TEST(DeviceProof, WithAnyCharacterChangedOrLeftOutIsNone) {
  const KeySnapshot keys = KeysOf('k');
  const std::string good(Minted(keys).Reveal());
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = bad[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(ReadDeviceProof(Secret(bad), kAda, keys, kNow, kLife).has_value()) << i;
    EXPECT_FALSE(ReadDeviceProof(Secret(good.substr(0, i)), kAda, keys, kNow, kLife).has_value());
  }
  EXPECT_FALSE(ReadDeviceProof(Secret(good + "A"), kAda, keys, kNow, kLife).has_value());
}

TEST(DeviceProof, OfAnotherServersKeyIsNone) {
  const Secret proof = Minted(KeysOf('k'));
  EXPECT_FALSE(ReadDeviceProof(proof, kAda, KeysOf('x'), kNow, kLife).has_value());
}

TEST(DeviceProof, EndsWithItsLifeTheLastInstantExcluded) {
  const KeySnapshot keys = KeysOf('k');
  const Secret proof = Minted(keys);
  EXPECT_TRUE(
      ReadDeviceProof(proof, kAda, keys, kNow + kLife - absl::Seconds(1), kLife).has_value());
  EXPECT_FALSE(ReadDeviceProof(proof, kAda, keys, kNow + kLife, kLife).has_value());
}

TEST(DeviceProof, FromTheFutureIsNoneUnlessClocksMayDifferSoFar) {
  const KeySnapshot keys = KeysOf('k');
  EXPECT_TRUE(ReadDeviceProof(Minted(keys, {}, kNow + absl::Minutes(59)), kAda, keys, kNow, kLife)
                  .has_value());
  EXPECT_FALSE(ReadDeviceProof(Minted(keys, {}, kNow + absl::Hours(2)), kAda, keys, kNow, kLife)
                   .has_value());
}

TEST(DeviceProof, OutlivesTheKeysOfRefreshTokens) {
  KeySnapshot keys = KeysOf('k');
  const Secret proof = Minted(keys);
  keys.macs.clear();
  keys.mac_kids.clear();
  keys.AddMac("mac-2", Secret(std::string(32, 'n')));
  EXPECT_TRUE(ReadDeviceProof(proof, kAda, keys, kNow, kLife).has_value());
}

TEST(DeviceProof, IsReadByAKeyThatMakesNoNewOnesAnyMore) {
  KeySnapshot keys = KeysOf('k');
  const Secret proof = Minted(keys);
  keys.secret_hashes.emplace("hash-2", Secret(std::string(32, '2')));
  keys.secret_hash_kid = "hash-2";
  EXPECT_TRUE(ReadDeviceProof(proof, kAda, keys, kNow, kLife).has_value());
}

TEST(DeviceProof, NeedsAKeyAndAUser) {
  KeySnapshot keys;
  EXPECT_EQ(ReasonOf(MintDeviceProof(kAda, "", keys, kNow).status()), "KEYS_UNAVAILABLE");
  EXPECT_FALSE(MintDeviceProof(ProofOwner(), "", KeysOf('k'), kNow).ok());
}

}  // namespace
}  // namespace tessera::server
