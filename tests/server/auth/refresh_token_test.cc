#include "server/auth/refresh_token.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "tessera/token/base64url.h"
#include "tests/server/auth/auth_world.h"

namespace tessera::server {
namespace {

KeySnapshot Keys(char epoch = 'e', char key = 'k') {
  KeySnapshot keys;
  keys.store_epoch = std::string(16, epoch);
  keys.mac_kid = "mac-1";
  keys.AddMac("mac-1", Secret(std::string(32, key)));
  return keys;
}

const RefreshClaim kClaim{SessionId("ses_01jd0000000000000000000000"), 7};

Secret Mint(const KeySnapshot& keys, const RefreshClaim& claim = kClaim) {
  return Require(MintRefreshToken(claim, keys.mac_kid, keys));
}

TEST(RefreshToken, WhatIsMintedIsRead) {
  const auto claim = Require(ParseRefreshToken(Mint(Keys()), Keys()));
  EXPECT_EQ(claim.session_id, kClaim.session_id);
  EXPECT_EQ(claim.generation, 7);
}

TEST(RefreshToken, TheSameClaimGivesTheSameTokenAndAnotherAnother) {
  EXPECT_EQ(Mint(Keys()), Mint(Keys()));
  EXPECT_FALSE(Mint(Keys()) == Mint(Keys(), {kClaim.session_id, 8}));
  EXPECT_FALSE(Mint(Keys()) == Mint(Keys(), {SessionId("ses_01jd0000000000000000000001"), 7}));
}

TEST(RefreshToken, HasThePrefixThatScannersFindAndAFixedLength) {
  const Secret small = Mint(Keys(), {kClaim.session_id, 1});
  const Secret large = Mint(Keys(), {kClaim.session_id, std::numeric_limits<int64_t>::max()});
  EXPECT_EQ(small.Reveal().substr(0, 4), "tsr_");
  EXPECT_EQ(small.Reveal().size(), 115u);
  EXPECT_EQ(large.Reveal().size(), 115u);
  EXPECT_EQ(Require(ParseRefreshToken(large, Keys())).generation,
            std::numeric_limits<int64_t>::max());
}

TEST(RefreshToken, OneOfAnotherStoreEpochIsRefused) {
  EXPECT_EQ(Reason(ParseRefreshToken(Mint(Keys('e')), Keys('f'))), "TOKEN_SIGNATURE");
}

TEST(RefreshToken, OneMintedWithAnotherKeyOfTheSameNameIsRefused) {
  EXPECT_EQ(Reason(ParseRefreshToken(Mint(Keys('e', 'k')), Keys('e', 'l'))), "TOKEN_SIGNATURE");
}

TEST(RefreshToken, OneOfAKeyThatIsGoneIsRefused) {
  KeySnapshot without = Keys();
  without.macs.clear();
  EXPECT_EQ(Reason(ParseRefreshToken(Mint(Keys()), without)), "TOKEN_SIGNATURE");
  EXPECT_EQ(Reason(MintRefreshToken(kClaim, "mac-1", without)), "KEYS_UNAVAILABLE");
}

TEST(RefreshToken, AnOlderKeyStillReadsAndMints) {
  KeySnapshot both = Keys();
  both.AddMac("mac-2", Secret(std::string(32, 'n')));
  both.mac_kid = "mac-2";
  EXPECT_TRUE(ParseRefreshToken(Mint(Keys()), both).ok());
  EXPECT_EQ(Require(MintRefreshToken(kClaim, "mac-1", both)), Mint(Keys()));
  EXPECT_FALSE(Mint(both) == Mint(Keys()));
}

TEST(RefreshToken, EveryBitIsUnderTheMac) {
  const std::string whole =
      *Base64UrlDecode(Mint(Keys()).Reveal().substr(kRefreshTokenPrefix.size()));
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string bent = whole;
    bent[bit / 8] = static_cast<char>(bent[bit / 8] ^ (1 << (bit % 8)));
    const auto result = ParseRefreshToken(Secret("tsr_" + Base64UrlEncode(bent)), Keys());
    EXPECT_EQ(Reason(result), bit < 8 ? "TOKEN_MALFORMED" : "TOKEN_SIGNATURE") << "bit " << bit;
  }
}

TEST(RefreshToken, AnotherFormIsMalformed) {
  const std::string good(Mint(Keys()).Reveal());
  for (const std::string& bad :
       {std::string(), std::string("tsr_"), good.substr(4), "TSR_" + good.substr(4), good + "A",
        good + "AAAA", good.substr(0, good.size() - 1), " " + good, good + " ", good + "=",
        "tsr_" + std::string(111, '!'), "tsr_" + std::string(100000, 'A')}) {
    EXPECT_EQ(Reason(ParseRefreshToken(Secret(bad), Keys())), "TOKEN_MALFORMED")
        << bad.substr(0, 130);
  }
}

TEST(RefreshToken, ASessionIdOfAnotherFormIsNotMinted) {
  for (const std::string id : {"", "ses_", "usr_01jd0000000000000000000000",
                               "ses_01jd000000000000000000000", "ses_01JD0000000000000000000000"}) {
    EXPECT_TRUE(absl::IsInternal(MintRefreshToken({SessionId(id), 1}, "mac-1", Keys()).status()));
  }
  EXPECT_TRUE(absl::IsInternal(MintRefreshToken({kClaim.session_id, 0}, "mac-1", Keys()).status()));
}

}  // namespace
}  // namespace tessera::server
