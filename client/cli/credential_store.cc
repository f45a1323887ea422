#include "tessera/cli/credential_store.h"

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "tessera/base/status_macros.h"
#include "tessera/cli/exit_code.h"
#include "tessera/cli/json_fields.h"
#include "tessera/token/base64url.h"
#include "tessera/token/bearer_token.h"
#include "tessera/token/digest.h"

namespace tessera::cli {
namespace {

constexpr char kFolder[] = "credentials";
constexpr char kSuffix[] = ".json";
constexpr char kOwnFile[] = "self.json";
constexpr size_t kMaxPlainName = 128;
constexpr auto kSecret = PrivateFolder::Privacy::kSecret;

// `audience-` and the name with everything but `a-z A-Z 0-9 . _ -` as %XX: one to one.
std::string PlainName(const std::string& audience) {
  constexpr char kHex[] = "0123456789ABCDEF";
  constexpr char kKept[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  std::string name = "audience-";
  for (const char c : audience) {
    if (c != '\0' && std::string_view(kKept).find(c) != std::string_view::npos) {
      name += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    name += '%';
    name += kHex[byte >> 4U];
    name += kHex[byte & 15U];
  }
  return name;
}

absl::Status TakeToken(nlohmann::json& object, const char* name, Secret& target) {
  TESSERA_RETURN_IF_ERROR(TakeSecret(object, name, target));
  if (IsBearerToken(target.Reveal())) return absl::OkStatus();
  return absl::InvalidArgumentError(std::string(name) + ": expected a bearer token");
}

absl::Status ReadMembers(nlohmann::json& object, StoredGrant& grant) {
  TESSERA_RETURN_IF_ERROR(ReadText(object, "server", grant.server));
  TESSERA_RETURN_IF_ERROR(ReadText(object, "username", grant.username));
  TESSERA_RETURN_IF_ERROR(ReadText(object, "audience", grant.audience));
  TESSERA_RETURN_IF_ERROR(TakeToken(object, "access_token", grant.access_token));
  TESSERA_RETURN_IF_ERROR(ReadTime(object, "received_at", grant.received_at));
  TESSERA_RETURN_IF_ERROR(ReadTime(object, "access_expires_at", grant.access_expires_at));
  TESSERA_RETURN_IF_ERROR(TakeToken(object, "refresh_token", grant.refresh_token));
  TESSERA_RETURN_IF_ERROR(ReadTime(object, "refresh_expires_at", grant.refresh_expires_at));
  return ReadText(object, "session_id", grant.session_id);
}

std::string FormatFull(absl::Time time) {
  return absl::FormatTime(absl::RFC3339_full, time, absl::UTCTimeZone());
}

Secret ToJson(const StoredGrant& grant) {
  nlohmann::ordered_json object = {{"version", 1},
                                   {"server", grant.server},
                                   {"username", grant.username},
                                   {"audience", grant.audience},
                                   {"access_token", grant.access_token.Reveal()},
                                   {"received_at", FormatFull(grant.received_at)},
                                   {"access_expires_at", FormatFull(grant.access_expires_at)},
                                   {"refresh_token", grant.refresh_token.Reveal()},
                                   {"refresh_expires_at", FormatFull(grant.refresh_expires_at)},
                                   {"session_id", grant.session_id}};
  Secret text(object.dump(2, ' ', true, nlohmann::ordered_json::error_handler_t::replace));
  WipeString(object["access_token"].get_ref<std::string&>());
  WipeString(object["refresh_token"].get_ref<std::string&>());
  return text;
}

absl::StatusOr<StoredGrant> ParseGrant(const std::string& path, const Secret& bytes) {
  TESSERA_ASSIGN_OR_RETURN(nlohmann::json object, ParseFile(path, bytes));
  StoredGrant grant;
  const absl::Status read = ReadMembers(object, grant);
  if (!read.ok()) return BadFile(path, std::string(read.message()));
  return grant;
}

absl::StatusOr<std::optional<StoredGrant>> LoadFrom(const PrivateFolder& folder,
                                                    const std::string& name) {
  const absl::StatusOr<Secret> bytes = folder.Read(name);
  if (absl::IsNotFound(bytes.status())) return std::nullopt;
  TESSERA_RETURN_IF_ERROR(bytes.status());
  absl::StatusOr<StoredGrant> grant = ParseGrant(folder.PathOf(name), *bytes);
  if (grant.ok()) return *std::move(grant);
  const char* const with = name == kOwnFile ? "" : " with its --audience";
  return WithAdvice(grant.status(),
                    absl::StrCat(" (`tessera logout --local`", with, " forgets it)"));
}

}  // namespace

std::string CredentialStore::FileName(const std::string& audience) {
  if (audience.empty()) return kOwnFile;
  std::string name = PlainName(audience);
  if (name.size() > kMaxPlainName) {
    const Sha256Digest digest = Sha256(audience);
    const std::string bytes(digest.begin(), digest.end());
    name = "long-" + Base64UrlEncode(bytes);
  }
  return name + kSuffix;
}

absl::StatusOr<std::optional<StoredGrant>> HeldCredentials::Load() const {
  return LoadFrom(folder_, lock_.name());
}

absl::Status HeldCredentials::Save(const StoredGrant& grant) const {
  return folder_.Write(lock_, ToJson(grant));
}

absl::StatusOr<PrivateFolder> CredentialStore::Open() const {
  TESSERA_ASSIGN_OR_RETURN(const PrivateFolder root, PrivateFolder::Open(folder_));
  TESSERA_ASSIGN_OR_RETURN(const PrivateFolder all, root.Child(kFolder, kSecret));
  return all.Child(context_, kSecret);
}

absl::StatusOr<std::optional<StoredGrant>> CredentialStore::Load(
    const std::string& audience) const {
  const absl::StatusOr<PrivateFolder> folder = Open();
  if (absl::IsNotFound(folder.status())) return std::nullopt;
  TESSERA_RETURN_IF_ERROR(folder.status());
  return LoadFrom(*folder, FileName(audience));
}

absl::StatusOr<HeldCredentials> CredentialStore::Hold(const std::string& audience,
                                                      absl::Duration limit) const {
  return HoldFile(FileName(audience), limit);
}

absl::StatusOr<HeldCredentials> CredentialStore::HoldFile(const std::string& file,
                                                          absl::Duration limit) const {
  TESSERA_ASSIGN_OR_RETURN(const PrivateFolder root, PrivateFolder::OpenOrMake(folder_));
  TESSERA_ASSIGN_OR_RETURN(const PrivateFolder all, root.ChildOrMake(kFolder, kSecret));
  TESSERA_ASSIGN_OR_RETURN(PrivateFolder folder, all.ChildOrMake(context_, kSecret));
  TESSERA_ASSIGN_OR_RETURN(FileLock lock, folder.Lock(file, limit));
  return HeldCredentials(std::move(folder), std::move(lock));
}

absl::StatusOr<std::vector<std::string>> CredentialStore::Files() const {
  const absl::StatusOr<PrivateFolder> folder = Open();
  if (absl::IsNotFound(folder.status())) return std::vector<std::string>();
  TESSERA_RETURN_IF_ERROR(folder.status());
  return folder->List(kSuffix);
}

absl::StatusOr<std::vector<std::string>> CredentialStore::Audiences() const {
  const absl::StatusOr<PrivateFolder> folder = Open();
  if (absl::IsNotFound(folder.status())) return std::vector<std::string>();
  TESSERA_RETURN_IF_ERROR(folder.status());
  TESSERA_ASSIGN_OR_RETURN(const std::vector<std::string> names, folder->List(kSuffix));
  std::vector<std::string> audiences;
  for (const std::string& name : names) {
    if (name == kOwnFile) {
      audiences.insert(audiences.begin(), std::string());
      continue;
    }
    TESSERA_ASSIGN_OR_RETURN(const std::optional<StoredGrant> grant, LoadFrom(*folder, name));
    if (grant.has_value()) audiences.push_back(grant->audience);
  }
  return audiences;
}

}  // namespace tessera::cli
