#include "server/user/field_checks.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "tessera/base/reason.h"

namespace tessera::server {
namespace {

bool MadeOf(std::string_view text, std::string_view marks) {
  return std::all_of(text.begin(), text.end(), [marks](char c) {
    return absl::ascii_islower(static_cast<unsigned char>(c)) ||
           absl::ascii_isdigit(static_cast<unsigned char>(c)) ||
           marks.find(c) != std::string_view::npos;
  });
}

bool FitsAsName(std::string_view name, std::string_view marks) {
  return !name.empty() && name.size() <= kMaxNameBytes && MadeOf(name, marks);
}

}  // namespace

absl::Status CheckRoleName(std::string_view name, std::string_view field) {
  if (!FitsAsName(name, "._-")) return FieldInvalid(field, "1 to 64 of a-z 0-9 . _ -");
  return absl::OkStatus();
}

absl::Status CheckDisplayText(std::string_view text, std::string_view field) {
  if (text.size() > kMaxDisplayBytes) return FieldInvalid(field, "at most 256 bytes");
  const bool printable = std::none_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_iscntrl(static_cast<unsigned char>(c));
  });
  if (!printable) return FieldInvalid(field, "no control characters");
  return absl::OkStatus();
}

}  // namespace tessera::server
