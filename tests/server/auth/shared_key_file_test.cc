#include "server/auth/shared_key_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
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

// Killed before the rename: the keys that were live then do not lie there for ever.
TEST_F(SharedKeyFileTest, WhatACrashLeftBesideItIsReplacedAndGone) {
  folder_.Write("keys.json.new", "half of th", 0600);
  ASSERT_TRUE(WriteSharedKeyFile(Path(), Secret("keys")).ok());
  EXPECT_EQ(folder_.Read("keys.json"), "keys");
  EXPECT_EQ(FilesThere(), 1);
}

TEST_F(SharedKeyFileTest, ALinkBesideItIsNotWrittenThrough) {
  folder_.Write("elsewhere", "untouched", 0644);
  const std::string beside = folder_.Path("keys.json.new");
  ASSERT_EQ(symlink(folder_.Path("elsewhere").c_str(), beside.c_str()), 0);
  ASSERT_TRUE(WriteSharedKeyFile(Path(), Secret("keys")).ok());
  EXPECT_EQ(folder_.Read("elsewhere"), "untouched");
  EXPECT_FALSE(std::filesystem::is_symlink(Path()));
  EXPECT_EQ(testing::ModeOf(Path()), 0600u);
}

TEST_F(SharedKeyFileTest, OnlyAPrivateFileOfTheseKeysIsTheFile) {
  const Secret keys("keys");
  EXPECT_FALSE(IsSharedKeyFile(Path(), keys));
  ASSERT_TRUE(WriteSharedKeyFile(Path(), keys).ok());
  EXPECT_TRUE(IsSharedKeyFile(Path(), keys));
  EXPECT_FALSE(IsSharedKeyFile(Path(), Secret("kexs")));
  EXPECT_FALSE(IsSharedKeyFile(Path(), Secret("key")));
  EXPECT_FALSE(IsSharedKeyFile(Path(), Secret("keys and more")));
  std::filesystem::permissions(Path(), std::filesystem::perms(0640));
  EXPECT_FALSE(IsSharedKeyFile(Path(), keys));
  std::filesystem::permissions(Path(), std::filesystem::perms(0600));
  std::filesystem::rename(Path(), folder_.Path("elsewhere"));
  std::filesystem::create_symlink(folder_.Path("elsewhere"), Path());
  EXPECT_FALSE(IsSharedKeyFile(Path(), keys));
  std::filesystem::remove(Path());
  ASSERT_EQ(mkfifo(Path().c_str(), 0600), 0);
  EXPECT_FALSE(IsSharedKeyFile(Path(), keys));
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
