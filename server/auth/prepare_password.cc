// PreparePassword and PrepareForLogin of password_hasher.h: what a password is, byte for byte
// (RFC 8265 section 4.2, OpaqueString; RFC 8264 section 4.3, FreeformClass).
#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/auth/password_hasher.h"
#include "tessera/base/reason.h"

namespace tessera::server {
namespace {

// Normalising to NFC makes UTF-8 at most three times as long (Unicode Standard Annex 15); a space
// that takes several bytes becomes one of one byte.
constexpr size_t kNfcGrowth = 3;
constexpr UChar32 kNonJoiner = 0x200c;
constexpr UChar32 kJoiner = 0x200d;
constexpr int kVirama = 9;  // the combining class

// Absent for what is no UTF-8.
std::optional<std::vector<UChar32>> PointsOf(std::string_view text) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  const auto length = static_cast<int32_t>(text.size());
  std::vector<UChar32> points;
  points.reserve(text.size());
  for (int32_t at = 0; at < length;) {
    UChar32 point = 0;
    U8_NEXT(bytes, at, length, point);
    if (point < 0) return std::nullopt;
    points.push_back(point);
  }
  return points;
}

bool IsOldHangul(UChar32 point) {
  const int32_t type = u_getIntPropertyValue(point, UCHAR_HANGUL_SYLLABLE_TYPE);
  return type == U_HST_LEADING_JAMO || type == U_HST_VOWEL_JAMO || type == U_HST_TRAILING_JAMO;
}

// FreeformClass, but for what depends on the neighbours.
bool IsFreeform(UChar32 point) {
  if (u_hasBinaryProperty(point, UCHAR_DEFAULT_IGNORABLE_CODE_POINT)) return false;
  switch (u_charType(point)) {
    case U_CONTROL_CHAR:
    case U_FORMAT_CHAR:
    case U_UNASSIGNED:  // and what never will be a character
    case U_PRIVATE_USE_CHAR:
    case U_SURROGATE:
    case U_LINE_SEPARATOR:
    case U_PARAGRAPH_SEPARATOR:
      return false;
    default:
      return !IsOldHangul(point);
  }
}

int32_t JoiningType(UChar32 point) { return u_getIntPropertyValue(point, UCHAR_JOINING_TYPE); }

// The joining type of the next point that is not transparent, from `at` on in steps of `step`.
int32_t JoiningTypeFrom(const std::vector<UChar32>& points, size_t at, int step) {
  for (; at < points.size(); at += static_cast<size_t>(step)) {
    if (JoiningType(points[at]) != U_JT_TRANSPARENT) return JoiningType(points[at]);
  }
  return U_JT_NON_JOINING;
}

// RFC 5892, appendix A.1 and A.2: where the two joiners make a difference that people see.
bool MayJoin(const std::vector<UChar32>& points, size_t at) {
  if (at == 0) return false;
  if (u_getCombiningClass(points[at - 1]) == kVirama) return true;
  if (points[at] == kJoiner) return false;
  const int32_t before = JoiningTypeFrom(points, at - 1, -1);
  const int32_t behind = JoiningTypeFrom(points, at + 1, 1);
  return (before == U_JT_LEFT_JOINING || before == U_JT_DUAL_JOINING) &&
         (behind == U_JT_RIGHT_JOINING || behind == U_JT_DUAL_JOINING);
}

bool IsAllowed(const std::vector<UChar32>& points) {
  for (size_t at = 0; at < points.size(); ++at) {
    const bool joins = points[at] == kJoiner || points[at] == kNonJoiner;
    if (joins ? !MayJoin(points, at) : !IsFreeform(points[at])) return false;
  }
  return true;
}

// Every space becomes U+0020. `text` is UTF-8; the result is no longer.
Secret WithPlainSpaces(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  const auto length = static_cast<int32_t>(text.size());
  for (int32_t at = 0; at < length;) {
    const int32_t start = at;
    UChar32 point = 0;
    U8_NEXT(bytes, at, length, point);
    if (u_charType(point) == U_SPACE_SEPARATOR) {
      plain.push_back(' ');
    } else {
      plain.append(text.substr(static_cast<size_t>(start), static_cast<size_t>(at - start)));
    }
  }
  return Secret(std::move(plain));
}

// `text` is UTF-8 of at most kMaxPasswordBytes. The buffer has its full size from the start, so no
// copy is left behind by growing.
std::optional<Secret> Normalize(std::string_view text) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* nfc = icu::Normalizer2::getNFCInstance(error);
  if (U_FAILURE(error)) return std::nullopt;
  const Secret plain = WithPlainSpaces(text);
  std::string buffer(text.size() * kNfcGrowth, '\0');
  icu::CheckedArrayByteSink sink(buffer.data(), static_cast<int32_t>(buffer.size()));
  const icu::StringPiece source(plain.Reveal().data(), static_cast<int32_t>(plain.Reveal().size()));
  nfc->normalizeUTF8(0, source, sink, nullptr, error);
  const bool whole = U_SUCCESS(error) && !sink.Overflowed();
  buffer.resize(whole ? static_cast<size_t>(sink.NumberOfBytesWritten()) : 0);
  Secret normal = Secret::CopyOf(buffer);
  WipeString(buffer);
  if (!whole) return std::nullopt;
  return normal;
}

void Wipe(std::vector<UChar32>& points) {
  volatile UChar32* const all = points.data();
  for (size_t at = 0; at < points.size(); ++at) all[at] = 0;
}

// How many characters a password has that is fit to be one; absent if it is not.
std::optional<size_t> CountIfAllowed(const Secret& normal) {
  std::optional<std::vector<UChar32>> points = PointsOf(normal.Reveal());
  if (!points.has_value()) return std::nullopt;
  const bool allowed = IsAllowed(*points);
  const size_t count = points->size();
  Wipe(*points);
  if (!allowed) return std::nullopt;
  return count;
}

bool IsUtf8(const Secret& password) {
  std::optional<std::vector<UChar32>> points = PointsOf(password.Reveal());
  if (!points.has_value()) return false;
  Wipe(*points);
  return true;
}

}  // namespace

absl::StatusOr<Secret> PreparePassword(const Secret& password, std::string_view field,
                                       size_t min_characters) {
  const auto too_long = [&] { return FieldInvalid(field, "at most 1,024 bytes"); };
  const auto not_text = [&] {
    return FieldInvalid(field, "UTF-8 text without control, invisible or unassigned characters");
  };
  if (password.Reveal().size() > kMaxPasswordBytes) return too_long();
  if (!IsUtf8(password)) return not_text();
  std::optional<Secret> normal = Normalize(password.Reveal());
  if (!normal.has_value()) return absl::InternalError("a password could not be normalised");
  if (normal->Reveal().size() > kMaxPasswordBytes) return too_long();
  const std::optional<size_t> characters = CountIfAllowed(*normal);
  if (!characters.has_value()) return not_text();
  if (*characters < min_characters) {
    return FieldInvalid(field, absl::StrCat("at least ", min_characters, " characters"));
  }
  return *std::move(normal);
}

Secret PrepareForLogin(const Secret& password) {
  if (password.Reveal().size() > kMaxPasswordBytes || !IsUtf8(password)) return password;
  return Normalize(password.Reveal()).value_or(password);
}

}  // namespace tessera::server
