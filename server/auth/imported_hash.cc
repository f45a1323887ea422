#include "server/auth/imported_hash.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "server/auth/stored_hash.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

constexpr std::string_view kExpected =
    "a hash of Argon2id (at most 64 MiB), bcrypt (cost 4 to 12) or salted PBKDF2-SHA256 (1,000 to "
    "1,000,000 rounds)";

bool Costs(const ForeignHash& foreign, uint32_t least, uint32_t most) {
  return foreign.made.cost >= least && foreign.made.cost <= most;
}

std::optional<ForeignHash> ParseForeign(std::string_view text) {
  std::optional<ForeignHash> bcrypt = ParseBcrypt(text);
  if (bcrypt.has_value() && Costs(*bcrypt, kMinBcryptCost, kMaxBcryptCost)) return bcrypt;
  std::optional<ForeignHash> pbkdf2 = ParsePbkdf2(text);
  if (pbkdf2.has_value() && Costs(*pbkdf2, kMinPbkdf2Rounds, kMaxPbkdf2Rounds)) return pbkdf2;
  return std::nullopt;
}

// What is stored beside hashes of today's parameters.
struct OtherCosts {
  std::vector<HashCost> argon;
  std::set<std::pair<LegacyScheme, uint32_t>> legacy;

  // Whether it was not there before.
  bool AddArgon(const HashCost& cost, const HashCost& todays) {
    if (cost == todays || std::find(argon.begin(), argon.end(), cost) != argon.end()) return false;
    argon.push_back(cost);
    return true;
  }
  bool AddLegacy(LegacyScheme scheme, uint32_t cost_class) {
    return scheme != LegacyScheme::kNone && legacy.emplace(scheme, cost_class).second;
  }
};

absl::StatusOr<OtherCosts> StoredCosts(storage::Repositories& repositories,
                                       const HashCost& todays) {
  TESSERA_ASSIGN_OR_RETURN(const std::vector<std::string> texts,
                           repositories.passwords.HashCosts());
  OtherCosts costs;
  for (const std::string& text : texts) {
    const std::optional<StoredCost> cost = ParseStoredCost(text);
    if (!cost.has_value()) continue;
    costs.AddArgon(cost->cost, todays);
    costs.AddLegacy(cost->scheme, cost->legacy_cost);
  }
  return costs;
}

absl::Status TooMany(std::string_view what) {
  return Refusal(absl::StatusCode::kFailedPrecondition, reason::kTooMany, what);
}

}  // namespace

absl::StatusOr<std::string> WrapImportedHash(std::string_view foreign, std::string_view field,
                                             const PasswordHasher& hasher) {
  const std::optional<StoredHash> argon = ParseStoredHash(foreign);
  // Nobody else writes hashes over hashes.
  const bool plain = argon.has_value() && argon->legacy.scheme == LegacyScheme::kNone;
  if (plain && argon->cost.memory_kib <= kMaxImportedMemoryKib) return FormatStoredHash(*argon);
  const std::optional<ForeignHash> legacy = ParseForeign(foreign);
  if (!legacy.has_value()) return FieldInvalid(field, kExpected);
  return hasher.HashOver(legacy->made, Secret::CopyOf(legacy->hash));
}

absl::Status RefuseIfTooManyCosts(storage::Repositories& repositories, std::string_view stored,
                                  const PasswordHasher& hasher) {
  const std::optional<StoredHash> added = ParseStoredHash(stored);
  if (!added.has_value()) return absl::OkStatus();
  TESSERA_ASSIGN_OR_RETURN(OtherCosts costs, StoredCosts(repositories, hasher.cost()));
  if (costs.AddArgon(added->cost, hasher.cost()) && costs.argon.size() > kMaxOtherCosts) {
    return TooMany("password hashes of four other Argon2id costs are stored already");
  }
  if (costs.AddLegacy(added->legacy.scheme, CostClassOf(added->legacy)) &&
      costs.legacy.size() > kMaxLegacyClasses) {
    return TooMany("imported password hashes of four other costs are stored already");
  }
  return absl::OkStatus();
}

}  // namespace tessera::server
