#include "server/auth/shared_key_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>
#include <string>

#include "tests/base/temporary_folder.h"

namespace tessera::server {
namespace {

class SharedKeyFileTest : public ::testing::Test {
 protected:
  std::string Path() const { return folder_.Path("keys.json"); }
  std::ptrdiff_t FilesThere() const {
    return std::distance(std::filesystem::directory_iterator(folder_.path()), {});
  }
  testing::TemporaryFolder folder_;
};

TEST_F(SharedKeyFileTest, IsForItsOwnerAloneAndLeavesNothingBeside) {
  ASSERT_TRUE(WriteSharedKeyFile(Path(), Secret("first")).ok());
  ASSERT_TRUE(WriteSharedKeyFile(Path(), Secret("second")).ok());
  EXPECT_EQ(folder_.Read("keys.json"), "second");
  EXPECT_EQ(testing::ModeOf(Path()), 0600u);
  EXPECT_EQ(FilesThere(), 1);
}

// Whoever could put a link there would otherwise choose what is overwritten, and who reads it.
TEST_F(SharedKeyFileTest, ALinkAndAnOpenFileAreReplacedNotWrittenThrough) {
  folder_.Write("elsewhere", "untouched", 0644);
  ASSERT_EQ(symlink(folder_.Path("elsewhere").c_str(), Path().c_str()), 0);
  ASSERT_TRUE(WriteSharedKeyFile(Path(), Secret("keys")).ok());
  EXPECT_EQ(folder_.Read("elsewhere"), "untouched");
  EXPECT_EQ(testing::ModeOf(Path()), 0600u);

  folder_.Write("keys.json", "for everybody", 0666);
  ASSERT_TRUE(WriteSharedKeyFile(Path(), Secret("keys")).ok());
  EXPECT_EQ(testing::ModeOf(Path()), 0600u);
}

TEST_F(SharedKeyFileTest, WhatCannotBeWrittenIsSaidAndTheOldFileStays) {
  const absl::Status nowhere =
      WriteSharedKeyFile(folder_.Path("no/such/folder.json"), Secret("the keys"));
  EXPECT_TRUE(absl::IsFailedPrecondition(nowhere));
  EXPECT_EQ(nowhere.message().find("the keys"), absl::string_view::npos);
  std::filesystem::create_directory(Path());
  EXPECT_FALSE(WriteSharedKeyFile(Path(), Secret("the keys")).ok());
  EXPECT_EQ(FilesThere(), 1);
}

}  // namespace
}  // namespace tessera::server
