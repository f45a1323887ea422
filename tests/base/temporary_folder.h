// A folder of a test's own, and the files in it.
#ifndef TESSERA_TESTS_BASE_TEMPORARY_FOLDER_H_
#define TESSERA_TESTS_BASE_TEMPORARY_FOLDER_H_

#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>

namespace tessera::testing {

// Writes a file with exactly this mode.
inline void WriteFile(const std::string& path, const std::string& content, mode_t mode = 0600) {
  std::ofstream(path, std::ios::binary) << content;
  chmod(path.c_str(), mode);
}

// Empty if there is no such file.
inline std::string ReadFile(const std::string& path) {
  std::stringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

// Its own bits: a link's, not those of what it points to. 0 if there is nothing.
inline mode_t ModeOf(const std::string& path) {
  struct stat found {};
  return lstat(path.c_str(), &found) == 0 ? found.st_mode & 07777 : 0;
}

// Made with mode 0700, removed with everything in it. Throws if it cannot be made.
class TemporaryFolder {
 public:
  TemporaryFolder() : TemporaryFolder(std::filesystem::temp_directory_path().string()) {}
  explicit TemporaryFolder(const std::string& parent) : path_(parent + "/tessera-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) throw std::runtime_error("no folder in " + parent);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }
  std::string Path(const std::string& name) const { return path_ + "/" + name; }

  // Writes a file; its path.
  std::string Write(const std::string& name, const std::string& content, mode_t mode = 0600) const {
    WriteFile(Path(name), content, mode);
    return Path(name);
  }
  std::string Read(const std::string& name) const { return ReadFile(Path(name)); }

 private:
  std::string path_;
};

}  // namespace tessera::testing

#endif  // TESSERA_TESTS_BASE_TEMPORARY_FOLDER_H_
