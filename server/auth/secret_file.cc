#include "server/auth/secret_file.h"

#include "absl/status/status.h"
#include "server/auth/private_file.h"

namespace tessera::server {
namespace {

absl::Status Unusable(std::string_view key, const std::string& path, std::string_view why) {
  return absl::FailedPreconditionError(std::string(key) + ": " + path + " " + std::string(why));
}

}  // namespace

absl::StatusOr<Secret> ReadSecretLine(const std::string& path, std::string_view key) {
  const absl::StatusOr<Secret> beginning = ReadPrivateFile(path, kMaxSecretFileBytes);
  if (absl::IsNotFound(beginning.status())) {
    return absl::NotFoundError(std::string(key) + ": cannot read a line from " + path);
  }
  if (!beginning.ok()) return Unusable(key, path, std::string(beginning.status().message()));
  std::string_view line = beginning->Reveal();
  line = line.substr(0, line.find('\n'));
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (line.empty()) return Unusable(key, path, "is empty");
  return Secret::CopyOf(line);
}

}  // namespace tessera::server
