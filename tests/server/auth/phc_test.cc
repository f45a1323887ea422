#include "server/auth/phc.h"

#include <argon2.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "tests/server/auth/auth_world.h"

namespace tessera::server {
namespace {

constexpr char kSalt[] = "AAECAwQFBgcICQoLDA0ODw";                      // 16 bytes
constexpr char kTag[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";  // 32 bytes

std::string Text(const std::string& parameters, const std::string& salt = kSalt,
                 const std::string& tag = kTag) {
  return "$argon2id$v=19$" + parameters + "$" + salt + "$" + tag;
}

TEST(Phc, WhatFormatMakesParseReads) {
  const Phc phc{{19456, 2}, std::string("\xfb\xff\x00 0123456789abc", 16), std::string(32, '\xfe')};
  const std::string text = FormatPhc(phc);
  EXPECT_EQ(text.rfind("$argon2id$v=19$m=19456,t=2,p=1$+/8A", 0), 0u) << text;
  const auto again = ParsePhc(text);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->cost.memory_kib, 19456u);
  EXPECT_EQ(again->cost.passes, 2u);
  EXPECT_EQ(again->salt, phc.salt);
  EXPECT_EQ(again->tag, phc.tag);
}

// The other road: libargon2's own encoder and its own allocator.
TEST(Phc, AHashMadeByTheLibrarysOwnEncoderIsReadAndMatches) {
  const std::string password = "correct horse";
  const std::string salt = "0123456789abcdef";
  std::array<char, 256> encoded{};
  ASSERT_EQ(argon2id_hash_encoded(1, 8 * 1024, 1, password.data(), password.size(), salt.data(),
                                  salt.size(), 32, encoded.data(), encoded.size()),
            ARGON2_OK);
  const PasswordHasher hasher = Require(PasswordHasher::Create(kLowCost));
  EXPECT_TRUE(Require(hasher.Verify(Secret::CopyOf(password), encoded.data())).matches);
}

TEST(Phc, TheLibrarysOwnVerifierAcceptsOurs) {
  const PasswordHasher hasher = Require(PasswordHasher::Create(kLowCost));
  const std::string phc = Require(hasher.Hash(Secret::CopyOf("correct horse")));
  EXPECT_EQ(argon2id_verify(phc.c_str(), "correct horse", 13), ARGON2_OK);
  EXPECT_NE(argon2id_verify(phc.c_str(), "correct horsf", 13), ARGON2_OK);
}

TEST(Phc, TheBoundsOfTheCostAreKept) {
  EXPECT_TRUE(ParsePhc(Text("m=8192,t=1,p=1")).has_value());
  EXPECT_TRUE(ParsePhc(Text("m=1048576,t=16,p=1")).has_value());
  EXPECT_FALSE(ParsePhc(Text("m=8191,t=1,p=1")).has_value());
  EXPECT_FALSE(ParsePhc(Text("m=1048577,t=1,p=1")).has_value());
  EXPECT_FALSE(ParsePhc(Text("m=8192,t=17,p=1")).has_value());
  EXPECT_FALSE(ParsePhc(Text("m=8192,t=0,p=1")).has_value());
}

class PhcRefused : public ::testing::TestWithParam<std::string> {};

TEST_P(PhcRefused, IsNotRead) { EXPECT_FALSE(ParsePhc(GetParam()).has_value()) << GetParam(); }

INSTANTIATE_TEST_SUITE_P(
    Phc, PhcRefused,
    ::testing::Values(
        "", "$", "password", "$argon2i$v=19$m=8192,t=1,p=1$" + std::string(kSalt) + "$" + kTag,
        "$argon2d$v=19$m=8192,t=1,p=1$" + std::string(kSalt) + "$" + kTag,
        "$argon2id$v=16$m=8192,t=1,p=1$" + std::string(kSalt) + "$" + kTag,
        "$argon2id$m=8192,t=1,p=1$" + std::string(kSalt) + "$" + kTag, Text("t=1,m=8192,p=1"),
        Text("m=8192,t=1,p=2"), Text("m=8192,t=1"), Text("m=08192,t=1,p=1"),
        Text("m=+8192,t=1,p=1"), Text("m= 8192,t=1,p=1"), Text("m=8192,t=,p=1"),
        Text("m=8192,t=-1,p=1"), Text("m=4294975488,t=1,p=1"), Text("m=8192,t=1,p=1,data=x"),
        " " + Text("m=8192,t=1,p=1"), Text("m=8192,t=1,p=1") + " ", Text("m=8192,t=1,p=1") + "$",
        Text("m=8192,t=1,p=1") + "=", Text("m=8192,t=1,p=1", "AAECAwQFBgcICQoLDA0O"),
        Text("m=8192,t=1,p=1", std::string(kSalt) + "=="),
        Text("m=8192,t=1,p=1", "AAECAwQFBgcICQoLDA0OD_"),
        Text("m=8192,t=1,p=1", "AAECAwQFBgcICQoLDA0ODx"),  // bits behind the last byte
        Text("m=8192,t=1,p=1", kSalt, "AAECAwQFBgcICQoLDA0ODw"),
        Text("m=8192,t=1,p=1", kSalt, "")));

}  // namespace
}  // namespace tessera::server
