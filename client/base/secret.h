// Bytes that must not leak: passwords, tokens, private keys.
#ifndef TESSERA_BASE_SECRET_H_
#define TESSERA_BASE_SECRET_H_

#include <string>
#include <string_view>
#include <utility>

namespace tessera {

// Wipes its memory when it goes, compares in constant time and cannot be printed by accident.
// Not thread-safe for writing.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string bytes) : bytes_(std::move(bytes)) {}
  // Copies; the caller's own copy is the caller's to wipe.
  static Secret CopyOf(std::string_view bytes) { return Secret(std::string(bytes)); }

  Secret(const Secret&) = default;
  Secret& operator=(const Secret& other);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  ~Secret() { Wipe(); }

  // The bytes themselves. The view dies with the secret.
  std::string_view Reveal() const { return bytes_; }
  bool empty() const { return bytes_.empty(); }

  // Constant time for equal lengths.
  friend bool operator==(const Secret& a, const Secret& b) {
    return ConstantTimeEqual(a.bytes_, b.bytes_);
  }

  // True if both hold the same bytes; takes the same time wherever they differ.
  static bool ConstantTimeEqual(std::string_view a, std::string_view b);

 private:
  void Wipe();

  std::string bytes_;
};

// Overwrites a string's bytes, capacity included, and empties it.
void WipeString(std::string& bytes);

}  // namespace tessera

#endif  // TESSERA_BASE_SECRET_H_
