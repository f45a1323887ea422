#include "server/user/find_user.h"

#include "server/names/email_address.h"
#include "server/names/user_name.h"

namespace tessera::server {
namespace {

using Found = absl::StatusOr<std::optional<storage::User>>;

struct Find {
  storage::Repositories& in;

  Found operator()(const UserId& id) const { return in.users.Find(id); }
  Found operator()(const std::string& given) const {
    const absl::StatusOr<std::string> name = FoldUserName(given, "username");
    if (!name.ok()) return std::optional<storage::User>();
    return in.users.FindByName(*name);
  }
  Found operator()(const ByEmail& given) const {
    const absl::StatusOr<EmailAddress> email = ReadEmailAddress(given.address, "email");
    if (!email.ok()) return std::optional<storage::User>();
    return in.users.FindByEmail(email->key);
  }
};

}  // namespace

absl::StatusOr<std::optional<storage::User>> FindUserByKey(storage::Repositories& repositories,
                                                           const UserKey& key) {
  return std::visit(Find{repositories}, key);
}

}  // namespace tessera::server
