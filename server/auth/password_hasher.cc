#include "server/auth/password_hasher.h"

#include <argon2.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "server/auth/hash_arena.h"
#include "server/auth/hash_work.h"
#include "server/auth/imported_hash.h"
#include "server/auth/legacy_hash.h"
#include "server/auth/phc.h"
#include "server/auth/stored_hash.h"
#include "tessera/base/random.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

constexpr absl::Duration kRetryWithoutMemory = absl::Seconds(1);
constexpr std::string_view kNobodysSalt = "nobody's salt...";
static_assert(kNobodysSalt.size() == kSaltBytes);

int TakeFromArena(uint8_t** memory, size_t bytes) {
  *memory = HashArena::OfThisThread().Take(bytes);
  return *memory == nullptr ? ARGON2_MEMORY_ALLOCATION_ERROR : ARGON2_OK;
}

void GiveToArena(uint8_t*, size_t) { HashArena::OfThisThread().Give(); }

// libargon2 takes plain pointers but does not write to its inputs (no FLAG_CLEAR_PASSWORD).
uint8_t* Input(std::string_view bytes) {
  return reinterpret_cast<uint8_t*>(const_cast<char*>(bytes.data()));
}

// What one run of Argon2id is made of.
struct Argon {
  HashCost cost;
  std::string_view salt;
  size_t tag_bytes = kPasswordTagBytes;
};

argon2_context ContextOf(const Argon& argon, std::string_view password, std::string& tag) {
  argon2_context context{};
  context.out = reinterpret_cast<uint8_t*>(tag.data());
  context.outlen = static_cast<uint32_t>(tag.size());
  context.pwd = Input(password);
  context.pwdlen = static_cast<uint32_t>(password.size());
  context.salt = Input(argon.salt);
  context.saltlen = static_cast<uint32_t>(argon.salt.size());
  context.t_cost = argon.cost.passes;
  context.m_cost = argon.cost.memory_kib;
  context.lanes = argon.cost.lanes;
  context.threads = 1;
  context.version = ARGON2_VERSION_13;
  context.allocate_cbk = TakeFromArena;
  context.free_cbk = GiveToArena;
  context.flags = ARGON2_DEFAULT_FLAGS;
  return context;
}

absl::StatusOr<Secret> ArgonTag(const Argon& argon, const Secret& password) {
  std::string tag(argon.tag_bytes, '\0');
  argon2_context context = ContextOf(argon, password.Reveal(), tag);
  const int result = argon2_ctx(&context, Argon2_id);
  if (result == ARGON2_MEMORY_ALLOCATION_ERROR) {
    return RetryableRefusal(absl::StatusCode::kResourceExhausted, reason::kOverloaded,
                            "no memory to check a password in", kRetryWithoutMemory);
  }
  if (result != ARGON2_OK) return absl::InternalError(argon2_error_message(result));
  HashWork& work = HashWork::OfThisThread();
  ++work.argon_hashes;
  work.argon_kib += uint64_t{argon.cost.memory_kib} * argon.cost.passes;
  return Secret(std::move(tag));
}

// All that an attempt has to do, whosever it is.
struct AttemptWork {
  std::vector<HashCost> argon;
  uint32_t bcrypt_cost = 0;
  uint32_t pbkdf2_rounds = 0;

  void Add(const StoredCost& cost) {
    if (std::find(argon.begin(), argon.end(), cost.cost) == argon.end()) {
      argon.push_back(cost.cost);
    }
    uint32_t* const legacy = cost.scheme == LegacyScheme::kBcrypt ? &bcrypt_cost : &pbkdf2_rounds;
    if (cost.scheme != LegacyScheme::kNone) *legacy = std::max(*legacy, cost.legacy_cost);
  }
};

AttemptWork WorkFor(const HashCost& todays, const std::vector<std::string>& costs,
                    const std::optional<StoredHash>& stored) {
  AttemptWork work;
  work.Add({todays});
  for (const std::string& text : costs) {
    const std::optional<StoredCost> cost = ParseStoredCost(text);
    if (cost.has_value()) work.Add(*cost);
  }
  if (stored.has_value()) {
    work.Add({stored->cost, stored->legacy.scheme, CostClassOf(stored->legacy)});
  }
  return work;
}

// bcrypt's rounds double with each step of its cost: after one of cost c, those of c to C - 1 make
// up what is missing to one of cost C.
absl::Status FillBcrypt(uint32_t done, uint32_t wanted, const Secret& password) {
  if (done == 0 && wanted != 0) return BurnLegacy(LegacyScheme::kBcrypt, wanted, password);
  for (uint32_t cost = done; cost < wanted; ++cost) {
    TESSERA_RETURN_IF_ERROR(BurnLegacy(LegacyScheme::kBcrypt, cost, password));
  }
  return absl::OkStatus();
}

absl::Status FillPbkdf2(uint32_t done, uint32_t wanted, const Secret& password) {
  if (done == wanted) return absl::OkStatus();
  return BurnLegacy(LegacyScheme::kPbkdf2Sha256, wanted - done, password);
}

// What `made` makes of the password; always as much work as there is in `work`.
absl::StatusOr<Secret> LegacyOf(const LegacyHash& made, const AttemptWork& work,
                                const Secret& password) {
  TESSERA_ASSIGN_OR_RETURN(Secret hash, RunLegacy(made, password));
  const bool bcrypt = made.scheme == LegacyScheme::kBcrypt;
  const bool pbkdf2 = made.scheme == LegacyScheme::kPbkdf2Sha256;
  TESSERA_RETURN_IF_ERROR(FillBcrypt(bcrypt ? made.cost : 0, work.bcrypt_cost, password));
  TESSERA_RETURN_IF_ERROR(FillPbkdf2(pbkdf2 ? made.cost : 0, work.pbkdf2_rounds, password));
  return hash;
}

bool IsTodays(const StoredHash& stored, const HashCost& todays) {
  return stored.cost == todays && stored.legacy.scheme == LegacyScheme::kNone &&
         stored.salt.size() == kSaltBytes && stored.tag.size() == kPasswordTagBytes;
}

// Whether `stored` is made of `input`, at the work of all `costs`.
absl::StatusOr<bool> ArgonMatches(const std::optional<StoredHash>& stored,
                                  const std::vector<HashCost>& costs, const Secret& input) {
  bool matches = false;
  for (const HashCost& cost : costs) {
    const bool real = stored.has_value() && cost == stored->cost;
    const Argon argon =
        real ? Argon{cost, stored->salt, stored->tag.size()} : Argon{cost, kNobodysSalt};
    TESSERA_ASSIGN_OR_RETURN(const Secret tag, ArgonTag(argon, input));
    if (real) matches = Secret::ConstantTimeEqual(tag.Reveal(), stored->tag);
  }
  return matches;
}

}  // namespace

absl::StatusOr<PasswordHasher> PasswordHasher::Create(HashCost cost) {
  if (!IsAcceptable(cost)) {
    return absl::InvalidArgumentError(
        "password hashing takes 8192 to 1048576 KiB of memory and 1 to 16 passes");
  }
  return PasswordHasher(cost);
}

absl::StatusOr<std::string> PasswordHasher::Hash(const Secret& password) const {
  return HashOver(LegacyHash(), password);
}

absl::StatusOr<std::string> PasswordHasher::HashWithSalt(const Secret& password,
                                                         std::string salt) const {
  TESSERA_ASSIGN_OR_RETURN(const Secret tag, ArgonTag({cost_, salt}, password));
  return FormatStoredHash({cost_, std::move(salt), std::string(tag.Reveal()), LegacyHash()});
}

// The store tells it by its tag (storage/usable_hash.h): who has it cannot log in, and so is not
// the administrator who must stay. Of no password is it known that its tag is all zeros.
std::string PasswordHasher::HashOfNothing() const {
  return FormatStoredHash(
      {cost_, RandomBytes(kSaltBytes), std::string(kPasswordTagBytes, '\0'), LegacyHash()});
}

absl::StatusOr<std::string> PasswordHasher::HashOver(const LegacyHash& made,
                                                     const Secret& hash) const {
  std::string salt = RandomBytes(kSaltBytes);
  TESSERA_ASSIGN_OR_RETURN(const Secret tag, ArgonTag({cost_, salt}, hash));
  return FormatStoredHash({cost_, std::move(salt), std::string(tag.Reveal()), made});
}

absl::StatusOr<PasswordHasher::Verdict> PasswordHasher::Judge(
    const Secret& password, std::string_view stored, const std::vector<std::string>& costs) const {
  const std::optional<StoredHash> known = ParseStoredHash(stored);
  const AttemptWork work = WorkFor(cost_, costs, known);
  const LegacyHash made = known.has_value() ? known->legacy : LegacyHash();
  TESSERA_ASSIGN_OR_RETURN(const Secret legacy, LegacyOf(made, work, password));
  const bool over_legacy = made.scheme != LegacyScheme::kNone;
  Verdict verdict;
  TESSERA_ASSIGN_OR_RETURN(verdict.matches,
                           ArgonMatches(known, work.argon, over_legacy ? legacy : password));
  verdict.outdated = known.has_value() && !IsTodays(*known, cost_);
  verdict.unreadable = !known.has_value() && !stored.empty();
  return verdict;
}

absl::StatusOr<PasswordHasher::Verdict> PasswordHasher::Verify(const Secret& password,
                                                               std::string_view stored) const {
  if (!ParseStoredHash(stored).has_value()) {
    return absl::InternalError("a stored password hash cannot be read");
  }
  return Judge(password, stored, {});
}

absl::StatusOr<PasswordHasher::Verdict> PasswordHasher::VerifyDecoy(const Secret& password) const {
  return Judge(password, "", {});
}

size_t ArenaBytes(const HashCost& todays, const std::vector<std::string>& costs) {
  uint32_t most = std::max(todays.memory_kib, kMaxImportedMemoryKib);
  for (const std::string& text : costs) {
    const std::optional<StoredCost> cost = ParseStoredCost(text);
    if (cost.has_value()) most = std::max(most, cost->cost.memory_kib);
  }
  return size_t{most} * 1024;
}

}  // namespace tessera::server
