#include "server/auth/sealer.h"

#include <openssl/evp.h>

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tessera/base/random.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

constexpr size_t kMasterKeyBytes = 32;
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

// What the blob is bound to. `use` has one byte, so that no two pairs look alike.
std::string BoundTo(std::string_view kid, storage::KeyUse use) {
  std::string text = "tessera/sealed-key/v1";
  text.push_back(static_cast<char>(use));
  return text.append(kid);
}

absl::StatusOr<std::string> Encrypt(const Secret& key, std::string_view nonce,
                                    std::string_view bound, const Secret& plain) {
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
  if (!sealed) return absl::InternalError("a key could not be sealed");
  return text + tag;
}

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

absl::StatusOr<Sealer> Sealer::Create(MasterKeys master) {
  if (master.entries.empty()) return absl::FailedPreconditionError("there is no master key");
  for (const MasterKeys::Entry& entry : master.entries) {
    if (entry.key.Reveal().size() != kMasterKeyBytes) {
      return absl::FailedPreconditionError(
          absl::StrCat("master key ", entry.id, " is not of 32 bytes"));
    }
  }
  return Sealer(std::move(master));
}

absl::StatusOr<Sealer::Sealed> Sealer::Seal(std::string_view kid, storage::KeyUse use,
                                            const Secret& plain) const {
  const MasterKeys::Entry& entry = master_.entries.front();
  const std::string nonce = RandomBytes(kNonceBytes);
  TESSERA_ASSIGN_OR_RETURN(const std::string text,
                           Encrypt(entry.key, nonce, BoundTo(kid, use), plain));
  return Sealed{entry.id, nonce + text};
}

absl::StatusOr<Secret> Sealer::Open(const storage::StoredKey& key) const {
  for (const MasterKeys::Entry& entry : master_.entries) {
    if (entry.id != key.master_key_id || key.sealed.size() < kNonceBytes + kTagBytes) continue;
    std::string plain;
    const bool fits = Decrypt(entry.key, key.sealed, BoundTo(key.kid, key.use), plain);
    Secret secret = Secret::CopyOf(plain);
    WipeString(plain);
    if (fits) return secret;
  }
  return absl::FailedPreconditionError(
      absl::StrCat("no master key opens key ", key.kid, " (sealed under ", key.master_key_id, ")"));
}

}  // namespace tessera::server
