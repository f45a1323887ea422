#include "server/auth/password_policy.h"

#include <unicode/bytestream.h>
#include <unicode/casemap.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/digest.h"

namespace tessera::server {
namespace {

// In parts: no compiler has to take a longer text. Lines of printable ASCII without capitals.
constexpr std::string_view kCommonPasswords[] = {
#include "server/auth/common_passwords.inc"
};
// Folding makes UTF-8 at most three times as long (Unicode, section 5.18).
constexpr size_t kFoldGrowth = 3;

// Full case folding, whatever the language. Text that cannot be folded stays as it is.
Secret Fold(std::string_view text) {
  UErrorCode error = U_ZERO_ERROR;
  std::string buffer(text.size() * kFoldGrowth, '\0');
  icu::CheckedArrayByteSink sink(buffer.data(), static_cast<int32_t>(buffer.size()));
  icu::CaseMap::utf8Fold(0, icu::StringPiece(text.data(), static_cast<int32_t>(text.size())), sink,
                         nullptr, error);
  if (U_FAILURE(error) || sink.Overflowed()) return Secret::CopyOf(text);
  buffer.resize(static_cast<size_t>(sink.NumberOfBytesWritten()));
  return Secret(std::move(buffer));
}

uint64_t KeyOfFolded(std::string_view folded) {
  const Sha256Digest digest = Sha256(folded);
  uint64_t key = 0;
  for (size_t i = 0; i < sizeof(key); ++i) key = key << 8 | digest[i];
  return key;
}

uint64_t KeyOf(const Secret& prepared) { return KeyOfFolded(Fold(prepared.Reveal()).Reveal()); }

// A name as a password: prepared and folded like one.
bool Is(const Secret& folded, std::string_view name) {
  if (name.empty()) return false;
  return folded == Fold(PrepareForLogin(Secret::CopyOf(name)).Reveal());
}

bool IsOwners(const Secret& prepared, const PasswordOwner& owner) {
  const Secret folded = Fold(prepared.Reveal());
  return Is(folded, owner.username) || Is(folded, owner.email) ||
         Is(folded, owner.email.substr(0, owner.email.rfind('@')));
}

absl::Status Unreadable(const std::string& file, int error) {
  const std::string why = std::generic_category().message(error == 0 ? EIO : error);
  return absl::InvalidArgumentError(absl::StrCat(file, ": ", why));
}

const std::shared_ptr<const PasswordBlocklist>& CommonOnes() {
  static const auto* const list =
      new std::shared_ptr<const PasswordBlocklist>(std::make_shared<const PasswordBlocklist>());
  return *list;
}

}  // namespace

PasswordBlocklist::PasswordBlocklist() {
  for (std::string_view lines : kCommonPasswords) {
    while (!lines.empty()) {
      const size_t end = std::min(lines.find('\n'), lines.size());
      // Such a line is prepared and folded already; every start goes through them all.
      if (end > 0) words_.push_back(KeyOfFolded(lines.substr(0, end)));
      lines.remove_prefix(std::min(end + 1, lines.size()));
    }
  }
  Sort();
}

absl::StatusOr<PasswordBlocklist> PasswordBlocklist::WithFile(const std::string& file) {
  PasswordBlocklist list;
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  if (!in.is_open()) return Unreadable(file, errno);
  std::string line;
  size_t bytes = 0;
  for (int64_t number = 1; std::getline(in, line); ++number) {
    bytes += line.size() + 1;
    if (bytes > kMaxBlocklistBytes) {
      return absl::InvalidArgumentError(absl::StrCat(
          file, ", line ", number, ": the file is longer than ", kMaxBlocklistBytes, " bytes"));
    }
    if (!list.Add(line) && list.idle_.count++ == 0) list.idle_.first = number;
  }
  if (in.bad()) return Unreadable(file, errno);
  list.Sort();
  return list;
}

// False for what can be nobody's password.
bool PasswordBlocklist::Add(std::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (line.empty()) return true;
  const absl::StatusOr<Secret> prepared = PreparePassword(Secret::CopyOf(line), "line", 0);
  if (prepared.ok()) words_.push_back(KeyOf(*prepared));
  return prepared.ok();
}

void PasswordBlocklist::Sort() {
  std::sort(words_.begin(), words_.end());
  words_.erase(std::unique(words_.begin(), words_.end()), words_.end());
  words_.shrink_to_fit();
}

bool PasswordBlocklist::Contains(const Secret& prepared) const {
  return std::binary_search(words_.begin(), words_.end(), KeyOf(prepared));
}

PasswordPolicy::PasswordPolicy(size_t min_characters)
    : min_characters_(min_characters), blocklist_(CommonOnes()) {}

PasswordPolicy::PasswordPolicy(size_t min_characters, PasswordBlocklist blocklist)
    : min_characters_(min_characters),
      blocklist_(std::make_shared<const PasswordBlocklist>(std::move(blocklist))) {}

absl::StatusOr<Secret> PasswordPolicy::Prepare(const Secret& password, std::string_view field,
                                               const PasswordOwner& owner) const {
  TESSERA_ASSIGN_OR_RETURN(Secret prepared, PreparePassword(password, field, min_characters_));
  if (blocklist_->Contains(prepared)) {
    return FieldInvalid(field, "a password that is not among those that everybody tries first");
  }
  if (IsOwners(prepared, owner)) {
    return FieldInvalid(field, "a password that is not the user's own name or email address");
  }
  return prepared;
}

}  // namespace tessera::server
