#include "server/auth/revocations.h"

#include <limits>
#include <string_view>

#include "tessera/token/digest.h"
#include "tessera/token/token_verifier.h"

namespace tessera::server {
namespace {

storage::Revocation Entry(storage::RevocationKind kind, std::string_view id, absl::Time expires) {
  const IdHash hash = IdHashOf(id);
  storage::Revocation entry;
  entry.kind = kind;
  entry.id_hash.assign(hash.begin(), hash.end());
  entry.expires_at = expires;
  return entry;
}

constexpr int64_t kEveryVersion = std::numeric_limits<int64_t>::max();

storage::Revocation SubjectEntry(std::string_view subject, int64_t min_version, absl::Time now) {
  storage::Revocation entry = Entry(storage::RevocationKind::kUser, subject,
                                    now + kMaxAccessTtl + kRevocationSlack + kWriterBehind);
  entry.min_user_version = min_version;
  return entry;
}

}  // namespace

storage::Revocation RevokeTokenEntry(const TokenId& token, absl::Time exp) {
  return Entry(storage::RevocationKind::kToken, token.str(), exp + kMaxLeeway + kRevocationSlack);
}

storage::Revocation RevokeSessionEntry(const SessionId& session, absl::Time access_until) {
  return Entry(storage::RevocationKind::kSession, session.str(), access_until + kRevocationSlack);
}

storage::Revocation RevokeUserEntry(const UserId& user, int64_t min_version, absl::Time now) {
  return SubjectEntry(user.str(), min_version, now);
}

storage::Revocation RevokeWholeUserEntry(const UserId& user, absl::Time now) {
  return SubjectEntry(user.str(), kEveryVersion, now);
}

storage::Revocation RevokeServiceEntry(const ServiceId& service, int64_t min_version,
                                       absl::Time now) {
  return SubjectEntry(service.str(), min_version, now);
}

storage::Revocation RevokeWholeServiceEntry(const ServiceId& service, absl::Time now) {
  return SubjectEntry(service.str(), kEveryVersion, now);
}

storage::Revocation RevokeKeyEntry(const std::string& kid, absl::Time now) {
  return Entry(storage::RevocationKind::kKey, kid,
               now + kMaxAccessTtl + kRevocationSlack + kWriterBehind);
}

}  // namespace tessera::server
