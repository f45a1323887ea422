// The tokens of sessions that the user has opened: a file for each context and audience.
#ifndef TESSERA_CLI_CREDENTIAL_STORE_H_
#define TESSERA_CLI_CREDENTIAL_STORE_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tessera/base/secret.h"
#include "tessera/cli/private_folder.h"

namespace tessera::cli {

// A session's tokens, and where they may be sent.
struct StoredGrant {
  std::string server;    // host:port that issued them; they go to no other
  std::string username;  // as typed at the login
  std::string audience;  // `aud` of the access token
  Secret access_token;
  absl::Time received_at;
  absl::Time access_expires_at;
  Secret refresh_token;
  absl::Time refresh_expires_at;
  std::string session_id;
};

// The right to change one session's file. While it is held no other command renews, stores or
// removes these tokens.
class HeldCredentials {
 public:
  // Absent if there is none.
  absl::StatusOr<std::optional<StoredGrant>> Load() const;
  absl::Status Save(const StoredGrant& grant) const;
  absl::Status Remove() const { return folder_.Remove(lock_); }

 private:
  friend class CredentialStore;
  HeldCredentials(PrivateFolder folder, FileLock lock)
      : folder_(std::move(folder)), lock_(std::move(lock)) {}
  PrivateFolder folder_;
  FileLock lock_;
};

// Files `credentials/CONTEXT/NAME.json`, mode 0600 in folders of mode 0700. An `audience` is the
// one asked for at the login; empty means tessera itself. Thread-safe.
// FAILED_PRECONDITION UNSAFE_FILE: another user could have read or written a file, or it is a
// symbolic link. CONFIG_INVALID: not a file of ours.
class CredentialStore {
 public:
  CredentialStore(std::string folder, std::string context)
      : folder_(std::move(folder)), context_(std::move(context)) {}

  // As last stored; absent if there is none.
  absl::StatusOr<std::optional<StoredGrant>> Load(const std::string& audience) const;
  // UNAVAILABLE BUSY after `limit`.
  absl::StatusOr<HeldCredentials> Hold(const std::string& audience, absl::Duration limit) const;
  // The files of all sessions, whether they can be read or not; see FileName.
  absl::StatusOr<std::vector<std::string>> Files() const;
  // As Hold, for one of Files.
  absl::StatusOr<HeldCredentials> HoldFile(const std::string& file, absl::Duration limit) const;
  // What Load finds something for, tessera itself first.
  absl::StatusOr<std::vector<std::string>> Audiences() const;

  // The file of an audience: no two audiences share one, and none leads out of the folder.
  static std::string FileName(const std::string& audience);

 private:
  absl::StatusOr<PrivateFolder> Open() const;

  std::string folder_;
  std::string context_;
};

}  // namespace tessera::cli

#endif  // TESSERA_CLI_CREDENTIAL_STORE_H_
