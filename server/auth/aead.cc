#include "server/auth/aead.h"

#include <openssl/evp.h>

#include <memory>

#include "absl/status/status.h"
#include "tessera/base/random.h"

namespace tessera::server {
namespace {

constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

const unsigned char* In(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* Out(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }
int Length(std::string_view bytes) { return static_cast<int>(bytes.size()); }

// The plain text; false if the tag does not fit.
bool Decrypt(const Secret& key, std::string_view blob, std::string_view bound, std::string& plain) {
  const std::string_view nonce = blob.substr(0, kNonceBytes);
  const std::string_view text = blob.substr(kNonceBytes, blob.size() - kNonceBytes - kTagBytes);
  std::string tag(blob.substr(blob.size() - kTagBytes));
  const Context context(EVP_CIPHER_CTX_new());
  plain.assign(text.size(), '\0');
  std::string none(kTagBytes, '\0');
  int n = 0;
  return context != nullptr &&
         EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, In(key.Reveal()),
                            In(nonce)) == 1 &&
         EVP_DecryptUpdate(context.get(), nullptr, &n, In(bound), Length(bound)) == 1 &&
         EVP_DecryptUpdate(context.get(), Out(plain), &n, In(text), Length(text)) == 1 &&
         EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, Out(tag)) == 1 &&
         EVP_DecryptFinal_ex(context.get(), Out(none), &n) == 1;
}

}  // namespace

absl::StatusOr<std::string> SealBytes(const Secret& key, std::string_view bound,
                                      const Secret& plain) {
  if (key.Reveal().size() != kAeadKeyBytes) return absl::InternalError("not a key of 32 bytes");
  const std::string nonce = RandomBytes(kNonceBytes);
  const Context context(EVP_CIPHER_CTX_new());
  std::string text(plain.Reveal().size(), '\0');
  std::string tag(kTagBytes, '\0');
  int n = 0;
  const bool sealed =
      context != nullptr &&
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, In(key.Reveal()), In(nonce)) ==
          1 &&
      EVP_EncryptUpdate(context.get(), nullptr, &n, In(bound), Length(bound)) == 1 &&
      EVP_EncryptUpdate(context.get(), Out(text), &n, In(plain.Reveal()), Length(plain.Reveal())) ==
          1 &&
      EVP_EncryptFinal_ex(context.get(), Out(tag), &n) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, Out(tag)) == 1;
  if (!sealed) return absl::InternalError("bytes could not be sealed");
  return nonce + text + tag;
}

std::optional<Secret> OpenBytes(const Secret& key, std::string_view bound, std::string_view blob) {
  if (key.Reveal().size() != kAeadKeyBytes || blob.size() < kNonceBytes + kTagBytes) {
    return std::nullopt;
  }
  std::string plain;
  const bool fits = Decrypt(key, blob, bound, plain);
  Secret secret = Secret::CopyOf(plain);
  WipeString(plain);
  if (!fits) return std::nullopt;
  return secret;
}

}  // namespace tessera::server
