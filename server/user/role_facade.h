// Roles and grants: the rules of UserService, without gRPC.
#ifndef TESSERA_SERVER_USER_ROLE_FACADE_H_
#define TESSERA_SERVER_USER_ROLE_FACADE_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/audit/audit_trail.h"
#include "server/auth/revocation_feed.h"
#include "server/call_info.h"
#include "server/user/user_facade.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"

namespace tessera::server {

inline constexpr std::string_view kAdminRole = "tessera.admin";
// `tessera.admin`, `tessera.guard`, `tessera.introspect`, `tessera.audit`, `tessera.mesh`: made at
// the first start, limited to self_audience.
const std::vector<std::string>& ReservedRoles();

struct NewRole {
  std::string name;
  std::string description;
  std::vector<std::string> audiences;
};

enum class UserKind { kNoOne, kUser, kAdmin };  // kNoOne: not there, or disabled
struct RoleLookup {
  UserKind kind = UserKind::kNoOne;
  UserId user_id;  // empty: no such user
  // In effect, in the order of names; of a disabled user those that it would hold if enabled.
  std::vector<storage::HeldRole> roles;
};
struct RoleCheck {
  UserKind kind = UserKind::kNoOne;
  bool held = false;  // by an active user
  bool direct = false;
  std::vector<std::string> groups;  // as storage::HeldRole
};

// Thread-safe. Every method blocks on the store. Methods that take an `actor` ask in their
// transaction whether that user may administer still: UNAUTHENTICATED TOKEN_REVOKED if gone or
// disabled by now, PERMISSION_DENIED ROLE_REQUIRED without `tessera.admin`; nothing is changed
// then.
class RoleFacade {
 public:
  // All references must outlive the facade. `audiences`: those that a role may be limited to.
  struct Parts {
    storage::Store& store;
    RevocationFeed& feed;
    const Clock& clock;
    LogSink& log;
    AuditTrail& audit;
    std::vector<std::string> admin_roles = {};  // `users.admin_roles`
    bool revoke_on_role_change = false;         // `tokens.revoke_on_role_change`
  };
  RoleFacade(std::vector<std::string> audiences, Parts parts)
      : audiences_(std::move(audiences)), parts_(std::move(parts)) {}

  // ROLE_NAME_TAKEN; FAILED_PRECONDITION ROLE_RESERVED; FIELD_INVALID: name not
  // `[a-z0-9._-]{1,64}`, an unknown audience.
  absl::StatusOr<storage::Role> Create(const CallInfo& call, const UserId& actor,
                                       NewRole role) const;
  struct Page {
    std::vector<storage::Role> roles;
    std::string next_page_token;
  };
  absl::StatusOr<Page> List(const CallInfo& call, int page_size, std::string_view page_token) const;
  // ROLE_NOT_FOUND, ROLE_RESERVED. From the answer on nobody holds the role, no user, no group and
  // no service account, and its name is free; the StoreCleaner removes the rows of its grants,
  // however many there are, in batches. Raises nobody's version: no feed entry is due to each
  // holder. Tokens that carry the role keep it until they expire; a renewal, a service account's
  // next token and an exchange read the roles anew. To end it at once, take it from its holders
  // first: what has begun to end for that is brought to its end all the same.
  absl::Status Delete(const CallInfo& call, const UserId& actor, std::string_view name) const;
  // USER_NOT_FOUND, ROLE_NOT_FOUND. Repeating is no error.
  absl::Status Grant(const CallInfo& call, const UserId& actor, std::string_view role,
                     const UserId& user) const;
  // Likewise; FAILED_PRECONDITION LAST_ADMINISTRATOR. Takes it from the user itself: what a group
  // gives as well is not lost. Losing a reserved role (any role with `revoke_on_role_change`)
  // raises the user's version, ends the sessions and revokes the tokens in the same transaction,
  // and is in this replica's view before the answer. Of any other role, tokens that carry it keep
  // it until they are renewed or expire.
  absl::Status Revoke(const CallInfo& call, const UserId& actor, std::string_view role,
                      const UserId& user) const;
  // No such user, or a disabled one, is an answer: kNoOne.
  absl::StatusOr<RoleLookup> Lookup(const CallInfo& call, const UserKey& key) const;
  // Likewise. ROLE_NOT_FOUND.
  absl::StatusOr<RoleCheck> Check(const CallInfo& call, const UserKey& key,
                                  std::string_view role) const;

 private:
  struct Taking;
  absl::Status RevokeIn(storage::Repositories& repositories, const Taking& taking) const;

  std::vector<std::string> audiences_;
  Parts parts_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_USER_ROLE_FACADE_H_
