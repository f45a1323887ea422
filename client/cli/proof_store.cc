#include "tessera/cli/proof_store.h"

#include <vector>

#include "nlohmann/json.hpp"
#include "tessera/base/status_macros.h"
#include "tessera/cli/json_fields.h"
#include "tessera/cli/private_folder.h"

namespace tessera::cli {
namespace {

constexpr char kFolder[] = "credentials";
constexpr char kFile[] = "proofs";
constexpr auto kSecret = PrivateFolder::Privacy::kSecret;

struct Entry {
  ProofOwner owner;
  Secret proof;
};

// In the order of their coming; entries that are none are left out.
absl::StatusOr<std::vector<Entry>> Load(const PrivateFolder& folder) {
  TESSERA_ASSIGN_OR_RETURN(const Secret bytes, folder.Read(kFile));
  TESSERA_ASSIGN_OR_RETURN(nlohmann::json object, ParseFile("credentials proofs", bytes));
  std::vector<Entry> entries;
  const auto list = object.find("proofs");
  if (list == object.end() || !list->is_array()) return entries;
  for (nlohmann::json& item : *list) {
    Entry entry;
    if (!item.is_object() || !ReadText(item, "server", entry.owner.server).ok() ||
        !ReadText(item, "username", entry.owner.username).ok() ||
        !TakeSecret(item, "proof", entry.proof).ok()) {
      continue;
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

bool IsOf(const Entry& entry, const ProofOwner& owner) {
  return entry.owner.server == owner.server && entry.owner.username == owner.username;
}

Secret TextOf(const std::vector<Entry>& entries) {
  nlohmann::ordered_json object = {{"version", 1}, {"proofs", nlohmann::ordered_json::array()}};
  for (const Entry& entry : entries) {
    object["proofs"].push_back({{"server", entry.owner.server},
                                {"username", entry.owner.username},
                                {"proof", entry.proof.Reveal()}});
  }
  Secret text(object.dump(2));
  for (auto& item : object["proofs"]) WipeString(item["proof"].get_ref<std::string&>());
  return text;
}

}  // namespace

Secret ProofStore::FindFor(const ProofOwner& owner) const {
  auto entries = [&]() -> absl::StatusOr<std::vector<Entry>> {
    TESSERA_ASSIGN_OR_RETURN(const PrivateFolder root, PrivateFolder::Open(folder_));
    TESSERA_ASSIGN_OR_RETURN(const PrivateFolder all, root.Child(kFolder, kSecret));
    TESSERA_ASSIGN_OR_RETURN(const PrivateFolder own, all.Child(context_, kSecret));
    return Load(own);
  }();
  if (!entries.ok()) return Secret();
  for (Entry& entry : *entries) {
    if (IsOf(entry, owner)) return std::move(entry.proof);
  }
  return Secret();
}

absl::Status ProofStore::Keep(const ProofOwner& owner, const Secret& proof,
                              absl::Duration limit) const {
  TESSERA_ASSIGN_OR_RETURN(const PrivateFolder root, PrivateFolder::OpenOrMake(folder_));
  TESSERA_ASSIGN_OR_RETURN(const PrivateFolder all, root.ChildOrMake(kFolder, kSecret));
  TESSERA_ASSIGN_OR_RETURN(const PrivateFolder own, all.ChildOrMake(context_, kSecret));
  TESSERA_ASSIGN_OR_RETURN(const FileLock lock, own.Lock(kFile, limit));
  absl::StatusOr<std::vector<Entry>> entries = Load(own);
  if (!entries.ok()) entries = std::vector<Entry>();
  std::vector<Entry> kept;
  for (Entry& entry : *entries) {
    if (!IsOf(entry, owner)) kept.push_back(std::move(entry));
  }
  if (kept.size() >= kMaxProofs) {
    kept.erase(kept.begin(), kept.end() - static_cast<std::ptrdiff_t>(kMaxProofs - 1));
  }
  kept.push_back({owner, Secret::CopyOf(proof.Reveal())});
  return own.Write(lock, TextOf(kept));
}

}  // namespace tessera::cli
