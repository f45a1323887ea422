// Which passwords people may choose: long enough, and none that everybody tries first.
#ifndef TESSERA_SERVER_AUTH_PASSWORD_POLICY_H_
#define TESSERA_SERVER_AUTH_PASSWORD_POLICY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/auth/password_hasher.h"
#include "tessera/base/secret.h"

namespace tessera::server {

// `passwords.blocklist_file` is at most so long.
inline constexpr size_t kMaxBlocklistBytes = 64 * 1024 * 1024;

// Passwords that are refused, whatever their case: common_passwords.inc, and a file's lines.
// Thread-safe; keeps 8 bytes of each.
class PasswordBlocklist {
 public:
  // The common ones alone.
  PasswordBlocklist();
  // And those of `file`, one on a line, in UTF-8. INVALID_ARGUMENT, with its path: it cannot be
  // read, or is longer than kMaxBlocklistBytes.
  static absl::StatusOr<PasswordBlocklist> WithFile(const std::string& file);

  // `prepared`: as PreparePassword made it.
  bool Contains(const Secret& prepared) const;
  size_t size() const { return words_.size(); }
  // Lines of the file that can be nobody's password (PreparePassword), and so refuse none.
  struct IdleLines {
    int64_t count = 0;
    int64_t first = 0;  // its number, from 1
  };
  const IdleLines& idle_lines() const { return idle_; }

 private:
  bool Add(std::string_view line);
  void Sort();

  std::vector<uint64_t> words_;  // the beginnings of their hashes, in order
  IdleLines idle_;
};

// Whose password it will be.
struct PasswordOwner {
  std::string_view username;
  std::string_view email = {};  // empty: none
};

// Thread-safe; cheap to copy. No rules of composition (NIST SP 800-63B section 5.1.1.2).
class PasswordPolicy {
 public:
  // `passwords.min_length`, and the common passwords refused.
  explicit PasswordPolicy(size_t min_characters = kMinPasswordCharacters);
  PasswordPolicy(size_t min_characters, PasswordBlocklist blocklist);

  // As PreparePassword. FIELD_INVALID also: on the blocklist, or the owner's name or email address
  // or what stands before its `@`, whatever the case.
  absl::StatusOr<Secret> Prepare(const Secret& password, std::string_view field,
                                 const PasswordOwner& owner) const;

  size_t min_characters() const { return min_characters_; }

 private:
  size_t min_characters_;
  std::shared_ptr<const PasswordBlocklist> blocklist_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_PASSWORD_POLICY_H_
