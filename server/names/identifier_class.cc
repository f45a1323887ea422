#include "server/names/identifier_class.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/uscript.h>

#include <algorithm>
#include <iterator>
#include <vector>

namespace tessera::server {
namespace {

using Points = std::vector<UChar32>;

Points PointsOf(const icu::UnicodeString& text) {
  Points points;
  for (int32_t at = 0; at < text.length(); at = text.moveIndex32(at, 1)) {
    points.push_back(text.char32At(at));
  }
  return points;
}

template <size_t kCount>
bool IsIn(UChar32 point, const UChar32 (&list)[kCount]) {
  return std::find(std::begin(list), std::end(list), point) != std::end(list);
}

// RFC 5892 section 2.6, as RFC 8264 section 9.6 takes it over.
constexpr UChar32 kValidExceptions[] = {0x00df, 0x03c2, 0x06fd, 0x06fe, 0x0f0b, 0x3007};
constexpr UChar32 kRefusedExceptions[] = {0x0640, 0x07fa, 0x302e, 0x302f, 0x3031,
                                          0x3032, 0x3033, 0x3034, 0x3035, 0x303b};

constexpr UChar32 kZeroWidthNonJoiner = 0x200c;
constexpr UChar32 kZeroWidthJoiner = 0x200d;
constexpr uint8_t kVirama = 9;  // canonical combining class

bool IsScript(UChar32 point, UScriptCode script) {
  UErrorCode error = U_ZERO_ERROR;
  return uscript_getScript(point, &error) == script && U_SUCCESS(error);
}

bool IsArabicIndicDigit(UChar32 point) { return point >= 0x0660 && point <= 0x0669; }
bool IsExtendedArabicIndicDigit(UChar32 point) { return point >= 0x06f0 && point <= 0x06f9; }

bool FollowsVirama(const Points& text, size_t at) {
  return at > 0 && u_getCombiningClass(text[at - 1]) == kVirama;
}

int32_t JoiningTypeOf(UChar32 point) { return u_getIntPropertyValue(point, UCHAR_JOINING_TYPE); }

// RFC 5892 appendix A.1: (L|D) T* ZWNJ T* (R|D).
bool BreaksACursiveJoin(const Points& text, size_t at) {
  size_t before = at;
  while (before > 0 && JoiningTypeOf(text[before - 1]) == U_JT_TRANSPARENT) --before;
  size_t after = at + 1;
  while (after < text.size() && JoiningTypeOf(text[after]) == U_JT_TRANSPARENT) ++after;
  if (before == 0 || after == text.size()) return false;
  const int32_t left = JoiningTypeOf(text[before - 1]);
  const int32_t right = JoiningTypeOf(text[after]);
  return (left == U_JT_LEFT_JOINING || left == U_JT_DUAL_JOINING) &&
         (right == U_JT_RIGHT_JOINING || right == U_JT_DUAL_JOINING);
}

bool HoldsJapanese(const Points& text) {
  return std::any_of(text.begin(), text.end(), [](UChar32 point) {
    return point != 0x30fb && (IsScript(point, USCRIPT_HIRAGANA) ||
                               IsScript(point, USCRIPT_KATAKANA) || IsScript(point, USCRIPT_HAN));
  });
}

// Characters that are good only beside certain others (RFC 5892 appendix A).
bool IsContextual(UChar32 point) {
  static constexpr UChar32 kList[] = {
      kZeroWidthNonJoiner, kZeroWidthJoiner, 0x00b7, 0x0375, 0x05f3, 0x05f4, 0x30fb};
  return IsIn(point, kList) || IsArabicIndicDigit(point) || IsExtendedArabicIndicDigit(point);
}

bool FitsItsContext(const Points& text, size_t at) {
  switch (text[at]) {
    case kZeroWidthNonJoiner:
      return FollowsVirama(text, at) || BreaksACursiveJoin(text, at);
    case kZeroWidthJoiner:
      return FollowsVirama(text, at);
    case 0x00b7:  // the middle dot of Catalan
      return at > 0 && at + 1 < text.size() && text[at - 1] == 'l' && text[at + 1] == 'l';
    case 0x0375:  // the Greek numeral sign
      return at + 1 < text.size() && IsScript(text[at + 1], USCRIPT_GREEK);
    case 0x05f3:  // Hebrew marks
    case 0x05f4:
      return at > 0 && IsScript(text[at - 1], USCRIPT_HEBREW);
    case 0x30fb:  // the middle dot of Katakana
      return HoldsJapanese(text);
    default:  // two kinds of digits that look alike
      return std::none_of(
          text.begin(), text.end(),
          IsArabicIndicDigit(text[at]) ? IsExtendedArabicIndicDigit : IsArabicIndicDigit);
  }
}

bool HasCompatibilityForm(UChar32 point) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* nfkc = icu::Normalizer2::getNFKCInstance(error);
  if (U_FAILURE(error)) return true;
  const icu::UnicodeString text(point);
  return nfkc->normalize(text, error) != text || U_FAILURE(error);
}

bool IsOldHangulJamo(UChar32 point) {
  const int32_t type = u_getIntPropertyValue(point, UCHAR_HANGUL_SYLLABLE_TYPE);
  return type == U_HST_LEADING_JAMO || type == U_HST_VOWEL_JAMO || type == U_HST_TRAILING_JAMO;
}

bool IsLetterOrDigit(UChar32 point) {
  switch (u_charType(point)) {
    case U_LOWERCASE_LETTER:
    case U_UPPERCASE_LETTER:
    case U_OTHER_LETTER:
    case U_MODIFIER_LETTER:
    case U_DECIMAL_DIGIT_NUMBER:
    case U_NON_SPACING_MARK:
    case U_COMBINING_SPACING_MARK:
      return true;
    default:
      return false;
  }
}

// RFC 8264 section 8, in its order.
bool IsValidAlone(UChar32 point) {
  if (IsIn(point, kValidExceptions)) return true;
  if (IsIn(point, kRefusedExceptions)) return false;
  if (point >= 0x21 && point <= 0x7e) return true;
  if (IsOldHangulJamo(point)) return false;
  if (u_hasBinaryProperty(point, UCHAR_DEFAULT_IGNORABLE_CODE_POINT)) return false;
  if (HasCompatibilityForm(point)) return false;
  return IsLetterOrDigit(point);
}

bool IsOneOf(UCharDirection direction, std::initializer_list<UCharDirection> list) {
  return std::find(list.begin(), list.end(), direction) != list.end();
}

// RFC 5893 section 2, rules 2 to 4 and 5 to 6: what may stand in a label, and what may end it.
bool FitsRightToLeft(UCharDirection direction) {
  return IsOneOf(direction, {U_RIGHT_TO_LEFT, U_RIGHT_TO_LEFT_ARABIC, U_ARABIC_NUMBER,
                             U_EUROPEAN_NUMBER, U_EUROPEAN_NUMBER_SEPARATOR,
                             U_COMMON_NUMBER_SEPARATOR, U_EUROPEAN_NUMBER_TERMINATOR,
                             U_OTHER_NEUTRAL, U_BOUNDARY_NEUTRAL, U_DIR_NON_SPACING_MARK});
}
bool EndsRightToLeft(UCharDirection direction) {
  return IsOneOf(direction,
                 {U_RIGHT_TO_LEFT, U_RIGHT_TO_LEFT_ARABIC, U_EUROPEAN_NUMBER, U_ARABIC_NUMBER});
}

bool IsRightToLeft(UCharDirection direction) {
  return IsOneOf(direction, {U_RIGHT_TO_LEFT, U_RIGHT_TO_LEFT_ARABIC, U_ARABIC_NUMBER});
}

}  // namespace

bool IsOfIdentifierClass(const icu::UnicodeString& text) {
  const Points points = PointsOf(text);
  for (size_t at = 0; at < points.size(); ++at) {
    const bool fits =
        IsContextual(points[at]) ? FitsItsContext(points, at) : IsValidAlone(points[at]);
    if (!fits) return false;
  }
  return true;
}

// A label from left to right (rules 5 and 6) holds no character that makes the rule apply, so only
// labels from right to left are left to look at.
bool KeepsBidiRule(const icu::UnicodeString& text) {
  std::vector<UCharDirection> directions;
  for (const UChar32 point : PointsOf(text)) directions.push_back(u_charDirection(point));
  if (std::none_of(directions.begin(), directions.end(), IsRightToLeft)) return true;
  if (!IsOneOf(directions.front(), {U_RIGHT_TO_LEFT, U_RIGHT_TO_LEFT_ARABIC})) return false;
  if (!std::all_of(directions.begin(), directions.end(), FitsRightToLeft)) return false;
  while (directions.back() == U_DIR_NON_SPACING_MARK) directions.pop_back();
  if (!EndsRightToLeft(directions.back())) return false;
  const auto holds = [&](UCharDirection direction) {
    return std::find(directions.begin(), directions.end(), direction) != directions.end();
  };
  return !(holds(U_EUROPEAN_NUMBER) && holds(U_ARABIC_NUMBER));
}

}  // namespace tessera::server
