#include "server/names/email_address.h"

#include <gtest/gtest.h>

#include <string>

#include "tessera/base/reason.h"

namespace tessera::server {
namespace {

std::string KeyOf(const std::string& text) {
  const absl::StatusOr<EmailAddress> email = ReadEmailAddress(text, "email");
  return email.ok() ? email->key : "(" + FieldOf(email.status()) + ")";
}

TEST(EmailAddress, IsShownAsGivenAndComparedWithoutCase) {
  const auto email = ReadEmailAddress("Ada.Lovelace+news@Example.ORG", "email");
  ASSERT_TRUE(email.ok()) << email.status();
  EXPECT_EQ(email->text, "Ada.Lovelace+news@Example.ORG");
  EXPECT_EQ(email->key, "ada.lovelace+news@example.org");
}

TEST(EmailAddress, WideDecomposedAndCasedFormsAreOneAddress) {
  EXPECT_EQ(KeyOf("\uff21da@example.org"), "ada@example.org");
  EXPECT_EQ(KeyOf("A\u030asa@example.org"), KeyOf("\u00e5sa@EXAMPLE.org"));
  EXPECT_EQ(KeyOf("stra\u00dfe@example.org"), KeyOf("STRASSE@example.org"));
}

TEST(EmailAddress, WhatCannotBeSeenMakesNoOtherAddress) {
  for (const char* text :
       {"ad\u200ba@example.org", "ad\u00ada@example.org", "ada@exam\u2060ple.org",
        "ada\u202e@example.org", "ada @example.org", "ada@example.org\n"}) {
    EXPECT_EQ(KeyOf(text), "(email)") << text;
  }
}

TEST(EmailAddress, NeedsALocalPartAndADomain) {
  for (const char* text : {"ada", "@example.org", "ada@", "a@b@c", "ada@.org", "ada@example..org",
                           ".ada@example.org", "ada@example.org.", "\"a b\"@example.org",
                           "ada@[192.0.2.1]", "Ada <ada@example.org>", "a,b@example.org"}) {
    EXPECT_EQ(KeyOf(text), "(email)") << text;
  }
}

TEST(EmailAddress, HasAtMost254Bytes) {
  const std::string domain = "@" + std::string(200, 'd') + ".org";
  EXPECT_EQ(KeyOf(std::string(254 - domain.size(), 'a') + domain).size(), 254u);
  EXPECT_EQ(KeyOf(std::string(255 - domain.size(), 'a') + domain), "(email)");
  // One that folds to more than the store holds.
  std::string growing;
  for (int i = 0; i < 60; ++i) growing += "\ufdfa";
  EXPECT_EQ(KeyOf(growing + "@example.org"), "(email)");
}

TEST(EmailAddress, IsUtf8) { EXPECT_EQ(KeyOf("ada\xff@example.org"), "(email)"); }

}  // namespace
}  // namespace tessera::server
