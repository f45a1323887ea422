// The rows as plain values. Times are whole microseconds in the store.
#ifndef TESSERA_STORAGE_RECORDS_H_
#define TESSERA_STORAGE_RECORDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tessera/base/ids.h"

namespace tessera::storage {

enum class UserState : int { kActive = 0, kDisabled = 1 };

struct User {
  UserId id;
  std::string username;  // folded; unique
  std::string display_name;
  UserState state = UserState::kActive;
  // Rises with every change that must end the user's tokens: password, disable, delete, a reserved
  // role lost.
  int64_t version = 1;
  // Rises with every change; what the etag names.
  int64_t revision = 1;
  std::string password_hash;  // PHC string
  absl::Time created_at;
  absl::Time updated_at;
  std::optional<absl::Time> last_login_at;
  std::string attributes;      // as the server encodes them; empty for none
  std::string email;           // as it was given; empty for none
  std::string email_key;       // the same, folded; unique; empty with it
  bool totp_enrolled = false;  // has a confirmed second factor; read only
};

// A user's second factor: codes of an authenticator (RFC 6238).
struct SecondFactor {
  UserId user_id;
  bool confirmed = false;  // else a login does not ask for it
  std::string algorithm;   // as the server names it
  int64_t digits = 0;
  int64_t period_seconds = 0;
  std::string sealed;     // the secret
  std::string seal_kid;   // the key of use kSeal that sealed it
  int64_t last_step = 0;  // codes up to this step are used up
  absl::Time created_at;
};

// A code for one who has lost the second factor; the code itself is not stored.
struct RecoveryCode {
  std::string hash;      // keyed, 32 bytes
  std::string hash_kid;  // the key of use kSecretHash that made it
};

// Which users a list shows; what is not set admits all.
struct UserFilter {
  std::string username_prefix;   // folded
  std::optional<RoleId> role;    // that the user holds in effect
  std::optional<GroupId> group;  // that the user is in
  std::optional<UserState> state;
};

// A request that was answered, so that it is not carried out again when it comes again.
struct AnsweredRequest {
  std::string request_hash;  // of who asks and the id that was given; at most 64 bytes
  std::string fingerprint;   // of what was asked; likewise
  std::string answer;        // the id of what was made
  absl::Time expires_at;     // from then on the id is free again
};

struct Role {
  RoleId id;
  std::string name;  // unique
  std::string description;
  std::vector<std::string> audiences;  // in order; empty: all
  absl::Time created_at;
};

// A role that a user holds in effect, and where from.
struct HeldRole {
  Role role;
  bool direct = false;              // granted to the user itself
  std::vector<std::string> groups;  // names of the user's groups that hold it, in order
};

// Users who hold roles together.
struct Group {
  GroupId id;
  std::string name;  // unique
  std::string description;
  std::vector<std::string> roles;  // names, in order; read only
  absl::Time created_at;
};

// A role that a group holds no more, while its members' sessions are being ended for it.
struct GroupLoss {
  GroupId group_id;
  RoleId role_id;
  std::string role;    // its name; of a deleted one a name that no role can have
  UserId ended_until;  // done with the members up to this one; empty: with none
};

// One row for ever: renewing changes it and adds none.
struct Session {
  SessionId id;
  UserId user_id;
  int64_t user_version = 0;  // the user's version when the session began
  int64_t generation = 1;    // of the current refresh token
  std::string mac_kid;       // the MAC key that the current refresh token was minted with
  std::string audience;      // of its access tokens
  absl::Time created_at;
  absl::Time auth_time;
  absl::Time rotated_at;    // when `generation` began
  absl::Time access_until;  // the latest `exp` of an access token of this session
  absl::Time idle_expires_at;
  absl::Time expires_at;  // absolute
  std::optional<absl::Time> revoked_at;
  std::vector<std::string> scopes;  // no spaces in them
  std::vector<std::string> amr;     // likewise
  std::string acr;
  std::string device_hash;  // of the bound device; empty for none
  std::string device_label;
  std::string certificate;  // thumbprint of the bound client certificate; empty for none
  std::string address;      // where it was last renewed from, or began
  std::string claims;       // asked for at the login, as the server encodes them; empty for none
  // When it gave out a further access token of this or an earlier generation.
  std::optional<absl::Time> last_used_at = std::nullopt;
  bool include_groups = false;  // its access tokens carry the names of the user's groups
};

// A session, and what its user is and holds now: what a renewal rests on.
struct SessionStanding {
  Session session;
  UserState user_state = UserState::kDisabled;
  int64_t user_version = 0;
  std::string attributes;  // the user's
  // In effect, by name; of each the name and the audiences alone.
  std::vector<Role> roles;
  std::vector<std::string> groups;  // names, in order; only where the session includes them
};

enum class RevocationKind : int { kToken = 1, kSession = 2, kUser = 3, kKey = 4 };

// One entry of the ordered feed.
struct Revocation {
  int64_t seq = 0;  // given by the store
  RevocationKind kind = RevocationKind::kToken;
  std::string id_hash;           // 16 bytes
  int64_t min_user_version = 0;  // kUser only
  absl::Time expires_at;         // nothing that it hits can be alive from then on
};

// kSecretHash, kSeal (of second factors) and kAudit (the chains of the audit trail) are kept for as
// long as the store lives: what they made is at rest in it.
enum class KeyUse : int { kSign = 1, kMac = 2, kSecretHash = 3, kSeal = 4, kAudit = 5 };
enum class KeyState : int { kPending = 0, kActive = 1, kRetiring = 2, kRevoked = 3 };

// A signing or MAC key; the private part is sealed under a master key.
struct StoredKey {
  std::string kid;
  KeyUse use = KeyUse::kSign;
  std::string algorithm;  // `ES256` ...; `HS256` for MAC keys
  KeyState state = KeyState::kPending;
  std::string public_jwk;  // empty for shared keys
  std::string sealed;      // nonce, ciphertext, tag
  std::string master_key_id;
  absl::Time created_at;
  std::optional<absl::Time> activated_at;
  std::optional<absl::Time> retired_at;
  int64_t published_version = 0;           // of the key set that showed it first
  std::optional<absl::Time> verify_until;  // kRetiring: nothing that it made can be alive then
};

// What a replica says of itself, so that the others can wait for it.
struct ReplicaReport {
  std::string id;
  absl::Time reported_at;
  int64_t key_set_version = 0;         // that it has loaded
  int64_t guards_key_set_version = 0;  // that every guard connected to it has acknowledged
};

// How often something was tried of late.
struct ThrottleCounter {
  std::string id;  // 16 bytes; whoever cannot make it cannot tell what it counts
  int64_t attempts = 0;
  absl::Time blocked_until = absl::UnixEpoch();  // no further attempt before
  absl::Time expires_at = absl::UnixEpoch();     // as if it had never been, from then on
};

enum class ServiceAccountState : int { kActive = 0, kDisabled = 1 };

// A program that asks for tokens by itself. Its roles, names and lists are in the order given.
struct ServiceAccount {
  ServiceId id;
  std::string name;  // unique
  std::string description;
  ServiceAccountState state = ServiceAccountState::kActive;
  int64_t version = 1;   // as User::version
  int64_t revision = 1;  // as User::revision
  std::vector<std::string> audiences;
  std::vector<std::string> served_audiences;
  std::vector<std::string> scopes;             // no spaces in them
  std::string public_jwks;                     // JSON; empty for none
  std::vector<std::string> certificate_names;  // each unique over all accounts
  std::vector<std::string> kubernetes_names;   // `namespace/name`; likewise
  std::vector<Role> roles;                     // by name; read only
  absl::Time created_at;
  absl::Time updated_at;
};

// A live or expired secret of a service account; the secret itself is not stored.
struct ServiceSecret {
  SecretId id;
  ServiceId service_id;
  std::string hash;      // keyed, 32 bytes
  std::string hash_kid;  // the key of use kSecretHash that made it
  absl::Time created_at;
  std::optional<absl::Time> expires_at;
};

}  // namespace tessera::storage

#endif  // TESSERA_STORAGE_RECORDS_H_
