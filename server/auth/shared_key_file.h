// The file that carries shared keys (HS256) to the guards of one trust domain.
#ifndef TESSERA_SERVER_AUTH_SHARED_KEY_FILE_H_
#define TESSERA_SERVER_AUTH_SHARED_KEY_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "tessera/base/secret.h"

namespace tessera::server {

// Puts `jwks` (KeySnapshot::shared_jwks) into the place of `path`: a file of mode 0600, written
// beside it, synced and renamed, so that a reader sees the old one or the new one, whole, also
// after a crash. Nothing that lies at `path`, a symbolic link say, is written through.
// Beside it means `path`.new, and whatever a crash has left there is replaced: no second copy of
// live keys stays behind. One process at a time writes a path; where another comes between, that is
// a failure. FAILED_PRECONDITION says what could not be done, for the operator.
absl::Status WriteSharedKeyFile(const std::string& path, const Secret& jwks);

// Whether `path` is a file of this process's user and mode 0600 that holds `jwks`, and no more.
bool IsSharedKeyFile(const std::string& path, const Secret& jwks);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_SHARED_KEY_FILE_H_
