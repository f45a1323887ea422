// Files that nobody else may read: how they are opened, judged, read and written.
#ifndef TESSERA_SERVER_AUTH_PRIVATE_FILE_H_
#define TESSERA_SERVER_AUTH_PRIVATE_FILE_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "tessera/base/secret.h"

namespace tessera::server {

// An open file; below 0: none. Closed at the end.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

// The first `max_bytes` of the file at `path`. The file that was opened is the one that is judged.
// NOT_FOUND: cannot be opened. FAILED_PRECONDITION, with the end of a sentence about the file (`is
// no plain file`): the group or others may do anything with it; neither this process's user nor
// root owns it; it cannot be read.
absl::StatusOr<Secret> ReadPrivateFile(const std::string& path, size_t max_bytes);
// Likewise of a file that is open already; empty if reading fails.
Secret ReadUpTo(const Descriptor& file, size_t max_bytes);

// Makes a file of its own (0600), whatever others may have put there; below 0: errno says why not.
int CreatePrivateFile(const std::string& path);
// False: errno says why not. On true the bytes outlive a crash.
bool WriteAndSync(const Descriptor& file, std::string_view text);
// So that the file's name outlives a crash, as its content does.
bool SyncFolderOf(const std::string& path);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_PRIVATE_FILE_H_
