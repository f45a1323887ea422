// A user who is to be added: what is asked, checked, and as it is stored.
#ifndef TESSERA_SERVER_USER_NEW_USER_H_
#define TESSERA_SERVER_USER_NEW_USER_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/auth/named_texts.h"
#include "storage/store.h"
#include "tessera/base/ids.h"

namespace tessera::server {

// A user has no more attributes.
inline constexpr size_t kMaxAttributes = 32;
inline constexpr size_t kMaxRequestIdBytes = 64;
// For so long a request id stands for its request.
inline constexpr absl::Duration kRequestIdLife = absl::Hours(1);

struct NewUser {
  std::string username;
  std::string display_name;
  storage::UserState state = storage::UserState::kActive;
  NamedTexts attributes = {};
  std::string email = {};       // empty: none
  std::string email_key = {};   // made by Checked
  std::string request_id = {};  // empty: none
};

// What is asked, with the name folded and the email address in NFC with its key.
// FIELD_INVALID: `user.username`, `user.email`, `user.display_name`, `user.attributes`,
// `request_id`.
absl::StatusOr<NewUser> Checked(NewUser user);

// The row of a user who is added at `now`, with an id of its own.
storage::User RowOf(const NewUser& user, std::string password_hash, absl::Time now);

// Adds the row and grants the roles, each by its name. USERNAME_TAKEN, EMAIL_TAKEN; NOT_FOUND
// ROLE_NOT_FOUND names the role.
absl::Status AddUserIn(storage::Repositories& repositories, const storage::User& row,
                       const std::vector<std::string>& roles);
// The second half of it. Granting what is held changes nothing.
absl::Status GrantRolesIn(storage::Repositories& repositories, const storage::User& row,
                          const std::vector<std::string>& roles);

// Who asks, for a request id: an id is one caller's own. Nobody registers; such an id is of whoever
// knows the name and the password that it came with, so that no two strangers share one.
using Requester = std::optional<UserId>;

// The salt of the password of a new user who is asked for with a request id: the same for the same
// request, so that the same password makes the same hash, and no other request gets it. Empty
// without a request id.
std::string SaltOf(const NewUser& user, const Requester& requester);

// What is kept of the request; nothing without a request id. Of the password it tells only what the
// hash does. `row` is the user that it would add.
std::optional<storage::AnsweredRequest> RequestOf(const NewUser& user, const Requester& requester,
                                                  const storage::User& row);

// Nothing: the request is new, and kept. Else the user whom it made the first time, as the user is
// now. ALREADY_EXISTS REQUEST_ID_REUSED: it said something else then, or that user is gone.
absl::StatusOr<std::optional<storage::User>> ReplayIn(storage::Repositories& repositories,
                                                      const storage::AnsweredRequest& request,
                                                      absl::Time now);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_USER_NEW_USER_H_
