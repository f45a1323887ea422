#include "server/auth/phc.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tessera/token/base64url.h"

namespace tessera::server {
namespace {

std::optional<std::string> Decode(std::string_view text, size_t size) {
  std::optional<std::string> bytes = DecodePhc(text);
  if (!bytes.has_value() || bytes->size() != size) return std::nullopt;
  return bytes;
}

bool Skip(std::string_view& rest, std::string_view literal) {
  if (rest.substr(0, literal.size()) != literal) return false;
  rest.remove_prefix(literal.size());
  return true;
}

// Takes up to `end` and that character too; absent if it does not come.
std::optional<std::string_view> TakeUntil(std::string_view& rest, char end) {
  const size_t at = rest.find(end);
  if (at == rest.npos) return std::nullopt;
  const std::string_view taken = rest.substr(0, at);
  rest.remove_prefix(at + 1);
  return taken;
}

std::optional<uint32_t> TakeNumber(std::string_view& rest, char end) {
  const std::optional<std::string_view> digits = TakeUntil(rest, end);
  if (!digits.has_value()) return std::nullopt;
  return ParsePhcNumber(*digits);
}

std::optional<HashCost> TakeCost(std::string_view& rest) {
  if (!Skip(rest, "$argon2id$v=19$m=")) return std::nullopt;
  const std::optional<uint32_t> memory = TakeNumber(rest, ',');
  if (!memory.has_value() || !Skip(rest, "t=")) return std::nullopt;
  const std::optional<uint32_t> passes = TakeNumber(rest, ',');
  if (!passes.has_value() || !Skip(rest, "p=1$")) return std::nullopt;
  const HashCost cost{*memory, *passes};
  if (!IsAcceptable(cost)) return std::nullopt;
  return cost;
}

}  // namespace

bool IsAcceptable(const HashCost& cost) {
  return cost.memory_kib >= kMinMemoryKib && cost.memory_kib <= kMaxMemoryKib && cost.passes >= 1 &&
         cost.passes <= kMaxPasses && cost.lanes == 1;
}

std::string EncodePhc(std::string_view bytes) {
  std::string text = Base64UrlEncode(bytes);
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  return text;
}

std::optional<std::string> DecodePhc(std::string_view text) {
  if (text.find_first_of("-_") != text.npos) return std::nullopt;
  std::string url(text);
  std::replace(url.begin(), url.end(), '+', '-');
  std::replace(url.begin(), url.end(), '/', '_');
  return Base64UrlDecode(url);
}

std::optional<uint32_t> ParsePhcNumber(std::string_view digits) {
  if (digits.empty() || digits.front() == '0') return std::nullopt;
  if (digits.find_first_not_of("0123456789") != digits.npos) return std::nullopt;
  uint32_t number = 0;
  if (!absl::SimpleAtoi(absl::string_view(digits.data(), digits.size()), &number)) {
    return std::nullopt;
  }
  return number;
}

std::string FormatPhc(const Phc& phc) {
  return absl::StrCat("$argon2id$v=19$m=", phc.cost.memory_kib, ",t=", phc.cost.passes, ",p=1$",
                      EncodePhc(phc.salt), "$", EncodePhc(phc.tag));
}

std::optional<Phc> ParsePhc(std::string_view text) {
  std::string_view rest = text;
  const std::optional<HashCost> cost = TakeCost(rest);
  if (!cost.has_value()) return std::nullopt;
  const std::optional<std::string_view> salt_text = TakeUntil(rest, '$');
  if (!salt_text.has_value()) return std::nullopt;
  std::optional<std::string> salt = Decode(*salt_text, kSaltBytes);
  std::optional<std::string> tag = Decode(rest, kPasswordTagBytes);
  if (!salt.has_value() || !tag.has_value()) return std::nullopt;
  return Phc{*cost, *std::move(salt), *std::move(tag)};
}

}  // namespace tessera::server
