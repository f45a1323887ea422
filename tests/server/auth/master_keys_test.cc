#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "server/auth/key_ring.h"
#include "tests/server/auth/auth_world.h"

namespace tessera::server {
namespace {

constexpr char kZeros[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
constexpr char kOnes[] = "//////////////////////////////////////////8=";

absl::StatusOr<MasterKeys> Read(const std::string& text, mode_t mode = 0600) {
  const testing::TemporaryFolder folder;
  const std::string path = folder.Path("master.key");
  std::ofstream(path, std::ios::binary) << text;
  EXPECT_EQ(chmod(path.c_str(), mode), 0);
  return MasterKeys::FromFile(path);
}

TEST(MasterKeys, LinesAreReadInOrderAndCommentsSkipped) {
  const MasterKeys keys =
      Require(Read(std::string("# the new one first\n\nm2:") + kOnes + "\nm1:" + kZeros));
  ASSERT_EQ(keys.entries.size(), 2u);
  EXPECT_EQ(keys.entries[0].id, "m2");
  EXPECT_EQ(keys.entries[0].key.Reveal(), std::string(32, '\xff'));
  EXPECT_EQ(keys.entries[1].key.Reveal(), std::string(32, '\0'));
}

TEST(MasterKeys, AFileThatOthersCanReadIsRefused) {
  const std::string text = std::string("m1:") + kZeros + "\n";
  EXPECT_TRUE(Read(text, 0600).ok());
  EXPECT_TRUE(Read(text, 0400).ok());
  for (const mode_t mode : {0640u, 0604u, 0644u, 0660u, 0610u}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(Read(text, mode).status())) << mode;
  }
}

TEST(MasterKeys, AnEmptyOrMissingFileIsRefused) {
  EXPECT_TRUE(absl::IsFailedPrecondition(Read("").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(Read("# nothing\n\n").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(
      MasterKeys::FromFile(testing::TemporaryFolder().Path("absent")).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(MasterKeys::FromFile("/").status()));
}

TEST(MasterKeys, ABadLineIsNamedByItsNumberAndNotShown) {
  const std::string good = std::string("m1:") + kZeros + "\n";
  for (const std::string& bad :
       {std::string("secretwithoutcolon"), std::string("m2:c2VjcmV0"), std::string(":") + kOnes,
        std::string("m 2:") + kOnes, std::string("m2: ") + kOnes, std::string("m1:") + kOnes,
        std::string("m2:") + std::string(kOnes).substr(0, 43),
        std::string("m2:__________________________________________8="),
        std::string("m2:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB="),  // bits behind the end
        std::string("m2:") + kOnes + "=", std::string(65, 'm') + ":" + kOnes}) {
    const absl::Status status = Read(good + bad).status();
    ASSERT_TRUE(absl::IsInvalidArgument(status)) << bad;
    EXPECT_NE(status.message().find("line 2"), absl::string_view::npos) << status;
    EXPECT_EQ(status.message().find(bad), absl::string_view::npos) << status;
  }
}

}  // namespace
}  // namespace tessera::server
