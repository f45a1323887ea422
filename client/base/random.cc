#include "tessera/base/random.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace tessera {
namespace {

void FillRandom(void* target, size_t count) {
  auto* bytes = static_cast<unsigned char*>(target);
  while (count > 0) {
    const ssize_t got = getrandom(bytes, count, 0);
    if (got < 0 && errno != EINTR) std::abort();
    if (got <= 0) continue;
    bytes += got;
    count -= static_cast<size_t>(got);
  }
}

// 128 bits as 26 characters, most significant first; the first character carries 3 bits.
std::string Base32(const std::array<unsigned char, 16>& bytes) {
  static constexpr char kAlphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
  std::string text;
  text.reserve(26);
  unsigned buffer = 0;
  int bits = 2;  // 130 = 26 * 5, so two zero bits lead
  for (const unsigned char byte : bytes) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text.push_back(kAlphabet[(buffer >> bits) & 31]);
    }
  }
  return text;
}

}  // namespace

std::string RandomBytes(size_t count) {
  std::string bytes(count, '\0');
  FillRandom(bytes.data(), count);
  return bytes;
}

uint64_t RandomBelow(uint64_t bound) {
  uint64_t number = 0;
  const uint64_t limit = UINT64_MAX - UINT64_MAX % bound;  // above it the remainder would be biased
  do {
    FillRandom(&number, sizeof(number));
  } while (number >= limit);
  return number % bound;
}

std::string RandomId(std::string_view prefix, absl::Time now) {
  std::array<unsigned char, 16> uuid;
  FillRandom(uuid.data() + 6, 10);
  const auto millis = static_cast<uint64_t>(std::max<int64_t>(0, absl::ToUnixMillis(now)));
  for (int i = 0; i < 6; ++i)
    uuid[static_cast<size_t>(i)] = static_cast<unsigned char>(millis >> (40 - 8 * i));
  uuid[6] = static_cast<unsigned char>((uuid[6] & 0x0f) | 0x70);
  uuid[8] = static_cast<unsigned char>((uuid[8] & 0x3f) | 0x80);
  return std::string(prefix) + Base32(uuid);
}

}  // namespace tessera
