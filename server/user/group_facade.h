// Groups, their members and their roles: the rules of UserService, without gRPC.
#ifndef TESSERA_SERVER_USER_GROUP_FACADE_H_
#define TESSERA_SERVER_USER_GROUP_FACADE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/audit/audit_trail.h"
#include "server/auth/revocation_feed.h"
#include "server/call_info.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/log.h"

namespace tessera::server {

struct NewGroup {
  std::string name;
  std::string description;
};

// Names a group, and what joins or leaves it: a user, or a role by name.
struct GroupMember {
  std::string group;
  UserId user;
};
struct GroupRole {
  std::string group;
  std::string role;
};

// Thread-safe. Every method blocks on the store. Methods that take an `actor` ask in their first
// transaction whether that user may administer still, as RoleFacade's do.
//
// Whoever loses a reserved role by what is taken here (with `revoke_on_role_change` any role, or
// the group itself, which tokens may name), and does not hold it by other means, loses sessions and
// tokens before the answer. A group may have many members, so that takes several transactions: the
// first takes the role from the group, so that nobody holds it by the group any more; then the
// members' sessions end, kEndBatch members at a time. If that is cut off, the call fails; the
// StoreCleaner goes on with the sessions within its next turns, and doing it again does the rest.
class GroupFacade {
 public:
  // All references must outlive the facade.
  struct Parts {
    storage::Store& store;
    RevocationFeed& feed;
    const Clock& clock;
    LogSink& log;
    AuditTrail& audit;
    bool revoke_on_role_change = false;  // `tokens.revoke_on_role_change`
  };
  explicit GroupFacade(Parts parts) : parts_(parts) {}

  // GROUP_NAME_TAKEN. FIELD_INVALID: name not `[a-z0-9._-]{1,64}`, the description.
  absl::StatusOr<storage::Group> Create(const CallInfo& call, const UserId& actor,
                                        NewGroup group) const;
  struct Page {
    std::vector<storage::Group> groups;
    std::string next_page_token;  // empty on the last page
  };
  absl::StatusOr<Page> List(const CallInfo& call, int page_size, std::string_view page_token) const;
  // NOT_FOUND GROUP_NOT_FOUND; FAILED_PRECONDITION LAST_ADMINISTRATOR. Whoever joins the group
  // while it is being deleted leaves with the others, and what is granted to it meanwhile is taken
  // like what it had, as if that had come first; so it may be late that LAST_ADMINISTRATOR is
  // found, and then those who have not left stay, with what was granted.
  absl::Status Delete(const CallInfo& call, const UserId& actor, std::string_view name) const;

  // GROUP_NOT_FOUND, USER_NOT_FOUND. Repeating is no error.
  absl::Status AddMember(const CallInfo& call, const UserId& actor,
                         const GroupMember& member) const;
  // Likewise; LAST_ADMINISTRATOR.
  absl::Status RemoveMember(const CallInfo& call, const UserId& actor,
                            const GroupMember& member) const;
  struct MemberPage {
    std::vector<storage::User> users;
    std::string next_page_token;
  };
  // GROUP_NOT_FOUND. FIELD_INVALID: as UserFacade::List.
  absl::StatusOr<MemberPage> ListMembers(const CallInfo& call, std::string_view group,
                                         int page_size, std::string_view page_token) const;

  // GROUP_NOT_FOUND, ROLE_NOT_FOUND. Repeating is no error.
  absl::Status GrantRole(const CallInfo& call, const UserId& actor, const GroupRole& grant) const;
  // Likewise; LAST_ADMINISTRATOR.
  absl::Status RevokeRole(const CallInfo& call, const UserId& actor, const GroupRole& grant) const;

 private:
  struct Asked;
  struct Taken;
  using Step = absl::FunctionRef<absl::StatusOr<bool>(storage::Repositories&)>;
  absl::StatusOr<storage::Group> DeleteIn(storage::Repositories& repositories, const Asked& asked,
                                          std::string_view name) const;
  absl::StatusOr<bool> DeleteMoreIn(storage::Repositories& repositories, const Asked& asked,
                                    const storage::Group& deleted) const;
  absl::Status RemoveMemberIn(storage::Repositories& repositories, const Asked& asked,
                              const GroupMember& member) const;
  absl::StatusOr<Taken> RevokeRoleIn(storage::Repositories& repositories, const Asked& asked,
                                     const GroupRole& grant) const;
  absl::Status Finish(const CallInfo& call, bool more, Step step) const;

  Parts parts_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_USER_GROUP_FACADE_H_
