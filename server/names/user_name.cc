#include "server/names/user_name.h"

#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>

#include <optional>

#include "server/names/identifier_class.h"
#include "server/names/utf8.h"
#include "tessera/base/reason.h"

namespace tessera::server {
namespace {

// Lower case and NFC may each undo what the other did; RFC 8264 section 7 asks for no more rounds.
constexpr int kMaxRounds = 4;

// Wide and narrow forms as the ordinary ones that they stand for (RFC 8265 section 3.3.2, rule 1).
icu::UnicodeString MapWidth(const icu::UnicodeString& text, const icu::Normalizer2& nfkc) {
  icu::UnicodeString mapped;
  for (int32_t at = 0; at < text.length(); at = text.moveIndex32(at, 1)) {
    const UChar32 point = text.char32At(at);
    const int32_t width = u_getIntPropertyValue(point, UCHAR_EAST_ASIAN_WIDTH);
    icu::UnicodeString plain;
    const bool maps = width == U_EA_FULLWIDTH || width == U_EA_HALFWIDTH;
    if (maps && nfkc.getRawDecomposition(point, plain)) {
      mapped.append(plain);
    } else {
      mapped.append(point);
    }
  }
  return mapped;
}

std::optional<icu::UnicodeString> FoldOnce(const icu::UnicodeString& text) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* nfc = icu::Normalizer2::getNFCInstance(error);
  const icu::Normalizer2* nfkc = icu::Normalizer2::getNFKCInstance(error);
  if (U_FAILURE(error)) return std::nullopt;
  icu::UnicodeString folded = MapWidth(text, *nfkc);
  folded.toLower(icu::Locale::getRoot());
  folded = nfc->normalize(folded, error);
  if (U_FAILURE(error)) return std::nullopt;
  return folded;
}

// Absent for what comes to no rest.
std::optional<icu::UnicodeString> Fold(icu::UnicodeString text) {
  for (int round = 0; round < kMaxRounds; ++round) {
    std::optional<icu::UnicodeString> folded = FoldOnce(text);
    if (!folded.has_value() || *folded == text) return folded;
    text = *std::move(folded);
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<std::string> FoldUserName(std::string_view name, std::string_view field) {
  const absl::Status invalid = FieldInvalid(
      field, "1 to 64 letters, digits or visible ASCII characters, without spaces (RFC 8265)");
  if (name.empty() || name.size() > kMaxRawUserNameBytes) return invalid;
  const std::optional<icu::UnicodeString> raw = FromUtf8(name);
  if (!raw.has_value()) return invalid;
  const std::optional<icu::UnicodeString> folded = Fold(*raw);
  if (!folded.has_value() || folded->isEmpty()) return invalid;
  if (folded->countChar32() > static_cast<int32_t>(kMaxUserNameCharacters)) return invalid;
  if (!IsOfIdentifierClass(*folded) || !KeepsBidiRule(*folded)) return invalid;
  std::string result = ToUtf8(*folded);
  if (result.size() > kMaxUserNameBytes) return invalid;
  return result;
}

absl::StatusOr<std::string> FoldUserNamePrefix(std::string_view prefix, std::string_view field) {
  const absl::Status invalid = FieldInvalid(field, "the beginning of a user name");
  if (prefix.size() > kMaxRawUserNameBytes) return invalid;
  const std::optional<icu::UnicodeString> raw = FromUtf8(prefix);
  if (!raw.has_value()) return invalid;
  const std::optional<icu::UnicodeString> folded = Fold(*raw);
  if (!folded.has_value()) return invalid;
  return ToUtf8(*folded);
}

}  // namespace tessera::server
