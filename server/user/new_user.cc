#include "server/user/new_user.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/auth/phc.h"
#include "server/auth/token_issuer.h"
#include "server/names/email_address.h"
#include "server/names/user_name.h"
#include "server/user/field_checks.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/digest.h"

namespace tessera::server {
namespace {

constexpr char kRequestDomain[] = "tessera/request/v1";
constexpr char kContentDomain[] = "tessera/request-content/v1";
constexpr char kSaltDomain[] = "tessera/request-salt/v1";

absl::Status CheckRequestId(std::string_view id) {
  const bool visible = std::all_of(id.begin(), id.end(), [](char c) {
    return absl::ascii_isprint(static_cast<unsigned char>(c));
  });
  if (visible && id.size() <= kMaxRequestIdBytes) return absl::OkStatus();
  return FieldInvalid("request_id", "at most 64 printable ASCII characters");
}

// Of parts that cannot run into each other.
std::string DigestOf(std::string_view domain, const std::vector<std::string>& parts) {
  std::string text(domain);
  for (const std::string& part : parts) absl::StrAppend(&text, "\n", part.size(), ":", part);
  const Sha256Digest digest = Sha256(text);
  return std::string(digest.begin(), digest.end());
}

std::string NameOf(const Requester& requester) {
  return requester.has_value() ? requester->str() : std::string();
}

// What a request is kept under. Two that nobody makes have it in common only with the same name and
// the same password, whose hash has the same salt then (SaltOf).
std::string RequestHash(const NewUser& user, const Requester& requester, const storage::User& row) {
  std::vector<std::string> parts = {NameOf(requester), user.request_id};
  if (!requester.has_value()) parts.insert(parts.end(), {row.username, row.password_hash});
  return absl::BytesToHexString(DigestOf(kRequestDomain, parts));
}

absl::Status Reused(std::string_view text) {
  return Refusal(absl::StatusCode::kAlreadyExists, reason::kRequestIdReused, text);
}

}  // namespace

absl::StatusOr<NewUser> Checked(NewUser user) {
  TESSERA_RETURN_IF_ERROR(CheckRequestId(user.request_id));
  TESSERA_ASSIGN_OR_RETURN(user.username, FoldUserName(user.username, "user.username"));
  TESSERA_RETURN_IF_ERROR(CheckDisplayText(user.display_name, "user.display_name"));
  TESSERA_RETURN_IF_ERROR(CheckNamedTexts(user.attributes, kMaxAttributes, "user.attributes"));
  if (user.email.empty()) return user;
  TESSERA_ASSIGN_OR_RETURN(EmailAddress email, ReadEmailAddress(user.email, "user.email"));
  user.email = std::move(email.text);
  user.email_key = std::move(email.key);
  return user;
}

storage::User RowOf(const NewUser& user, std::string password_hash, absl::Time now) {
  storage::User row;
  row.id = UserId::Random(now);
  row.username = user.username;
  row.email = user.email;
  row.email_key = user.email_key;
  row.display_name = user.display_name;
  row.state = user.state;
  row.attributes = EncodeNamedTexts(user.attributes);
  row.password_hash = std::move(password_hash);
  row.created_at = row.updated_at = RowTime(now);
  return row;
}

absl::Status AddUserIn(storage::Repositories& repositories, const storage::User& row,
                       const std::vector<std::string>& roles) {
  TESSERA_RETURN_IF_ERROR(repositories.users.Insert(row));
  return GrantRolesIn(repositories, row, roles);
}

absl::Status GrantRolesIn(storage::Repositories& repositories, const storage::User& row,
                          const std::vector<std::string>& roles) {
  for (const std::string& name : roles) {
    TESSERA_ASSIGN_OR_RETURN(const auto role, repositories.roles.FindByName(name));
    if (!role.has_value()) {
      return Refusal(absl::StatusCode::kNotFound, reason::kRoleNotFound,
                     absl::StrCat("no such role: ", name));
    }
    TESSERA_RETURN_IF_ERROR(repositories.roles.Grant(role->id, row.id, row.created_at));
  }
  return absl::OkStatus();
}

std::string SaltOf(const NewUser& user, const Requester& requester) {
  if (user.request_id.empty()) return {};
  return DigestOf(kSaltDomain, {NameOf(requester), user.request_id, user.username})
      .substr(0, kSaltBytes);
}

std::optional<storage::AnsweredRequest> RequestOf(const NewUser& user, const Requester& requester,
                                                  const storage::User& row) {
  if (user.request_id.empty()) return std::nullopt;
  storage::AnsweredRequest request;
  request.request_hash = RequestHash(user, requester, row);
  request.fingerprint =
      absl::BytesToHexString(DigestOf(kContentDomain, {row.username, row.email, row.display_name,
                                                       absl::StrCat(static_cast<int>(row.state)),
                                                       row.attributes, row.password_hash}));
  request.answer = row.id.str();
  request.expires_at = row.created_at + kRequestIdLife;
  return request;
}

absl::StatusOr<std::optional<storage::User>> ReplayIn(storage::Repositories& repositories,
                                                      const storage::AnsweredRequest& request,
                                                      absl::Time now) {
  TESSERA_ASSIGN_OR_RETURN(const auto earlier, repositories.requests.Keep(request, now));
  if (!earlier.has_value()) return std::optional<storage::User>();
  if (earlier->fingerprint != request.fingerprint) {
    return Reused("the request id was used for a request that said something else");
  }
  TESSERA_ASSIGN_OR_RETURN(auto user, repositories.users.Find(UserId(earlier->answer)));
  if (!user.has_value()) return Reused("the user whom the request made is gone");
  return user;
}

}  // namespace tessera::server
