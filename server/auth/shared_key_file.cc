#include "server/auth/shared_key_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string_view>

#include "absl/strings/str_cat.h"
#include "server/auth/private_file.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

absl::Status Unusable(const std::string& path, std::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat("keys.hs256_file: ", path, " cannot be ",
                                                    absl::string_view(what.data(), what.size())));
}

bool IsSameFile(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

absl::Status WriteNew(const std::string& path, const Secret& text) {
  const Descriptor file(CreatePrivateFile(path));
  if (file.get() < 0) return Unusable(path, "created");
  if (!WriteAndSync(file, text.Reveal())) return Unusable(path, "written");
  struct stat written = {};
  struct stat named = {};
  const bool ours = fstat(file.get(), &written) == 0 && lstat(path.c_str(), &named) == 0 &&
                    IsSameFile(written, named);
  return ours ? absl::OkStatus() : Unusable(path, "kept: somebody else writes it");
}

}  // namespace

absl::Status WriteSharedKeyFile(const std::string& path, const Secret& jwks) {
  const std::string fresh = absl::StrCat(path, ".new");
  unlink(fresh.c_str());  // of a process that was killed; what stays there all the same is said
  absl::Status written = WriteNew(fresh, jwks);
  if (written.ok() && rename(fresh.c_str(), path.c_str()) != 0) {
    written = Unusable(path, "replaced");
  }
  if (!written.ok()) {
    unlink(fresh.c_str());
    return written;
  }
  return SyncFolderOf(path) ? absl::OkStatus() : Unusable(path, "synced");
}

bool IsSharedKeyFile(const std::string& path, const Secret& jwks) {
  // O_NONBLOCK: a pipe in its place keeps nobody waiting.
  const Descriptor file(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat seen = {};
  if (file.get() < 0 || fstat(file.get(), &seen) != 0) return false;
  const size_t size = jwks.Reveal().size();
  const bool ours = S_ISREG(seen.st_mode) && (seen.st_mode & 07777) == 0600 &&
                    seen.st_uid == geteuid() && static_cast<size_t>(seen.st_size) == size;
  return ours && ReadUpTo(file, size) == jwks;
}

}  // namespace tessera::server
