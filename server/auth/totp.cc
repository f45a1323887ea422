#include "server/auth/totp.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <cstdlib>
#include <initializer_list>

#include "absl/strings/str_cat.h"

namespace tessera::server {
namespace {

constexpr std::array kAlgorithms = {TotpAlgorithm::kSha1, TotpAlgorithm::kSha256,
                                    TotpAlgorithm::kSha512};
constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::string_view kUnreserved =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

const EVP_MD* MethodOf(TotpAlgorithm algorithm) {
  switch (algorithm) {
    case TotpAlgorithm::kSha256:
      return EVP_sha256();
    case TotpAlgorithm::kSha512:
      return EVP_sha512();
    case TotpAlgorithm::kSha1:
      break;
  }
  return EVP_sha1();
}

std::array<unsigned char, 8> BigEndian(int64_t number) {
  std::array<unsigned char, 8> bytes{};
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<unsigned char>(static_cast<uint64_t>(number) >> (56 - 8 * i));
  }
  return bytes;
}

// RFC 4226 section 5.3.
uint32_t Truncated(const unsigned char* mac, unsigned length) {
  const unsigned at = mac[length - 1] & 15u;
  return (uint32_t{mac[at]} & 0x7fu) << 24 | uint32_t{mac[at + 1]} << 16 |
         uint32_t{mac[at + 2]} << 8 | uint32_t{mac[at + 3]};
}

std::string PercentEncoded(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (kUnreserved.find(c) != kUnreserved.npos) {
      encoded.push_back(c);
    } else {
      encoded.append({'%', kHex[byte >> 4], kHex[byte & 15]});
    }
  }
  return encoded;
}

}  // namespace

std::string_view TotpAlgorithmName(TotpAlgorithm algorithm) {
  switch (algorithm) {
    case TotpAlgorithm::kSha256:
      return "SHA256";
    case TotpAlgorithm::kSha512:
      return "SHA512";
    case TotpAlgorithm::kSha1:
      break;
  }
  return "SHA1";
}

std::optional<TotpAlgorithm> TotpAlgorithmFromName(std::string_view name) {
  for (const TotpAlgorithm algorithm : kAlgorithms) {
    if (TotpAlgorithmName(algorithm) == name) return algorithm;
  }
  return std::nullopt;
}

size_t TotpSecretBytes(TotpAlgorithm algorithm) {
  return static_cast<size_t>(EVP_MD_get_size(MethodOf(algorithm)));
}

int64_t TotpStepAt(absl::Time now, absl::Duration period) {
  return absl::ToUnixSeconds(now) / absl::ToInt64Seconds(period);
}

// Without a hash nobody can be let in, so a library that has none ends the process.
Secret TotpCode(const Secret& secret, const TotpParameters& parameters, int64_t step) {
  const std::array<unsigned char, 8> counter = BigEndian(step);
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned length = 0;
  const std::string_view key = secret.Reveal();
  if (HMAC(MethodOf(parameters.algorithm), key.data(), static_cast<int>(key.size()), counter.data(),
           counter.size(), mac.data(), &length) == nullptr) {
    std::abort();
  }
  uint32_t number = Truncated(mac.data(), length);
  std::string code(static_cast<size_t>(parameters.digits), '0');
  for (auto digit = code.rbegin(); digit != code.rend(); ++digit, number /= 10) {
    *digit = static_cast<char>('0' + number % 10);
  }
  return Secret(std::move(code));
}

std::optional<int64_t> FindTotpStep(const Secret& secret, const TotpParameters& parameters,
                                    const Secret& code, absl::Time now, int drift) {
  const int64_t middle = TotpStepAt(now, parameters.period);
  std::optional<int64_t> found;
  for (int64_t step = middle - drift; step <= middle + drift; ++step) {
    if (TotpCode(secret, parameters, step) == code) found = step;
  }
  return found;
}

Secret Base32Of(const Secret& bytes) {
  std::string text;
  text.reserve((bytes.Reveal().size() * 8 + 4) / 5);
  uint32_t held = 0;
  int bits = 0;
  for (const char c : bytes.Reveal()) {
    held = held << 8 | static_cast<unsigned char>(c);
    for (bits += 8; bits >= 5; bits -= 5) text.push_back(kBase32[held >> (bits - 5) & 31]);
  }
  if (bits > 0) text.push_back(kBase32[held << (5 - bits) & 31]);
  return Secret(std::move(text));
}

Secret OtpauthUri(const TotpLabel& label, const Secret& secret, const TotpParameters& parameters) {
  const std::string issuer = PercentEncoded(label.issuer);
  const Secret encoded = Base32Of(secret);
  const std::string_view text = encoded.Reveal();
  const std::string_view algorithm = TotpAlgorithmName(parameters.algorithm);
  return Secret(absl::StrCat(
      "otpauth://totp/", issuer, ":", PercentEncoded(label.account),
      "?secret=", absl::string_view(text.data(), text.size()), "&issuer=", issuer,
      "&algorithm=", absl::string_view(algorithm.data(), algorithm.size()),
      "&digits=", parameters.digits, "&period=", absl::ToInt64Seconds(parameters.period)));
}

}  // namespace tessera::server
