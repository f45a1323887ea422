#include "tessera/cli/credential_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tessera/base/reason.h"
#include "tessera/cli/exit_code.h"
#include "tests/base/temporary_folder.h"

namespace tessera::cli {
namespace {

using tessera::testing::ModeOf;
using tessera::testing::TemporaryFolder;
constexpr absl::Duration kSoon = absl::Seconds(20);

StoredGrant Sample(const std::string& audience) {
  StoredGrant grant;
  grant.server = "127.0.0.1:7443";
  grant.username = "alice";
  grant.audience = audience;
  grant.access_token = Secret(std::string("access"));
  grant.received_at = absl::FromUnixMicros(1'800'000'000'000'001);
  grant.access_expires_at = absl::FromUnixSeconds(1'800'000'900);
  grant.refresh_token = Secret(std::string("tsr_refresh"));
  grant.refresh_expires_at = absl::FromUnixSeconds(1'900'000'000);
  grant.session_id = "ses_1";
  return grant;
}

class CredentialStoreTest : public ::testing::Test {
 protected:
  void Save(const std::string& asked, const std::string& audience) const {
    const auto held = store_.Hold(asked, kSoon);
    ASSERT_TRUE(held.ok()) << held.status();
    ASSERT_TRUE(held->Save(Sample(audience)).ok());
  }
  std::string Path(const std::string& name) const {
    return temporary_.Path("config/credentials/default/" + name);
  }

  TemporaryFolder temporary_;
  CredentialStore store_{temporary_.Path("config"), "default"};
};

TEST_F(CredentialStoreTest, GivesBackWhatWasStored) {
  Save("", "tessera");
  const auto loaded = store_.Load("");
  ASSERT_TRUE(loaded.ok() && loaded->has_value());
  const StoredGrant expected = Sample("tessera");
  EXPECT_EQ((*loaded)->server, expected.server);
  EXPECT_EQ((*loaded)->username, expected.username);
  EXPECT_EQ((*loaded)->audience, expected.audience);
  EXPECT_TRUE((*loaded)->access_token == expected.access_token);
  EXPECT_TRUE((*loaded)->refresh_token == expected.refresh_token);
  EXPECT_EQ((*loaded)->received_at, expected.received_at);
  EXPECT_EQ((*loaded)->access_expires_at, expected.access_expires_at);
  EXPECT_EQ((*loaded)->refresh_expires_at, expected.refresh_expires_at);
  EXPECT_EQ((*loaded)->session_id, expected.session_id);
}

TEST_F(CredentialStoreTest, NothingStoredIsAnAnswerAndMakesNoFolder) {
  const auto loaded = store_.Load("");
  ASSERT_TRUE(loaded.ok());
  EXPECT_FALSE(loaded->has_value());
  EXPECT_NE(::access(temporary_.Path("config").c_str(), F_OK), 0);
  EXPECT_TRUE(store_.Audiences()->empty());
}

TEST_F(CredentialStoreTest, IsForItsOwnerOnly) {
  Save("", "tessera");
  EXPECT_EQ(ModeOf(temporary_.Path("config/credentials")), 0700U);
  EXPECT_EQ(ModeOf(temporary_.Path("config/credentials/default")), 0700U);
  EXPECT_EQ(ModeOf(Path("self.json")), 0600U);
}

TEST_F(CredentialStoreTest, AFileThatOthersCouldReadIsRefused) {
  Save("", "tessera");
  ::chmod(Path("self.json").c_str(), 0644);
  EXPECT_EQ(ReasonOf(store_.Load("").status()), local_reason::kUnsafeFile);
}

TEST_F(CredentialStoreTest, AFileOfAnotherUserIsRefused) {
  Save("", "tessera");
  if (::chown(Path("self.json").c_str(), 12345, static_cast<gid_t>(-1)) != 0) {
    GTEST_SKIP() << "only root can give a file away";
  }
  EXPECT_EQ(ReasonOf(store_.Load("").status()), local_reason::kUnsafeFile);
}

TEST_F(CredentialStoreTest, KeepsAudiencesApart) {
  Save("", "tessera");
  Save("orders", "orders");
  EXPECT_EQ((*store_.Load(""))->audience, "tessera");
  EXPECT_EQ((*store_.Load("orders"))->audience, "orders");
  EXPECT_FALSE(store_.Load("billing")->has_value());
  EXPECT_EQ(*store_.Audiences(), (std::vector<std::string>{"", "orders"}));
}

TEST_F(CredentialStoreTest, NoAudienceLeadsOutOfTheFolderOrToAnothersFile) {
  EXPECT_EQ(CredentialStore::FileName(""), "self.json");
  EXPECT_EQ(CredentialStore::FileName("self"), "audience-self.json");
  EXPECT_EQ(CredentialStore::FileName("../../x"), "audience-..%2F..%2Fx.json");
  EXPECT_EQ(CredentialStore::FileName("a%2Fb"), "audience-a%252Fb.json");
  EXPECT_EQ(CredentialStore::FileName(std::string("a\0", 2)), "audience-a%00.json");
  const std::string longest = CredentialStore::FileName(std::string(5000, 'x'));
  EXPECT_LT(longest.size(), 100U);
  EXPECT_NE(longest, CredentialStore::FileName(std::string(5001, 'x')));
}

TEST_F(CredentialStoreTest, AFileThatIsNotOursIsNamed) {
  Save("", "tessera");
  for (const char* text :
       {"", "[]", "{\"version\":2}", "{\"version\":1}", "{\"version\":1,\"server\":7}",
        "{\"version\":1,\"access_token\":\"a\"}"}) {
    temporary_.Write("config/credentials/default/self.json", text);
    const absl::Status status = store_.Load("").status();
    EXPECT_EQ(ReasonOf(status), local_reason::kConfigInvalid) << text;
    EXPECT_NE(status.message().find("self.json"), absl::string_view::npos);
  }
}

TEST_F(CredentialStoreTest, AStoredTokenThatIsNoBearerTokenIsNotLoaded) {
  for (const char* bad : {"", "two\nlines", "\x1b]0;owned\x07", "a b"}) {
    for (const bool access : {true, false}) {
      const auto held = store_.Hold("", kSoon);
      ASSERT_TRUE(held.ok());
      StoredGrant grant = Sample("tessera");
      (access ? grant.access_token : grant.refresh_token) = Secret(std::string(bad));
      ASSERT_TRUE(held->Save(grant).ok());
      EXPECT_EQ(ReasonOf(held->Load().status()), local_reason::kConfigInvalid) << access;
    }
  }
}

}  // namespace
}  // namespace tessera::cli
