// PreparePassword and PrepareForLogin of password_hasher.h: what a password is, byte for byte.
#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/auth/password_hasher.h"
#include "tessera/base/reason.h"

namespace tessera::server {
namespace {

// Normalising to NFC makes UTF-8 at most three times as long (Unicode Standard Annex 15).
constexpr size_t kNfcGrowth = 3;

// Code points; absent for what is no UTF-8 or holds a control character (category Cc).
std::optional<size_t> CountCharacters(std::string_view text) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  const auto length = static_cast<int32_t>(text.size());
  size_t count = 0;
  for (int32_t at = 0; at < length; ++count) {
    UChar32 point = 0;
    U8_NEXT(bytes, at, length, point);
    if (point < 0 || u_charType(point) == U_CONTROL_CHAR) return std::nullopt;
  }
  return count;
}

// `text` is UTF-8 of at most kMaxPasswordBytes. The buffer has its full size from the start, so no
// copy is left behind by growing.
std::optional<Secret> Normalize(std::string_view text) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* nfc = icu::Normalizer2::getNFCInstance(error);
  if (U_FAILURE(error)) return std::nullopt;
  std::string buffer(text.size() * kNfcGrowth, '\0');
  icu::CheckedArrayByteSink sink(buffer.data(), static_cast<int32_t>(buffer.size()));
  const icu::StringPiece source(text.data(), static_cast<int32_t>(text.size()));
  nfc->normalizeUTF8(0, source, sink, nullptr, error);
  const bool whole = U_SUCCESS(error) && !sink.Overflowed();
  buffer.resize(whole ? static_cast<size_t>(sink.NumberOfBytesWritten()) : 0);
  Secret normal = Secret::CopyOf(buffer);
  WipeString(buffer);
  if (!whole) return std::nullopt;
  return normal;
}

}  // namespace

absl::StatusOr<Secret> PreparePassword(const Secret& password, std::string_view field,
                                       size_t min_characters) {
  const absl::Status too_long = FieldInvalid(field, "at most 1,024 bytes");
  if (password.Reveal().size() > kMaxPasswordBytes) return too_long;
  if (!CountCharacters(password.Reveal()).has_value()) {
    return FieldInvalid(field, "UTF-8 text without control characters");
  }
  std::optional<Secret> normal = Normalize(password.Reveal());
  if (!normal.has_value()) return absl::InternalError("a password could not be normalised");
  if (normal->Reveal().size() > kMaxPasswordBytes) return too_long;
  if (CountCharacters(normal->Reveal()).value_or(0) < min_characters) {
    return FieldInvalid(field, absl::StrCat("at least ", min_characters, " characters"));
  }
  return *std::move(normal);
}

Secret PrepareForLogin(const Secret& password) {
  if (password.Reveal().size() > kMaxPasswordBytes) return password;
  if (!CountCharacters(password.Reveal()).has_value()) return password;
  return Normalize(password.Reveal()).value_or(password);
}

}  // namespace tessera::server
