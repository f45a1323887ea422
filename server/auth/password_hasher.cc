#include "server/auth/password_hasher.h"

#include <argon2.h>

#include <utility>

#include "absl/status/status.h"
#include "server/auth/hash_arena.h"
#include "server/auth/phc.h"
#include "tessera/base/random.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

constexpr absl::Duration kRetryWithoutMemory = absl::Seconds(1);

int TakeFromArena(uint8_t** memory, size_t bytes) {
  *memory = HashArena::OfThisThread().Take(bytes);
  return *memory == nullptr ? ARGON2_MEMORY_ALLOCATION_ERROR : ARGON2_OK;
}

void GiveToArena(uint8_t*, size_t) { HashArena::OfThisThread().Give(); }

// libargon2 takes plain pointers but does not write to its inputs (no FLAG_CLEAR_PASSWORD).
uint8_t* Input(std::string_view bytes) {
  return reinterpret_cast<uint8_t*>(const_cast<char*>(bytes.data()));
}

argon2_context ContextOf(const HashCost& cost, std::string_view password, std::string_view salt,
                         std::string& tag) {
  argon2_context context{};
  context.out = reinterpret_cast<uint8_t*>(tag.data());
  context.outlen = static_cast<uint32_t>(tag.size());
  context.pwd = Input(password);
  context.pwdlen = static_cast<uint32_t>(password.size());
  context.salt = Input(salt);
  context.saltlen = static_cast<uint32_t>(salt.size());
  context.t_cost = cost.passes;
  context.m_cost = cost.memory_kib;
  context.lanes = 1;
  context.threads = 1;
  context.version = ARGON2_VERSION_13;
  context.allocate_cbk = TakeFromArena;
  context.free_cbk = GiveToArena;
  context.flags = ARGON2_DEFAULT_FLAGS;
  return context;
}

absl::StatusOr<Secret> ArgonTag(const HashCost& cost, const Secret& password,
                                std::string_view salt) {
  std::string tag(kPasswordTagBytes, '\0');
  argon2_context context = ContextOf(cost, password.Reveal(), salt, tag);
  const int result = argon2_ctx(&context, Argon2_id);
  if (result == ARGON2_MEMORY_ALLOCATION_ERROR) {
    return RetryableRefusal(absl::StatusCode::kResourceExhausted, reason::kOverloaded,
                            "no memory to check a password in", kRetryWithoutMemory);
  }
  if (result != ARGON2_OK) return absl::InternalError(argon2_error_message(result));
  return Secret(std::move(tag));
}

}  // namespace

absl::StatusOr<PasswordHasher> PasswordHasher::Create(HashCost cost) {
  if (!IsAcceptable(cost)) {
    return absl::InvalidArgumentError(
        "password hashing takes 8192 to 1048576 KiB of memory and 1 to 16 passes");
  }
  // Nobody's password: the tag was not made by hashing anything.
  return PasswordHasher(cost,
                        FormatPhc({cost, RandomBytes(kSaltBytes), RandomBytes(kPasswordTagBytes)}));
}

PasswordHasher::PasswordHasher(HashCost cost, std::string decoy)
    : cost_(cost), decoy_(std::move(decoy)) {}

absl::StatusOr<std::string> PasswordHasher::Hash(const Secret& password) const {
  std::string salt = RandomBytes(kSaltBytes);
  TESSERA_ASSIGN_OR_RETURN(const Secret tag, ArgonTag(cost_, password, salt));
  return FormatPhc({cost_, std::move(salt), std::string(tag.Reveal())});
}

absl::StatusOr<PasswordHasher::Verdict> PasswordHasher::Verify(const Secret& password,
                                                               std::string_view phc) const {
  const std::optional<Phc> stored = ParsePhc(phc);
  if (!stored.has_value()) return absl::InternalError("a stored password hash cannot be read");
  TESSERA_ASSIGN_OR_RETURN(const Secret tag, ArgonTag(stored->cost, password, stored->salt));
  Verdict verdict;
  verdict.matches = Secret::ConstantTimeEqual(tag.Reveal(), stored->tag);
  verdict.outdated =
      stored->cost.memory_kib != cost_.memory_kib || stored->cost.passes != cost_.passes;
  return verdict;
}

absl::StatusOr<PasswordHasher::Verdict> PasswordHasher::VerifyDecoy(const Secret& password) const {
  TESSERA_ASSIGN_OR_RETURN(const Verdict ignored, Verify(password, decoy_));
  static_cast<void>(ignored);  // made for its cost alone
  return Verdict{};
}

}  // namespace tessera::server
