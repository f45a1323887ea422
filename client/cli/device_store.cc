#include "tessera/cli/device_store.h"

#include <string_view>

#include "nlohmann/json.hpp"
#include "tessera/base/random.h"
#include "tessera/base/status_macros.h"
#include "tessera/cli/json_fields.h"
#include "tessera/cli/private_folder.h"
#include "tessera/token/base64url.h"
#include "tessera/token/digest.h"

namespace tessera::cli {
namespace {

constexpr char kFolder[] = "credentials";
constexpr char kFile[] = "device";
constexpr size_t kSecretBytes = 32;
constexpr size_t kIdBytes = 24;
constexpr auto kSecret = PrivateFolder::Privacy::kSecret;

// `dev_` and 32 characters.
Secret IdFor(const std::string& server, const Secret& secret) {
  const Sha256Digest digest = HmacSha256(secret.Reveal(), "tessera device id for " + server);
  return Secret("dev_" + Base64UrlEncode({reinterpret_cast<const char*>(digest.data()), kIdBytes}));
}

// The stored secret. NOT_FOUND: there is none yet.
absl::StatusOr<Secret> Load(const PrivateFolder& folder) {
  TESSERA_ASSIGN_OR_RETURN(const Secret bytes, folder.Read(kFile));
  TESSERA_ASSIGN_OR_RETURN(nlohmann::json object, ParseFile("credentials device", bytes));
  Secret secret;
  const absl::Status read = TakeSecret(object, "secret", secret);
  if (!read.ok()) return BadFile("credentials device", std::string(read.message()));
  const auto decoded = Base64UrlDecode(secret.Reveal());
  if (!decoded.has_value() || decoded->size() != kSecretBytes) {
    return BadFile("credentials device", "secret: expected 32 bytes in base64url");
  }
  return secret;
}

absl::StatusOr<Secret> LoadOrMake(const PrivateFolder& folder, absl::Duration limit) {
  TESSERA_ASSIGN_OR_RETURN(const FileLock lock, folder.Lock(kFile, limit));
  absl::StatusOr<Secret> there = Load(folder);
  if (!absl::IsNotFound(there.status())) return there;
  Secret secret(Base64UrlEncode(RandomBytes(kSecretBytes)));
  nlohmann::ordered_json object = {{"version", 1}, {"secret", secret.Reveal()}};
  const Secret text(object.dump(2));
  WipeString(object["secret"].get_ref<std::string&>());
  TESSERA_RETURN_IF_ERROR(folder.Write(lock, text));
  return secret;
}

}  // namespace

absl::StatusOr<std::optional<Secret>> DeviceStore::FindFor(const std::string& server) const {
  const absl::StatusOr<Secret> secret = [&]() -> absl::StatusOr<Secret> {
    TESSERA_ASSIGN_OR_RETURN(const PrivateFolder root, PrivateFolder::Open(folder_));
    TESSERA_ASSIGN_OR_RETURN(const PrivateFolder all, root.Child(kFolder, kSecret));
    TESSERA_ASSIGN_OR_RETURN(const PrivateFolder own, all.Child(context_, kSecret));
    return Load(own);
  }();
  if (absl::IsNotFound(secret.status())) return std::nullopt;
  TESSERA_RETURN_IF_ERROR(secret.status());
  return IdFor(server, *secret);
}

absl::StatusOr<Secret> DeviceStore::MakeFor(const std::string& server, absl::Duration limit) const {
  TESSERA_ASSIGN_OR_RETURN(const PrivateFolder root, PrivateFolder::OpenOrMake(folder_));
  TESSERA_ASSIGN_OR_RETURN(const PrivateFolder all, root.ChildOrMake(kFolder, kSecret));
  TESSERA_ASSIGN_OR_RETURN(const PrivateFolder own, all.ChildOrMake(context_, kSecret));
  TESSERA_ASSIGN_OR_RETURN(const Secret secret, LoadOrMake(own, limit));
  return IdFor(server, secret);
}

}  // namespace tessera::cli
