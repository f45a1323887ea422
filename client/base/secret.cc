#include "tessera/base/secret.h"

#include <string.h>

namespace tessera {

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) {
    Wipe();
    bytes_ = other.bytes_;
  }
  return *this;
}

// A moved std::string may leave short contents behind in its inline buffer, so swap and wipe.
Secret::Secret(Secret&& other) noexcept {
  bytes_.swap(other.bytes_);
  other.Wipe();
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    Wipe();
    bytes_.swap(other.bytes_);
  }
  return *this;
}

bool Secret::ConstantTimeEqual(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  volatile unsigned char difference = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference = static_cast<unsigned char>(difference | (a[i] ^ b[i]));
  }
  return difference == 0;
}

void Secret::Wipe() { WipeString(bytes_); }

void WipeString(std::string& bytes) {
  bytes.resize(bytes.capacity());
  explicit_bzero(bytes.data(), bytes.size());
  bytes.clear();
}

}  // namespace tessera
