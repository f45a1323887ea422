// A disk that a test can fill: a file system in memory, of a few megabytes.
#ifndef TESSERA_TESTS_DRILLS_SMALL_DISK_H_
#define TESSERA_TESTS_DRILLS_SMALL_DISK_H_

#include <memory>
#include <string>
#include <utility>

namespace tessera::testing {

// Unmounted with the object, and when the process is killed.
class SmallDisk {
 public:
  // Null if this user may not mount.
  static std::unique_ptr<SmallDisk> Mount(int megabytes);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  const std::string& path() const { return path_; }
  // Takes all that is left, to the last byte; gives it back.
  void Fill() const;
  void Free() const;

 private:
  explicit SmallDisk(std::string path) : path_(std::move(path)) {}

  const std::string path_;
};

// While it lives, temporary folders are made there.
class TemporaryFoldersAt {
 public:
  explicit TemporaryFoldersAt(const std::string& path);
  ~TemporaryFoldersAt();
  TemporaryFoldersAt(const TemporaryFoldersAt&) = delete;
  TemporaryFoldersAt& operator=(const TemporaryFoldersAt&) = delete;

 private:
  std::string before_;
  bool was_set_ = false;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_DRILLS_SMALL_DISK_H_
