#include "tessera/cli/private_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tessera/base/reason.h"
#include "tessera/cli/exit_code.h"
#include "tests/base/temporary_folder.h"

namespace tessera::cli {
namespace {

using tessera::testing::ModeOf;
using tessera::testing::ReadFile;
using tessera::testing::TemporaryFolder;
constexpr auto kSecret = PrivateFolder::Privacy::kSecret;
constexpr auto kTrusted = PrivateFolder::Privacy::kTrusted;
constexpr absl::Duration kSoon = absl::Seconds(20);

class PrivateFolderTest : public ::testing::Test {
 protected:
  PrivateFolder Secrets() const {
    return PrivateFolder::OpenOrMake(temporary_.Path("a/b"))
        ->ChildOrMake("secrets", kSecret)
        .value();
  }
  absl::Status Put(const PrivateFolder& folder, const std::string& name,
                   const std::string& text) const {
    const auto lock = folder.Lock(name, kSoon);
    return lock.ok() ? folder.Write(*lock, Secret(text)) : lock.status();
  }
  std::string Path(const std::string& name) const { return temporary_.Path("a/b/secrets/" + name); }

  TemporaryFolder temporary_;
};

TEST_F(PrivateFolderTest, MakesFoldersAndFilesThatNobodyElseMayOpen) {
  const mode_t before = ::umask(0);
  const PrivateFolder folder = Secrets();
  ASSERT_TRUE(Put(folder, "file", "text").ok());
  ::umask(before);
  EXPECT_EQ(ModeOf(temporary_.Path("a")), 0700U);
  EXPECT_EQ(ModeOf(temporary_.Path("a/b/secrets")), 0700U);
  EXPECT_EQ(ModeOf(Path("file")), 0600U);
  EXPECT_EQ(folder.Read("file")->Reveal(), "text");
}

TEST_F(PrivateFolderTest, AFileThatOthersMayReadIsRefused) {
  const PrivateFolder folder = Secrets();
  for (const mode_t mode : {0640U, 0604U, 0620U, 0601U}) {
    ASSERT_TRUE(Put(folder, "file", "text").ok());
    ::chmod(Path("file").c_str(), mode);
    EXPECT_EQ(ReasonOf(folder.Read("file").status()), local_reason::kUnsafeFile) << mode;
  }
}

TEST_F(PrivateFolderTest, AFolderThatOthersMayEnterIsRefused) {
  Secrets();
  const auto root = PrivateFolder::Open(temporary_.Path("a/b"));
  ::chmod(temporary_.Path("a/b/secrets").c_str(), 0750);
  EXPECT_EQ(ReasonOf(root->Child("secrets", kSecret).status()), local_reason::kUnsafeFile);
  EXPECT_TRUE(root->Child("secrets", kTrusted).ok());
  ::chmod(temporary_.Path("a/b/secrets").c_str(), 0770);
  EXPECT_EQ(ReasonOf(root->Child("secrets", kTrusted).status()), local_reason::kUnsafeFile);
}

TEST_F(PrivateFolderTest, AConfigurationThatOthersMayWriteIsRefused) {
  Secrets();
  ::chmod(temporary_.Path("a/b").c_str(), 0777);
  EXPECT_EQ(ReasonOf(PrivateFolder::Open(temporary_.Path("a/b")).status()),
            local_reason::kUnsafeFile);
}

TEST_F(PrivateFolderTest, SymbolicLinksAreRefused) {
  const PrivateFolder folder = Secrets();
  temporary_.Write("elsewhere", "theirs");
  ASSERT_EQ(::symlink(temporary_.Path("elsewhere").c_str(), Path("link").c_str()), 0);
  EXPECT_EQ(ReasonOf(folder.Read("link").status()), local_reason::kUnsafeFile);

  ASSERT_EQ(::symlink(Path("").c_str(), temporary_.Path("a/b/shortcut").c_str()), 0);
  const auto root = PrivateFolder::Open(temporary_.Path("a/b"));
  EXPECT_EQ(ReasonOf(root->Child("shortcut", kSecret).status()), local_reason::kUnsafeFile);
}

TEST_F(PrivateFolderTest, WritingReplacesASymbolicLinkInsteadOfFollowingIt) {
  const PrivateFolder folder = Secrets();
  temporary_.Write("elsewhere", "theirs");
  ASSERT_EQ(::symlink(temporary_.Path("elsewhere").c_str(), Path("file").c_str()), 0);
  ASSERT_TRUE(Put(folder, "file", "ours").ok());
  EXPECT_EQ(ReadFile(temporary_.Path("elsewhere")), "theirs");
  EXPECT_EQ(folder.Read("file")->Reveal(), "ours");
}

TEST_F(PrivateFolderTest, APlantedTemporaryFileIsNotWrittenThrough) {
  const PrivateFolder folder = Secrets();
  temporary_.Write("elsewhere", "theirs");
  ASSERT_EQ(::symlink(temporary_.Path("elsewhere").c_str(), Path(".file.new").c_str()), 0);
  ASSERT_TRUE(Put(folder, "file", "ours").ok());
  EXPECT_EQ(ReadFile(temporary_.Path("elsewhere")), "theirs");
}

TEST_F(PrivateFolderTest, APipeInPlaceOfTheFileDoesNotHang) {
  const PrivateFolder folder = Secrets();
  ASSERT_EQ(::mkfifo(Path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(ReasonOf(folder.Read("pipe").status()), local_reason::kUnsafeFile);
}

TEST_F(PrivateFolderTest, AFileOneByteOverTheCapIsRefused) {
  const PrivateFolder folder = Secrets();
  ASSERT_TRUE(Put(folder, "file", std::string(PrivateFolder::kMaxFileBytes, 'x')).ok());
  EXPECT_TRUE(folder.Read("file").ok());
  ASSERT_TRUE(Put(folder, "file", std::string(PrivateFolder::kMaxFileBytes + 1, 'x')).ok());
  EXPECT_EQ(ReasonOf(folder.Read("file").status()), local_reason::kUnsafeFile);
}

TEST_F(PrivateFolderTest, AbsentIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(PrivateFolder::Open(temporary_.Path("none")).status()));
  EXPECT_TRUE(absl::IsNotFound(Secrets().Read("none").status()));
  const auto root = PrivateFolder::Open(temporary_.Path("a/b"));
  EXPECT_TRUE(absl::IsNotFound(root->Child("none", kSecret).status()));
}

TEST_F(PrivateFolderTest, AFailedWriteLeavesTheOldBytesAndNoTemporaryFile) {
  const PrivateFolder folder = Secrets();
  // A folder in the file's place cannot be replaced by a file.
  ASSERT_EQ(::mkdir(Path("file").c_str(), 0700), 0);
  EXPECT_FALSE(Put(folder, "file", "text").ok());
  EXPECT_EQ(ModeOf(Path("file")), 0700U);
  EXPECT_NE(::access(Path(".file.new").c_str(), F_OK), 0);
}

TEST_F(PrivateFolderTest, WhatAKilledCommandLeftBehindGoesWithTheNextWrite) {
  const PrivateFolder folder = Secrets();
  temporary_.Write("a/b/secrets/.file.new", "half a tok");
  ASSERT_TRUE(Put(folder, "file", "text").ok());
  EXPECT_NE(::access(Path(".file.new").c_str(), F_OK), 0);
}

TEST_F(PrivateFolderTest, RemovingTwiceIsNoError) {
  const PrivateFolder folder = Secrets();
  ASSERT_TRUE(Put(folder, "file", "text").ok());
  const auto lock = folder.Lock("file", kSoon);
  EXPECT_TRUE(folder.Remove(*lock).ok());
  EXPECT_TRUE(folder.Remove(*lock).ok());
  EXPECT_TRUE(absl::IsNotFound(folder.Read("file").status()));
}

TEST_F(PrivateFolderTest, ListsNoHiddenFiles) {
  const PrivateFolder folder = Secrets();
  ASSERT_TRUE(Put(folder, "b.json", "1").ok());
  ASSERT_TRUE(Put(folder, "a.json", "1").ok());
  ASSERT_TRUE(Put(folder, "c.text", "1").ok());
  EXPECT_EQ(*folder.List(".json"), (std::vector<std::string>{"a.json", "b.json"}));
}

TEST_F(PrivateFolderTest, ALockHeldElsewhereIsBusyAfterTheLimit) {
  const PrivateFolder folder = Secrets();
  const auto held = folder.Lock("file", kSoon);
  const auto second = folder.Lock("file", absl::ZeroDuration());
  EXPECT_EQ(ReasonOf(second.status()), local_reason::kBusy);
  EXPECT_EQ(ExitCodeOf(second.status()), ExitCode::kUnavailable);
  EXPECT_TRUE(folder.Lock("other", absl::ZeroDuration()).ok()) << "each file has its own lock";
}

TEST_F(PrivateFolderTest, ALockShutsOutOtherThreads) {
  const PrivateFolder folder = Secrets();
  std::atomic<int> inside{0};
  std::atomic<int> rounds{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const auto lock = folder.Lock("file", absl::Minutes(1));
      EXPECT_TRUE(lock.ok());
      EXPECT_EQ(inside.fetch_add(1), 0);
      std::this_thread::yield();
      inside.fetch_sub(1);
      rounds.fetch_add(1);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(rounds.load(), 8);
}

TEST_F(PrivateFolderTest, AReaderSeesTheOldBytesOrTheNewOnesAndNothingElse) {
  const PrivateFolder folder = Secrets();
  const std::string old_text(30'000, 'a');
  const std::string new_text(30'000, 'b');
  ASSERT_TRUE(Put(folder, "file", old_text).ok());
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(Put(folder, "file", i % 2 ? old_text : new_text).ok());
    done.store(true);
  });
  do {
    const auto seen = folder.Read("file");
    ASSERT_TRUE(seen.ok());
    EXPECT_TRUE(seen->Reveal() == old_text || seen->Reveal() == new_text);
  } while (!done.load());
  writer.join();
}

}  // namespace
}  // namespace tessera::cli
