// The signature algorithms that tessera accepts (RFC 7518 section 3.1, RFC 8037 section 3.1). No
// others, ever `none`.
#ifndef TESSERA_TOKEN_ALGORITHM_H_
#define TESSERA_TOKEN_ALGORITHM_H_

#include <optional>
#include <string_view>

namespace tessera {

enum class Algorithm { kEs256, kEdDsa, kRs256, kHs256 };

// `ES256`, `EdDSA`, `RS256`, `HS256`: the value of `alg`.
std::string_view AlgorithmName(Algorithm algorithm);
// Exact and case-sensitive; absent for every other name.
std::optional<Algorithm> AlgorithmFromName(std::string_view name);

}  // namespace tessera

#endif  // TESSERA_TOKEN_ALGORITHM_H_
