#include "server/auth/stored_hash.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/auth/phc.h"

namespace tessera::server {
namespace {

constexpr std::string_view kArgon = "argon2id";
constexpr std::string_view kOverBcrypt = "argon2id-bcrypt";
constexpr std::string_view kOverPbkdf2 = "argon2id-pbkdf2-sha256";
constexpr std::string_view kPbkdf2 = "pbkdf2-sha256";
constexpr std::string_view kBcryptAlphabet =
    "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr size_t kMaxTextBytes = 512;

using Parts = std::vector<std::string_view>;

Parts Split(std::string_view text, char at) {
  Parts parts;
  while (true) {
    const size_t end = text.find(at);
    parts.push_back(text.substr(0, end));
    if (end == text.npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// The fields behind the first `$`; none if there is no such.
Parts Fields(std::string_view text) {
  if (text.empty() || text.front() != '$' || text.size() > kMaxTextBytes) return {};
  return Split(text.substr(1), '$');
}

bool Within(uint32_t value, uint32_t least, uint32_t most) {
  return value >= least && value <= most;
}

// `name=` and a number without leading zeros.
std::optional<uint32_t> NumberOf(std::string_view text, std::string_view name) {
  if (text.substr(0, name.size()) != name) return std::nullopt;
  return ParsePhcNumber(text.substr(name.size()));
}

std::optional<HashCost> ParseArgonCost(std::string_view version, std::string_view text) {
  if (version != "v=19") return std::nullopt;
  const Parts parts = Split(text, ',');
  if (parts.size() != 3) return std::nullopt;
  const auto memory = NumberOf(parts[0], "m=");
  const auto passes = NumberOf(parts[1], "t=");
  const auto lanes = NumberOf(parts[2], "p=");
  if (!memory.has_value() || !passes.has_value() || !lanes.has_value()) return std::nullopt;
  if (!Within(*memory, kMinStoredMemoryKib, kMaxMemoryKib)) return std::nullopt;
  if (!Within(*passes, 1, kMaxPasses) || !Within(*lanes, 1, kMaxLanes)) return std::nullopt;
  return HashCost{*memory, *passes, *lanes};
}

bool IsPbkdf2Class(uint32_t rounds) {
  return std::find(kPbkdf2Classes.begin(), kPbkdf2Classes.end(), rounds) != kPbkdf2Classes.end();
}

// Of the fields of a cost: function, version, parameters, and a legacy function's own.
std::optional<StoredCost> CostOf(const Parts& fields) {
  if (fields.size() < 3) return std::nullopt;
  const std::optional<HashCost> argon = ParseArgonCost(fields[1], fields[2]);
  if (!argon.has_value()) return std::nullopt;
  if (fields[0] == kArgon && fields.size() == 3) return StoredCost{*argon};
  if (fields.size() != 4) return std::nullopt;
  if (fields[0] == kOverBcrypt) {
    const auto cost = NumberOf(fields[3], "c=");
    if (!cost.has_value() || !Within(*cost, kMinBcryptCost, kMaxBcryptCost)) return std::nullopt;
    return StoredCost{*argon, LegacyScheme::kBcrypt, *cost};
  }
  if (fields[0] != kOverPbkdf2) return std::nullopt;
  const auto rounds = NumberOf(fields[3], "i=");
  if (!rounds.has_value() || !IsPbkdf2Class(*rounds)) return std::nullopt;
  return StoredCost{*argon, LegacyScheme::kPbkdf2Sha256, *rounds};
}

std::optional<std::string> Decoded(std::string_view text, size_t least, size_t most) {
  std::optional<std::string> bytes = DecodePhc(text);
  if (!bytes.has_value() || bytes->size() < least || bytes->size() > most) return std::nullopt;
  return bytes;
}

bool IsBcryptText(std::string_view text, size_t size) {
  return text.size() == size && text.find_first_not_of(kBcryptAlphabet) == text.npos;
}

bool IsBcryptVariant(std::string_view text) { return text == "2a" || text == "2b" || text == "2y"; }

// Of the field that holds salts; takes the legacy ones out.
bool TakeLegacySalts(const StoredCost& cost, Parts& salts, LegacyHash& legacy) {
  legacy.scheme = cost.scheme;
  legacy.cost = cost.legacy_cost;
  if (cost.scheme == LegacyScheme::kNone) return salts.size() == 1;
  if (cost.scheme == LegacyScheme::kBcrypt) {
    if (salts.size() != 3 || !IsBcryptVariant(salts[0])) return false;
    if (!IsBcryptText(salts[1], kBcryptSaltBytes)) return false;
    legacy.variant = std::string(salts[0]);
    legacy.salt = std::string(salts[1]);
  } else {
    if (salts.size() != 3) return false;
    const std::optional<uint32_t> rounds = ParsePhcNumber(salts[0]);
    if (!rounds.has_value() || !Within(*rounds, kMinPbkdf2Rounds, kMaxPbkdf2Rounds)) return false;
    std::optional<std::string> salt = Decoded(salts[1], kMinSaltBytes, kMaxSaltBytes);
    if (!salt.has_value()) return false;
    legacy.cost = *rounds;
    legacy.salt = *std::move(salt);
    if (CostClassOf(legacy) != cost.legacy_cost) return false;
  }
  salts = {salts.back()};
  return true;
}

std::string CostText(const StoredHash& hash) {
  const std::string argon = absl::StrCat("v=19$m=", hash.cost.memory_kib, ",t=", hash.cost.passes,
                                         ",p=", hash.cost.lanes);
  switch (hash.legacy.scheme) {
    case LegacyScheme::kBcrypt:
      return absl::StrCat("$argon2id-bcrypt$", argon, "$c=", hash.legacy.cost);
    case LegacyScheme::kPbkdf2Sha256:
      return absl::StrCat("$argon2id-pbkdf2-sha256$", argon, "$i=", CostClassOf(hash.legacy));
    case LegacyScheme::kNone:
      break;
  }
  return absl::StrCat("$argon2id$", argon);
}

std::string LegacySalts(const LegacyHash& legacy) {
  switch (legacy.scheme) {
    case LegacyScheme::kBcrypt:
      return absl::StrCat(legacy.variant, ",", legacy.salt, ",");
    case LegacyScheme::kPbkdf2Sha256:
      return absl::StrCat(legacy.cost, ",", EncodePhc(legacy.salt), ",");
    case LegacyScheme::kNone:
      break;
  }
  return {};
}

}  // namespace

uint32_t CostClassOf(const LegacyHash& legacy) {
  if (legacy.scheme != LegacyScheme::kPbkdf2Sha256) return legacy.cost;
  const auto* const at_least =
      std::lower_bound(kPbkdf2Classes.begin(), kPbkdf2Classes.end(), legacy.cost);
  return at_least == kPbkdf2Classes.end() ? kPbkdf2Classes.back() : *at_least;
}

std::string FormatStoredHash(const StoredHash& hash) {
  return absl::StrCat(CostText(hash), "$", LegacySalts(hash.legacy), EncodePhc(hash.salt), "$",
                      EncodePhc(hash.tag));
}

std::optional<StoredCost> ParseStoredCost(std::string_view text) { return CostOf(Fields(text)); }

std::optional<StoredHash> ParseStoredHash(std::string_view text) {
  Parts fields = Fields(text);
  if (fields.size() < 5) return std::nullopt;
  const std::string_view tag_text = fields.back();
  fields.pop_back();
  Parts salts = Split(fields.back(), ',');
  fields.pop_back();
  const std::optional<StoredCost> cost = CostOf(fields);
  StoredHash hash;
  if (!cost.has_value() || !TakeLegacySalts(*cost, salts, hash.legacy)) return std::nullopt;
  std::optional<std::string> salt = Decoded(salts.front(), kMinSaltBytes, kMaxSaltBytes);
  std::optional<std::string> tag = Decoded(tag_text, kMinTagBytes, kMaxTagBytes);
  if (!salt.has_value() || !tag.has_value()) return std::nullopt;
  hash.cost = cost->cost;
  hash.salt = *std::move(salt);
  hash.tag = *std::move(tag);
  return hash;
}

std::optional<ForeignHash> ParseBcrypt(std::string_view text) {
  const Parts fields = Fields(text);
  if (fields.size() != 3 || !IsBcryptVariant(fields[0])) return std::nullopt;
  // Two digits: `04`.
  if (fields[1].size() != 2 || fields[1].find_first_not_of("0123456789") != fields[1].npos) {
    return std::nullopt;
  }
  const auto cost = static_cast<uint32_t>((fields[1][0] - '0') * 10 + (fields[1][1] - '0'));
  if (!IsBcryptText(fields[2], kBcryptSaltBytes + kBcryptHashBytes)) return std::nullopt;
  ForeignHash foreign;
  foreign.made = {LegacyScheme::kBcrypt, cost, std::string(fields[0]),
                  std::string(fields[2].substr(0, kBcryptSaltBytes))};
  foreign.hash = std::string(fields[2].substr(kBcryptSaltBytes));
  return foreign;
}

std::optional<ForeignHash> ParsePbkdf2(std::string_view text) {
  std::string plain(text);
  std::replace(plain.begin(), plain.end(), '.', '+');
  const Parts fields = Fields(plain);
  if (fields.size() != 4 || fields[0] != kPbkdf2) return std::nullopt;
  const std::optional<uint32_t> rounds = ParsePhcNumber(fields[1]);
  std::optional<std::string> salt = Decoded(fields[2], kMinSaltBytes, kMaxSaltBytes);
  std::optional<std::string> hash = Decoded(fields[3], kPbkdf2HashBytes, kPbkdf2HashBytes);
  if (!rounds.has_value() || !salt.has_value() || !hash.has_value()) return std::nullopt;
  ForeignHash foreign;
  foreign.made = {LegacyScheme::kPbkdf2Sha256, *rounds, "", *std::move(salt)};
  foreign.hash = *std::move(hash);
  return foreign;
}

}  // namespace tessera::server
