// Signed text in compact form, whatever is signed (RFC 7515 section 7.1). Not part of the public
// interface: who wants to know whether a token is good asks TokenVerifier.
#ifndef TESSERA_TOKEN_JWS_H_
#define TESSERA_TOKEN_JWS_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tessera/token/key.h"

namespace tessera {

// The header members that are read. The keys that a header may bring (`jwk`, `jku`, `x5c`, `x5u`)
// are not: a token does not choose who trusts it (RFC 8725 section 3.10).
struct JwsHeader {
  std::string alg;  // not empty
  std::string kid;  // empty: none
  std::string typ;  // empty: none
};

// A compact JWS taken apart; nothing of it is checked yet.
struct CompactJws {
  std::string_view signing_input;  // header and payload as encoded; a view into the text
  JwsHeader header;
  std::string header_json;
  std::string payload;
  std::string signature;
};

// Three parts of strict base64url, none longer in all than `max_bytes`, and a header that is a
// strict JSON object with an `alg`, no `crit`, and strings where strings belong.
// UNAUTHENTICATED TOKEN_MALFORMED: anything else. The result's view lives as long as `text`.
absl::StatusOr<CompactJws> ParseCompactJws(std::string_view text, size_t max_bytes);

// UNAUTHENTICATED TOKEN_SIGNATURE: the header's `alg` is not the key's own, or the signature does
// not fit. What the header says never chooses how the key is used (RFC 8725 section 3.1).
absl::Status VerifyJws(const CompactJws& jws, const VerifyKey& key);

}  // namespace tessera

#endif  // TESSERA_TOKEN_JWS_H_
