// Tokens in cookies, for browsers that speak gRPC-Web: given out, read again, taken away.
#ifndef TESSERA_SERVER_RPC_COOKIES_H_
#define TESSERA_SERVER_RPC_COOKIES_H_

#include <grpcpp/grpcpp.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/auth/auth_facade.h"
#include "tessera/base/secret.h"
#include "tessera/v1/auth_service.pb.h"

namespace tessera::server {

// `cookies.*` of the configuration, which has checked them.
struct CookieOptions {
  bool enabled = false;
  std::string access_name = "__Host-tessera-access";
  std::string refresh_name = "__Host-tessera-refresh";
  std::string same_site = "Strict";
  std::vector<std::string> allowed_origins;
  // `tokens.renewal_needs_access_token`: the access cookie lives as long as the refresh cookie.
  bool renewal_needs_access_token = false;
};

// Browsers drop a cookie whose name and value have more bytes together (RFC 6265bis).
inline constexpr size_t kMaxCookieBytes = 4096;

// Thread-safe, immutable. Nothing in a request changes what a cookie is given out with.
//
// A cookie is read only from a call that a page of an allowed origin made on purpose: with metadata
// `x-grpc-web`, which no form or link can add, and exactly one `origin`, which is one of
// allowed_origins to the byte.
class Cookies {
 public:
  explicit Cookies(CookieOptions options) : options_(std::move(options)) {}

  // For a request that asks for cookies. INVALID_ARGUMENT FIELD_UNSUPPORTED `set_cookies`: this
  // server gives none out; FIELD_INVALID: the call comes from a page of another origin, which could
  // log its visitor in as somebody else.
  absl::Status CheckAsked(const grpc::ServerContextBase& context, bool set_cookies) const;

  // As CheckAsked, and no access token may then be issued that does not fit into its cookie.
  absl::StatusOr<LoginInput> Complete(const grpc::ServerContextBase& context, LoginInput input,
                                      bool set_cookies) const;
  absl::StatusOr<CompletionInput> Complete(const grpc::ServerContextBase& context,
                                           CompletionInput input, bool set_cookies) const;
  // Likewise; puts the tokens of the call's cookies into an input that brings none, if it asks for
  // cookies. UNAUTHENTICATED TOKEN_MISSING: no cookie, or none that may be read;
  // TOKEN_MULTIPLE: two of one name.
  absl::StatusOr<RenewalInput> Complete(const grpc::ServerContextBase& context, RenewalInput input,
                                        bool set_cookies) const;
  // The refresh token to log out with: the one given, or else the cookie's. INVALID_ARGUMENT
  // FIELD_INVALID: none, and no cookies here; UNAUTHENTICATED likewise.
  absl::StatusOr<Secret> Complete(const grpc::ServerContextBase& context, Secret token) const;

  // Gives the grant's tokens out as cookies of `context`, and the rest of it in `wire`.
  void Give(const IssuedGrant& grant, absl::Time now, grpc::ServerContextBase& context,
            v1::TokenGrant* wire) const;
  // Takes both cookies away.
  void Clear(grpc::ServerContextBase& context) const;

 private:
  absl::Status CheckReadable(const grpc::ServerContextBase& context) const;
  bool Allows(std::string_view origin) const;
  size_t MaxAccessToken() const { return kMaxCookieBytes - options_.access_name.size(); }
  void Set(const std::string& name, const Secret& value, absl::Duration life,
           grpc::ServerContextBase& context) const;

  const CookieOptions options_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_RPC_COOKIES_H_
