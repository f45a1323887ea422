// What the fields of a service account may look like.
#ifndef TESSERA_SERVER_USER_SERVICE_ACCOUNT_FIELDS_H_
#define TESSERA_SERVER_USER_SERVICE_ACCOUNT_FIELDS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tessera::server {

inline constexpr size_t kMaxServiceRoles = 64;
inline constexpr size_t kMaxServiceAudiences = 64;
inline constexpr size_t kMaxServiceScopes = 64;
inline constexpr size_t kMaxServiceKeys = 8;
inline constexpr size_t kMaxServiceKeysBytes = size_t{16} * 1024;
inline constexpr size_t kMaxIdentities = 16;  // of each kind
inline constexpr size_t kMaxIdentityBytes = 255;

// All of these fail with INVALID_ARGUMENT FIELD_INVALID, which names `field`. They return what is
// to be stored.

// At most `limit` names, each once.
absl::StatusOr<std::vector<std::string>> DistinctNames(std::string_view field,
                                                       std::vector<std::string> names,
                                                       size_t limit);

// Likewise, and each is among `known`; `what` says what those are.
struct KnownNames {
  const std::vector<std::string>& known;
  std::string_view what;
  size_t limit;
};
absl::StatusOr<std::vector<std::string>> NamesAmong(const KnownNames& names, std::string_view field,
                                                    std::vector<std::string> asked);

// A JWK set of at most kMaxServiceKeys public keys as this server writes it; empty stays empty. A
// private or shared key is refused: whoever sends one has given it away. So is one of another kind:
// it would look as if it worked.
absl::StatusOr<std::string> PublicKeys(std::string_view field, std::string_view json);

// DNS names and URIs: visible ASCII, no wildcard, for that would stand for more than one.
absl::StatusOr<std::vector<std::string>> CertificateNames(std::string_view field,
                                                          std::vector<std::string> names);
// `namespace/name` as Kubernetes has them.
absl::StatusOr<std::vector<std::string>> KubernetesNames(std::string_view field,
                                                         std::vector<std::string> names);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_USER_SERVICE_ACCOUNT_FIELDS_H_
