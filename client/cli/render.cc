#include "tessera/cli/render.h"

#include <google/protobuf/util/json_util.h>

#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace tessera::cli {
namespace {

template <typename List>
std::string JoinList(const List& parts) {
  return absl::StrJoin(parts, ", ");
}

std::string TimeOf(bool present, const google::protobuf::Timestamp& timestamp) {
  return present ? FormatUtc(ToTime(timestamp)) : std::string();
}

std::string TimeOf(const std::optional<absl::Time>& time) {
  return time.has_value() ? FormatUtc(*time) : std::string();
}

std::string StateName(tessera::v1::ServiceAccountState state) {
  switch (state) {
    case tessera::v1::SERVICE_ACCOUNT_STATE_ACTIVE:
      return "active";
    case tessera::v1::SERVICE_ACCOUNT_STATE_DISABLED:
      return "disabled";
    default:
      return "unspecified";
  }
}

// An enum's value as people say it: `KEY_STATE_ACTIVE` -> `active`.
std::string WordOf(const std::string& name, std::string_view prefix) {
  if (name.size() <= prefix.size()) return "unspecified";
  return absl::AsciiStrToLower(name.substr(prefix.size()));
}

}  // namespace

nlohmann::ordered_json ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(message, &text, options).ok()) return {};
  return nlohmann::ordered_json::parse(text, nullptr, false);
}

absl::Time ToTime(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

std::string Join(const std::vector<std::string>& parts) { return JoinList(parts); }

std::string StateName(tessera::v1::UserState state) {
  switch (state) {
    case tessera::v1::USER_STATE_ACTIVE:
      return "active";
    case tessera::v1::USER_STATE_DISABLED:
      return "disabled";
    default:
      return "unspecified";
  }
}

std::string ReasonName(tessera::v1::ErrorReason reason) {
  constexpr std::string_view kPrefix = "ERROR_REASON_";
  const std::string name = tessera::v1::ErrorReason_Name(reason);
  return name.size() > kPrefix.size() ? name.substr(kPrefix.size()) : "UNSPECIFIED";
}

Fields UserFields(const tessera::v1::User& user) {
  Fields fields = {{"id", user.id()},
                   {"username", user.username()},
                   {"display_name", user.display_name()},
                   {"state", StateName(user.state())},
                   {"create_time", TimeOf(user.has_create_time(), user.create_time())},
                   {"update_time", TimeOf(user.has_update_time(), user.update_time())},
                   {"last_login_time", TimeOf(user.has_last_login_time(), user.last_login_time())},
                   {"etag", user.etag()}};
  const std::map<std::string, std::string> attributes(user.attributes().begin(),
                                                      user.attributes().end());
  if (!attributes.empty()) {
    fields.push_back({"attributes", absl::StrJoin(attributes, ", ", absl::PairFormatter("="))});
  }
  if (user.totp_enrolled()) fields.push_back({"second_factor", "totp"});
  if (!user.email().empty()) fields.insert(fields.begin() + 2, {"email", user.email()});
  return fields;
}

Table UserTable(const std::vector<tessera::v1::User>& users) {
  Table table({"id", "username", "state", "create_time", "last_login_time", "display_name"});
  for (const tessera::v1::User& user : users) {
    table.Add({user.id(), user.username(), StateName(user.state()),
               TimeOf(user.has_create_time(), user.create_time()),
               TimeOf(user.has_last_login_time(), user.last_login_time()), user.display_name()});
  }
  return table;
}

Fields RoleFields(const tessera::v1::Role& role) {
  return {{"id", role.id()},
          {"name", role.name()},
          {"description", role.description()},
          {"audiences", JoinList(role.audiences())},
          {"create_time", TimeOf(role.has_create_time(), role.create_time())}};
}

Table RoleTable(const std::vector<tessera::v1::Role>& roles) {
  Table table({"name", "audiences", "create_time", "description"});
  for (const tessera::v1::Role& role : roles) {
    table.Add({role.name(), JoinList(role.audiences()),
               TimeOf(role.has_create_time(), role.create_time()), role.description()});
  }
  return table;
}

Fields GroupFields(const tessera::v1::Group& group) {
  return {{"id", group.id()},
          {"name", group.name()},
          {"description", group.description()},
          {"roles", JoinList(group.roles())},
          {"create_time", TimeOf(group.has_create_time(), group.create_time())}};
}

Table GroupTable(const std::vector<tessera::v1::Group>& groups) {
  Table table({"name", "roles", "create_time", "description"});
  for (const tessera::v1::Group& group : groups) {
    table.Add({group.name(), JoinList(group.roles()),
               TimeOf(group.has_create_time(), group.create_time()), group.description()});
  }
  return table;
}

Fields ServiceAccountFields(const tessera::v1::ServiceAccount& account) {
  Fields fields = {{"id", account.id()},
                   {"name", account.name()},
                   {"description", account.description()},
                   {"state", StateName(account.state())},
                   {"roles", JoinList(account.roles())},
                   {"audiences", JoinList(account.audiences())},
                   {"served_audiences", JoinList(account.served_audiences())},
                   {"scopes", JoinList(account.scopes())},
                   {"certificate_names", JoinList(account.certificate_names())},
                   {"kubernetes_names", JoinList(account.kubernetes_names())},
                   {"public_jwks_json", account.public_jwks_json()},
                   {"create_time", TimeOf(account.has_create_time(), account.create_time())},
                   {"update_time", TimeOf(account.has_update_time(), account.update_time())},
                   {"etag", account.etag()}};
  for (const tessera::v1::ServiceAccountSecret& secret : account.secrets()) {
    const std::string end = TimeOf(secret.has_expire_time(), secret.expire_time());
    fields.emplace_back("secret", secret.id() + (end.empty() ? "" : " until " + end));
  }
  return fields;
}

Table ServiceAccountTable(const std::vector<tessera::v1::ServiceAccount>& accounts) {
  Table table({"id", "name", "state", "roles", "audiences", "secrets", "description"});
  for (const tessera::v1::ServiceAccount& account : accounts) {
    table.Add({account.id(), account.name(), StateName(account.state()), JoinList(account.roles()),
               JoinList(account.audiences()), std::to_string(account.secrets_size()),
               account.description()});
  }
  return table;
}

Table SessionTable(const std::vector<tessera::v1::Session>& sessions) {
  Table table({"id", "current", "audience", "device_label", "bound", "address", "create_time",
               "last_used_time", "expire_time"});
  for (const tessera::v1::Session& session : sessions) {
    std::vector<std::string> bound;
    if (session.device_bound()) bound.emplace_back("device");
    if (session.certificate_bound()) bound.emplace_back("certificate");
    table.Add({session.id(), session.current() ? "true" : "false", session.audience(),
               session.device_label(), Join(bound), session.address(),
               TimeOf(session.has_create_time(), session.create_time()),
               TimeOf(session.has_last_used_time(), session.last_used_time()),
               TimeOf(session.has_expire_time(), session.expire_time())});
  }
  return table;
}

Table KeyTable(const std::vector<tessera::v1::SigningKeyInfo>& keys) {
  Table table({"kid", "purpose", "algorithm", "state", "create_time", "activate_time",
               "retire_time", "master_key_id"});
  for (const tessera::v1::SigningKeyInfo& key : keys) {
    table.Add({key.kid(), WordOf(tessera::v1::KeyPurpose_Name(key.purpose()), "KEY_PURPOSE_"),
               key.algorithm(), WordOf(tessera::v1::KeyState_Name(key.state()), "KEY_STATE_"),
               TimeOf(key.has_create_time(), key.create_time()),
               TimeOf(key.has_activate_time(), key.activate_time()),
               TimeOf(key.has_retire_time(), key.retire_time()), key.master_key_id()});
  }
  return table;
}

namespace {

// What a token does not say is left out.
template <typename Value>
void AddIfSaid(const char* name, const Value& value, nlohmann::ordered_json& object) {
  if (!value.empty()) object[name] = value;
}

template <typename List>
std::vector<std::string> ToVector(const List& list) {
  return {list.begin(), list.end()};
}

std::vector<std::string> SubjectsOf(const std::vector<Actor>& actors) {
  std::vector<std::string> subjects;
  subjects.reserve(actors.size());
  for (const Actor& actor : actors) subjects.push_back(actor.subject);
  return subjects;
}

// As a table has it: lists are joined.
std::string FlatText(const nlohmann::ordered_json& value) {
  if (value.is_string()) return value.get<std::string>();
  std::vector<std::string> parts;
  for (const auto& [name, part] : value.items()) {
    const auto text = part.get<std::string>();
    parts.push_back(value.is_object() ? absl::StrCat(name, "=", text) : text);
  }
  return JoinList(parts);
}

Fields FieldsOf(const nlohmann::ordered_json& object) {
  Fields fields;
  for (const auto& [name, value] : object.items()) fields.emplace_back(name, FlatText(value));
  return fields;
}

}  // namespace

Fields IntrospectionFields(const tessera::v1::ValidateTokenResponse& answer) {
  if (!answer.active()) return {{"active", "false"}, {"reason", ReasonName(answer.reason())}};
  nlohmann::ordered_json object = {
      {"active", "true"},
      {"issuer", answer.issuer()},
      {"subject", answer.subject()},
      {"audience", answer.audience()},
      {"issued_at", TimeOf(answer.has_issued_at(), answer.issued_at())},
      {"not_before", TimeOf(answer.has_not_before(), answer.not_before())},
      {"expires_at", TimeOf(answer.has_expires_at(), answer.expires_at())},
      {"token_id", answer.token_id()},
      {"client_id", answer.client_id()},
      {"session_id", answer.session_id()},
      {"roles", ToVector(answer.roles())},
      {"scopes", ToVector(answer.scopes())},
      {"auth_time", TimeOf(answer.has_auth_time(), answer.auth_time())}};
  AddIfSaid("groups", ToVector(answer.groups()), object);
  AddIfSaid("authentication_methods", ToVector(answer.authentication_methods()), object);
  AddIfSaid("authentication_class", answer.authentication_class(), object);
  if (answer.subject_version() != 0) {
    object["subject_version"] = std::to_string(answer.subject_version());
  }
  AddIfSaid("device_hash", answer.device_hash(), object);
  AddIfSaid("certificate_thumbprint", answer.certificate_thumbprint(), object);
  AddIfSaid("actors", ToVector(answer.actors()), object);
  AddIfSaid("extra_claims",
            std::map<std::string, std::string>(answer.extra_claims().begin(),
                                               answer.extra_claims().end()),
            object);
  return FieldsOf(object);
}

nlohmann::ordered_json ClaimsJson(const Claims& claims) {
  nlohmann::ordered_json object = {{"issuer", claims.issuer},
                                   {"subject", claims.subject},
                                   {"audience", claims.audience},
                                   {"issued_at", FormatUtc(claims.issued_at)},
                                   {"not_before", FormatUtc(claims.not_before)},
                                   {"expires_at", FormatUtc(claims.expires_at)},
                                   {"token_id", claims.token_id.str()},
                                   {"client_id", claims.client_id},
                                   {"session_id", claims.session_id.str()},
                                   {"roles", claims.roles},
                                   {"scopes", claims.scopes}};
  AddIfSaid("groups", claims.groups, object);
  AddIfSaid("auth_time", TimeOf(claims.auth_time), object);
  AddIfSaid("authentication_methods", claims.amr, object);
  AddIfSaid("authentication_class", claims.acr, object);
  if (claims.user_version != 0) object["subject_version"] = std::to_string(claims.user_version);
  AddIfSaid("device_hash", claims.device_hash, object);
  AddIfSaid("certificate_thumbprint", claims.certificate, object);
  AddIfSaid("actors", SubjectsOf(claims.actors), object);
  AddIfSaid("extra_claims", claims.extra, object);
  return object;
}

Fields ClaimFields(const Claims& claims) { return FieldsOf(ClaimsJson(claims)); }

}  // namespace tessera::cli
