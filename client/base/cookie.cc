#include "tessera/base/cookie.h"

#include <algorithm>

namespace tessera {
namespace {

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// Takes the first of what `;` parts off `rest`.
std::string_view NextPair(std::string_view& rest) {
  const size_t end = std::min(rest.find(';'), rest.size());
  const std::string_view pair = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return Trimmed(pair);
}

std::string_view NameOf(std::string_view pair) { return Trimmed(pair.substr(0, pair.find('='))); }

}  // namespace

void CookieScan::See(std::string_view field) {
  while (!field.empty()) {
    const std::string_view pair = NextPair(field);
    const size_t equals = pair.find('=');
    if (equals == pair.npos || NameOf(pair) != name_) continue;
    ++count_;
    value_ = Trimmed(pair.substr(equals + 1));
  }
}

std::string WithoutCookie(std::string_view field, std::string_view name) {
  std::string rest;
  while (!field.empty()) {
    const std::string_view pair = NextPair(field);
    if (pair.empty() || NameOf(pair) == name) continue;
    if (!rest.empty()) rest.append("; ");
    rest.append(pair);
  }
  return rest;
}

}  // namespace tessera
