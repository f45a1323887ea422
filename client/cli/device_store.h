// What a context calls this device towards each server: sessions are bound to it.
#ifndef TESSERA_CLI_DEVICE_STORE_H_
#define TESSERA_CLI_DEVICE_STORE_H_

#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tessera/base/secret.h"

namespace tessera::cli {

// File `credentials/CONTEXT/device`, with the privacy of the tokens beside it: a random secret,
// from which the id for each server is derived, so that no server learns what another is shown.
// Thread-safe. Errors as CredentialStore's.
class DeviceStore {
 public:
  DeviceStore(std::string folder, std::string context)
      : folder_(std::move(folder)), context_(std::move(context)) {}

  // The device id for `server`; absent until MakeFor was called for any.
  absl::StatusOr<std::optional<Secret>> FindFor(const std::string& server) const;
  // Likewise, made if need be. UNAVAILABLE BUSY after `limit`.
  absl::StatusOr<Secret> MakeFor(const std::string& server, absl::Duration limit) const;

 private:
  std::string folder_;
  std::string context_;
};

}  // namespace tessera::cli

#endif  // TESSERA_CLI_DEVICE_STORE_H_
