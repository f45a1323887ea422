// Ids as types of their own, so that a session's id cannot be passed for a user's.
#ifndef TESSERA_BASE_IDS_H_
#define TESSERA_BASE_IDS_H_

#include <string>
#include <string_view>
#include <utility>

#include "absl/time/time.h"
#include "tessera/base/random.h"

namespace tessera {

// An id with a prefix of its own; empty means none. A value, copied freely.
template <typename Tag>
class Id {
 public:
  static constexpr std::string_view kPrefix = Tag::kPrefix;

  Id() = default;
  explicit Id(std::string text) : text_(std::move(text)) {}
  static Id Random(absl::Time now) { return Id(RandomId(kPrefix, now)); }

  const std::string& str() const { return text_; }
  bool empty() const { return text_.empty(); }

  friend bool operator==(const Id& a, const Id& b) { return a.text_ == b.text_; }
  friend bool operator!=(const Id& a, const Id& b) { return a.text_ != b.text_; }
  friend bool operator<(const Id& a, const Id& b) { return a.text_ < b.text_; }
  template <typename H>
  friend H AbslHashValue(H h, const Id& id) {
    return H::combine(std::move(h), id.text_);
  }

 private:
  std::string text_;
};

struct UserTag {
  static constexpr std::string_view kPrefix = "usr_";
};
struct SessionTag {
  static constexpr std::string_view kPrefix = "ses_";
};
struct RoleTag {
  static constexpr std::string_view kPrefix = "rol_";
};
struct GroupTag {
  static constexpr std::string_view kPrefix = "grp_";
};
struct TokenTag {
  static constexpr std::string_view kPrefix = "tok_";
};

struct ServiceTag {
  static constexpr std::string_view kPrefix = "svc_";
};
struct SecretTag {
  static constexpr std::string_view kPrefix = "sec_";
};

using UserId = Id<UserTag>;
using SessionId = Id<SessionTag>;
using RoleId = Id<RoleTag>;
using GroupId = Id<GroupTag>;
using TokenId = Id<TokenTag>;
using ServiceId = Id<ServiceTag>;  // of a service account
using SecretId = Id<SecretTag>;    // of one of its secrets

}  // namespace tessera

#endif  // TESSERA_BASE_IDS_H_
