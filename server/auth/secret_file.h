// Files that hold one secret and that nobody else may read.
#ifndef TESSERA_SERVER_AUTH_SECRET_FILE_H_
#define TESSERA_SERVER_AUTH_SECRET_FILE_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "tessera/base/secret.h"

namespace tessera::server {

// No more of the file is read.
inline constexpr size_t kMaxSecretFileBytes = 2048;

// The first line of the file at `path`, without its end. `key` names the configuration's key in the
// messages, which hold nothing of the file. The file that was opened is the one that is judged.
// NOT_FOUND: cannot be opened. FAILED_PRECONDITION: no plain file; the group or others may do
// anything with it; neither this process's user nor root owns it; it cannot be read; its first line
// is empty.
absl::StatusOr<Secret> ReadSecretLine(const std::string& path, std::string_view key);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_SECRET_FILE_H_
