#include "server/names/email_address.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>

#include <algorithm>
#include <optional>

#include "server/names/utf8.h"
#include "tessera/base/reason.h"

namespace tessera::server {
namespace {

constexpr std::string_view kLocalMarks = "!#$%&'*+-/=?^_`{|}~.";
constexpr std::string_view kDomainMarks = "-.";

bool IsAsciiLetterOrDigit(UChar32 point) {
  return (point >= 'a' && point <= 'z') || (point >= 'A' && point <= 'Z') ||
         (point >= '0' && point <= '9');
}

// Beyond ASCII: letters, marks and digits, and nothing that has no width or is none yet.
bool IsForeign(UChar32 point) {
  if (point < 0x80 || u_hasBinaryProperty(point, UCHAR_DEFAULT_IGNORABLE_CODE_POINT)) return false;
  return u_isalnum(point) || (U_GET_GC_MASK(point) & U_GC_M_MASK) != 0;
}

bool IsMark(UChar32 point, std::string_view marks) {
  return point < 0x80 && marks.find(static_cast<char>(point)) != std::string_view::npos;
}

// Parts between dots, none of them empty.
bool IsDotted(const icu::UnicodeString& text, std::string_view marks) {
  if (text.isEmpty() || text.startsWith(u".") || text.endsWith(u".")) return false;
  if (text.indexOf(u"..") >= 0) return false;
  for (int32_t at = 0; at < text.length(); at = text.moveIndex32(at, 1)) {
    const UChar32 point = text.char32At(at);
    if (!IsAsciiLetterOrDigit(point) && !IsMark(point, marks) && !IsForeign(point)) return false;
  }
  return true;
}

bool IsAddress(const icu::UnicodeString& text) {
  const int32_t at = text.lastIndexOf(u'@');
  return at > 0 && IsDotted(text.tempSubString(0, at), kLocalMarks) &&
         IsDotted(text.tempSubString(at + 1), kDomainMarks);
}

}  // namespace

absl::StatusOr<EmailAddress> ReadEmailAddress(std::string_view text, std::string_view field) {
  const absl::Status invalid =
      FieldInvalid(field, "an address such as ada@example.com, at most 254 bytes");
  if (text.size() > kMaxEmailBytes) return invalid;
  const std::optional<icu::UnicodeString> raw = FromUtf8(text);
  if (!raw.has_value()) return invalid;
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* nfc = icu::Normalizer2::getNFCInstance(error);
  const icu::Normalizer2* casefold = icu::Normalizer2::getNFKCCasefoldInstance(error);
  if (U_FAILURE(error)) return absl::InternalError("no normalisation");
  const icu::UnicodeString normal = nfc->normalize(*raw, error);
  const icu::UnicodeString key = casefold->normalize(*raw, error);
  if (U_FAILURE(error) || !IsAddress(normal) || !IsAddress(key)) return invalid;
  EmailAddress address{ToUtf8(normal), ToUtf8(key)};
  if (address.text.size() > kMaxEmailBytes || address.key.size() > kMaxEmailKeyBytes) {
    return invalid;
  }
  return address;
}

}  // namespace tessera::server
