#include "tests/drills/small_disk.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <utility>

#include "tests/drills/sweeper.h"

namespace tessera::testing {
namespace {

constexpr char kBallast[] = "/ballast";

}  // namespace

std::unique_ptr<SmallDisk> SmallDisk::Mount(int megabytes) {
  std::string path = std::filesystem::temp_directory_path() / "tessera-disk-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) throw std::runtime_error("no folder to mount at");
  const std::string options = "mode=1777,size=" + std::to_string(megabytes) + "m";
  if (mount("tmpfs", path.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) != 0) {
    rmdir(path.c_str());
    return nullptr;
  }
  WhenThisProcessIsGone("umount -l -- $1; rmdir -- $1", path);
  return std::unique_ptr<SmallDisk>(new SmallDisk(std::move(path)));
}

SmallDisk::~SmallDisk() {
  umount2(path_.c_str(), MNT_DETACH);
  rmdir(path_.c_str());
}

// In halves, for what is asked for at once is given whole or not at all.
void SmallDisk::Fill() const {
  const int ballast = open((path_ + kBallast).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  off_t size = 0;
  for (off_t step = off_t{1} << 30; step > 0;) {
    if (posix_fallocate(ballast, size, step) == 0) {
      size += step;
    } else {
      step /= 2;
    }
  }
  close(ballast);
}

void SmallDisk::Free() const { unlink((path_ + kBallast).c_str()); }

TemporaryFoldersAt::TemporaryFoldersAt(const std::string& path) {
  if (const char* const now = getenv("TMPDIR")) {
    before_ = now;
    was_set_ = true;
  }
  setenv("TMPDIR", path.c_str(), 1);
}

TemporaryFoldersAt::~TemporaryFoldersAt() {
  if (was_set_) {
    setenv("TMPDIR", before_.c_str(), 1);
  } else {
    unsetenv("TMPDIR");
  }
}

}  // namespace tessera::testing
