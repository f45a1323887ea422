// Transactions: the one way to the repositories.
#ifndef TESSERA_STORAGE_STORE_H_
#define TESSERA_STORAGE_STORE_H_

#include <optional>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/audit_repository.h"
#include "storage/group_repository.h"
#include "storage/key_repository.h"
#include "storage/password_repository.h"
#include "storage/replica_repository.h"
#include "storage/request_repository.h"
#include "storage/revocation_repository.h"
#include "storage/role_repository.h"
#include "storage/second_factor_repository.h"
#include "storage/service_account_repository.h"
#include "storage/session_repository.h"
#include "storage/throttle_repository.h"
#include "storage/user_repository.h"

namespace tessera::storage {

// What a transaction sees. Dies with it.
struct Repositories {
  UserRepository& users;
  RoleRepository& roles;
  GroupRepository& groups;
  SessionRepository& sessions;
  RevocationRepository& revocations;
  KeyRepository& keys;
  ServiceAccountRepository& services;
  ReplicaRepository& replicas;
  PasswordRepository& passwords;
  RequestRepository& requests;
  SecondFactorRepository& factors;
  ThrottleRepository& throttle;
  AuditRepository& audit;
};

// Whether running a write twice leaves what running it once leaves. Only an idempotent one is run
// again when the connection was lost at COMMIT.
enum class Repeat { kIdempotent, kOnce };

// Thread-safe. Blocks: call it on a storage thread only, never on a gRPC thread.
//
// Besides what `work` returns, both fail with
// UNAVAILABLE STORAGE_UNAVAILABLE: the database is away or busy past `deadline`; nothing was
// changed. UNAVAILABLE OUTCOME_UNKNOWN: the connection was lost at COMMIT of a Repeat::kOnce write.
// INTERNAL: anything else; the cause is in the log only.
class Store {
 public:
  using Work = absl::FunctionRef<absl::Status(Repositories&)>;

  virtual ~Store() = default;

  // One consistent view. A change made in `work` is refused or rolled back, as the engine likes.
  virtual absl::Status Read(absl::Time deadline, Work work) = 0;
  // Likewise, but each statement sees the newest state by itself: costs less where what is read
  // need not agree, or is judged again by a write.
  virtual absl::Status ReadEach(absl::Time deadline, Work work) { return Read(deadline, work); }
  // Commits, durably, if and only if `work` returns OK; so a refusal that must persist is a value
  // that `work` hands out beside an OK. `work` may run more than once (deadlock, lost connection):
  // it must not keep state between runs. It may run on another caller's thread, beside others'
  // works in one transaction; keep it short, and do not call the store in it.
  virtual absl::Status Write(Repeat repeat, absl::Time deadline, Work work) = 0;

  // The database's own clock, for comparing; nothing where it is this machine's (SQLite). Fails as
  // Read does.
  virtual absl::StatusOr<std::optional<absl::Time>> DatabaseTime(absl::Time deadline) = 0;
};

}  // namespace tessera::storage

#endif  // TESSERA_STORAGE_STORE_H_
