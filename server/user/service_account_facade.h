// Service accounts and their secrets: the rules of UserService, without gRPC.
#ifndef TESSERA_SERVER_USER_SERVICE_ACCOUNT_FACADE_H_
#define TESSERA_SERVER_USER_SERVICE_ACCOUNT_FACADE_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/audit/audit_trail.h"
#include "server/auth/key_ring.h"
#include "server/auth/revocation_feed.h"
#include "server/call_info.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/ids.h"
#include "tessera/base/log.h"
#include "tessera/base/secret.h"

namespace tessera::server {

// An account has no more secrets that are good at a time.
inline constexpr size_t kMaxLiveSecrets = 8;
inline constexpr absl::Duration kMaxKeepOldFor = absl::Hours(24 * 30);

// What to change; absent: leave. Roles by name.
struct ServiceAccountFields {
  std::optional<std::string> description;
  std::optional<storage::ServiceAccountState> state;
  std::optional<std::vector<std::string>> roles;
  std::optional<std::vector<std::string>> audiences;
  std::optional<std::vector<std::string>> served_audiences;
  std::optional<std::vector<std::string>> scopes;
  std::optional<std::string> public_jwks;
  std::optional<std::vector<std::string>> certificate_names;
  std::optional<std::vector<std::string>> kubernetes_names;
};

struct NewServiceAccount {
  std::string name;
  ServiceAccountFields fields;
  bool without_secret = false;
};

struct ServiceAccountChange {
  ServiceId id;
  std::string etag;  // empty: whatever the state
  ServiceAccountFields fields;
};

struct SecretRotation {
  ServiceId id;
  absl::Duration keep_old_for;  // zero: the older ones, and the account's tokens, end at once
};

// An account and its live secrets.
struct ServiceAccountView {
  storage::ServiceAccount account;
  std::vector<storage::ServiceSecret> secrets;
};

struct CreatedServiceAccount {
  ServiceAccountView view;
  Secret secret;  // empty: none was asked for
};

struct RotatedSecret {
  Secret secret;
  storage::ServiceSecret info;
};

std::string EtagOf(const storage::ServiceAccount& account);

// Thread-safe. Every method blocks on the store. `actor` is who calls: see UserFacade.
//
// What takes anything away from an account (the state, a role, an audience, a scope, a key, a name;
// never a description) raises its version and appends the feed's entry in the same transaction, so
// that its tokens, and those that it acts in, end at once; this replica's view holds it before the
// answer. The program just asks for another token. A role that is deleted altogether is no such
// change: RoleFacade::Delete.
class ServiceAccountFacade {
 public:
  // What accounts may be given.
  struct Lists {
    std::vector<std::string> audiences;  // self_audience among them
    std::vector<std::string> scopes;
  };
  // All references must outlive the facade.
  struct Parts {
    storage::Store& store;
    const KeyRing& keys;
    RevocationFeed& feed;
    const Clock& clock;
    LogSink& log;
    AuditTrail& audit;
  };
  ServiceAccountFacade(Lists lists, Parts parts) : lists_(std::move(lists)), parts_(parts) {}

  // ALREADY_EXISTS SERVICE_ACCOUNT_NAME_TAKEN, IDENTITY_TAKEN; NOT_FOUND ROLE_NOT_FOUND;
  // FIELD_INVALID. UNAVAILABLE OUTCOME_UNKNOWN: it may be there; its secret then is nobody's, and
  // RotateSecret makes another.
  absl::StatusOr<CreatedServiceAccount> Create(const CallInfo& call, const UserId& actor,
                                               NewServiceAccount account) const;

  struct Page {
    std::vector<ServiceAccountView> accounts;
    std::string next_page_token;  // empty on the last page
  };
  // As UserFacade::List.
  absl::StatusOr<Page> List(const CallInfo& call, int page_size, std::string_view page_token) const;

  // NOT_FOUND SERVICE_ACCOUNT_NOT_FOUND, ROLE_NOT_FOUND; ALREADY_EXISTS IDENTITY_TAKEN; ABORTED
  // ETAG_MISMATCH; FIELD_INVALID.
  absl::StatusOr<ServiceAccountView> Update(const CallInfo& call, const UserId& actor,
                                            ServiceAccountChange change) const;
  // SERVICE_ACCOUNT_NOT_FOUND, ETAG_MISMATCH. Final.
  absl::Status Delete(const CallInfo& call, const UserId& actor, const ServiceId& id,
                      std::string_view etag) const;

  // SERVICE_ACCOUNT_NOT_FOUND; FAILED_PRECONDITION TOO_MANY: kMaxLiveSecrets are good already;
  // FIELD_INVALID. A secret that is handed out is stored, whatever became of the first answer to
  // its COMMIT.
  absl::StatusOr<RotatedSecret> RotateSecret(const CallInfo& call, const UserId& actor,
                                             const SecretRotation& rotation) const;

 private:
  absl::StatusOr<ServiceAccountFields> Checked(ServiceAccountFields fields) const;

  Lists lists_;
  Parts parts_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_USER_SERVICE_ACCOUNT_FACADE_H_
