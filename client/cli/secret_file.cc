#include "tessera/cli/secret_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "tessera/base/reason.h"
#include "tessera/cli/exit_code.h"

namespace tessera::cli {
namespace {

std::string NewName(const std::string& path) { return path + ".new"; }

absl::Status Failed(const std::string& path) {
  return Refusal(absl::StatusCode::kInternal, local_reason::kFileFailed,
                 "cannot write the secret to " + path + ": " + std::strerror(errno));
}

bool WriteAll(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace

absl::StatusOr<SecretFile> SecretFile::Reserve(const std::string& path, IfThere if_there) {
  struct stat found = {};
  const bool there = ::lstat(path.c_str(), &found) == 0;
  if (there && if_there == IfThere::kRefuse) {
    return UsageError(path + " is there already: it may hold another secret");
  }
  if (there && !S_ISREG(found.st_mode)) return UsageError(path + " is no plain file");
  Descriptor file(
      ::open(NewName(path).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.ok()) {
    return UsageError("cannot make " + NewName(path) + ": " + std::strerror(errno));
  }
  return SecretFile(path, std::move(file));
}

SecretFile::~SecretFile() {
  if (!path_.empty()) ::unlink(NewName(path_).c_str());
}

absl::Status SecretFile::Fill(const Secret& secret) {
  const bool kept = WriteAll(file_.get(), secret.Reveal()) && WriteAll(file_.get(), "\n") &&
                    ::fsync(file_.get()) == 0 &&
                    std::rename(NewName(path_).c_str(), path_.c_str()) == 0;
  if (!kept) return Failed(path_);
  path_.clear();
  return absl::OkStatus();
}

}  // namespace tessera::cli
