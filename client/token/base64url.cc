#include "tessera/token/base64url.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace tessera {
namespace {

constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr uint8_t kNoDigit = 0xff;

constexpr std::array<uint8_t, 256> MakeDigits() {
  std::array<uint8_t, 256> digits{};
  for (auto& digit : digits) digit = kNoDigit;
  for (uint8_t i = 0; i < 64; ++i) digits[static_cast<unsigned char>(kAlphabet[i])] = i;
  return digits;
}
constexpr std::array<uint8_t, 256> kDigits = MakeDigits();

uint32_t ByteAt(std::string_view bytes, size_t i) { return static_cast<unsigned char>(bytes[i]); }

uint32_t DigitAt(std::string_view text, size_t i) { return kDigits[ByteAt(text, i)]; }

// The last two or three characters, which carry one or two bytes. False if bits are left over.
bool DecodeTail(std::string_view tail, std::string& bytes) {
  if (tail.empty()) return true;
  uint32_t bits = 0;
  for (size_t i = 0; i < tail.size(); ++i) {
    const uint32_t digit = DigitAt(tail, i);
    if (digit == kNoDigit) return false;
    bits |= digit << (18 - 6 * i);
  }
  const uint32_t surplus = tail.size() == 2 ? 0xffffu : 0xffu;
  if ((bits & surplus) != 0) return false;
  bytes.push_back(static_cast<char>(bits >> 16));
  if (tail.size() == 3) bytes.push_back(static_cast<char>((bits >> 8) & 0xff));
  return true;
}

void EncodeTail(std::string_view tail, std::string& text) {
  if (tail.empty()) return;
  uint32_t bits = ByteAt(tail, 0) << 16;
  if (tail.size() == 2) bits |= ByteAt(tail, 1) << 8;
  for (size_t i = 0; i <= tail.size(); ++i) text.push_back(kAlphabet[(bits >> (18 - 6 * i)) & 63]);
}

}  // namespace

std::string Base64UrlEncode(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() * 4 + 2) / 3);
  size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const uint32_t bits = ByteAt(bytes, i) << 16 | ByteAt(bytes, i + 1) << 8 | ByteAt(bytes, i + 2);
    const char four[] = {kAlphabet[bits >> 18], kAlphabet[(bits >> 12) & 63],
                         kAlphabet[(bits >> 6) & 63], kAlphabet[bits & 63]};
    text.append(four, 4);
  }
  EncodeTail(bytes.substr(i), text);
  return text;
}

std::optional<std::string> Base64UrlDecode(std::string_view text) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  size_t i = 0;
  for (; i + 4 <= text.size(); i += 4) {
    const uint32_t a = DigitAt(text, i), b = DigitAt(text, i + 1);
    const uint32_t c = DigitAt(text, i + 2), d = DigitAt(text, i + 3);
    if ((a | b | c | d) > 63) return std::nullopt;
    const uint32_t bits = a << 18 | b << 12 | c << 6 | d;
    const char three[] = {static_cast<char>(bits >> 16), static_cast<char>((bits >> 8) & 0xff),
                          static_cast<char>(bits & 0xff)};
    bytes.append(three, 3);
  }
  if (!DecodeTail(text.substr(i), bytes)) return std::nullopt;
  return bytes;
}

}  // namespace tessera
