#include "server/auth/imported_hash.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "server/auth/stored_hash.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

constexpr std::string_view kExpected =
    "a hash of Argon2id (at most 64 MiB), bcrypt (cost 4 to 14) or salted PBKDF2-SHA256 (1,000 to "
    "2,000,000 rounds)";

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

void AddOther(const HashCost& cost, const HashCost& todays, std::vector<HashCost>& others) {
  if (cost == todays || std::find(others.begin(), others.end(), cost) != others.end()) return;
  others.push_back(cost);
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
  if (!added.has_value() || added->cost == hasher.cost()) return absl::OkStatus();
  TESSERA_ASSIGN_OR_RETURN(const std::vector<std::string> costs,
                           repositories.passwords.HashCosts());
  std::vector<HashCost> others;
  for (const std::string& text : costs) {
    const std::optional<StoredCost> cost = ParseStoredCost(text);
    if (cost.has_value()) AddOther(cost->cost, hasher.cost(), others);
  }
  AddOther(added->cost, hasher.cost(), others);
  if (others.size() <= kMaxOtherCosts) return absl::OkStatus();
  return Refusal(absl::StatusCode::kFailedPrecondition, reason::kTooMany,
                 "password hashes of four other Argon2id costs are stored already");
}

}  // namespace tessera::server
