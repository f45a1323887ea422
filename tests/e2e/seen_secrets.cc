#include "tests/e2e/seen_secrets.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <string.h>

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "tessera/token/base64url.h"

namespace tessera::testing {
namespace {

// What a token ends with, if it proves itself.
constexpr size_t kMacBytes = 32;

std::string Upper(std::string text) {
  absl::AsciiStrToUpper(&text);
  return text;
}

std::string Digest(const EVP_MD* kind, const std::string& text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EXPECT_EQ(EVP_Digest(text.data(), text.size(), digest, &size, kind, nullptr), 1);
  return std::string(reinterpret_cast<const char*>(digest), size);
}

// RFC 4648 section 6, without padding.
std::optional<std::string> Base32Decode(const std::string& text) {
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const bool letter = c >= 'A' && c <= 'Z';
    if (!letter && (c < '2' || c > '7')) return std::nullopt;
    bits = (bits << 5) | static_cast<uint32_t>(letter ? c - 'A' : c - '2' + 26);
    count += 5;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<char>((bits >> count) & 0xff));
  }
  return bytes;
}

// What the text may stand for.
std::vector<std::string> DecodingsOf(const std::string& text) {
  std::vector<std::string> decodings;
  if (const auto bytes = Base64UrlDecode(text); bytes.has_value()) decodings.push_back(*bytes);
  if (const auto bytes = Base32Decode(text); bytes.has_value()) decodings.push_back(*bytes);
  const bool hex = text.size() % 2 == 0 && std::all_of(text.begin(), text.end(), [](char c) {
                     return absl::ascii_isxdigit(static_cast<unsigned char>(c));
                   });
  if (hex) decodings.push_back(absl::HexStringToBytes(text));
  return decodings;
}

// Base64 of `bytes` somewhere inside of something longer: the characters that they alone make.
std::string Base64At(size_t offset, const std::string& bytes, bool url) {
  const std::string padded = std::string(offset, 'x') + bytes;
  const std::string whole(absl::string_view(padded).substr(0, padded.size() / 3 * 3));
  std::string text = url ? Base64UrlEncode(whole) : absl::Base64Escape(whole);
  return text.substr(offset == 0 ? 0 : 4);
}

}  // namespace

void SeenSecrets::Add(const std::string& what, const std::string& secret) {
  ASSERT_GE(secret.size(), kShortest) << what;
  std::vector<std::string> parts = {secret};
  const size_t prefix = secret.find('_');
  if (prefix != std::string::npos && prefix <= 4) parts.push_back(secret.substr(prefix + 1));
  for (const absl::string_view part : absl::StrSplit(secret, '.')) {
    if (part.size() >= 16) parts.emplace_back(part);
  }
  for (const std::string& part : parts) {
    AddBytes(what, part);
    for (const std::string& bytes : DecodingsOf(part)) {
      if (bytes.size() >= kShortest) AddBytes(what + ", decoded,", bytes);
      if (bytes.size() >= kMacBytes) {
        AddBytes("the end of " + what, bytes.substr(bytes.size() - kMacBytes));
      }
    }
  }
}

void SeenSecrets::AddGuessable(const std::string& what, const std::string& secret) {
  Add(what, secret);
  AddBytes("MD5 of " + what, Digest(EVP_md5(), secret));
  AddBytes("SHA-1 of " + what, Digest(EVP_sha1(), secret));
  AddBytes("SHA-256 of " + what, Digest(EVP_sha256(), secret));
  AddBytes("SHA-512 of " + what, Digest(EVP_sha512(), secret));
}

void SeenSecrets::AddBytes(const std::string& what, const std::string& bytes) {
  AddForm(what + " as it is", bytes);
  AddForm(what + " backwards", std::string(bytes.rbegin(), bytes.rend()));
  AddForm(what + " in hex", absl::BytesToHexString(bytes));
  AddForm(what + " in upper-case hex", Upper(absl::BytesToHexString(bytes)));
  for (size_t offset = 0; offset < 3; ++offset) {
    AddForm(what + " in base64", Base64At(offset, bytes, false));
    AddForm(what + " in base64url", Base64At(offset, bytes, true));
  }
}

void SeenSecrets::AddForm(const std::string& what, const std::string& text) {
  if (text.size() >= kShortest) forms_.push_back({what, text});
}

std::vector<std::string> SeenSecrets::FoundIn(std::string_view text) const {
  std::vector<std::string> found;
  for (const Form& form : forms_) {
    const void* const at = memmem(text.data(), text.size(), form.text.data(), form.text.size());
    if (at != nullptr) found.push_back(form.what);
  }
  return found;
}

}  // namespace tessera::testing
