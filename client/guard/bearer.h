// Finds the one bearer token among a call's headers (RFC 6750 section 2.1).
#ifndef TESSERA_GUARD_BEARER_H_
#define TESSERA_GUARD_BEARER_H_

#include <string_view>

namespace tessera::guard {

// What a call presents. `token` is set for kOne only, and is a view into the header.
struct Bearer {
  // kForeignCookie: the token's cookie, but not from an allowed origin.
  enum class Kind { kNone, kOne, kSeveral, kMalformed, kForeignCookie };
  Kind kind = Kind::kNone;
  std::string_view token;
};

// True for the header that carries the token, in whatever case it is written.
bool IsTokenHeader(std::string_view key);

// kOne if `text` can be a token, else kMalformed.
Bearer TokenIn(std::string_view text);

// Fed with every header of a call; the views must live as long as the answer is used.
class BearerScan {
 public:
  void See(std::string_view key, std::string_view value);
  // kSeveral: two such headers, or two values that somebody joined by a comma. kMalformed: another
  // scheme than Bearer (in any case), or nothing behind it that could be a token.
  Bearer Result() const;

 private:
  int headers_ = 0;
  std::string_view value_;
};

}  // namespace tessera::guard

#endif  // TESSERA_GUARD_BEARER_H_
