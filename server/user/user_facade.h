// Users: the rules of UserService, without gRPC.
#ifndef TESSERA_SERVER_USER_USER_FACADE_H_
#define TESSERA_SERVER_USER_USER_FACADE_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/audit/audit_trail.h"
#include "server/auth/login_throttle.h"
#include "server/auth/named_texts.h"
#include "server/auth/password_hasher.h"
#include "server/auth/password_policy.h"
#include "server/auth/revocation_feed.h"
#include "server/call_info.h"
#include "server/names/user_name.h"
#include "server/user/find_user.h"
#include "server/user/new_user.h"
#include "storage/store.h"
#include "tessera/base/clock.h"
#include "tessera/base/ids.h"
#include "tessera/base/log.h"
#include "tessera/base/secret.h"

namespace tessera::server {

// A checked user whose password has been hashed. Only UserFacade::HashNewUser makes one.
class HashedNewUser {
 public:
  const NewUser& fields() const { return fields_; }
  const std::string& password_hash() const { return password_hash_; }

 private:
  friend class UserFacade;
  HashedNewUser(NewUser fields, std::string hash)
      : fields_(std::move(fields)), password_hash_(std::move(hash)) {}
  NewUser fields_;
  std::string password_hash_;
};

// What to change; absent: leave. `etag` empty: whatever the state.
struct UserChange {
  UserId id;
  std::string etag;
  std::optional<std::string> username;
  std::optional<std::string> email = std::nullopt;  // empty: takes it away
  std::string email_key = {};                       // made by UserFacade::Update
  std::optional<std::string> display_name;
  std::optional<storage::UserState> state;
  std::optional<NamedTexts> attributes;  // all of them
};

struct PasswordChange {
  UserId user_id;
  Secret old_password;
  Secret new_password;
};
// A change whose old password was right, with the new one hashed. Only
// UserFacade::CheckPasswordChange makes one.
class CheckedPasswordChange {
 public:
  const storage::User& user() const { return user_; }
  const std::string& new_hash() const { return new_hash_; }

 private:
  friend class UserFacade;
  CheckedPasswordChange(storage::User user, std::string hash)
      : user_(std::move(user)), new_hash_(std::move(hash)) {}
  storage::User user_;
  std::string new_hash_;
};

// Which users to list; empty or absent: all.
struct UserListing {
  std::string username_prefix = {};
  std::string role = {};  // that the user holds in effect
  std::optional<storage::UserState> state = std::nullopt;
};

// `users.*` and `registration.*` of the configuration.
struct UserPolicy {
  std::vector<std::string> initial_roles = {};  // that every new user gets, by name
  bool registration = false;
};

std::string EtagOf(const storage::User& user);

// Thread-safe. Methods block on the store unless they say otherwise. `actor` is the calling user;
// methods that take one ask in their transaction whether that user may administer still:
// UNAUTHENTICATED TOKEN_REVOKED if gone or disabled by now, PERMISSION_DENIED ROLE_REQUIRED without
// `tessera.admin`; nothing is changed then.
class UserFacade {
 public:
  // All references must outlive the facade.
  struct Parts {
    storage::Store& store;
    const PasswordHasher& hasher;
    RevocationFeed& feed;
    const Clock& clock;
    LogSink& log;
    AuditTrail& audit;
    const LoginThrottle& throttle;
    PasswordPolicy passwords = PasswordPolicy();
    UserPolicy policy = {};
  };
  explicit UserFacade(Parts parts) : parts_(parts) {}

  // Adding a user, in two steps. 1. Blocks on the processor. FIELD_INVALID: what new_user.h says,
  // or the password. The requester is the actor of step 2, or nobody for registering.
  absl::StatusOr<HashedNewUser> HashNewUser(const Requester& requester, NewUser user,
                                            const Secret& password) const;
  absl::StatusOr<HashedNewUser> HashNewUser(NewUser user, const Secret& password) const {
    return HashNewUser(std::nullopt, std::move(user), password);
  }
  // 2. ALREADY_EXISTS USERNAME_TAKEN, EMAIL_TAKEN, REQUEST_ID_REUSED. NOT_FOUND ROLE_NOT_FOUND: one
  // of the policy's initial roles. A request id that was used for the same request answers with
  // the user whom that made.
  absl::StatusOr<storage::User> Create(const CallInfo& call, const UserId& actor,
                                       const HashedNewUser& user) const;

  // Becoming a user, likewise, without an actor; ask first whether it is allowed: PERMISSION_DENIED
  // REGISTRATION_DISABLED. Memory only. FIELD_INVALID: a state or attributes, which are not for the
  // user to say. FIELD_UNSUPPORTED: an email address, which an administrator sets.
  absl::StatusOr<NewUser> CheckRegistration(NewUser user) const;
  // Instead of HashNewUser: RESOURCE_EXHAUSTED THROTTLED too; blocks on the store for that.
  absl::StatusOr<HashedNewUser> HashRegistration(const CallInfo& call, NewUser user,
                                                 const Secret& password) const;
  // The request id is the name's and the password's own: whoever knows it and not both learns
  // USERNAME_TAKEN and no more.
  absl::StatusOr<storage::User> Register(const CallInfo& call, const HashedNewUser& user) const;

  // NOT_FOUND USER_NOT_FOUND.
  absl::StatusOr<storage::User> Get(const CallInfo& call, const UserKey& key) const;

  struct Current {
    storage::User user;
    std::vector<storage::Role> roles;
  };
  absl::StatusOr<Current> GetCurrent(const CallInfo& call, const UserId& id) const;

  struct Page {
    std::vector<storage::User> users;
    std::string next_page_token;  // empty on the last page
  };
  // `page_size` 0: 50; above 1,000: 1,000. FIELD_INVALID: negative, a page token that is none of
  // ours or of another listing, a prefix that is no text. NOT_FOUND ROLE_NOT_FOUND.
  absl::StatusOr<Page> List(const CallInfo& call, const UserListing& listing, int page_size,
                            std::string_view page_token) const;
  absl::StatusOr<Page> List(const CallInfo& call, int page_size,
                            std::string_view page_token) const {
    return List(call, {}, page_size, page_token);
  }

  // USER_NOT_FOUND, USERNAME_TAKEN, EMAIL_TAKEN, ABORTED ETAG_MISMATCH, FAILED_PRECONDITION
  // LAST_ADMINISTRATOR. Disabling raises the user's version, ends the sessions and revokes the
  // tokens in the same transaction. Tokens carry changed attributes from the next renewal on.
  absl::StatusOr<storage::User> Update(const CallInfo& call, const UserId& actor,
                                       const UserChange& change) const;
  // Likewise; final.
  absl::Status Delete(const CallInfo& call, const UserId& actor, const UserId& id,
                      std::string_view etag) const;

  // Changing a password, in three steps. Wrong old passwords are counted: RESOURCE_EXHAUSTED
  // THROTTLED. 1. Finds the user. 2. Blocks on the processor:
  // UNAUTHENTICATED BAD_CREDENTIALS for a wrong old password, FIELD_INVALID for an unacceptable new
  // one. 3. Stores, raises the version, ends all sessions; a device proof for the next login, as
  // those so far are void: who answers an attack with another password must not wait behind it.
  absl::StatusOr<storage::User> FindForPasswordChange(const CallInfo& call, const UserId& id) const;
  absl::StatusOr<CheckedPasswordChange> CheckPasswordChange(const CallInfo& call,
                                                            storage::User user,
                                                            const PasswordChange& change) const;
  absl::StatusOr<Secret> StorePassword(const CallInfo& call,
                                       const CheckedPasswordChange& change) const;

 private:
  absl::StatusOr<storage::User> Add(const CallInfo& call, const Requester& requester,
                                    const HashedNewUser& user) const;

  Parts parts_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_USER_USER_FACADE_H_
