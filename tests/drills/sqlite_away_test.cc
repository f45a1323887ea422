// What can befall a SQLite file while tesserad runs: no room, a lock of somebody else's, a folder
// that is moved away.
#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>
#include <memory>
#include <string>

#include "tests/drills/calls.h"
#include "tests/drills/database_user.h"
#include "tests/drills/onlookers.h"
#include "tests/drills/small_disk.h"
#include "tests/e2e/tesserad.h"
#include "tests/storage/raw_sqlite.h"

namespace tessera::testing {
namespace {

constexpr int kRounds = 5, kHeartbeats = 1;
constexpr int kDiskMegabytes = 16;

// A tesserad on a file of its own, and clients of both kinds.
struct World {
  World() : tesserad(Tesserad::Options()) {
    tesserad.Start();
    onlookers = std::make_unique<Onlookers>(tesserad);
    user = std::make_unique<DatabaseUser>(tesserad);
  }

  void ExpectOnlookersGoOn() {
    EXPECT_TRUE(onlookers->AwaitMore(kRounds, kHeartbeats));
    for (const std::string& wrong : onlookers->Wrong()) ADD_FAILURE() << wrong;
  }
  std::filesystem::path Folder() const {
    return std::filesystem::path(tesserad.command().back()).parent_path();
  }

  Tesserad tesserad;
  std::unique_ptr<Onlookers> onlookers;
  std::unique_ptr<DatabaseUser> user;
};

TEST(SqliteAway, LockedByAShell) {
  World world;
  {
    RawSqlite shell(world.Folder() / "tessera.db");
    shell.Run("BEGIN IMMEDIATE");
    world.user->ExpectUnavailable();
    world.ExpectOnlookersGoOn();
    EXPECT_LT(world.onlookers->age(), absl::Seconds(20)) << "it can be read";
    shell.Run("ROLLBACK");
  }
  world.user->ExpectServedSoon();
  world.ExpectOnlookersGoOn();
}

TEST(SqliteAway, DiskFull) {
  const auto disk = SmallDisk::Mount(kDiskMegabytes);
  if (disk == nullptr) {
    std::cerr << "NOT TESTED: a full disk, for this user may not mount one\n";
    GTEST_SKIP();
  }
  std::unique_ptr<World> world;
  {
    const TemporaryFoldersAt there(disk->path());
    world = std::make_unique<World>();
  }
  disk->Fill();
  // The pages that the files have already are filled first.
  int refused = 0;
  for (int i = 0; i < 1000 && refused < 5; ++i) refused += world->user->ExpectDoneOrUnavailable();
  EXPECT_GE(refused, 5) << "the disk never got full";
  world->ExpectOnlookersGoOn();
  disk->Free();
  world->user->ExpectServedSoon();
  world->ExpectOnlookersGoOn();
}

// The file stays the same file wherever its folder is: what is acknowledged meanwhile is in it.
TEST(SqliteAway, FolderMovedAwayAndBack) {
  World world;
  const Calls calls(world.tesserad.NewChannel(), absl::Seconds(2));
  const std::string admin = world.tesserad.LoginAdmin().access_token();
  const std::filesystem::path here = world.Folder(), away = here.string() + "-away";
  std::filesystem::rename(here, away);
  std::string made;
  const Answer answer = calls.CreateUser(admin, "meanwhile", "a password meanwhile", made);
  world.user->ExpectDoneOrUnavailable();
  world.ExpectOnlookersGoOn();
  std::filesystem::rename(away, here);
  world.user->ExpectServedSoon();
  world.onlookers.reset();
  world.tesserad.KillHard();
  ASSERT_NO_FATAL_FAILURE(world.tesserad.Start());
  std::string found;
  const Calls again(world.tesserad.NewChannel(), absl::Seconds(20));
  EXPECT_EQ(again.FindUser(admin, "meanwhile", found).done(), answer.done());
  EXPECT_EQ(found, made);
}

}  // namespace
}  // namespace tessera::testing
