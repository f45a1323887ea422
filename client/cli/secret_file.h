// A file for a secret that the server shows once: made before the server is asked, so that no
// secret is given out that could not be kept.
#ifndef TESSERA_CLI_SECRET_FILE_H_
#define TESSERA_CLI_SECRET_FILE_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tessera/base/secret.h"
#include "tessera/cli/private_folder.h"

namespace tessera::cli {

// Goes again, unless it was filled. Moves only.
class SecretFile {
 public:
  enum class IfThere { kRefuse, kReplace };

  // Makes `path`.new, 0600 and never through a symbolic link. USAGE: it cannot be made, or `path`
  // is there and not to be replaced.
  static absl::StatusOr<SecretFile> Reserve(const std::string& path, IfThere if_there);
  SecretFile(SecretFile&& other) noexcept
      : path_(std::exchange(other.path_, std::string())), file_(std::move(other.file_)) {}
  SecretFile& operator=(SecretFile&&) = delete;
  ~SecretFile();

  // One line, synced; then it takes its place. INTERNAL FILE_FAILED.
  absl::Status Fill(const Secret& secret);

 private:
  SecretFile(std::string path, Descriptor file) : path_(std::move(path)), file_(std::move(file)) {}

  std::string path_;  // empty: filled, or moved away
  Descriptor file_;
};

}  // namespace tessera::cli

#endif  // TESSERA_CLI_SECRET_FILE_H_
