// A set of keys that verify (RFC 7517 section 5).
#ifndef TESSERA_TOKEN_JWK_SET_H_
#define TESSERA_TOKEN_JWK_SET_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "tessera/token/key.h"

namespace tessera {

// Immutable once made; share it as `std::shared_ptr<const JwkSet>`. Thread-safe.
class JwkSet {
 public:
  static constexpr size_t kMaxKeys = 128;
  static constexpr size_t kMaxBytes = size_t{256} * 1024;

  JwkSet() = default;
  // INVALID_ARGUMENT: two keys with one `kid`, or too many.
  static absl::StatusOr<JwkSet> Of(std::vector<VerifyKey> keys);
  // INVALID_ARGUMENT: not a JWK set, too large, or a key id twice. Keys of other types, curves,
  // algorithms or uses are left out, as RFC 7517 section 5 asks.
  static absl::StatusOr<JwkSet> Parse(std::string_view json);

  // Null if there is none.
  const VerifyKey* Find(std::string_view kid) const;
  bool empty() const { return keys_.empty(); }
  const std::vector<VerifyKey>& keys() const { return keys_; }
  // Public keys only.
  std::string ToJson() const;

 private:
  std::vector<VerifyKey> keys_;
};

}  // namespace tessera

#endif  // TESSERA_TOKEN_JWK_SET_H_
