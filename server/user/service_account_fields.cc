#include "server/user/service_account_fields.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"
#include "tessera/token/jwk_set.h"
#include "tessera/token/strict_json.h"

namespace tessera::server {
namespace {

// What only a private or a shared key has (RFC 7518 section 6).
constexpr std::array<std::string_view, 8> kPrivateMembers = {"d",  "p",  "q",   "dp",
                                                             "dq", "qi", "oth", "k"};
constexpr size_t kMaxNamespaceBytes = 63;

bool Lists(const std::vector<std::string>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

absl::Status Private(std::string_view field) {
  return FieldInvalid(field, "public keys: this one is private or shared, and known by now");
}

absl::Status CheckPublic(std::string_view field, const JsonValue& key) {
  const JsonValue* const type = key.Find("kty");
  if (type != nullptr && type->text == "oct") return Private(field);
  const bool is_private =
      std::any_of(kPrivateMembers.begin(), kPrivateMembers.end(),
                  [&](std::string_view member) { return key.Find(member) != nullptr; });
  return is_private ? Private(field) : absl::OkStatus();
}

// How many keys there are; all are public.
absl::StatusOr<size_t> CountKeys(std::string_view field, std::string_view json) {
  std::optional<JsonValue> set = ParseJsonObject(json, kMaxServiceKeysBytes);
  const JsonValue* const keys = set.has_value() ? set->Find("keys") : nullptr;
  if (keys == nullptr || !keys->Is(JsonValue::Kind::kArray)) {
    return FieldInvalid(field, "a JWK set (RFC 7517) of at most 16 KiB");
  }
  absl::Status status;
  for (const JsonValue& key : keys->items) status.Update(CheckPublic(field, key));
  const size_t count = keys->items.size();
  WipeJson(*set);
  TESSERA_RETURN_IF_ERROR(status);
  return count;
}

bool IsCertificateName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxIdentityBytes &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isgraph(static_cast<unsigned char>(c)) && c != '*';
         });
}

bool IsLabel(std::string_view text, std::string_view marks) {
  const auto letter = [](char c) {
    return absl::ascii_islower(static_cast<unsigned char>(c)) ||
           absl::ascii_isdigit(static_cast<unsigned char>(c));
  };
  return !text.empty() && letter(text.front()) && letter(text.back()) &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return letter(c) || marks.find(c) != marks.npos; });
}

bool IsKubernetesName(std::string_view text) {
  const size_t slash = text.find('/');
  return slash != text.npos && slash <= kMaxNamespaceBytes && text.size() <= kMaxIdentityBytes &&
         IsLabel(text.substr(0, slash), "-") && IsLabel(text.substr(slash + 1), ".-");
}

}  // namespace

absl::StatusOr<std::vector<std::string>> DistinctNames(std::string_view field,
                                                       std::vector<std::string> names,
                                                       size_t limit) {
  if (names.size() > limit) return FieldInvalid(field, absl::StrCat("at most ", limit));
  const std::set<std::string_view> different(names.begin(), names.end());
  if (different.size() != names.size()) return FieldInvalid(field, "each once");
  return names;
}

absl::StatusOr<std::vector<std::string>> NamesAmong(const KnownNames& names, std::string_view field,
                                                    std::vector<std::string> asked) {
  const bool all_known = std::all_of(asked.begin(), asked.end(), [&](const std::string& name) {
    return Lists(names.known, name);
  });
  if (!all_known) return FieldInvalid(field, names.what);
  return DistinctNames(field, std::move(asked), names.limit);
}

absl::StatusOr<std::string> PublicKeys(std::string_view field, std::string_view json) {
  if (json.empty()) return std::string();
  TESSERA_ASSIGN_OR_RETURN(const size_t count, CountKeys(field, json));
  if (count > kMaxServiceKeys) return FieldInvalid(field, "at most 8 keys");
  const absl::StatusOr<JwkSet> keys = JwkSet::Parse(json);
  if (!keys.ok() || keys->keys().size() != count) {
    return FieldInvalid(field, "keys of ES256, EdDSA or RS256 that verify, each with its own kid");
  }
  return count == 0 ? std::string() : keys->ToJson();
}

absl::StatusOr<std::vector<std::string>> CertificateNames(std::string_view field,
                                                          std::vector<std::string> names) {
  if (!std::all_of(names.begin(), names.end(), IsCertificateName)) {
    return FieldInvalid(field, "DNS names and URIs of at most 255 bytes, without wildcards");
  }
  return DistinctNames(field, std::move(names), kMaxIdentities);
}

absl::StatusOr<std::vector<std::string>> KubernetesNames(std::string_view field,
                                                         std::vector<std::string> names) {
  if (!std::all_of(names.begin(), names.end(), IsKubernetesName)) {
    return FieldInvalid(field, "namespace/name, at most 255 bytes");
  }
  return DistinctNames(field, std::move(names), kMaxIdentities);
}

}  // namespace tessera::server
