#include "server/mesh/mesh_answer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"

namespace tessera::server {
namespace {

namespace pb = envoy::service::auth::v3;

constexpr int kUnauthorized = 401;
constexpr int kForbidden = 403;
constexpr int kNotFound = 404;
constexpr int kServiceUnavailable = 503;

int HttpStatusFor(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnauthenticated:
      return kUnauthorized;
    case absl::StatusCode::kUnimplemented:
      return kNotFound;
    case absl::StatusCode::kUnavailable:
      return kServiceUnavailable;
    default:
      return kForbidden;
  }
}

std::string NameOf(PrincipalKind kind) {
  switch (kind) {
    case PrincipalKind::kUser:
      return "user";
    case PrincipalKind::kService:
      return "service";
    case PrincipalKind::kAnonymous:
      break;
  }
  return "anonymous";
}

// Each encoded, so that no comma in one makes it two.
std::string Join(const std::vector<std::string>& values) {
  std::string joined;
  for (const std::string& value : values) {
    if (!joined.empty()) joined += ',';
    joined += EncodeHeaderValue(value);
  }
  return joined;
}

std::vector<std::string> SubjectsOf(const std::vector<Actor>& actors) {
  std::vector<std::string> subjects;
  subjects.reserve(actors.size());
  for (const Actor& actor : actors) subjects.push_back(actor.subject);
  return subjects;
}

std::vector<std::pair<std::string, std::string>> HeadersOf(const Principal& caller) {
  return {{"x-tessera-kind", NameOf(caller.kind)},
          {"x-tessera-subject", EncodeHeaderValue(caller.subject())},
          {"x-tessera-session", EncodeHeaderValue(caller.session().str())},
          {"x-tessera-roles", Join(caller.claims.roles)},
          {"x-tessera-scopes", Join(caller.claims.scopes)},
          {"x-tessera-groups", Join(caller.claims.groups)},
          {"x-tessera-actors", Join(SubjectsOf(caller.actors()))}};
}

void Set(pb::HeaderValueOption& option, const std::string& name, std::string value) {
  option.mutable_header()->set_key(name);
  option.mutable_header()->set_value(std::move(value));
  option.set_append_action(pb::HeaderValueOption::HEADER_APPEND_ACTION_OVERWRITE_IF_EXISTS_OR_ADD);
}

}  // namespace

std::string EncodeHeaderValue(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  constexpr std::string_view kPlain = "-._~:/@";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || kPlain.find(c) != kPlain.npos) {
      encoded += c;
    } else {
      encoded += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return encoded;
}

namespace {

// The name with some of its dashes as underscores: gateways of other languages (CGI, WSGI) take all
// of them for one.
void RemoveLookalikes(const std::string& name, pb::OkHttpResponse& ok) {
  for (size_t from = name.find('-'); from != name.npos; from = name.find('-', from + 1)) {
    std::string one = name;
    one[from] = '_';
    ok.add_headers_to_remove(one);
  }
  std::string all = name;
  std::replace(all.begin(), all.end(), '-', '_');
  ok.add_headers_to_remove(all);
}

}  // namespace

void Admit(const Principal& caller, bool hide_token, pb::CheckResponse& response) {
  response.mutable_status()->set_code(0);
  pb::OkHttpResponse& ok = *response.mutable_ok_response();
  for (auto& [name, value] : HeadersOf(caller)) {
    RemoveLookalikes(name, ok);
    // Never both: nobody says which of them a proxy does first.
    if (value.empty()) {
      ok.add_headers_to_remove(name);
    } else {
      Set(*ok.add_headers(), name, std::move(value));
    }
  }
  ok.add_headers_to_remove("tessera-device-id");
  RemoveLookalikes("tessera-device-id", ok);
  if (hide_token) ok.add_headers_to_remove("authorization");
}

void Deny(const absl::Status& refusal, pb::CheckResponse& response) {
  const std::string message(refusal.message());
  response.mutable_status()->set_code(static_cast<int>(refusal.code()));
  response.mutable_status()->set_message(message);
  pb::DeniedHttpResponse& denied = *response.mutable_denied_response();
  const int status = HttpStatusFor(refusal.code());
  denied.mutable_status()->set_code(status);
  denied.set_body(message);
  if (status == kUnauthorized) Set(*denied.add_headers(), "www-authenticate", "Bearer");
}

}  // namespace tessera::server
