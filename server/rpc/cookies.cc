#include "server/rpc/cookies.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "server/rpc/to_wire.h"
#include "tessera/base/cookie.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

constexpr char kSetCookies[] = "set_cookies";

absl::Status Unauthenticated(std::string_view reason, std::string_view text) {
  return Refusal(absl::StatusCode::kUnauthenticated, reason, text);
}

std::vector<std::string_view> FieldsOf(const grpc::ServerContextBase& context, const char* name) {
  std::vector<std::string_view> fields;
  const auto [begin, end] = context.client_metadata().equal_range(name);
  for (auto field = begin; field != end; ++field) {
    fields.emplace_back(field->second.data(), field->second.size());
  }
  return fields;
}

// The cookie's value; empty for none. UNAUTHENTICATED TOKEN_MULTIPLE.
absl::StatusOr<Secret> Read(const grpc::ServerContextBase& context, const std::string& name) {
  CookieScan scan(name);
  for (const std::string_view field : FieldsOf(context, "cookie")) scan.See(field);
  if (scan.count() > 1) {
    return Unauthenticated(reason::kTokenMultiple, "two cookies of one name");
  }
  return Secret::CopyOf(scan.value());
}

}  // namespace

bool Cookies::Allows(std::string_view origin) const {
  const std::vector<std::string>& origins = options_.allowed_origins;
  return std::find(origins.begin(), origins.end(), origin) != origins.end();
}

absl::Status Cookies::CheckAsked(const grpc::ServerContextBase& context, bool set_cookies) const {
  if (!set_cookies) return absl::OkStatus();
  if (!options_.enabled) return FieldUnsupported(kSetCookies);
  for (const std::string_view origin : FieldsOf(context, "origin")) {
    if (!Allows(origin)) return FieldInvalid(kSetCookies, "a call from an allowed origin");
  }
  return absl::OkStatus();
}

absl::Status Cookies::CheckReadable(const grpc::ServerContextBase& context) const {
  const std::vector<std::string_view> origins = FieldsOf(context, "origin");
  const bool meant = !FieldsOf(context, "x-grpc-web").empty();
  if (meant && origins.size() == 1 && Allows(origins.front())) return absl::OkStatus();
  return Unauthenticated(reason::kTokenMissing,
                         "no refresh token, and cookies are read only with x-grpc-web from an "
                         "allowed origin");
}

absl::StatusOr<LoginInput> Cookies::Complete(const grpc::ServerContextBase& context,
                                             LoginInput input, bool set_cookies) const {
  TESSERA_RETURN_IF_ERROR(CheckAsked(context, set_cookies));
  if (set_cookies) input.terms.max_access_token = MaxAccessToken();
  return input;
}

absl::StatusOr<CompletionInput> Cookies::Complete(const grpc::ServerContextBase& context,
                                                  CompletionInput input, bool set_cookies) const {
  TESSERA_RETURN_IF_ERROR(CheckAsked(context, set_cookies));
  if (set_cookies) input.max_access_token = MaxAccessToken();
  return input;
}

absl::StatusOr<RenewalInput> Cookies::Complete(const grpc::ServerContextBase& context,
                                               RenewalInput input, bool set_cookies) const {
  TESSERA_RETURN_IF_ERROR(CheckAsked(context, set_cookies));
  if (set_cookies) input.max_access_token = MaxAccessToken();
  const bool brings_one = !input.refresh_token.empty() || !input.access_token.empty();
  if (!set_cookies || brings_one) return input;
  TESSERA_RETURN_IF_ERROR(CheckReadable(context));
  TESSERA_ASSIGN_OR_RETURN(input.refresh_token, Read(context, options_.refresh_name));
  if (input.refresh_token.empty()) {
    return Unauthenticated(reason::kTokenMissing, "no refresh token, and no cookie with one");
  }
  if (!options_.renewal_needs_access_token) return input;
  TESSERA_ASSIGN_OR_RETURN(input.access_token, Read(context, options_.access_name));
  return input;
}

absl::StatusOr<Secret> Cookies::Complete(const grpc::ServerContextBase& context,
                                         Secret token) const {
  if (!token.empty()) return token;
  if (!options_.enabled) return FieldInvalid("refresh_token", "required");
  TESSERA_RETURN_IF_ERROR(CheckReadable(context));
  TESSERA_ASSIGN_OR_RETURN(token, Read(context, options_.refresh_name));
  if (!token.empty()) return token;
  return Unauthenticated(reason::kTokenMissing, "no refresh token, and no cookie with one");
}

void Cookies::Set(const std::string& name, const Secret& value, absl::Duration life,
                  grpc::ServerContextBase& context) const {
  const int64_t seconds = std::max<int64_t>(absl::ToInt64Seconds(life), 0);
  const std::string_view text = value.Reveal();
  context.AddInitialMetadata("set-cookie",
                             absl::StrCat(name, "=", absl::string_view(text.data(), text.size()),
                                          "; Path=/; Max-Age=", seconds,
                                          "; HttpOnly; Secure; SameSite=", options_.same_site));
}

void Cookies::Give(const IssuedGrant& grant, absl::Time now, grpc::ServerContextBase& context,
                   v1::TokenGrant* wire) const {
  const absl::Time access_end =
      options_.renewal_needs_access_token ? grant.refresh_expires_at : grant.access_expires_at;
  Set(options_.access_name, grant.access_token, access_end - now, context);
  if (!grant.refresh_token.empty()) {
    Set(options_.refresh_name, grant.refresh_token, grant.refresh_expires_at - now, context);
  }
  Write(grant, wire);
  wire->clear_access_token();
  wire->clear_refresh_token();
}

void Cookies::Clear(grpc::ServerContextBase& context) const {
  Set(options_.access_name, Secret(), absl::ZeroDuration(), context);
  Set(options_.refresh_name, Secret(), absl::ZeroDuration(), context);
}

}  // namespace tessera::server
