#include "server/auth/recovery_codes.h"

#include <string_view>

#include "absl/strings/ascii.h"
#include "server/auth/key_states.h"
#include "tessera/base/random.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/digest.h"

namespace tessera::server {
namespace {

constexpr std::string_view kContext = "tessera/recovery-code/v1";
constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr size_t kHalf = 5;
constexpr size_t kCharacters = 2 * kHalf;
// Longer is no code, whatever is left out of it.
constexpr size_t kMaxTyped = 64;
constexpr absl::Duration kRetryForKey = absl::Milliseconds(200);

absl::Status KeyMissing() {
  return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kKeysUnavailable,
                          "the key that codes are hashed with is not loaded yet", kRetryForKey);
}

Secret RandomCode() {
  std::string random = RandomBytes(kCharacters);
  for (char& c : random) c = kAlphabet[static_cast<unsigned char>(c) & 31];
  return Secret(std::move(random));
}

Secret ForPeople(const Secret& code) {
  std::string text;
  text.reserve(kCharacters + 1);
  text.append(code.Reveal().substr(0, kHalf)).append(1, '-').append(code.Reveal().substr(kHalf));
  return Secret(std::move(text));
}

// As RandomCode made it; empty for what cannot be one.
Secret AsMade(const Secret& typed) {
  if (typed.Reveal().size() > kMaxTyped) return {};
  std::string code;
  code.reserve(kMaxTyped);
  for (const char c : typed.Reveal()) {
    const char lower = absl::ascii_tolower(static_cast<unsigned char>(c));
    if (lower == '-' || lower == ' ') continue;
    code.push_back(lower == 'o' ? '0' : lower == 'i' || lower == 'l' ? '1' : lower);
  }
  Secret made(std::move(code));
  const bool fits = made.Reveal().size() == kCharacters &&
                    made.Reveal().find_first_not_of(kAlphabet) == std::string_view::npos;
  return fits ? made : Secret();
}

// Bound to the user: a row that is moved to another one fits nothing.
std::string HashOf(const Secret& key, const UserId& user, const Secret& code) {
  std::string message(kContext);
  message.append(1, '\0').append(user.str()).append(1, '\0').append(code.Reveal());
  const Sha256Digest mac = HmacSha256(key.Reveal(), message);
  WipeString(message);
  return {mac.begin(), mac.end()};
}

}  // namespace

absl::StatusOr<NewRecoveryCodes> MintRecoveryCodes(const UserId& user, const KeySnapshot& keys) {
  const auto key = keys.secret_hashes.find(keys.secret_hash_kid);
  if (key == keys.secret_hashes.end()) return KeyMissing();
  NewRecoveryCodes minted;
  for (int i = 0; i < kRecoveryCodes; ++i) {
    const Secret code = RandomCode();
    minted.codes.push_back(ForPeople(code));
    minted.rows.push_back({HashOf(key->second, user, code), key->first});
  }
  return minted;
}

absl::StatusOr<std::optional<storage::RecoveryCode>> FindRecoveryCode(
    const Secret& code, const UserId& user, const std::vector<storage::RecoveryCode>& rows,
    const KeySnapshot& keys) {
  const Secret made = AsMade(code);
  std::optional<storage::RecoveryCode> found;
  if (made.empty()) return found;
  for (const storage::RecoveryCode& row : rows) {
    const auto key = keys.secret_hashes.find(row.hash_kid);
    if (key == keys.secret_hashes.end()) {
      if (IsCalledBack(keys, row.hash_kid)) continue;
      return KeyMissing();
    }
    if (Secret::ConstantTimeEqual(HashOf(key->second, user, made), row.hash)) found = row;
  }
  return found;
}

}  // namespace tessera::server
