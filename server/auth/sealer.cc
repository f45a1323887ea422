#include "server/auth/sealer.h"

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/auth/aead.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

// What the blob is bound to. `use` has one byte, so that no two pairs look alike.
std::string BoundTo(std::string_view kid, storage::KeyUse use) {
  std::string text = "tessera/sealed-key/v1";
  text.push_back(static_cast<char>(use));
  return text.append(kid);
}

}  // namespace

absl::StatusOr<Sealer> Sealer::Create(MasterKeys master) {
  if (master.entries.empty()) return absl::FailedPreconditionError("there is no master key");
  for (const MasterKeys::Entry& entry : master.entries) {
    if (entry.key.Reveal().size() != kAeadKeyBytes) {
      return absl::FailedPreconditionError(
          absl::StrCat("master key ", entry.id, " is not of 32 bytes"));
    }
  }
  return Sealer(std::move(master));
}

absl::StatusOr<Sealer::Sealed> Sealer::Seal(std::string_view kid, storage::KeyUse use,
                                            const Secret& plain) const {
  const MasterKeys::Entry& entry = master_.entries.front();
  TESSERA_ASSIGN_OR_RETURN(std::string blob, SealBytes(entry.key, BoundTo(kid, use), plain));
  return Sealed{entry.id, std::move(blob)};
}

absl::StatusOr<Secret> Sealer::Open(const storage::StoredKey& key) const {
  for (const MasterKeys::Entry& entry : master_.entries) {
    if (entry.id != key.master_key_id) continue;
    std::optional<Secret> plain = OpenBytes(entry.key, BoundTo(key.kid, key.use), key.sealed);
    if (plain.has_value()) return *std::move(plain);
  }
  return absl::FailedPreconditionError(
      absl::StrCat("no master key opens key ", key.kid, " (sealed under ", key.master_key_id, ")"));
}

}  // namespace tessera::server
