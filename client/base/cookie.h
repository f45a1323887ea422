// Cookies as a call's metadata carries them (RFC 6265 section 4.2.1): `cookie: a=1; b=2`, in one
// field or in several.
#ifndef TESSERA_BASE_COOKIE_H_
#define TESSERA_BASE_COOKIE_H_

#include <string>
#include <string_view>

namespace tessera {

// Looks for one cookie. Names are compared exactly, and a value is taken as it stands, quotes
// included. The views given in must live as long as the value is used; `name` as long as the scan.
class CookieScan {
 public:
  explicit CookieScan(std::string_view name) : name_(name) {}

  // For each `cookie` field of the call.
  void See(std::string_view field);
  // How often the cookie was there. More than once: somebody may have planted one, and nobody can
  // tell which.
  int count() const { return count_; }
  // The last one's, without the space around it.
  std::string_view value() const { return value_; }

 private:
  std::string_view name_;
  int count_ = 0;
  std::string_view value_;
};

// A `cookie` field without the cookies of that name; empty if none is left.
std::string WithoutCookie(std::string_view field, std::string_view name);

}  // namespace tessera

#endif  // TESSERA_BASE_COOKIE_H_
