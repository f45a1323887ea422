// Email addresses: which may be, and which are one address.
#ifndef TESSERA_SERVER_NAMES_EMAIL_ADDRESS_H_
#define TESSERA_SERVER_NAMES_EMAIL_ADDRESS_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace tessera::server {

// RFC 5321 section 4.5.3.1, as erratum 1690 of RFC 3696 has it.
inline constexpr size_t kMaxEmailBytes = 254;
// What an address may fold to.
inline constexpr size_t kMaxEmailKeyBytes = 255;

struct EmailAddress {
  std::string text;  // as given, in NFC
  // Equal for addresses that differ only in case, in wide and narrow forms or in what cannot be
  // seen (NFKC_Casefold).
  std::string key;
};

// `local@domain`: RFC 5322 section 3.4.1 without quotes, comments and addresses in numbers, with
// letters of any script (RFC 6531). Nothing is asked of the domain's existence.
// INVALID_ARGUMENT FIELD_INVALID names `field`: anything else.
absl::StatusOr<EmailAddress> ReadEmailAddress(std::string_view text, std::string_view field);

}  // namespace tessera::server

#endif  // TESSERA_SERVER_NAMES_EMAIL_ADDRESS_H_
